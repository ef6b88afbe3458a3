"""What a member of each status may do: a table of all of them."""

from __future__ import annotations

import pytest

from exchange.core.documents import DocumentType
from exchange.core.registry_view import MemberStatus
from exchange.core.standing import TRIAL, check_door, passing
from exchange.errors import Refused

EVERYTHING = frozenset(DocumentType)
NOTHING: frozenset[DocumentType] = frozenset()
TABLE = {
    MemberStatus.ACTIVE: (EVERYTHING, None),
    MemberStatus.PENDING: (TRIAL, None),
    MemberStatus.SUSPENDED: (NOTHING, "suspended"),
    MemberStatus.LEFT: (NOTHING, "not-a-member"),
}


def test_every_status_is_decided_about() -> None:
    assert set(TABLE) == set(MemberStatus)
    assert {"test/1", "receipt/1"} == TRIAL


@pytest.mark.parametrize("status", TABLE)
def test_a_status_says_which_documents_pass_and_who_comes_to_the_door(status: MemberStatus) -> None:
    passes, refused = TABLE[status]
    assert passing(status) == passes
    if refused is None:
        check_door(status)
        return
    with pytest.raises(Refused) as error:
        check_door(status)
    assert error.value.code == refused


@pytest.mark.parametrize("one", [*TABLE, None])
@pytest.mark.parametrize("other", [*TABLE, None])
def test_only_what_both_ends_may_exchange_passes(
    one: MemberStatus | None, other: MemberStatus | None
) -> None:
    rights = {status: passes for status, (passes, _) in TABLE.items()}
    assert passing(one, other) == rights.get(one, NOTHING) & rights.get(other, NOTHING)  # type: ignore[call-overload]
