"""Registering: what a member asks the administrators to change of its entry, and the answer to a challenge.

Rules: the new file is the registry's present one with the changes, so that no key is forgotten; status and
revocations stay the administrators'. New keys are kept before anybody hears of them and sign nothing else
until the registry has them; asking again before that uses the same ones. Every key in the file that may
still be used signs, and each registration comes with a card made for it. What is made here is checked as an
administrator will check it. Nothing takes effect here: the registry decides.

If we die after the keys are kept, they are used by the next registration; the card that was made for this one
is simply our newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from exchange.core import limits, registration, strict_json
from exchange.core.keys import EncryptionKey, HttpKey, Signer, SigningKeys
from exchange.core.names import Digest, MemberId
from exchange.core.registration_challenge import Challenge, Proof
from exchange.core.registry_documents import member_to_json
from exchange.core.registry_view import Jwk, Member, MemberStatus, RegistryView
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid, Refused, Unavailable
from exchange.flow import journal
from exchange.flow.bell import Bells
from exchange.flow.cards import Cards
from exchange.flow.identity import Held, kid_of
from exchange.flow.tokens import Caller
from exchange.flow.world import World
from exchange.store.port import Database

FIELDS: Final = ("name", "site", "mailbox", "deputy", "languages", "office_hours")
"""What a member may change of its entry beside its keys; null takes the last three away."""
REMOVABLE: Final = ("deputy", "languages", "office_hours")
SIGNING: Final = "signing"
HTTP: Final = "http"
ROTATE: Final = (SIGNING, HTTP)
OurKey = SigningKeys | HttpKey


class Ring(Held, Protocol):
    """What this verb needs of the keystore."""

    def renew(self, *, signing: bool, http: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Made:
    """A registration, the fingerprint to be read over a call, and the kids of the keys that are new in it."""

    member: MemberId
    registration: bytes
    fingerprint: str
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registering:
    """Changes of our own entry, one at a time."""

    db: Database
    world: World
    bells: Bells
    me: MemberId
    schemas: Schemas
    registry: Callable[[], RegistryView]
    ring: Ring
    cards: Cards
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def change(self, changes: Mapping[str, JsonValue], rotate: Sequence[str], by: Caller) -> Made:
        """A registration with `changes` of the `FIELDS`, and with new keys for `rotate`.

        Raises `Invalid`: not-registered, change-nothing, member-file, deputy-unknown, keys-over,
        key-not-held.
        """
        if not changes and not rotate:
            raise Invalid("change-nothing", "nothing is to be changed", hint="hotline-exchange change --help")
        async with self._one_at_a_time:
            view, now = self.registry(), int(self.world.now())
            present = view.member(self.me)
            if present is None:
                raise Invalid(
                    "not-registered",
                    "the registry does not know this member yet",
                    hint="the registration that join made is the first",
                )
            said = self._changed(present, view, changes)
            able = self._able(present, rotate, now)
            new = await self._new_keys(present, rotate)
            said["keys"] = _with(said["keys"], new, now)
            await self.cards.renew(self._card_signer([*able, *new]))
            said["min_card"] = self.cards.serial
            member_file = strict_json.dump(said)
            request = registration.request(member_file, self.cards.card, _signers([*able, *new]))
            checked = registration.check(request, member_to_json(present), now)
            async with self.db.transaction() as tx:
                digest = Digest.of(member_file)
                await journal.write(tx, self.world, "registration", sha256=digest, by_token=by.token)
            self.bells.journal.ring()
            return Made(self.me, request, checked.fingerprint, tuple(map(kid_of, new)))

    def _changed(self, present: Member, view: RegistryView, changes: Mapping[str, JsonValue]) -> JsonObject:
        """Our file with the changes; `Invalid` before any key is made."""
        said = member_to_json(present)
        if present.status is MemberStatus.LEFT:
            said["status"] = MemberStatus.PENDING.value
        for name, value in changes.items():
            if value is None and name in REMOVABLE:
                said.pop(name, None)
            else:
                said[name] = value
        if "mailbox" in changes:
            said["card"] = f"{said['mailbox']}/v1/members/{self.me}/card"
        problems = self.schemas.problems("member-1", said)
        if problems:
            raise Invalid("member-file", "the registry would refuse this entry", problems=problems)
        deputy = said.get("deputy")
        if deputy is not None and (deputy == self.me or deputy not in view.members):
            raise Invalid("deputy-unknown", "deputy: not another member", hint="hotline-exchange peers")
        return said

    def _able(self, present: Member, rotate: Sequence[str], now: int) -> list[OurKey]:
        """Our keys in the present file that are neither revoked nor over: all of them have to sign."""
        alive = {r.ed25519["kid"]: SIGNING for r in present.signing if r.revoked is None and r.exp >= now}
        alive |= {r.key["kid"]: HTTP for r in present.http if r.revoked is None and r.exp >= now}
        held: list[OurKey] = [*self.ring.signing, *self.ring.http]
        able = [key for key in held if kid_of(key) in alive]
        if alive.keys() - set(map(kid_of, able)):
            raise Invalid(
                "key-not-held",
                "the registry has a key of this member that this node does not hold",
                hint="an administrator has to revoke it first: hotline-exchange registry revoke",
            )
        for what in ROTATE:
            if what not in rotate and what not in alive.values():
                raise Invalid(
                    "keys-over",
                    f"every registered {what} key of this member is revoked or over",
                    hint=f"register a new one: hotline-exchange change --rotate {what}",
                )
        return able

    async def _new_keys(self, present: Member, rotate: Sequence[str]) -> list[OurKey]:
        """A key for each that is rotated: one that the registry does not have yet, made if there is none."""
        missing = {what: what in rotate and not self._waiting(present, what) for what in ROTATE}
        if any(missing.values()):
            await asyncio.to_thread(self.ring.renew, signing=missing[SIGNING], http=missing[HTTP])
        return [self._waiting(present, what)[0] for what in ROTATE if what in rotate]

    def _waiting(self, present: Member, what: str) -> Sequence[OurKey]:
        known = {record.ed25519["kid"] for record in present.signing}
        known |= {record.key["kid"] for record in present.http}
        held: Sequence[OurKey] = self.ring.signing if what == SIGNING else self.ring.http
        return [key for key in held if kid_of(key) not in known]

    def _card_signer(self, keys: Sequence[OurKey]) -> SigningKeys:
        """The entry in use, which peers know; where none may be used, a new one."""
        entries = [key for key in keys if isinstance(key, SigningKeys)]
        try:
            used = kid_of(self.cards.identity.signing)
        except Unavailable:
            used = ""
        return next((entry for entry in entries if kid_of(entry) == used), entries[0])

    async def prove(self, challenge: Challenge, by: Caller) -> Proof:
        """The answer to an administrator's challenge; raises `Invalid` as `proved` does."""
        proof = proved(challenge, self.me, self.cards.seed_for)
        async with self.db.transaction() as tx:
            await journal.write(tx, self.world, "challenge-answered", kid=proof.kid, by_token=by.token)
        self.bells.journal.ring()
        return proof


