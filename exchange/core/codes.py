"""Our codes and those of another system, both ways, as a table of data.

Rules: no defaults. A code that the table does not hold is refused, in either direction, and is never turned
into another one: clients in use fall back to their gravest class for what they do not know, and swap two
fields that carry the same numbers. A table that is not one to one within a field is refused as a whole.
This module knows no system by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from exchange.errors import Broken, Invalid

Foreign = int | str


@dataclass(frozen=True, slots=True)
class CodeTable:
    """The codes of `system` by field, such as `assessment.tier`; `without` lists ours that it cannot say."""

    system: str
    ours_to_theirs: Mapping[str, Mapping[str, Foreign]]
    theirs_to_ours: Mapping[str, Mapping[Foreign, str]]
    without: Mapping[str, frozenset[str]]

    @classmethod
    def of(
        cls, system: str, codes: Mapping[str, Mapping[str, Foreign]], without: Mapping[str, list[str]]
    ) -> Self:
        """From a file of schemas/codes; raises `Broken` (`code-table`) if a code stands twice."""
        back = {field: {theirs: ours for ours, theirs in table.items()} for field, table in codes.items()}
        for field, table in codes.items():
            if len(back[field]) != len(table) or table.keys() & set(without.get(field, ())):
                raise Broken("code-table", f"codes of {system}: {field} is not one to one")
        return cls(system, codes, back, {field: frozenset(names) for field, names in without.items()})

    def theirs(self, field: str, ours: str) -> Foreign:
        """Their code; raises `Invalid` (`code-unmapped`) naming `field`."""
        found = self.ours_to_theirs.get(field, {}).get(ours)
        if found is None:
            raise Invalid("code-unmapped", f"{field}: {self.system} has no code for this value")
        return found

    def ours(self, field: str, theirs: Foreign) -> str:
        """Our code; raises `Invalid` (`code-unmapped`) naming `field`."""
        table = self.theirs_to_ours.get(field, {})
        found = None if isinstance(theirs, bool) else table.get(theirs)
        if found is None:
            raise Invalid("code-unmapped", f"{field}: not a code of {self.system} that is known here")
        return found
