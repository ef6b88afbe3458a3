"""Words in which the rules beyond a schema are written, and the tables of codes that they need.

Rules: a rule yields `Problem`s and never raises; it looks only at what has the type that it expects,
because it also runs over values that the schema refused, so that a person hears of everything at once.
Nothing here knows a document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from exchange.core.limits import CLOCK_SKEW_SECONDS
from exchange.core.schema import problem
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.core.times import parse_time
from exchange.errors import Invalid, Problem

Parsed = TypeVar("Parsed")

EARLIEST: Final = 946684800
"""2000-01-01T00:00:00Z: what is dated earlier comes from a broken clock or an empty field."""

LATEST: Final = 4102444800
"""2100-01-01T00:00:00Z: likewise."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Tables of codes that a rule asks: the codes of each vocabulary of legal classes."""

    vocabularies: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, vocabularies: Mapping[str, Mapping[str, object]]) -> Self:
        """From the vocabulary files by name, as `resources.vocabularies()` gives them."""
        tables: dict[str, frozenset[str]] = {}
        for name, content in vocabularies.items():
            codes = content["codes"]
            assert isinstance(codes, list)
            tables[name] = frozenset(map(str, codes))
        return cls(tables)


def inner(value: JsonValue, name: str) -> JsonObject:
    """The object at `name`, or an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def entries(value: JsonObject, name: str) -> list[JsonValue]:
    """The array at `name`, or an empty one."""
    found = value.get(name)
    return found if isinstance(found, list) else []


def text(value: JsonObject, name: str) -> str | None:
    """The string at `name`, or None."""
    found = value.get(name)
    return found if isinstance(found, str) else None


class Findings:
    """The problems of one value, while its rules run."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, pointer: str, code: str, sentence: str) -> None:
        self._found.append(problem(pointer, code, sentence))

    def parsed(
        self, parse: Callable[[object, str], Parsed], value: JsonObject, name: str, at: str
    ) -> Parsed | None:
        """The string at `name` of the object at pointer `at`, parsed; None if absent, no string or
        refused."""
        given = value.get(name)
        if not isinstance(given, str):
            return None
        try:
            return parse(given, "")
        except Invalid as error:
            sentence = error.message.removeprefix(": ")
            self.add(f"{at}/{name}", error.code, f"{sentence} ({error.hint})" if error.hint else sentence)
            return None

    def time(self, value: JsonObject, name: str, at: str, *, until: int | None = None) -> int | None:
        """Unix seconds of a time that is not absurd and, given `until`, not later than that and the skew."""
        moment = self.parsed(parse_time, value, name, at)
        if moment is None:
            return None
        if not EARLIEST <= moment <= LATEST:
            self.add(f"{at}/{name}", "time-absurd", "not within this century")
            return None
        if until is not None and moment > until + CLOCK_SKEW_SECONDS:
            self.add(f"{at}/{name}", "time-order", "later than the document that tells of it")
        return moment

    def in_order(self, at: str, moments: Iterable[tuple[str, int | None]]) -> None:
        """Each moment that is there is not earlier than the one before it."""
        before: tuple[str, int] | None = None
        for name, moment in moments:
            if moment is None:
                continue
            if before is not None and moment < before[1]:
                self.add(f"{at}/{name}", "time-order", f"earlier than {before[0]}")
            before = (name, moment)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)
