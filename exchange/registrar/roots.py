"""The life of the root: who administers the registry, and how many of them have to sign.

Rules: every administrator has one offline key (root, targets) and one daily key (snapshot, timestamp); no
key value stands twice, in whatever role; no two names read alike; a threshold is met by the administrators
that there are. A root that breaks this cannot be made here, nor one that changes nothing, and one from
elsewhere is refused by `check_form`. Each key carries its administrator's name. This module signs nothing and
knows no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from exchange.core.registry_root import RootKey, RootRole, check_root
from exchange.errors import Invalid, Refused
from exchange.registrar.admin_names import as_read, is_name
from exchange.registrar.admins import AdminPublic, Part
from exchange.registrar.draft import NAME_FIELD, PART_FIELD

ROOT_DAYS: Final = 400
"""Days a root is valid: one ceremony a year, and a month to be late."""
USUAL_ADMINS: Final = 5
"""Administrators of a usual network: two can be lost, and the others still change the root."""
USUAL_ROOT: Final = 3
USUAL_TARGETS: Final = 2
_ROLES: Final = {Part.OFFLINE: (Root.type, Targets.type), Part.DAILY: (Snapshot.type, Timestamp.type)}


RootChange = Callable[[Root], Root]
"""Makes the next root of the present one."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many have to sign."""

    root: int
    targets: int


def usual_thresholds(admins: int) -> Thresholds:
    """3 and 2 of five; the majority of fewer."""
    majority = admins // 2 + 1
    return Thresholds(majority, majority if admins < USUAL_ADMINS else USUAL_TARGETS)


def first(people: Sequence[AdminPublic], thresholds: Thresholds, now: int) -> Root:
    """The root of a new registry; raises `Invalid` (`threshold`, `admin-twice`, `key-twice`)."""
    return _build(1, people, thresholds, now)


def with_added(root: Root, new: Sequence[AdminPublic], now: int) -> Root:
    return _build(root.version + 1, [*people(root), *new], thresholds_of(root), now)


def with_replaced(root: Root, name: str, new: AdminPublic, now: int) -> Root:
    """The keys of `name` are replaced by those of `new`, whose name may be another. One of them may stay, if
    only the other was lost; raises `Invalid` (`unchanged`) when both would.
    """
    known = people(root)
    _known(known, name)
    present = next(person for person in known if person.name == name)
    if all(present.key(part).keyid == new.key(part).keyid for part in Part):
        raise Invalid(
            "unchanged",
            f"FILE: has the two keys that {name} has already: nothing changes",
            hint="new keys: hotline-exchange registry keys new NAME --keys DIR",
        )
    changed = [new if person.name == name else person for person in known]
    return _build(root.version + 1, changed, thresholds_of(root), now)


def without(root: Root, name: str, now: int) -> Root:
    known = people(root)
    _known(known, name)
    left = [person for person in known if person.name != name]
    return _build(root.version + 1, left, thresholds_of(root), now)


def with_thresholds(root: Root, thresholds: Thresholds, now: int) -> Root:
    if thresholds == thresholds_of(root):
        told = f"{thresholds.root} sign a root and {thresholds.targets} a change already: nothing changes"
        raise Invalid(
            "unchanged", told, hint="to give the root more time: hotline-exchange registry renew-root"
        )
    return _build(root.version + 1, people(root), thresholds, now)


def renewed(root: Root, now: int) -> Root:
    """The same root with a new expiry."""
    return _build(root.version + 1, people(root), thresholds_of(root), now)


def people(root: Root) -> list[AdminPublic]:
    """The administrators that `root` names, in the order of their names; raises as `check_form`."""
    check_form(root)
    found: dict[str, dict[Part, Key]] = {}
    for key in root.keys.values():
        found.setdefault(name_of(key), {})[Part(key.unrecognized_fields[PART_FIELD])] = key
    return [AdminPublic(name, keys[Part.OFFLINE], keys[Part.DAILY]) for name, keys in sorted(found.items())]


def name_of(key: Key) -> str:
    """The administrator's name that the root gives to `key`."""
    name = key.unrecognized_fields.get(NAME_FIELD)
    return name if isinstance(name, str) else ""


def thresholds_of(root: Root) -> Thresholds:
    return Thresholds(root.roles[Root.type].threshold, root.roles[Targets.type].threshold)


