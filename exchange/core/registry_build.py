"""One registry of many files: all targets of a version in, a `RegistryView` and what is wrong with them out.

Rules: a key serves one purpose of one member; a file says what its name says; who is named exists, and is
named once in a country or a mandate. A file or entry that breaks a rule is left out and reported, of two rows
of one member the later: the administrators' tool refuses to publish such a
registry, a reading node goes on with the others, so that one bad file does not keep a revocation from
everybody. Without a readable network.json there is no registry. This module knows no signatures of the
registry: its bytes are verified (TUF) before they come here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchange.core.names import MemberId
from exchange.core.registry_documents import NETWORK, keys_of, member_from_json, read_target
from exchange.core.registry_view import Basis, Destination, Member, Network, RegistryView
from exchange.core.schema import Schemas
from exchange.errors import Invalid, Problem, Refused


@dataclass(frozen=True, slots=True)
class Built:
    """`problems` have pointers of the form `members/gb-iwf.json#/keys/http/0`."""

    view: RegistryView
    problems: tuple[Problem, ...]


def build_view(
    schemas: Schemas, targets: Mapping[str, bytes], *, version: int, digest: str, expires_at: int
) -> Built:
    """The view of all `targets` by path; `Refused` (`registry-network`) without a good network.json."""
    problems: list[Problem] = []
    values: dict[str, Mapping[str, Any]] = {}
    for path, data in targets.items():
        try:
            values[path] = read_target(schemas, path, data)
        except Invalid as error:
            problems += error.problems
    members = _without_shared_keys(_members(values, problems), problems)
    if NETWORK not in values:
        raise Refused("registry-network", "network.json: missing or not of its form", problems=problems)
    view = RegistryView(
        version=version,
        digest=digest,
        expires_at=expires_at,
        members=members,
        countries=_countries(values, members, problems),
        network=_network(values[NETWORK], members, problems),
        by_http_kid={row.key["kid"]: (member, row) for member in members.values() for row in member.http},
    )
    for member in members.values():
        if member.deputy is not None and (member.deputy == member.id or member.deputy not in members):
            problems.append(
                _at(f"members/{member.id}.json", "/deputy", "deputy-unknown", "not another member")
            )
    return Built(view, tuple(problems))


def _members(values: Mapping[str, Mapping[str, Any]], problems: list[Problem]) -> dict[MemberId, Member]:
    members: dict[MemberId, Member] = {}
    for path, value in values.items():
        if not path.startswith("members/"):
            continue
        try:
            member = member_from_json(value)
        except Invalid as error:
            problems.append(Problem(f"{path}#", error.code, error.message))
            continue
        if path == f"members/{member.id}.json":
            members[member.id] = member
        else:
            problems.append(_at(path, "/id", "file-name", "not the member that the file is named after"))
    return members


def _without_shared_keys(
    members: Mapping[MemberId, Member], problems: list[Problem]
) -> dict[MemberId, Member]:
    """The members whose every key is theirs alone and serves once: a kid names the value of its key."""
    uses: dict[str, list[MemberId]] = {}
    for member in members.values():
        for key in keys_of(member):
            uses.setdefault(key["kid"], []).append(member.id)
    shared = {owner for owners in uses.values() if len(owners) > 1 for owner in owners}
    problems += [
        _at(f"members/{owner}.json", "/keys", "key-shared", "a key serves twice, or another member too")
        for owner in sorted(shared)
    ]
    return {owner: member for owner, member in members.items() if owner not in shared}


def _countries(
    values: Mapping[str, Mapping[str, Any]],
    members: Mapping[MemberId, Member],
    problems: list[Problem],
) -> dict[str, tuple[Destination, ...]]:
    countries: dict[str, tuple[Destination, ...]] = {}
    for path, value in values.items():
        if not path.startswith("countries/"):
            continue
        if path != f"countries/{value['country']}.json":
            problems.append(
                _at(path, "/country", "file-name", "not the country that the file is named after")
            )
            continue
        rows: dict[MemberId, Destination] = {}
        for index, row in enumerate(value["destinations"]):
            name = MemberId(row["member"])
            if name in rows:
                problems.append(_twice(path, f"/destinations/{index}/member"))
            elif name in members:
                rows[name] = Destination(name, Basis(row["basis"]), row["rank"])
            else:
                problems.append(_unknown(path, f"/destinations/{index}/member"))
        countries[value["country"]] = tuple(sorted(rows.values(), key=lambda row: row.rank))
    return countries


def _network(
    value: Mapping[str, Any], members: Mapping[MemberId, Member], problems: list[Problem]
) -> Network:
    mandates: dict[str, tuple[MemberId, ...]] = {}
    for country, names in value["orphan_mandates"].items():
        for index, name in enumerate(names):
            pointer = f"/orphan_mandates/{country}/{index}"
            if name in names[:index]:
                problems.append(_twice(NETWORK, pointer))
            elif name not in members:
                problems.append(_unknown(NETWORK, pointer))
        mandates[country] = tuple(MemberId(name) for name in dict.fromkeys(names) if name in members)
    return Network(value["name"], mandates, frozenset(value["agencies"]), tuple(value["escalation"]))


def _at(path: str, pointer: str, code: str, message: str) -> Problem:
    return Problem(f"{path}#{pointer}", code, f"{path}: {message}")


def _unknown(path: str, pointer: str) -> Problem:
    return _at(path, pointer, "member-unknown", "names a member that the registry does not have")


def _twice(path: str, pointer: str) -> Problem:
    return _at(path, pointer, "destination-twice", "names a member a second time")
