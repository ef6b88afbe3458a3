"""What a registration is measured by, one line each: ok, missing, wrong, or a warning.

Rules: a check that an earlier failure keeps from being made is missing, not ok. The registration is checked
against what is published here, and the registry that would come of it is built as nodes build it: a shared
key, or a deputy that does not exist, is found there. What would change is told over DIR/peers as it stands.
Nothing of DIR is written: the new member is placed in a copy.
This module knows no challenge and no call.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from exchange.core import jws, limits, strict_json
from exchange.core.names import MemberId
from exchange.core.registration import Registration
from exchange.core.registration import check as check_request
from exchange.core.registry_changes import Change, check_member, differences, entered, needs_registration
from exchange.core.registry_documents import member_from_json, read_target
from exchange.core.registry_view import MemberStatus
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import ExchangeError, Invalid, Problem, Refused
from exchange.registrar import countries, members, sources
from exchange.registrar.files import write_whole
from exchange.registrar.workspace import Workspace

UNSEEN: Final = "not looked at: what is wrong above comes first"


class Mark(StrEnum):
    OK = "ok"
    WARN = "warn"
    """It may be so, and somebody should ask why."""
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the list. `code` and `hint` are those of the error, when it is wrong."""

    name: str
    mark: Mark
    sentence: str
    code: str = ""
    hint: str | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What was found. `file` is the member's file as it would be entered, None if something is wrong;
    `done` says that nothing is left to enter, because it is published.
    """

    member: MemberId
    said: JsonObject
    items: tuple[Item, ...]
    registration: Registration | None = None
    file: JsonObject | None = None
    changes: tuple[Change, ...] = ()
    done: bool = False


_ORDER: Final = ("form", "thumbprints", "replay", "one use", "history", "present key", "possession", "card")
"""As `registration.check` looks: what stands before a failure is ok."""
_OF_PRESENT: Final = frozenset({"replay", "history", "present key"})
"""Checks that a new member has not."""
_SENTENCES: Final = {
    "form": "the registration and the member's file have their form, and no field is unknown",
    "thumbprints": "every key stands under its own thumbprint",
    "replay": "it is newer than what is published: min_card rises",
    "one use": "no key stands in two places, or belongs to another member",
    "history": "every key that the member had is kept with its period, and none is revoked or revived",
    "possession": "every key in the file that is good signed the request, and no foreign one",
    "present key": "a present signing entry of the member signed",
    "card": "the key card is signed by an entry of the file, and not below min_card",
    "deputy": "the deputy is another member of the registry",
    "mailbox": "the mailbox is reached by https",
}
_PROBLEMS: Final = {
    "key-shared": (
        "one use",
        "a key of the file belongs to another member, or has two uses",
        "the member makes keys of its own: hotline-exchange join, in a new directory",
    ),
    "deputy-unknown": (
        "deputy",
        "the deputy is the member itself, or no member of the registry",
        "the deputy registers first, or the member asks again without one",
    ),
}
"""What building the registry finds: name of the line, sentence and way out, by code of the problem."""
_FAILS: Final = {
    "registration-form": "form",
    "registration-member": "replay",
    "registration-replayed": "replay",
    "registration-future": "replay",
    "registration-key-twice": "one use",
    "registration-history": "history",
    "registration-revocation": "history",
    "registration-signature": "possession",
    "registration-unsigned": "possession",
    "registration-over": "possession",
    "registration-rotation": "present key",
    "registration-card": "card",
}


def look(space: Workspace, schemas: Schemas, data: bytes, now: int, *, development: bool = False) -> Look:
    """Look at the registration `data`; `now` in unix seconds. `development` allows http to this machine.

    Raises `Refused` (`registration-form`) when it cannot even be said whose it is.
    """
    said = _payload(data)
    member = MemberId(str(said["id"]))
    before = members.as_published(space, schemas, member)
    try:
        member_from_json(read_target(schemas, members.path_of(member), strict_json.dump(said)))
    except Invalid as error:
        name = "thumbprints" if error.code in ("jwk", "base64url") else "form"
        return Look(member, said, _failed(name, error, before))
    if before is not None and _done(before, said):
        told = "what this registration asks for is published already"
        return Look(member, said, (Item("published", Mark.OK, told),), done=True)
    try:
        registration = check_request(data, before, now)
    except Refused as error:
        return Look(member, said, _failed(_FAILS.get(error.code, "form"), error, before))
    here = sources.read_files(space.peers)
    path = members.path_of(member)
    file = entered(said, before, read_target(schemas, path, here[path]) if path in here else None)
    with tempfile.TemporaryDirectory(prefix="hx-review-") as name:
        copy = Path(name)
        for each, content in here.items():
            (copy / each).parent.mkdir(exist_ok=True)
            (copy / each).write_bytes(content)
        place(copy, schemas, file, before)
        after = sources.read_files(copy)
    items = _among(registration, before, members.problems_of(schemas, after, path), development=development)
    if any(item.mark is Mark.WRONG for item in items):
        return Look(member, said, items)
    try:
        check_member(before, file, data, now)
    except Refused as error:
        told = error.problems[0].message
        return Look(member, said, (*items, Item("status", Mark.WRONG, told, error.code, error.hint)))
    return Look(member, said, items, registration, file, differences(schemas, here, after, now))


def place(peers: Path, schemas: Schemas, file: JsonObject, before: JsonObject | None) -> None:
    """Enter `file` into `peers`: the member's file and, for who is new or had left, its countries."""
    write_whole(peers / members.path_of(str(file["id"])), members.text(file))
    if before is None or before["status"] == MemberStatus.LEFT:
        countries.assign(peers, schemas, file)


