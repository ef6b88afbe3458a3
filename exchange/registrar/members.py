"""What administrators do to a member by themselves: move its status, revoke a key, raise min_card; and put a
ready country or network file in its place.

Rules: all of it changes DIR/peers alone, one file, whole or not at all, and only in a way that may be
published (core/registry_changes) over what is published here. A member's own part is written by
registrar/reviews alone. What is asked for and is so already changes nothing. Whether a test went before an
activation is the command's to ask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exchange.core import limits, strict_json
from exchange.core.names import MemberId
from exchange.core.registry_build import build_view
from exchange.core.registry_changes import MOVES, Change, check_member, differences, needs_registration
from exchange.core.registry_documents import NETWORK, read_target
from exchange.core.registry_view import MemberStatus
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Problem
from exchange.registrar import published, sources
from exchange.registrar.drafting import REGISTRATION
from exchange.registrar.files import write_whole
from exchange.registrar.workspace import Workspace

_REASON: Final = re.compile(r"[a-z][a-z_-]{0,31}")
"""The form of a reason (schemas/common-1.json, revoked)."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """`without` are the uses (signing, http) for which the member has no good key left."""

    changes: tuple[Change, ...]
    without: tuple[str, ...]


def path_of(member: str) -> str:
    return f"members/{member}.json"


def present(space: Workspace, schemas: Schemas, member: str) -> JsonObject:
    """The file of `member` in DIR/peers; raises `Invalid` (`member-unknown`, `registry-file`)."""
    path = path_of(MemberId.parse(member, "ID"))
    if not (space.peers / path).exists():
        raise Invalid(
            "member-unknown",
            f"{path}: the registry has no such member",
            hint=f"a member is entered first: hotline-exchange registry review {space.path} REQUEST",
        )
    return read_target(schemas, path, (space.peers / path).read_bytes())


def as_published(space: Workspace, schemas: Schemas, member: str) -> JsonObject | None:
    """The published file of `member`, None when there is none."""
    known, path = published.load(space), path_of(member)
    return read_target(schemas, path, known.content(path)) if path in known.listed else None


def set_status(
    space: Workspace, schemas: Schemas, member: str, status: MemberStatus, now: int
) -> tuple[Change, ...]:
    """Move `member` to `status`; raises `Invalid` (`member-unpublished`, `status-move`)."""
    value = present(space, schemas, member)
    known = as_published(space, schemas, member)
    if known is None:
        raise Invalid(
            "member-unpublished",
            f"{path_of(member)}: is not published yet, so its status cannot move",
            hint=f"publish it as pending first: hotline-exchange registry draft {space.path}",
        )
    old = MemberStatus(str(known["status"]))
    if status is not old and status not in MOVES[old]:
        ways = " or ".join(sorted(MOVES[old]))
        raise Invalid(
            "status-move",
            f"{path_of(member)}: status: {old} does not become {status}",
            hint=f"from {old} it goes to {ways}"
            + (", with a new registration of the member" if old is MemberStatus.LEFT else ""),
        )
    return _change(space, schemas, {**value, "status": status.value}, now)


def raise_min_card(
    space: Workspace, schemas: Schemas, member: str, serial: int, now: int
) -> tuple[Change, ...]:
    """Have key cards older than `serial` (unix seconds) refused; raises `Invalid` (`min-card`).

    A card that was made a moment ago may be of our future: the member's clock may be ahead.
    """
    value = present(space, schemas, member)
    if serial > now + limits.CLOCK_SKEW_SECONDS:
        raise Invalid(
            "min-card",
            "TIME: is in the future; until then every card of the member would be refused",
            hint="name the moment before which cards shall count no more",
        )
    if serial < int(str(value["min_card"])):
        raise Invalid(
            "min-card",
            f"{path_of(member)}: min_card: is later already, and never falls",
            hint="older cards are refused as it is",
        )
    return _change(space, schemas, {**value, "min_card": serial}, now)


def revoke(
    space: Workspace,
    schemas: Schemas,
    member: str,
    kid: str,
    reason: str,
    now: int,
    invalid_after: int | None = None,
) -> Revoked:
    """Revoke the entry of `member` that has the key `kid`: both halves of a signing entry go together.

    What a revoked key signed after `invalid_after` (unix seconds) is doubtful as evidence. A published
    revocation stays as it is, but may be dated further back. Raises `Invalid` (`key-unknown`, `revoked`).
    """
    if not _REASON.fullmatch(reason):
        raise Invalid("revoked", "--reason: not a short code of a-z, _ and -", hint="such as stolen or lost")
    value: Mapping[str, Any] = present(space, schemas, member)
    entries = {one: row for _, row in _entries(value) for one in _kids(row)}
    if kid not in entries:
        known = ", ".join(_kids(row)[0] for _, row in _entries(value) if "revoked" not in row)
        raise Invalid("key-unknown", f"{path_of(member)}: keys: none is called KID", hint=f"it has {known}")
    if invalid_after is not None and invalid_after > now:
        raise Invalid(
            "revoked", "--invalid-after: is in the future", hint="name the last moment that the key was good"
        )
    known_rows = _entries(as_published(space, schemas, member) or {})
    said = next((row.get("revoked") for _, row in known_rows if kid in _kids(row)), None)
    if said is None:
        made: dict[str, Any] = {"at": now, "reason": reason}
    elif said["reason"] == reason:
        made = dict(said)
    else:
        raise Invalid(
            "revoked",
            f"{path_of(member)}: keys: that key is revoked for another reason, which is published",
            hint=f"only an earlier --invalid-after can be added, with --reason {said['reason']}",
        )
    if invalid_after is not None and invalid_after > made["at"]:
        told = "--invalid-after: is later than the revocation that is published"
        raise Invalid("revoked", told, hint="name the last moment that the key was good")
    if invalid_after is not None:
        made["invalid_after"] = invalid_after
    elif said is None and (was := entries[kid].get("revoked")) and was["reason"] == reason:
        made = dict(was)
    keys: Any = {
        use: [{**row, "revoked": made} if kid in _kids(row) else row for row in rows]
        for use, rows in value["keys"].items()
    }
    changes = _change(space, schemas, {**value, "keys": keys}, now)
    return Revoked(changes, tuple(use for use, rows in keys.items() if not _good(rows, now)))


def put(space: Workspace, schemas: Schemas, data: bytes) -> tuple[Change, ...]:
    """Put a country's file or network.json in its place; raises `Invalid` (`put`, `registry-file`)."""
    value = strict_json.parse_object(data, limit=limits.REGISTRY_FILE_BYTES, what="FILE")
    if "destinations" in value:
        path = f"countries/{value.get('country')}.json"
    elif "orphan_mandates" in value:
        path = NETWORK
    else:
        raise Invalid(
            "put",
            "FILE: neither a country's file nor network.json",
            hint="a member's file is the member's to ask for: hotline-exchange registry review "
            f"{space.path} REQUEST",
        )
    data = text(value)
    read_target(schemas, path, data)
    before = sources.read_files(space.peers)
    after = {**before, path: data}
    problems = problems_of(schemas, after, path)
    if problems:
        raise Invalid(
            "put",
            f"{path}: names what the registry does not have",
            hint=f"a member is entered first: hotline-exchange registry review {space.path} REQUEST",
            problems=problems,
        )
    write_whole(space.peers / path, data)
    return differences(schemas, before, after)


