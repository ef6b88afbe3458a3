"""Who may change what in a member's file: the one check that review, draft, sign and publish share.

Rules: the member's own part is all of its file but `status`, `min_card` and the `revoked` of its keys. It
changes only as the member asked: by a registration checked against the published file, to the letter. A new
member starts pending; a member that left comes back pending, with a new registration. Status moves along
`MOVES` only. No key leaves or changes its period, no revocation goes or is softened, `min_card` never falls,
no member's file disappears: evidence is verified in twenty years. A member revokes nothing itself, or it
could unsay what it has signed. What administrators may do by themselves is therefore to move the status, to
raise `min_card` and to revoke, neither of them in the future: a member would be cut off, or nothing that it
signs after a revocation would be doubted. This module knows no signatures of the registry and no files; what
would change in words is registry_differences'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from exchange.core.limits import REGISTRY_AHEAD_SECONDS
from exchange.core.registration import check as check_request
from exchange.core.registry_build import build_view
from exchange.core.registry_differences import Change, differences
from exchange.core.registry_documents import read_target
from exchange.core.registry_view import MemberStatus
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Problem, Refused

__all__ = ["Change", "check_changes", "check_member", "differences", "entered", "needs_registration"]

MOVES: Final[Mapping[MemberStatus | None, frozenset[MemberStatus]]] = {
    None: frozenset({MemberStatus.PENDING}),
    MemberStatus.PENDING: frozenset({MemberStatus.ACTIVE, MemberStatus.LEFT}),
    MemberStatus.ACTIVE: frozenset({MemberStatus.SUSPENDED, MemberStatus.LEFT}),
    MemberStatus.SUSPENDED: frozenset({MemberStatus.ACTIVE, MemberStatus.LEFT}),
    MemberStatus.LEFT: frozenset({MemberStatus.PENDING}),
}
"""Where a member's status may go from each status; None is no member yet."""

_PREFIX: Final = "members/"
_Value = Mapping[str, Any]


def needs_registration(before: JsonObject | None, after: JsonObject) -> bool:
    """Whether only the member itself can have asked for `after`, by a registration."""
    back = before is not None and _back(before, after)
    return before is None or back or _own(before) != _own(after)


def check_member(before: JsonObject | None, after: JsonObject, registration: bytes | None, now: int) -> None:
    """Pass, or raise `Refused` (`registry-change`) with a problem for each rule that `after` breaks.

    `before` is the published file of the member (None: there is none yet) and `after` the one to come; both
    have their schema's form. `registration` are the bytes that the member sent. `now` is in unix seconds.
    """
    path = f"{_PREFIX}{after['id']}.json"
    problems = [
        Problem(f"{path}#{pointer}", code, f"{path}: {sentence}")
        for pointer, code, sentence in _wrong(before, after, registration, now)
    ]
    if problems:
        raise Refused(
            "registry-change",
            f"{path}: not a change that may be made",
            hint="administrators move status, raise min_card and revoke keys; the rest is the member's to "
            "ask for: hotline-exchange change, then hotline-exchange registry review DIR REQUEST",
            problems=problems,
        )


def check_changes(
    schemas: Schemas,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    registrations: Mapping[str, bytes],
    now: int,
) -> None:
    """Pass, or raise `Refused` (`registry-change`) with all that is wrong with a whole new registry.

    `before` are the published files by path, `after` those to come, `registrations` by member id.
    """
    problems = list(build_view(schemas, after, version=0, digest="", expires_at=0).problems)
    problems += [
        Problem(f"{path}#", "change-gone", f"{path}: a member's file never disappears")
        for path in sorted(before.keys() - after.keys())
        if path.startswith(_PREFIX)
    ]
    broken = {each.pointer.partition("#")[0] for each in problems}
    for path in sorted(after.keys() - broken):
        if path.startswith(_PREFIX) and after[path] != before.get(path):
            was = read_target(schemas, path, before[path]) if path in before else None
            member = read_target(schemas, path, after[path])
            request = registrations.get(str(member["id"])) if needs_registration(was, member) else None
            try:
                check_member(was, member, request, now)
            except Refused as error:
                problems += error.problems
    if problems:
        count = f"{len(problems)} problem" + "s" * (len(problems) > 1)
        raise Refused(
            "registry-change", f"the registry's files: {count} in what would change", problems=problems
        )


def entered(asked: JsonObject, published: JsonObject | None, present: JsonObject | None) -> JsonObject:
    """The file that stands when what the member `asked` is accepted.

    `present` is its file as administrators have changed it since it was `published`: what is not the member's
    to change stays as it is there. Who is new or had left is pending. All have their schema's form.
    """
    if published is None or present is None:
        return {**asked, "status": MemberStatus.PENDING.value}
    revoked = {
        name: row["revoked"]
        for member in (present, published)  # the last one counts
        for name, row in _entries(member)
        if "revoked" in row
    }
    kept: Any = {
        use: [{**row, "revoked": revoked[name]} if (name := _name(row)) in revoked else row for row in rows]
        for use, rows in _rows(asked)
    }
    left = published["status"] == present["status"] == MemberStatus.LEFT
    return {
        **asked,
        "keys": kept,
        "status": MemberStatus.PENDING.value if left else present["status"],
        "min_card": max(int(str(asked["min_card"])), int(str(present["min_card"]))),
    }


