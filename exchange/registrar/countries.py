"""Who answers for which country, in the reviewable files: a first draft from the directory, and one change.

Rules: a hotline answers for its own country as `hotline` and for the territories that the directory gives it
as `territory`; a police desk for both as `police`, which comes after every hotline. All begin at rank 0:
desks of equal rank share the sites. A row that stands, of this member or another, is never touched by
`assign`. An empty list is an answer: nobody, so it goes to the operator. This module knows no keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exchange.core import countries
from exchange.core.directory import Directory, read_directory
from exchange.core.names import MemberId
from exchange.core.registry_documents import country_to_json, member_from_json, read_target
from exchange.core.registry_view import Basis, Destination, Member, MemberStatus
from exchange.core.schema import Schemas
from exchange.errors import Invalid
from exchange.registrar import sources
from exchange.resources import data_path

FIRST_RANK: Final = 0
"""Rank of a member that nobody has ordered yet."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Codes by what became of their file; `kept` stood already."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def shipped(schemas: Schemas) -> Directory:
    """The starter directory that travels with the program."""
    return read_directory(schemas, data_path("peers", "directory.json").read_bytes())


def assign(peers: Path, schemas: Schemas, member: Mapping[str, Any]) -> None:
    """Give a new member (the value of its file) its country and that country's territories."""
    directory = shipped(schemas)
    new = member_from_json(member)
    for country in (new.country, *directory.territories_of(new.country)):
        rows = destinations(peers, schemas, country) or ()
        if all(row.member != new.id for row in rows):
            _write(peers, schemas, country, (*rows, *_usual(directory, country, [new])))


def draft_all(peers: Path, schemas: Schemas, directory: Directory, *, replace: bool = False) -> Imported:
    """A file for every ISO country that has none, or for all with `replace`, by the members in `peers`."""
    present = [one for one in members(peers, schemas) if one.status is not MemberStatus.LEFT]
    written: list[str] = []
    kept: list[str] = []
    for country in sorted(countries.ALL):
        if not replace and (peers / _name(country)).exists():
            kept.append(country)
            continue
        _write(peers, schemas, country, _usual(directory, country, present))
        written.append(country)
    return Imported(tuple(written), tuple(kept))


def basis_of(directory: Directory, country: str, member: Member) -> Basis | None:
    """Why `member` answers for `country` without further words; None if only a mandate could say so."""
    if member.country not in (country, directory.parent_of(country)):
        return None
    if member.kind == "police":
        return Basis.POLICE
    return Basis.HOTLINE if member.country == country else Basis.TERRITORY


def put(peers: Path, schemas: Schemas, country: str, row: Destination) -> Path:
    """Name one member for `country`, in the place of what was said of it there."""
    member(peers, schemas, row.member)
    others = [one for one in destinations(peers, schemas, country) or () if one.member != row.member]
    return _write(peers, schemas, country, (*others, row))


def remove(peers: Path, schemas: Schemas, country: str, member: MemberId) -> Path:
    """Name `member` no more for `country`; raises `Invalid` (`destination-unknown`) if it is not named."""
    rows = destinations(peers, schemas, country) or ()
    others = [one for one in rows if one.member != member]
    if len(others) == len(rows):
        raise Invalid("destination-unknown", f"{country}: does not name {member}")
    return _write(peers, schemas, country, others)


def destinations(peers: Path, schemas: Schemas, country: str) -> tuple[Destination, ...] | None:
    """Who answers for `country` by its file, None without one; raises `Invalid` (`registry-file`)."""
    path = peers / _name(country)
    if not path.exists():
        return None
    value: Mapping[str, Any] = read_target(schemas, _name(country), path.read_bytes())
    return tuple(
        Destination(MemberId(row["member"]), Basis(row["basis"]), row["rank"])
        for row in value["destinations"]
    )


def member(peers: Path, schemas: Schemas, member_id: MemberId) -> Member:
    """One member by its file; raises `Invalid` (`member-unknown`, `registry-file`)."""
    path = peers / f"members/{member_id}.json"
    if not path.exists():
        raise Invalid(
            "member-unknown",
            f"{member_id}: the registry has no such member",
            hint="a member is entered first: hotline-exchange registry review DIR REQUEST",
        )
    return _member(schemas, path)


def members(peers: Path, schemas: Schemas) -> tuple[Member, ...]:
    """All members with a file, in the order of their ids; raises `Invalid` (`registry-file`)."""
    return tuple(_member(schemas, path) for path in sorted((peers / "members").glob("*.json")))


def _member(schemas: Schemas, path: Path) -> Member:
    return member_from_json(read_target(schemas, f"members/{path.name}", path.read_bytes()))


def _usual(directory: Directory, country: str, present: Iterable[Member]) -> list[Destination]:
    found = ((one.id, basis_of(directory, country, one)) for one in present)
    return [Destination(name, basis, FIRST_RANK) for name, basis in found if basis is not None]


def _write(peers: Path, schemas: Schemas, country: str, rows: Iterable[Destination]) -> Path:
    ordered = sorted(rows, key=lambda row: row.rank)
    return sources.add(peers, schemas, "country", country_to_json(country, ordered))


def _name(country: str) -> str:
    return f"countries/{country}.json"
