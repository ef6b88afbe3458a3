"""A chain of roots is as strong as each of its links, and an old list counts under a root of its time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey
from support.keys import NOW
from tuf.api.metadata import Metadata, Root, Targets, Timestamp

from exchange.client.registry_chain import verify_past, verify_roots, verify_targets
from exchange.errors import Refused
from exchange.registrar import roots
from exchange.registrar.admins import Admin, Part, generate

ANNA, BERT, CLEO, DORA, EMIL = (generate(name) for name in ("anna", "bert", "cleo", "dora", "emil"))
FIRST = roots.first([one.public for one in (ANNA, BERT, CLEO)], roots.Thresholds(2, 2), NOW)
LONG_AGO = NOW - 20 * 365 * 86400


def signed(part: Root | Targets | Timestamp, *people: Admin) -> bytes:
    metadata = Metadata(part)
    for person in people:
        metadata.sign(person.signer(Part.OFFLINE), append=True)
    return metadata.to_bytes()


PINNED = signed(FIRST, ANNA, BERT)
SECOND = roots.with_replaced(FIRST, "anna", DORA.public, NOW)
WITHOUT_ANNA = signed(SECOND, BERT, CLEO, DORA)


def refused(*chain: bytes) -> str:
    with pytest.raises(Refused) as error:
        verify_roots(chain)
    return error.value.code


def refused_list(root: Root, data: bytes) -> str:
    with pytest.raises(Refused) as error:
        verify_targets(root, data)
    return error.value.code


def test_the_newest_root_of_a_whole_chain_is_given() -> None:
    third = signed(roots.with_added(SECOND, [EMIL.public], NOW), CLEO, DORA)
    assert verify_roots([PINNED]).signed.version == 1
    assert verify_roots([PINNED, WITHOUT_ANNA, third]).signed.version == 3
    assert verify_roots([WITHOUT_ANNA, third]).signed.version == 3


def test_a_chain_that_has_expired_is_still_evidence() -> None:
    first = roots.first([one.public for one in (ANNA, BERT, CLEO)], roots.Thresholds(2, 2), LONG_AGO)
    second = roots.without(first, "cleo", LONG_AGO)
    assert verify_roots([signed(first, ANNA, BERT), signed(second, ANNA, BERT)]).signed.version == 2
    listed = signed(Targets(expires=first.expires), ANNA, BERT)
    assert verify_targets(first, listed).signed.version == 1


@pytest.mark.parametrize(
    ("people", "code"),
    [
        ((DORA, CLEO), "registry-signature"),  # the new quorum without the old one
        ((ANNA, BERT), "registry-signature"),  # the old quorum without the new one
        ((ANNA, CLEO), "registry-signature"),  # of whom one has gone
        ((EMIL, DORA), "registry-signature"),
        ((), "registry-signature"),
    ],
    ids=lambda value: "-".join(one.name for one in value) if isinstance(value, tuple) else value,
)
def test_a_root_needs_those_before_it_and_its_own(people: Sequence[Admin], code: str) -> None:
    assert refused(PINNED, signed(SECOND, *people)) == code


def test_an_administrator_who_was_revoked_signs_nothing_more() -> None:
    third = roots.with_added(SECOND, [EMIL.public], NOW)
    assert refused(PINNED, WITHOUT_ANNA, signed(third, ANNA, EMIL)) == "registry-signature"
    listed = signed(Targets(), ANNA, BERT)
    assert verify_targets(FIRST, listed).signed.version == 1
    assert refused_list(SECOND, listed) == "registry-signature"


def test_a_gap_a_repetition_and_a_way_back_are_refused() -> None:
    third = signed(roots.renewed(SECOND, NOW), BERT, CLEO)
    assert refused(PINNED, third) == "registry-rollback"
    assert refused(PINNED, PINNED) == "registry-rollback"
    assert refused(PINNED, WITHOUT_ANNA, PINNED) == "registry-rollback"


def test_one_key_under_two_ids_is_refused_wherever_it_stands_in_the_chain() -> None:
    public = ANNA.public.offline
    alias = SSlibKey("a" * 64, public.keytype, public.scheme, dict(public.keyval))
    bad = roots.renewed(FIRST, NOW)
    for role in (Root.type, Targets.type):
        bad.add_key(alias, role)
    lone = Metadata(bad)
    anna = ANNA.signer(Part.OFFLINE)
    assert isinstance(anna, CryptoSigner)
    for signer in (anna, BERT.signer(Part.OFFLINE), CryptoSigner(anna._private_key, alias)):
        lone.sign(signer, append=True)
    assert refused(PINNED, lone.to_bytes()) == "registry-key-id"
    third = roots.renewed(FIRST, NOW)
    third.version = 3
    assert refused(PINNED, lone.to_bytes(), signed(third, ANNA, BERT)) == "registry-key-id"
    bad.version = 1
    assert refused(signed(bad, ANNA, BERT)) == "registry-key-id"


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 10_000, PINNED[:-20], signed(Timestamp(), ANNA, BERT)])
def test_what_is_no_root_is_refused(data: bytes) -> None:
    assert refused(data) == "registry-malformed"
    assert refused(PINNED, data) == "registry-malformed"
    assert refused_list(FIRST, data) == "registry-malformed"


def test_nothing_proves_nothing() -> None:
    assert refused() == "registry-malformed"
    assert refused(signed(FIRST, ANNA)) == "registry-signature"
    assert refused_list(FIRST, PINNED) == "registry-malformed"
    assert refused_list(FIRST, signed(Targets(), ANNA)) == "registry-signature"


def test_an_old_list_counts_under_the_newest_root_behind_it() -> None:
    listed = signed(Targets(version=4), ANNA, BERT)
    assert verify_past([FIRST, SECOND], listed, 4)[0] is FIRST
    assert verify_past([FIRST, SECOND], signed(Targets(version=4), BERT, CLEO), 4)[0] is SECOND
    for roots_, data, version, code in (
        ([FIRST, SECOND], listed, 3, "registry-signature"),
        ([SECOND], listed, 4, "registry-signature"),
        ([], listed, 4, "registry-signature"),
        ([FIRST], b"{}", 4, "registry-malformed"),
    ):
        with pytest.raises(Refused) as error:
            verify_past(roots_, data, version)
        assert error.value.code == code