def check_form(root: Root) -> None:
    """Pass a root as this module makes them; raises `Refused` (`root-form`, `registry-key-...`, `-role`)."""
    roles = {name: RootRole(tuple(role.keyids), role.threshold) for name, role in root.roles.items()}
    everywhere = RootRole(tuple(root.keys), 1)
    check_root(
        {keyid: RootKey(key.keytype, key.scheme, dict(key.keyval)) for keyid, key in root.keys.items()},
        {**roles, "all": everywhere},
    )
    held: dict[tuple[str, Part], list[str]] = {}
    for keyid, key in root.keys.items():
        name, part = name_of(key), key.unrecognized_fields.get(PART_FIELD)
        if part not in tuple(Part) or not is_name(name):
            raise _odd("a key without its administrator's name or part, or with a name that no card may have")
        held.setdefault((name, Part(part)), []).append(keyid)
    names = {name for name, _ in held}
    if len({as_read(name) for name in names}) != len(names):
        raise _odd("two administrators have names that read alike")
    if any(len(held.get((name, part), ())) != 1 for name in names for part in Part):
        raise _odd("an administrator has not exactly one offline and one daily key")
    for part, uses in _ROLES.items():
        keyids = {held[name, part][0] for name in names}
        if any(set(root.roles[use].keyids) != keyids for use in uses):
            raise _odd(f"a role is not held by all {part} keys, and by them alone")
    one_daily = all(root.roles[use].threshold == 1 for use in _ROLES[Part.DAILY])
    if not one_daily or root.consistent_snapshot is not True:
        raise _odd("one daily key is enough, and snapshots are consistent")


def expiry(now: int, days: int) -> datetime:
    """`days` after `now`, as metadata says it."""
    return datetime.fromtimestamp(now, UTC) + timedelta(days=days)


def _build(version: int, admins: Sequence[AdminPublic], thresholds: Thresholds, now: int) -> Root:
    _check_people(admins)
    for name, number in (("root", thresholds.root), ("targets", thresholds.targets)):
        if not 1 <= number <= len(admins):
            raise Invalid(
                "threshold",
                f"{name}: {number} of {len(admins)} administrators can never sign: everybody would be "
                "locked out for good",
                hint=f"from 1 to {len(admins)}; or change thresholds first: hotline-exchange registry "
                "threshold DIR --root N --targets N",
            )
    root = Root(version=version, expires=expiry(now, ROOT_DAYS), consistent_snapshot=True)
    for admin in sorted(admins, key=lambda one: one.name):
        for part, key in ((Part.OFFLINE, admin.offline), (Part.DAILY, admin.daily)):
            for role in _ROLES[part]:
                root.add_key(_named(key, admin.name, part), role)
    root.roles[Root.type].threshold = thresholds.root
    root.roles[Targets.type].threshold = thresholds.targets
    try:
        check_form(root)
    except Refused as error:
        raise Invalid(error.code.removeprefix("registry-"), error.message) from None
    return root


def _check_people(admins: Sequence[AdminPublic]) -> None:
    if len({as_read(admin.name) for admin in admins}) != len(admins):
        raise Invalid(
            "admin-twice",
            "two administrators have one name, or names that read alike",
            hint="to give an administrator new keys: hotline-exchange registry admin replace DIR NAME FILE",
        )
    owners: dict[str, str] = {}
    for admin in admins:
        for part, key in ((Part.OFFLINE, admin.offline), (Part.DAILY, admin.daily)):
            other = owners.setdefault(key.keyid, f"{admin.name} ({part})")
            if other != f"{admin.name} ({part})":
                raise Invalid(
                    "key-twice", f"{admin.name} ({part}): has the same key as {other}; a key is one person's"
                )


def _named(key: Key, name: str, part: Part) -> Key:
    plain: Mapping[str, object] = {field: key.to_dict()[field] for field in ("keytype", "scheme", "keyval")}
    return Key.from_dict(key.keyid, {**plain, NAME_FIELD: name, PART_FIELD: part.value})


def _known(known: Sequence[AdminPublic], name: str) -> None:
    if name not in {person.name for person in known}:
        names = ", ".join(person.name for person in known)
        raise Invalid("admin-unknown", "NAME: the root names no such administrator", hint=f"one of: {names}")


def _odd(what: str) -> Refused:
    return Refused("root-form", f"root.json: {what}")
