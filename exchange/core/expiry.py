"""When people are told that something is about to expire: a third, a tenth, one day of its life is left.

Rules: of what applies, the most urgent. A day counts only in a life of more than ten days, where it is less
than a tenth: stages come in their order, whatever the life. What expires, and who has been told, this module
does not know.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

DAY_SECONDS: Final = 86400
"""Seconds of the last warning: the next working day may be too late."""
THIRD_PART: Final = 3
TENTH_PART: Final = 10


class Stage(StrEnum):
    """How much is left of a life; in this order."""

    THIRD = "third"
    TENTH = "tenth"
    DAY = "day"
    OVER = "over"


def stage(begin: int, end: int, now: int) -> Stage | None:
    """The stage at `now` of what lives from `begin` to `end` (unix seconds); None while there is time."""
    life, left = end - begin, end - now
    if left <= 0:
        return Stage.OVER
    if left <= DAY_SECONDS and life > TENTH_PART * DAY_SECONDS:
        return Stage.DAY
    if left * TENTH_PART <= life:
        return Stage.TENTH
    return Stage.THIRD if left * THIRD_PART <= life else None