def problems_of(schemas: Schemas, targets: Mapping[str, bytes], path: str) -> tuple[Problem, ...]:
    """What is wrong with the file at `path` among all the others."""
    built = build_view(schemas, targets, version=0, digest="", expires_at=0)
    return tuple(each for each in built.problems if each.pointer.partition("#")[0] == path)


def _change(space: Workspace, schemas: Schemas, value: JsonObject, now: int) -> tuple[Change, ...]:
    """Write `value` if it may be published, and say what that changes in DIR/peers."""
    member = str(value["id"])
    known = as_published(space, schemas, member)
    request = space.reviews / f"{member}{REGISTRATION}"
    asked = None
    if needs_registration(known, value) and request.exists():
        asked = request.read_bytes()
    check_member(known, value, asked, now)
    path, data = path_of(member), text(value)
    read_target(schemas, path, data)
    before = sources.read_files(space.peers)
    write_whole(space.peers / path, data)
    return differences(schemas, before, {**before, path: data}, now)


def text(value: Mapping[str, Any]) -> bytes:
    """A file of the reviewable source."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _entries(member: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for use, rows in member.get("keys", {}).items():
        for row in rows:
            yield use, row


def _kids(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[part]["kid"] for part in ("ed25519", "ml_dsa_65", "key") if part in row)


def _good(rows: list[Mapping[str, Any]], now: int) -> bool:
    return any("revoked" not in row and row["exp"] >= now for row in rows)
