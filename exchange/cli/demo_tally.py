"""What the demo counts, and whether it adds up.

Rules: every line that was read is invalid, routed, unroutable or domestic; every routed one has a signed
receipt, stands open at its recipient, and its answer was heard back by the sender. Both ends are counted for
themselves: what the recipients say is not taken from the sender. This module counts and prints nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exchange.core.referral_state import FINAL, LEG_ENDED, State

NO_COUNTRY: Final = "(none)"
"""The country of a line whose URL has a name and no address: the demo resolves nothing."""
ANSWERED: Final = frozenset((FINAL | LEG_ENDED) - {State.REFUSED})


@dataclass(slots=True)
class Row:
    """The figures of one hosting country. `reasons` counts why lines stayed with the sender."""

    to: str = ""
    basis: str = ""
    sent: int = 0
    receipted: int = 0
    answered: int = 0
    domestic: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Tally:
    """`states` are the sender's, by referral; `opened` the recipients' own, by referral."""

    read: int
    invalid: Mapping[str, int]
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    unsent: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    opened: dict[str, str] = field(default_factory=dict)
    alarms: Counter[str] = field(default_factory=Counter)

    def submitted(self, entries: Iterable[dict[str, Any]]) -> None:
        """Take the node's answer to a submitting request."""
        for entry in entries:
            if entry["state"] == "routed":
                self.entries[entry["referral"]] = entry
            else:
                self.unsent.append(entry)

    @property
    def routed(self) -> int:
        return len(self.entries)

    @property
    def domestic(self) -> int:
        return sum(entry["state"] == "domestic" for entry in self.unsent)

    @property
    def unroutable(self) -> int:
        return len(self.unsent) - self.domestic

    @property
    def receipted(self) -> int:
        return sum(self._receipted(referral) for referral in self.entries)

    @property
    def answered(self) -> int:
        return sum(self._answered(referral) for referral in self.entries)

    @property
    def received(self) -> int:
        """Referrals that stand open at the recipient that they were for."""
        return sum(self.opened.get(id_) == entry["recipient"] for id_, entry in self.entries.items())

    def _receipted(self, referral: str) -> bool:
        return self.states.get(referral, State.SENT) not in (State.SENT, State.REFUSED)

    def _answered(self, referral: str) -> bool:
        return self.states.get(referral) in ANSWERED

    def rows(self) -> dict[str, Row]:
        """By hosting country, the one with most lines first."""
        rows: dict[str, Row] = {}
        for referral, entry in self.entries.items():
            row = rows.setdefault(entry.get("country") or NO_COUNTRY, Row())
            row.to, row.basis = entry["recipient"], entry["basis"]
            row.sent += 1
            row.receipted += self._receipted(referral)
            row.answered += self._answered(referral)
        for entry in self.unsent:
            row = rows.setdefault(entry.get("country") or NO_COUNTRY, Row())
            if entry["state"] == "domestic":
                row.domestic += 1
            else:
                row.reasons[entry["reason"]] += 1

        def weight(pair: tuple[str, Row]) -> tuple[int, str]:
            row = pair[1]
            return -(row.sent + row.domestic + row.reasons.total()), pair[0]

        return dict(sorted(rows.items(), key=weight))

    def faults(self) -> list[str]:
        """What does not add up, as sentences; empty when all does."""
        invalid = sum(self.invalid.values())
        found = []
        if self.read != invalid + self.routed + self.unroutable + self.domestic:
            found.append("lines read are not invalid + routed + unroutable + domestic")
        for name, count in (
            ("receipted", self.receipted),
            ("opened at their recipients", self.received),
            ("answered", self.answered),
        ):
            if count != self.routed:
                found.append(f"{self.routed} were routed, {count} are {name}")
        if len(self.opened) != self.received:
            found.append(f"{len(self.opened) - self.received} stand open at somebody whom they were not for")
        found += [f"{code}: {count}" for code, count in sorted(self.alarms.items()) if count]
        return found

    def to_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "invalid": dict(self.invalid),
            "routed": self.routed,
            "unroutable": self.unroutable,
            "domestic": self.domestic,
            "receipted": self.receipted,
            "opened": self.received,
            "answered": self.answered,
            "countries": {
                country: {
                    "to": row.to or None,
                    "basis": row.basis or None,
                    "sent": row.sent,
                    "receipted": row.receipted,
                    "answered": row.answered,
                    "domestic": row.domestic,
                    "unroutable": dict(row.reasons),
                }
                for country, row in self.rows().items()
            },
            "faults": self.faults(),
        }
