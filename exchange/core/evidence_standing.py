"""What a revocation of the key makes of a signature (docs/evidence.md, "Around a revocation").

Rules: a thief can date whatever it signs, so the key's owner does not say when its signature was first seen.
Nor does whoever made the file alone: it may be the thief. What makes such a signature sound is a witness, a
third who is neither, and who signed for it at or before `invalid_after`. Against itself the word of whoever
has seen it counts: what was first seen after the revocation is worth nothing. Where no key is revoked, times
that do not fit are told and decide nothing, since clocks are wrong and the other end's may be so on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.core.evidence_report import Verdict
from exchange.core.evidence_signed import Signed
from exchange.core.limits import CLOCK_SKEW_SECONDS
from exchange.core.names import MemberId
from exchange.core.registry_view import Revocation
from exchange.core.times import format_time


@dataclass(frozen=True, slots=True)
class Bound:
    """`by` says that it had seen something at `at` (unix seconds)."""

    by: MemberId
    at: int


def standing_of(signed: Signed, seen: Bound | None, witnesses: Sequence[Bound] = ()) -> tuple[Verdict, str]:
    """Verdict, and a clause to add to a sentence. `seen` is the word of who had the signature first, None
    where nobody but the key's owner says; `witnesses` are neither its owner nor the maker of the file.
    """
    revoked, made = signed.record.revoked, signed.manifest.iat
    if revoked is None:
        return Verdict.OK, signed.note + _odd(seen, made)
    about = f"{signed.note}; the key was revoked at {format_time(revoked.at)} ({revoked.reason})"
    for one in witnesses:
        if revoked.invalid_after is not None and made - CLOCK_SKEW_SECONDS <= one.at <= revoked.invalid_after:
            told = f"{one.by} signed at {format_time(one.at)} for what it had of it"
            return Verdict.OK, f"{about}, and {told}: before the key could have been in other hands"
    if seen is None:
        return Verdict.DOUBTFUL, f"{about}, and nobody but its owner says when this was first seen"
    first = f"{about}, and {seen.by} says that it first saw this at {format_time(seen.at)}"
    if seen.at > revoked.at:
        return Verdict.BROKEN, f"{first}: after the revocation, when anybody could have signed it"
    return Verdict.DOUBTFUL, f"{first}{_odd(seen, made) or _doubt(seen, revoked)}"


def _odd(seen: Bound | None, made: int) -> str:
    if seen is None or seen.at + CLOCK_SKEW_SECONDS >= made:
        return ""
    return f"; by the times given {seen.by} had it before this was signed: sent before, or a clock was wrong"


def _doubt(seen: Bound, revoked: Revocation) -> str:
    if revoked.invalid_after is None:
        return "; since when the key was in other hands was not told"
    since = format_time(revoked.invalid_after)
    if seen.at > revoked.invalid_after:
        return f"; since {since} the key may have been in other hands"
    return f"; nobody else has signed that this was there by {since}, when the key was in the right hands"