def _among(
    registration: Registration,
    before: JsonObject | None,
    problems: Sequence[Problem],
    *,
    development: bool,
) -> tuple[Item, ...]:
    """The lines of a registration that is good by itself, in the registry that would come of it."""
    found = {name: Item(name, Mark.OK, _SENTENCES[name]) for name in _listed(before)}
    if registration.fresh and before is not None:
        told = "none of its present signing entries is good any more: it registers afresh, and no key vouches"
        found["present key"] = Item("present key", Mark.WARN, told)
    for code, (name, sentence, hint) in _PROBLEMS.items():
        of_code = tuple(each for each in problems if each.code == code)
        if of_code:
            found[name] = Item(name, Mark.WRONG, sentence, code, hint, of_code)
        elif name not in found:
            found[name] = Item(name, Mark.OK, _SENTENCES[name])
    if "deputy" not in registration.member:
        found["deputy"] = Item("deputy", Mark.OK, "the member names none")
    url = str(registration.member["mailbox"])
    found["mailbox"] = Item("mailbox", Mark.OK, _SENTENCES["mailbox"])
    if not url.startswith("https://"):
        told = "mailbox: http, to this machine alone"
        hint = "--development takes it, where a network runs on one machine"
        mark = Mark.OK if development else Mark.WRONG
        found["mailbox"] = Item("mailbox", mark, told, "mailbox-http", None if development else hint)
    return tuple(found.values())


def _listed(before: JsonObject | None) -> tuple[str, ...]:
    return tuple(name for name in _ORDER if before is not None or name not in _OF_PRESENT)


def _failed(name: str, error: ExchangeError, before: JsonObject | None) -> tuple[Item, ...]:
    """All lines when the check `name` failed: those before it passed, those behind were not made."""
    names = [one for one in (*_listed(before), "deputy", "mailbox") if one != name]
    done = _ORDER[: _ORDER.index(name)]
    items = [
        Item(one, Mark.OK, _SENTENCES[one]) if one in done else Item(one, Mark.MISSING, UNSEEN)
        for one in names
    ]
    wrong = Item(name, Mark.WRONG, error.message, error.code, error.hint, error.problems)
    return (
        *(item for item in items if item.mark is Mark.OK),
        wrong,
        *(i for i in items if i.mark is Mark.MISSING),
    )


def _done(before: JsonObject, said: JsonObject) -> bool:
    """Whether the published file is what the registration asks for."""
    if before["status"] == MemberStatus.LEFT or needs_registration(
        before, {**said, "status": before["status"]}
    ):
        return False
    return int(str(before["min_card"])) >= int(str(said["min_card"]))


def _payload(data: bytes) -> JsonObject:
    """What a registration says, before anything of it is verified."""
    try:
        value = strict_json.parse_object(data, limit=limits.REGISTRATION_BYTES, what="registration")
        signed = jws.peek_payload(strict_json.dump(value.get("registration")))
        said = strict_json.parse_object(signed, limit=limits.REGISTRATION_BYTES, what="member")
        MemberId.parse(said.get("id"), "member.id")
    except (Invalid, Refused) as error:
        raise Refused(
            "registration-form",
            f"REQUEST: {error.message}",
            hint="have the file sent again, as hotline-exchange join wrote it",
        ) from None
    return said
