"""A review: from a member's request to its file in DIR/peers, in as many steps as it takes.

Rules: nothing is entered until nothing is wrong, the fingerprint is what the member read out and, for who
registers for the first time or afresh, the encryption key is proven by the sealed challenge. One review per
member stands in DIR/reviews, 0600, for it holds the challenge's secret. The same bytes are the same review;
other bytes are a new one with a new challenge. What was shown once need not be shown again. Dying anywhere
loses nothing: every file is written whole, the registration before the member's file, so that `review` is
simply said again. A test exchange is noted here too, and belongs to the keys that were tested.
This module knows no terminal.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Final, TypeAlias

from exchange.core import base64url, strict_json
from exchange.core.names import MemberId
from exchange.core.registration import Registration, answered, challenge
from exchange.core.registration_challenge import Challenge, read_proof, write_challenge
from exchange.core.registry_changes import Change
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid
from exchange.registrar import members
from exchange.registrar.checklist import UNSEEN, Item, Mark, look, place
from exchange.registrar.drafting import REGISTRATION
from exchange.registrar.files import write_whole
from exchange.registrar.sealing import read_private, replace_private
from exchange.registrar.workspace import Workspace

VERSION: Final = 1
SECRET_BYTES: Final = 32
"""Bytes of a challenge's secret, as core.registration has it."""
STATE_BYTES: Final = 4096
"""Bytes of a review's file that are read at most: one has less than 1 KiB."""
STATE: Final = ".json"
"""Ending of a review's file in DIR/reviews."""

Call: TypeAlias = Callable[[JsonObject], str | None]
"""Asks what the member reads out, its file shown first; None when nobody can be asked now."""


