"""What an examination of an evidence file says: numbered steps in plain words, each with its verdict.

Rules: `broken` means that something in the file is not what it has to be; `not-compared` that the root which
the reader has cannot be held against those in the file; `doubtful` that all fits, but that what it rests on
may have been in other hands; `not-shown` that the file does not speak of it, which takes nothing from the
rest. The file is as good as its worst step. A sentence names members, ids, digests and times, never what a
document says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """How one step ended, and with it the whole."""

    OK = "ok"
    NOT_SHOWN = "not-shown"
    DOUBTFUL = "doubtful"
    NOT_COMPARED = "not-compared"
    BROKEN = "broken"


class StepName(StrEnum):
    """The steps, in their order."""

    FILE = "file"
    ROOTS = "roots"
    IN_FORCE = "list in force"
    NEWEST = "newest list"
    MEMBERS = "members"
    STATEMENT = "statement"
    SIGNATURE = "signature"
    DOCUMENT = "document"
    RECEIPT = "receipt"
    JOURNAL = "journal"
    ANCHOR = "anchor"


_WORST_LAST: Final = (
    Verdict.OK,
    Verdict.NOT_SHOWN,
    Verdict.DOUBTFUL,
    Verdict.NOT_COMPARED,
    Verdict.BROKEN,
)


@dataclass(frozen=True, slots=True)
class Step:
    """`says` is what was looked at and found; `parts` are the parts of the file that are to blame."""

    name: StepName
    verdict: Verdict
    says: str
    parts: tuple[str, ...] = ()


def worst(*verdicts: Verdict) -> Verdict:
    """The worst of some verdicts; `ok` of none."""
    return max(verdicts, key=_WORST_LAST.index, default=Verdict.OK)


def whole(steps: tuple[Step, ...]) -> Verdict:
    """The verdict on the file: what it does not show does not count against what it does."""
    found = worst(*(step.verdict for step in steps))
    return Verdict.OK if found is Verdict.NOT_SHOWN else found