def _wrong(
    before: JsonObject | None, after: JsonObject, registration: bytes | None, now: int
) -> Iterator[tuple[str, str, str]]:
    """Pointer, code and sentence of each rule that is broken."""
    was: _Value = {} if before is None else before
    said: _Value = after
    if before is not None and was["id"] != said["id"]:
        yield "/id", "change-id", "id: not the member whose file this was"
        return
    old = MemberStatus(was["status"]) if was else None
    new = MemberStatus(said["status"])
    if new is not old and new not in MOVES[old]:
        yield "/status", "change-status", f"status: {old or 'a new member'} does not become {new}"
    if was and said["min_card"] < was["min_card"]:
        yield "/min_card", "change-min-card", "min_card: falls, so that old key cards would be good again"
    if said["min_card"] > max(was.get("min_card", 0), now + REGISTRY_AHEAD_SECONDS):
        yield "/min_card", "change-min-card", "min_card: in the future; until then no card of it would count"
    yield from _keys_wrong(was, said)
    had = {name: row.get("revoked") for name, row in _entries(was)}
    for name, row in _entries(said):
        if "revoked" in row and row["revoked"] != had.get(name) and _misdated(row["revoked"], now):
            yield "/keys", "change-revocation", "keys: a revocation in the future, or later than its own time"
    if registration is not None:
        yield from _request_wrong(before, after, registration, now)
    elif needs_registration(before, after):
        what = ", ".join(name for name in _changed(was, said)) or "status"
        yield "", "change-unasked", f"{what}: only the member may change this, and no registration is at hand"


def _keys_wrong(was: _Value, said: _Value) -> Iterator[tuple[str, str, str]]:
    now = dict(_entries(said))
    for name, row in _entries(was):
        if name not in now:
            yield "/keys", "change-key-removed", "keys: one that the member had is missing"
        elif (row["nbf"], row["exp"]) != (now[name]["nbf"], now[name]["exp"]):
            yield "/keys", "change-key-period", "keys: the period of one that the member had is another"
        elif _softened(row.get("revoked"), now[name].get("revoked")):
            yield "/keys", "change-revocation", "keys: a revocation is gone or says less"


def _request_wrong(
    before: JsonObject | None, after: JsonObject, registration: bytes, now: int
) -> Iterator[tuple[str, str, str]]:
    try:
        asked = check_request(registration, before, now).member
    except Refused as error:
        what = ", ".join(_changed(before or {}, after)) or "status"
        yield "", error.code, f"{what}: the registration at hand does not ask for this: {error.message}"
        return
    wanted: _Value = asked
    said: _Value = after
    if what := ", ".join(_changed(wanted, said)):
        yield "", "change-unasked", f"{what}: not what the member's registration says"
        return
    if said["min_card"] < wanted["min_card"]:
        yield "/min_card", "change-min-card", "min_card: lower than the member's registration says"


def _softened(was: _Value | None, now: _Value | None) -> bool:
    """Whether a revocation is gone, is another, or lets more signatures stand than it did."""
    if was is None:
        return False
    if now is None or (now["at"], now["reason"]) != (was["at"], was["reason"]):
        return True
    if "invalid_after" not in was:
        return False
    return "invalid_after" not in now or bool(now["invalid_after"] > was["invalid_after"])


def _misdated(revoked: _Value, now: int) -> bool:
    """Whether a revocation lies in the future, or doubts less than what was signed after it."""
    at = revoked["at"]
    return bool(at > now + REGISTRY_AHEAD_SECONDS or revoked.get("invalid_after", at) > at)


def _back(before: _Value, after: _Value) -> bool:
    return bool(before["status"] == MemberStatus.LEFT != after["status"])


def _own(member: _Value) -> dict[str, Any]:
    """What is the member's alone to change."""
    own = {name: value for name, value in member.items() if name not in ("status", "min_card")}
    bare = {
        use: [{name: value for name, value in row.items() if name != "revoked"} for row in rows]
        for use, rows in _rows(member)
    }
    return {**own, "keys": {**member["keys"], **bare}}


def _changed(was: _Value, said: _Value) -> list[str]:
    """Names of the fields of the member's own part that differ."""
    one, other = _own(was) if was else {}, _own(said)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _rows(member: _Value) -> Iterator[tuple[str, list[_Value]]]:
    for use in ("signing", "http"):
        yield use, member.get("keys", {}).get(use, [])


def _entries(member: _Value) -> Iterator[tuple[tuple[str, ...], _Value]]:
    """Every entry of keys under the kids that name it."""
    for _, rows in _rows(member):
        for row in rows:
            yield _name(row), row


def _name(row: _Value) -> tuple[str, ...]:
    return tuple(row[part]["kid"] for part in ("ed25519", "ml_dsa_65", "key") if part in row)