@dataclass(frozen=True, slots=True)
class State:
    """What a review knows. `request` is the SHA-256 of the registration, empty where only a test is noted;
    `secret` is that of the challenge, which is asked of a `fresh` registration alone; `test` is the id of the
    test exchange that went before the activation with `peer`, and `tested_at` when (unix seconds); `untested`
    says that somebody did without.
    """

    member: str
    request: str = ""
    kid: str = ""
    secret: str = ""
    fresh: bool = False
    proven: bool = False
    called: bool = False
    entered: bool = False
    test: str = ""
    peer: str = ""
    tested_at: int = 0
    untested: bool = False

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What is missing until the member is entered."""
        waits = (("proof", self.fresh and not self.proven), ("fingerprint", not self.called))
        return tuple(name for name, missing in waits if missing)


@dataclass(frozen=True, slots=True)
class Review:
    """What a step of a review came to. `challenge` is for the member to answer, None when it has, or need
    not. `done`: what is asked for is published.
    """

    member: MemberId
    items: tuple[Item, ...]
    changes: tuple[Change, ...]
    entered: bool
    done: bool = False
    challenge: bytes | None = None

    @property
    def wrong(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.mark is Mark.WRONG)


def review(
    space: Workspace,
    schemas: Schemas,
    data: bytes,
    now: int,
    *,
    proof: bytes | None = None,
    call: Call | None = None,
    development: bool = False,
) -> Review:
    """Take the review of the registration `data` as far as it goes, and enter the member if it is complete.

    Raises `Refused` (`registration-form`), `Invalid` (`proof-form`, `review-state`); what else is wrong is in
    the items.
    """
    seen = look(space, schemas, data, now, development=development)
    if seen.done:
        return Review(seen.member, seen.items, (), entered=True, done=True)
    if seen.registration is None or seen.file is None:
        late = [Item(name, Mark.MISSING, UNSEEN) for name in ("encryption key", "fingerprint")]
        return Review(seen.member, (*seen.items, *late), (), entered=False)
    state = _state_of(space, seen.registration, data)
    state, proven = _proof(state, seen.registration, proof)
    _save(space, state)
    state, called = _called(state, seen.registration, call)
    _save(space, state)
    items = (*seen.items, proven, called)
    if state.waits_for:
        sealed = _challenge(state, seen.registration) if "proof" in state.waits_for else None
        return Review(seen.member, items, seen.changes, entered=False, challenge=sealed)
    _enter(space, schemas, seen.member, seen.file, data)
    _save(space, replace(state, entered=True, secret=""))
    return Review(seen.member, items, seen.changes, entered=True)


def open_reviews(space: Workspace) -> tuple[State, ...]:
    """Reviews that are not entered yet, by member."""
    paths = [path for path in sorted(space.reviews.glob(f"*{STATE}")) if path.name.count(".") == 1]
    states = [_load(space, path.name.removesuffix(STATE)) for path in paths]
    return tuple(state for state in states if state is not None and state.request and not state.entered)


def note_test(space: Workspace, member: MemberId, now: int, document: str, peer: str) -> None:
    """Keep that a test exchange with `member` went well: the id of the document, and with whom."""
    state = _load(space, member) or State(member)
    _save(space, replace(state, test=document, peer=peer, tested_at=now, untested=False))


def note_untested(space: Workspace, member: MemberId, now: int) -> None:
    """Keep that `member` is made active without a test."""
    state = _load(space, member) or State(member)
    _save(space, replace(state, tested_at=now, untested=True))


def test_of(space: Workspace, member: MemberId) -> State | None:
    """The review with a test of `member`, None when there was none."""
    state = _load(space, member)
    return state if state is not None and state.test else None


def _state_of(space: Workspace, registration: Registration, data: bytes) -> State:
    """The state of the review of these bytes, a new one if there is none."""
    member = MemberId(str(registration.member["id"]))
    digest = hashlib.sha256(data).hexdigest()
    before = _load(space, member)
    if before is not None and before.request == digest:
        return replace(before, fresh=registration.fresh)
    secret = base64url.encode(secrets.token_bytes(SECRET_BYTES))
    state = State(member, digest, registration.key["kid"], secret, registration.fresh)
    if before is None or registration.fresh:
        return state
    return replace(
        state, test=before.test, peer=before.peer, tested_at=before.tested_at, untested=before.untested
    )


def _proof(state: State, registration: Registration, data: bytes | None) -> tuple[State, Item]:
    name = "encryption key"
    if not registration.fresh:
        return state, Item(name, Mark.OK, "a present signing entry vouches for it: no challenge is needed")
    if state.proven:
        return state, Item(name, Mark.OK, "the member opened what was sealed to it")
    if data is None:
        told = "the member has not answered the challenge yet"
        return state, Item(name, Mark.MISSING, told, hint="hotline-exchange prove CHALLENGE at the member")
    proof = read_proof(data)
    secret = base64url.decode(state.secret, "secret")
    mine = (proof.member, proof.kid) == (state.member, state.kid)
    if mine and answered(secret, registration.key, proof.proof):
        return replace(state, proven=True), Item(name, Mark.OK, "the member opened what was sealed to it")
    told = "the proof does not answer this review's challenge"
    hint = "send the member the challenge that this review writes, and take the answer to that one"
    return state, Item(name, Mark.WRONG, told, "challenge", hint)


def _called(state: State, registration: Registration, call: Call | None) -> tuple[State, Item]:
    name = "fingerprint"
    if state.called:
        return state, Item(name, Mark.OK, "it is what the member read out")
    said = call(registration.member) if call is not None else None
    if said is None:
        told = "the member has not read its fingerprint out yet"
        return state, Item(name, Mark.MISSING, told, hint="call the member; then --fingerprint TEXT")
    if plain(said) == plain(registration.fingerprint):
        return replace(state, called=True), Item(name, Mark.OK, "it is what the member read out")
    told = "what was read out is not the fingerprint of this file"
    hint = "have it read out once more; if it still differs, this is not the member's file"
    return state, Item(name, Mark.WRONG, told, "fingerprint", hint)


def plain(fingerprint: str) -> str:
    """A fingerprint as it is compared: without blanks, in lower case."""
    return "".join(fingerprint.split()).lower()


def _challenge(state: State, registration: Registration) -> bytes:
    sealed = challenge(registration.key, base64url.decode(state.secret, "secret"))
    return write_challenge(Challenge(MemberId(state.member), state.kid, sealed))


def _enter(space: Workspace, schemas: Schemas, member: MemberId, file: JsonObject, data: bytes) -> None:
    before = members.as_published(space, schemas, member)
    write_whole(space.reviews / f"{member}{REGISTRATION}", data)
    place(space.peers, schemas, file, before)


def _load(space: Workspace, member: str) -> State | None:
    path = space.reviews / f"{member}{STATE}"
    if not path.exists():
        return None
    try:
        value = strict_json.parse_object(read_private(path), limit=STATE_BYTES, what=path.name)
        if value.pop("v", None) != VERSION or value.keys() != {one.name for one in fields(State)}:
            raise Invalid("review-state", f"{path.name}: not a review of version 1")
        kinds = {one.name: type(one.default) for one in fields(State) if one.name != "member"}
        if value["member"] != member or any(type(value[name]) is not kind for name, kind in kinds.items()):
            raise Invalid("review-state", f"{path.name}: a field is not of its kind")
    except Invalid as error:
        hint = error.hint or f"remove {path} and review once more; the member gets a new challenge"
        raise Invalid("review-state", error.message, hint=hint) from None
    return State(**value)  # type: ignore[arg-type]  # each of its kind, as just checked


def _save(space: Workspace, state: State) -> None:
    space.reviews.mkdir(mode=0o700, exist_ok=True)
    replace_private(
        space.reviews / f"{state.member}{STATE}", strict_json.dump({"v": VERSION, **asdict(state)}) + b"\n"
    )
