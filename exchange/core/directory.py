"""The starter directory as values: public facts on who takes reports for a country, with their sources.

Rules: the file is strict JSON of `directory-1`; every source that a fact names is listed, every word for
confidence is explained, a territory's parent is a country of the file that is no territory with a parent
itself. A fact keeps its source and its confidence: nothing here makes a doubtful one look sure. This module
knows no members: what it lists are people to invite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

from exchange.core import limits, strict_json
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Problem


class How(StrEnum):
    """Who answers for a territory."""

    PARENT = "parent"
    PARENT_UNCONFIRMED = "parent_unconfirmed"
    PORTAL = "portal"
    OWN_POLICE = "own_police"
    DISPUTED = "disputed"
    NONE = "none"


BY_PARENT: Final = frozenset({How.PARENT, How.PARENT_UNCONFIRMED, How.PORTAL})
"""Where the parent's members answer; a portal is a page of the parent's hotline."""


@dataclass(frozen=True, slots=True)
class Hotline:
    """`sources` say that the country has a hotline, `named_by` gives its name and address."""

    name: str
    url: str
    sources: tuple[str, ...]
    confidence: str
    named_by: str


@dataclass(frozen=True, slots=True)
class Portal:
    """A reporting page for a country that a hotline elsewhere runs."""

    url: str
    sources: tuple[str, ...]
    confidence: str


@dataclass(frozen=True, slots=True)
class Territory:
    parent: str | None
    how: How


@dataclass(frozen=True, slots=True)
class Entry:
    """One country; `answer` says who is asked first there (hotline, partner, portal, territory, police)."""

    country: str
    name: str
    answer: str
    hotlines: tuple[Hotline, ...]
    portal: Portal | None
    territory: Territory | None
    fallback: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Directory:
    """`sources` and `confidence` explain the words of the entries."""

    generated: str
    warning: str
    notes: tuple[str, ...]
    sources: Mapping[str, str]
    confidence: Mapping[str, str]
    countries: Mapping[str, Entry]

    def parent_of(self, country: str) -> str | None:
        """The country whose members answer for `country` too, if it is such a territory."""
        entry = self.countries.get(country)
        territory = None if entry is None else entry.territory
        return territory.parent if territory is not None and territory.how in BY_PARENT else None

    def territories_of(self, parent: str) -> tuple[str, ...]:
        """The territories for which the members of `parent` answer, in the order of their codes."""
        return tuple(sorted(code for code in self.countries if self.parent_of(code) == parent))


def read_directory(schemas: Schemas, data: bytes, what: str = "directory.json") -> Directory:
    """The directory in `data`; raises `Invalid` (`directory`) with all problems."""
    try:
        value = strict_json.parse(data, limit=limits.REGISTRY_FILE_BYTES, what=what)
    except Invalid as error:
        raise _wrong(what, (Problem("", error.code, error.message),)) from None
    problems = schemas.problems("directory-1", value)
    if problems:
        raise _wrong(what, problems)
    found = _directory(cast(JsonObject, value))  # the schema accepts objects only
    problems = tuple(_problems(found))
    if problems:
        raise _wrong(what, problems)
    return found


def _directory(value: Mapping[str, Any]) -> Directory:
    return Directory(
        value["generated"],
        value["warning"],
        tuple(value["notes"]),
        value["sources"],
        value["confidence"],
        {code: _entry(code, value["countries"][code], value) for code in sorted(value["countries"])},
    )


def _entry(country: str, value: Mapping[str, Any], whole: Mapping[str, Any]) -> Entry:
    portal, territory = value.get("portal"), value.get("territory")
    return Entry(
        country=country,
        name=value["name"],
        answer=value["answer"],
        hotlines=tuple(Hotline(**{**each, "sources": tuple(each["sources"])}) for each in _hotlines(value)),
        portal=None if portal is None else Portal(**{**portal, "sources": tuple(portal["sources"])}),
        territory=None if territory is None else Territory(territory.get("parent"), How(territory["how"])),
        fallback=whole["fallback"]["police"] if "fallback" in value else None,
        note=value.get("note"),
    )


def _hotlines(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(value.get("hotlines", ()))


def _problems(found: Directory) -> Iterator[Problem]:
    for code, entry in found.countries.items():
        at = f"/countries/{code}"
        for index, hotline in enumerate(entry.hotlines):
            place = f"{at}/hotlines/{index}"
            yield from _facts(found, place, hotline.sources, hotline.confidence)
            if hotline.named_by not in found.sources:
                yield Problem(f"{place}/named_by", "source-unknown", "no source of this file")
        if entry.portal is not None:
            yield from _facts(found, f"{at}/portal", entry.portal.sources, entry.portal.confidence)
        parent = None if entry.territory is None else entry.territory.parent
        if parent is not None and (parent not in found.countries or found.parent_of(parent) is not None):
            yield Problem(f"{at}/territory/parent", "parent", "no country of this file that can be a parent")
        if parent is None and entry.territory is not None and entry.territory.how in BY_PARENT:
            yield Problem(f"{at}/territory", "parent", "the parent that answers is missing")


def _facts(found: Directory, at: str, sources: tuple[str, ...], confidence: str) -> Iterator[Problem]:
    for index, source in enumerate(sources):
        if source not in found.sources:
            yield Problem(f"{at}/sources/{index}", "source-unknown", "no source of this file")
    if confidence not in found.confidence:
        yield Problem(f"{at}/confidence", "confidence-unknown", "a word that this file does not explain")


def _wrong(what: str, problems: tuple[Problem, ...]) -> Invalid:
    return Invalid("directory", f"{what}: not a directory in its form", problems=problems)
