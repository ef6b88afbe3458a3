"""The administrators' side of the registry, on files: `registry create`, `add` and `publish`.

Rules: a directory holds `sources/` (reviewable JSON, one file per member and country) and `repository/` (the
signed static files that any web server can serve). A registration is added only against its fingerprint, as
the member read it over a call. Nothing is published that a reading node would leave out. Private keys lie in
a directory of their own, one folder per administrator.
"""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange.cli.options import AsJson
from exchange.cli.show import Show
from exchange.core import limits, registration, strict_json
from exchange.core.countries import parse_country
from exchange.core.jwk import fingerprint
from exchange.core.names import MemberId
from exchange.core.schema import Schemas
from exchange.errors import Invalid, Refused
from exchange.registrar import admins, repository, sources
from exchange.resources import schema_documents

SOURCES: Final = "sources"
REPOSITORY: Final = "repository"
ROOT: Final = "metadata/1.root.json"

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="Directory of the registry.", show_default=False)
]
Keys = Annotated[
    Path,
    typer.Option("--keys", help="Directory with a folder of keys per administrator.", show_default=False),
]
Administrators = Annotated[
    list[str], typer.Option("--admin", help="Name of an administrator; repeat.", show_default=False)
]


class Status(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class Basis(StrEnum):
    HOTLINE = "hotline"
    TERRITORY = "territory"
    ORPHAN_MANDATE = "orphan_mandate"
    POLICE = "police"


def create(
    directory: Directory,
    network: Annotated[str, typer.Option(help="Name of the network.", show_default=False)],
    admin: Administrators,
    keys: Keys,
    threshold: Annotated[
        int, typer.Option(min=1, help="Administrators who must sign a change of members.")
    ] = 2,
    root_threshold: Annotated[
        int | None, typer.Option(min=1, help="Who must sign the root; else the same.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a registry, with fresh keys for administrators who have none."""
    people = [_own_keys(name, keys / name) for name in admin]
    root = repository.create(
        directory / REPOSITORY,
        [person.public for person in people],
        people,
        root_threshold=root_threshold or threshold,
        targets_threshold=threshold,
        now=int(time.time()),
    )
    value = {"v": 1, "name": network, "orphan_mandates": {}, "agencies": [], "escalation": []}
    sources.add(directory / SOURCES, Schemas(schema_documents()), "network", value)
    show = Show(as_json)
    where = directory / REPOSITORY / ROOT
    if as_json:
        show.value({"root": str(where), "fingerprint": fingerprint(root), "administrators": list(admin)})
        return
    show.line(f"Made a registry of {len(people)} administrators, {threshold} of whom sign a change.")
    show.line(f"Root file, for every member to pin: {where}")
    show.line(f"  {fingerprint(root)}")
    show.line(f"Next: hotline-exchange registry add {directory} --registration FILE")


def add(
    directory: Directory,
    request: Annotated[
        Path | None, typer.Option("--registration", help="A member's request.", show_default=False)
    ] = None,
    said: Annotated[
        str | None,
        typer.Option("--fingerprint", help="What the member read out; else asked.", show_default=False),
    ] = None,
    member: Annotated[
        str | None, typer.Option("--member", help="Change the status of a member.", show_default=False)
    ] = None,
    status: Annotated[Status, typer.Option("--status", help="Status of the member.")] = Status.PENDING,
    country: Annotated[
        str | None, typer.Option("--country", help="Who takes what is hosted there.", show_default=False)
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="The member for --country.", show_default=False)
    ] = None,
    basis: Annotated[Basis, typer.Option("--basis", help="Why that member.")] = Basis.HOTLINE,
    rank: Annotated[int, typer.Option("--rank", min=0, max=1000, help="Lower goes first.")] = 0,
    file: Annotated[
        Path | None, typer.Option("--file", help="A ready file of the registry.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add or change a member, a country or a file; nothing is published yet."""
    if [request, member, country, file].count(None) != 3:
        told = "name one of --registration, --member, --country and --file"
        raise Invalid("usage", told, hint="hotline-exchange registry add --help")
    place, schemas = directory / SOURCES, Schemas(schema_documents())
    if request is not None:
        value = _registered(request, place, said) | {"status": status.value}
        path = sources.add(place, schemas, "member", value)
    elif member is not None:
        name = f"members/{MemberId.parse(member, '--member')}.json"
        path = sources.add(place, schemas, "member", _present(place, name) | {"status": status.value})
    elif country is not None:
        path = sources.add(place, schemas, "country", _destination(place, country, to, basis, rank))
    else:
        value = _read(file or Path())
        path = sources.add(place, schemas, _kind(value), value)
    show = Show(as_json)
    if as_json:
        show.value({"file": str(path)})
        return
    show.line(f"Wrote {path}. Nothing is published yet: hotline-exchange registry publish {directory}")


def publish(directory: Directory, admin: Administrators, keys: Keys, as_json: AsJson = False) -> None:
    """Sign what has changed, and renew what expires. Too few administrators are refused."""
    targets = sources.read_all(directory / SOURCES, Schemas(schema_documents()))
    signers = [admins.load(keys / name) for name in admin]
    done = repository.publish(directory / REPOSITORY, targets, signers, now=int(time.time()))
    show = Show(as_json)
    if as_json:
        show.value({"version": done.targets_version, "changed": done.targets_changed})
        return
    what = "published" if done.targets_changed else "renewed without a change"
    show.line(f"Version {done.targets_version} {what}. Serve {directory / REPOSITORY} as static files.")


def _own_keys(name: str, directory: Path) -> admins.Admin:
    if (directory / admins.DAILY).exists():
        return admins.load(directory)
    made = admins.generate(name)
    admins.save(made, directory)
    return made


def _registered(request: Path, place: Path, said: str | None) -> dict[str, Any]:
    """The member's file in a registration that proves its keys and has the fingerprint that was read out."""
    data = request.read_bytes()
    peeked = registration.check(data, now=int(time.time()))
    name = f"members/{peeked.member['id']}.json"
    if (place / name).exists():
        peeked = registration.check(data, _present(place, name), int(time.time()))
    if said is None:
        if not sys.stdin.isatty():
            raise Invalid("usage", "--fingerprint is missing", hint="the member reads it out over a call")
        for field in ("id", "name", "country", "site", "mailbox"):
            sys.stderr.write(f"{field:8} {peeked.member[field]}\n")
        said = str(typer.prompt("Fingerprint that the member reads out", err=True))
    if _plain(said) != _plain(peeked.fingerprint):
        raise Refused(
            "fingerprint",
            f"the file's fingerprint is {peeked.fingerprint}, not what was read out; nothing was added",
            hint="have it read out once more; if it still differs, this is not the member's file",
        )
    return dict(peeked.member)


def _plain(fingerprint: str) -> str:
    """A fingerprint as it is compared: without blanks, in lower case."""
    return "".join(fingerprint.split()).lower()


def _destination(place: Path, country: str, to: str | None, basis: Basis, rank: int) -> dict[str, Any]:
    code = parse_country(country, "--country")
    if to is None:
        raise Invalid("usage", "--to is missing", hint="--country NL --to nl-example")
    name = f"countries/{code}.json"
    value: dict[str, Any] = {"v": 1, "country": code, "destinations": []}
    if (place / name).exists():
        value = _present(place, name)
    row = {"member": MemberId.parse(to, "--to"), "basis": basis.value, "rank": rank}
    others = [one for one in value["destinations"] if one["member"] != row["member"]]
    return {**value, "destinations": sorted([*others, row], key=lambda one: int(one["rank"]))}


def _present(place: Path, name: str) -> dict[str, Any]:
    if not (place / name).exists():
        raise Invalid("registry-file", f"{name}: the registry has no such file")
    return _read(place / name)


def _read(path: Path) -> dict[str, Any]:
    return strict_json.parse_object(path.read_bytes(), limit=limits.REGISTRY_FILE_BYTES, what=path.name)


def _kind(value: dict[str, Any]) -> str:
    return "network" if "orphan_mandates" in value else "country" if "destinations" in value else "member"
