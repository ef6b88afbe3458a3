"""Who may say what of a referral."""

from __future__ import annotations

import pytest

from exchange.core.authority import Leg, outcome_objection, withdrawal_objection
from exchange.core.outcome import Status

LEG = Leg("de-example", "nl-example", "aa" * 32)
HOLDER_ONLY = [s for s in Status if s not in (Status.DISPUTED, Status.REAPPEARED, Status.CORRECTION)]


@pytest.mark.parametrize("status", HOLDER_ONLY)
def test_only_the_holder_acts(status: Status) -> None:
    assert outcome_objection(LEG, "nl-example", LEG.digest, status) is None
    for other in ("de-example", "fr-example"):
        assert outcome_objection(LEG, other, LEG.digest, status) == "not-the-holder"


@pytest.mark.parametrize("status", [Status.DISPUTED, Status.REAPPEARED])
@pytest.mark.parametrize(
    ("author", "objection"),
    [
        ("de-example", None),
        ("nl-example", None),
        ("fr-example", "not-the-holder"),
    ],
)
def test_both_ends_may_dispute_and_say_reappeared(status: Status, author: str, objection: str | None) -> None:
    assert outcome_objection(LEG, author, LEG.digest, status) == objection


@pytest.mark.parametrize(
    ("author", "corrected", "objection"),
    [
        ("nl-example", "nl-example", None),
        ("nl-example", "de-example", "not-the-author"),
        ("de-example", "de-example", None),
        ("de-example", None, None),
        ("fr-example", "fr-example", "not-the-holder"),
    ],
)
def test_only_the_author_corrects(author: str, corrected: str | None, objection: str | None) -> None:
    assert outcome_objection(LEG, author, LEG.digest, Status.CORRECTION, corrected) == objection


@pytest.mark.parametrize(
    ("author", "digest", "objection"),
    [
        ("de-example", LEG.digest, None),
        ("nl-example", LEG.digest, "not-the-sender"),
        ("de-example", "bb" * 32, "referral-digest"),
    ],
)
def test_only_the_sender_withdraws_and_only_this_referral(
    author: str, digest: str, objection: str | None
) -> None:
    assert withdrawal_objection(LEG, author, digest) == objection


def test_an_outcome_of_another_referrals_bytes_is_refused() -> None:
    assert outcome_objection(LEG, "nl-example", "bb" * 32, Status.REMOVED) == "referral-digest"
