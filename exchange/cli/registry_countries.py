"""`registry import` and `registry country`: who answers for which country, on files alone.

Rules: nothing here is published; a command that wrote ends with the next one. `import` never writes over a
country's file unless told to, and shows whom the directory knows and the registry does not, with how sure
that is. `country` checks at once what it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.options import AsJson
from exchange.cli.show import Show
from exchange.core.countries import parse_country
from exchange.core.directory import Directory, Entry, How, read_directory
from exchange.core.invitations import Invitation, invitations
from exchange.core.names import MemberId
from exchange.core.registry_view import Basis, Destination, Member
from exchange.core.schema import Schemas
from exchange.errors import Invalid
from exchange.registrar import countries
from exchange.registrar.workspace import Workspace, open_workspace
from exchange.resources import schema_documents

Place = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the registry.", show_default=False)]


class Why(StrEnum):
    """The bases that a country's file may have."""

    HOTLINE = Basis.HOTLINE.value
    TERRITORY = Basis.TERRITORY.value
    ORPHAN_MANDATE = Basis.ORPHAN_MANDATE.value
    POLICE = Basis.POLICE.value


def import_(
    directory: Place,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="Another directory than the shipped one.", show_default=False),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over countries that have a file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draft an answer for every country, and list the hotlines to invite."""
    space, schemas = open_workspace(directory), Schemas(schema_documents())
    known = countries.shipped(schemas) if file is None else _read(schemas, file)
    done = countries.draft_all(space.peers, schemas, known, replace=replace)
    missing = invitations(known, countries.members(space.peers, schemas))
    following = f"hotline-exchange registry lint {directory}"
    show = Show(as_json)
    if as_json:
        show.value(
            {"written": done.written, "kept": done.kept, "warning": known.warning}
            | _told(known, missing)
            | {"next": following}
        )
        return
    show.line(f"Wrote {len(done.written)} files into {space.peers / 'countries'}, kept {len(done.kept)}.")
    show.line(f"The directory of {known.generated}: {known.warning}")
    _show_missing(show, known, missing)
    show.line(f"Next: {following}")


def country(
    directory: Place,
    code: Annotated[str, typer.Argument(metavar="CC", help="Country (ISO 3166-1).", show_default=False)],
    to: Annotated[str | None, typer.Option("--to", help="Name this member.", show_default=False)] = None,
    basis: Annotated[
        Why | None, typer.Option("--basis", help="Why that member; else by its kind.", show_default=False)
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option("--rank", min=0, max=1000, help="Lower goes first; equals share.", show_default=False),
    ] = None,
    remove: Annotated[
        str | None, typer.Option("--remove", help="Name this member no more.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change who answers for a country."""
    space, schemas = open_workspace(directory), Schemas(schema_documents())
    name = parse_country(code, "CC")
    if to is not None and remove is not None:
        raise Invalid("usage", "name one of --to and --remove", hint="first one, then the other")
    if to is None and (basis is not None or rank is not None):
        raise Invalid("usage", "--basis and --rank need --to", hint=f"--to {name.lower()}-example")
    if to is not None:
        row = _row(space, schemas, name, MemberId.parse(to, "--to"), basis, rank)
        countries.put(space.peers, schemas, name, row)
    if remove is not None:
        countries.remove(space.peers, schemas, name, MemberId.parse(remove, "--remove"))
    _show_country(Show(as_json), space, schemas, name, changed=not (to is None and remove is None))


def _read(schemas: Schemas, file: Path) -> Directory:
    return read_directory(schemas, file.read_bytes(), file.name)


