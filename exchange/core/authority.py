"""Who may say what of a referral: the sender withdraws, the holder acts, anybody in the chain may say
reappeared.

Rules: authority is shown by who signed the message and by the referral that it speaks of, never by a hub.
The digest that a document names has to be that of the referral as we hold it. The answer is a code, or None
when nothing is against it. Whether the status fits the state is not asked here.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.core.outcome import RULES, SetBy, Status

_RECIPIENT = frozenset({SetBy.HOLDER, SetBy.ADDRESSED, SetBy.CHAIN, SetBy.AUTHOR})
_SENDER = frozenset({SetBy.SENDER, SetBy.CHAIN, SetBy.AUTHOR})
_NOBODY: frozenset[SetBy] = frozenset()


@dataclass(frozen=True, slots=True)
class Leg:
    """The two ends of a referral and its digest, as we hold them."""

    sender: str
    recipient: str
    digest: str


def outcome_objection(
    leg: Leg, author: str, referral_digest: str, status: Status, corrected_author: str | None = None
) -> str | None:
    """What is against `author` saying `status`; `corrected_author` wrote the outcome that it corrects, if
    known.
    """
    if referral_digest != leg.digest:
        return "referral-digest"
    parts = _RECIPIENT if author == leg.recipient else _SENDER if author == leg.sender else _NOBODY
    if not parts & RULES[status].set_by:
        return "not-the-holder"
    if status is Status.CORRECTION and corrected_author not in (None, author):
        return "not-the-author"
    return None


def withdrawal_objection(leg: Leg, author: str, referral_digest: str) -> str | None:
    """What is against `author` withdrawing the referral."""
    if referral_digest != leg.digest:
        return "referral-digest"
    return None if author == leg.sender else "not-the-sender"
