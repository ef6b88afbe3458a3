"""One thing that `doctor` found: well, to be watched, or bad.

Rules: a finding that is not well says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    WELL = "ok"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was looked at, `sentence` what was seen, `hint` what to do."""

    check: str
    state: State
    sentence: str
    hint: str | None = None

    def to_json(self) -> dict[str, str]:
        said = {"check": self.check, "state": self.state.value, "sentence": self.sentence}
        return said if self.hint is None else {**said, "hint": self.hint}


def well(check: str, sentence: str) -> Finding:
    return Finding(check, State.WELL, sentence)


def warning(check: str, sentence: str, hint: str) -> Finding:
    return Finding(check, State.WARNING, sentence, hint)


def bad(check: str, sentence: str, hint: str) -> Finding:
    return Finding(check, State.BAD, sentence, hint)