def proved(challenge: Challenge, me: MemberId, seed_for: Callable[[str], bytes | None]) -> Proof:
    """The proof that `me` holds the key that `challenge` was sealed to.

    Raises `Invalid` (`challenge-member`, `challenge-key`).
    """
    if challenge.member != me:
        raise Invalid("challenge-member", "challenge.member: another member")
    seed = seed_for(challenge.kid)
    try:
        if seed is None:
            raise Refused("challenge", "challenge: not sealed to a key that is here")
        answer = registration.answer(challenge.sealed, EncryptionKey.from_seed(seed))
    except Refused as error:
        raise Invalid(
            "challenge-key", error.message, hint="ask for a challenge to the key of your last registration"
        ) from None
    return Proof(me, challenge.kid, answer)


def _signers(keys: Sequence[OurKey]) -> list[Signer]:
    return [signer for key in keys for signer in (key.halves if isinstance(key, SigningKeys) else (key,))]


def _with(keys: JsonValue, new: Sequence[OurKey], now: int) -> JsonObject:
    """The keys of the present file, the new ones in front."""
    listed = dict(keys) if isinstance(keys, dict) else {}
    for key in new:
        what = SIGNING if isinstance(key, SigningKeys) else HTTP
        old = listed[what]
        listed[what] = [key_record(key, now), *(old if isinstance(old, list) else [])]
    return listed


def key_record(key: OurKey, now: int) -> JsonObject:
    """A key as its member's file has it, valid from a moment before `now`: other clocks may be behind."""
    nbf = now - limits.CLOCK_SKEW_SECONDS
    if isinstance(key, SigningKeys):
        ed25519, ml_dsa_65 = map(_plain, key.entry)
        life = limits.SIGNING_LIFE_SECONDS
        return {"ed25519": ed25519, "ml_dsa_65": ml_dsa_65, "nbf": nbf, "exp": nbf + life}
    return {"key": _plain(key.jwk), "nbf": nbf, "exp": nbf + limits.HTTP_LIFE_SECONDS}


def _plain(jwk: Jwk) -> JsonObject:
    return dict(jwk)