def _row(
    space: Workspace, schemas: Schemas, name: str, member: MemberId, basis: Why | None, rank: int | None
) -> Destination:
    """What is not given stays as it is, or follows from the member's kind and country."""
    rows = countries.destinations(space.peers, schemas, name) or ()
    before = next((row for row in rows if row.member == member), None)
    place = rank if rank is not None else before.rank if before else countries.FIRST_RANK
    if basis is not None:
        return Destination(member, Basis(basis.value), place)
    if before is not None:
        return Destination(member, before.basis, place)
    found = countries.member(space.peers, schemas, member)
    usual = countries.basis_of(countries.shipped(schemas), name, found)
    if usual is None:
        told = f"--basis is missing: {member} is of another country, and {name} is no territory of it"
        raise Invalid("usage", told, hint="--basis orphan_mandate")
    return Destination(member, usual, place)


def _show_country(show: Show, space: Workspace, schemas: Schemas, name: str, *, changed: bool) -> None:
    rows = countries.destinations(space.peers, schemas, name)
    known = {one.id: one for one in countries.members(space.peers, schemas)}
    said = [_destination(row, known.get(row.member)) for row in rows or ()]
    if show.json:
        show.value({"country": name, "file": rows is not None, "destinations": said, "changed": changed})
        return
    empty = f"Nobody answers for {name}: what is hosted there goes to the operator."
    if rows is None:
        empty = f"{name} has no file yet: hotline-exchange registry import {space.path}"
    show.table(("member", "status", "basis", "rank"), [tuple(row.values()) for row in said], empty=empty)
    if changed:
        show.line(f"Nothing is published yet. Next: hotline-exchange registry lint {space.path}")


def _destination(row: Destination, member: Member | None) -> dict[str, Any]:
    status = "unknown" if member is None else member.status.value
    return {"member": row.member, "status": status, "basis": row.basis.value, "rank": row.rank}


def _told(known: Directory, missing: Iterable[Invitation]) -> dict[str, Any]:
    """What the directory knows, for programs; each fact with its source and confidence."""
    entries = known.countries.values()
    return {
        "confidence": dict(known.confidence),
        "sources": dict(known.sources),
        "not_members": [
            {
                "country": each.entry.country,
                "name": each.hotline.name,
                "url": each.hotline.url,
                "confidence": each.hotline.confidence,
                "sources": each.hotline.sources,
                "named_by": each.hotline.named_by,
            }
            for each in missing
        ],
        "portals": [
            {"country": one.country, "url": one.portal.url, "confidence": one.portal.confidence}
            | {"sources": one.portal.sources}
            for one in entries
            if one.portal is not None
        ],
        "territories_to_confirm": [one.country for one in _unconfirmed(known)],
        "police": [one.country for one in entries if one.fallback is not None],
    }


def _show_missing(show: Show, known: Directory, missing: tuple[Invitation, ...]) -> None:
    entries = known.countries.values()
    places = len({each.entry.country for each in missing})
    show.line()
    show.line(f"{places} countries have {len(missing)} hotlines in the directory that are no members yet:")
    rows = [
        (each.entry.country, one.name, one.url, one.confidence, one.named_by)
        for each in missing
        for one in [each.hotline]
    ]
    show.table(("", "hotline", "page", "confidence", "named by"), rows, empty="None.")
    portals = [(one.country, one.portal.url, one.portal.confidence) for one in entries if one.portal]
    show.line()
    show.line(f"{len(portals)} countries have a reporting page that a hotline elsewhere runs:")
    show.table(("", "page", "confidence"), portals, empty="None.")
    police = [one for one in entries if one.fallback is not None]
    show.line()
    if police:
        show.line(f"{len(police)} countries have no other way than {police[0].fallback}:")
        show.line("  " + " ".join(one.country for one in police))
    unsure = " ".join(f"{one.country} ({known.parent_of(one.country)})" for one in _unconfirmed(known))
    if unsure:
        show.line(f"Territories whose parent has to be confirmed: {unsure}")
    show.line()
    for word, meaning in (*known.confidence.items(), *known.sources.items()):
        show.line(f"{word}: {meaning}")


def _unconfirmed(known: Directory) -> Iterator[Entry]:
    for one in known.countries.values():
        if one.territory is not None and one.territory.how is How.PARENT_UNCONFIRMED:
            yield one
