"""A review: from a member's request to its file in DIR/peers, in as many steps as it takes.

Rules: nothing is entered until nothing is wrong, the fingerprint is what the member read out and, for who
registers for the first time or afresh, the encryption key is proven by the sealed challenge. One review per
member stands in DIR/reviews. The same bytes are the same review; other bytes are a new one with a new
challenge, and so are those that have become afresh, or have ceased to be. What was shown once need not be
shown again. Dying anywhere loses nothing: every file is written whole, the registration before the member's
file, so that `review` is simply said again. A test exchange is noted here too, and belongs to the keys that
were tested.
This module knows no terminal.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from exchange.core import base64url
from exchange.core.names import MemberId
from exchange.core.registration import Registration, answered, challenge
from exchange.core.registration_challenge import Challenge, read_proof, write_challenge
from exchange.core.registry_changes import Change
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.registrar import members
from exchange.registrar.checklist import UNSEEN, Item, Mark, look, place
from exchange.registrar.drafting import REGISTRATION
from exchange.registrar.files import write_whole
from exchange.registrar.review_state import STATE, State, is_foreign, load, save
from exchange.registrar.workspace import Workspace

SECRET_BYTES: Final = 32
"""Bytes of a challenge's secret, as core.registration has it."""

Call: TypeAlias = Callable[[JsonObject], str | None]
"""Asks what the member reads out, its file shown first; None when nobody can be asked now."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a step of a review came to. `challenge` is for the member to answer, None when it has, or need
    not. `done`: what is asked for is published. `foreign`: a state stood there that is not this user's.
    """

    member: MemberId
    items: tuple[Item, ...]
    changes: tuple[Change, ...]
    entered: bool
    done: bool = False
    challenge: bytes | None = None
    foreign: bool = False

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
    foreign = is_foreign(space, seen.member)
    state, proven = _proof(state, seen.registration, proof)
    save(space, state)
    state, called = _called(state, seen.registration, call)
    save(space, state)
    items = (*seen.items, proven, called)
    if state.waits_for:
        sealed = _challenge(state, seen.registration) if "proof" in state.waits_for else None
        return Review(seen.member, items, seen.changes, entered=False, challenge=sealed, foreign=foreign)
    _enter(space, schemas, seen.member, seen.file, data)
    save(space, replace(state, entered=True, secret=""))
    return Review(seen.member, items, seen.changes, entered=True, foreign=foreign)


def open_reviews(space: Workspace) -> tuple[State, ...]:
    """Reviews that are not entered yet, by member."""
    paths = [path for path in sorted(space.reviews.glob(f"*{STATE}")) if path.name.count(".") == 1]
    states = [load(space, path.name.removesuffix(STATE)) for path in paths]
    return tuple(state for state in states if state is not None and state.request and not state.entered)


def note_test(space: Workspace, member: MemberId, now: int, document: str, peer: str) -> None:
    """Keep that a test exchange with `member` went well: the id of the document, and with whom."""
    state = load(space, member) or State(member)
    save(space, replace(state, test=document, peer=peer, tested_at=now, untested=False))


def note_untested(space: Workspace, member: MemberId, now: int) -> None:
    """Keep that `member` is made active without a test."""
    state = load(space, member) or State(member)
    save(space, replace(state, tested_at=now, untested=True))


def test_of(space: Workspace, member: MemberId) -> State | None:
    """The review with a test of `member`, None when there was none."""
    state = load(space, member)
    return state if state is not None and state.test else None


def _state_of(space: Workspace, registration: Registration, data: bytes) -> State:
    """The state of the review of these bytes, a new one if there is none."""
    member = MemberId(str(registration.member["id"]))
    digest = hashlib.sha256(data).hexdigest()
    before = load(space, member)
    same = before is not None and (before.request, before.fresh) == (digest, registration.fresh)
    if before is not None and same and (before.secret or "proof" not in before.waits_for):
        return before
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
    mine = bool(secret) and (proof.member, proof.kid) == (state.member, state.kid)
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
