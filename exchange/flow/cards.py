"""Our encryption keys: made, announced by a key card, rotated, and destroyed.

Rules: a seed and its card are committed together before anybody sees the card. A new key is made every 30
days; a card is valid for 45. A seed is destroyed 30 days after its card's end, when no message that was
sealed to it can still be under way; the journal says so. Open seeds live in memory only, sealed ones in the
database. A key that is retired opens what is under way to it and no more: our mailbox takes nothing new for
it, and every later card names it. A registration needs a new card and not a new key: it gets one over the
newest key, for the first day of that.

Serials rise even when the clock was set back, and do not run ahead of it: a second card within a second waits
for the next. A card that was made by a clock ahead of the time is replaced, since nobody takes it yet. So is
one that senders refuse: below the registry's `min_card`, or by a signing entry that is no longer in use.
While no entry may sign, there is no new card and seeds are destroyed all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from exchange.core import key_card, limits
from exchange.core.keys import SEED_BYTES, EncryptionKey, SigningKeys, forget_private_keys
from exchange.core.registry_view import Member, SigningRecord
from exchange.errors import Refused, Unavailable
from exchange.flow import journal
from exchange.flow.bell import Bells
from exchange.flow.identity import Identity
from exchange.flow.world import World
from exchange.store import seeds
from exchange.store.port import Database


class Sealing(Protocol):
    """What this verb needs of the keystore."""

    def seal_seed(self, seed: bytes) -> bytes: ...
    def open_seed(self, sealed: bytes) -> bytes: ...


@dataclass(slots=True)
class Cards:
    """The node's encryption keys. `load` before use. `registered` gives our member as the registry has it."""

    db: Database
    world: World
    bells: Bells
    identity: Identity
    sealing: Sealing
    registered: Callable[[], Member | None] = lambda: None
    _open: dict[str, bytes] = field(default_factory=dict)
    _card: bytes = b""
    _kid: str = ""
    _serial: int = 0
    _expires: int = 0
    _made: float = 0.0
    _retired: set[str] = field(default_factory=set)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def card(self) -> bytes:
        """The newest card."""
        return self._card

    @property
    def kid(self) -> str:
        """The kid of the newest key."""
        return self._kid

    @property
    def serial(self) -> int:
        """The serial of the newest card; 0 before there is one."""
        return self._serial

    @property
    def expires(self) -> int:
        """When the newest card ends, in unix seconds."""
        return self._expires

    def seed_for(self, kid: str) -> bytes | None:
        return self._open.get(kid)

    def known_kid(self, kid: str) -> bool:
        """Whether something may still be sealed to this key of ours."""
        return kid in self._open and kid not in self._retired

    async def load(self) -> None:
        """Open all seeds that are not destroyed."""
        async with self.db.reading() as tx:
            rows = await seeds.every(tx)
        self._open = {
            row["kid"]: self.sealing.open_seed(bytes(row["sealed"])) for row in rows if row["sealed"]
        }
        self._retired = {row["kid"] for row in rows if row["retired_at"] is not None}
        if rows:
            newest = rows[-1]
            self._made = float(newest["created_at"])
            self._card, self._kid = bytes(newest["card"]), newest["kid"]
            self._serial, self._expires = newest["serial"], int(newest["card_exp"])

    async def tend(self) -> bool:
        """Rotate when it is time, destroy what is past; whether there is a new card."""
        now = self.world.now()
        by = self._signer()
        made = by is not None and (self._due(now) or not self._signed_by(by))
        if made:
            await self.rotate(signing=by)
        async with self.db.reading() as tx:
            rows = await seeds.every(tx)
        for row in rows:
            if row["sealed"] is not None and now > row["card_exp"] + limits.SEED_KEEP_SECONDS:
                await self._destroy(row["kid"])
        return made

    def _signer(self) -> SigningKeys | None:
        """The entry in use; None when no entry of ours may sign, which /readyz says."""
        try:
            return self.identity.signing
        except Unavailable:
            return None

    def _due(self, now: float) -> bool:
        issued = self._expires - limits.CARD_LIFE_SECONDS
        in_time = issued - limits.CLOCK_SKEW_SECONDS <= now < self._made + limits.CARD_ROTATE_SECONDS
        return not in_time or self._serial < self._lowest()

    def _lowest(self) -> int:
        member = self.registered()
        return 0 if member is None else member.min_card

    def _signed_by(self, keys: SigningKeys) -> bool:
        """Whether the newest card is signed by the entry that we sign with now: peers drop it when a key
        goes.
        """
        ed25519, ml_dsa_65 = keys.entry
        entry = SigningRecord(ed25519, ml_dsa_65, 0, self._expires, None)
        try:
            key_card.parse(self._card, self.identity.member, [entry])
        except Refused:
            return False
        return True

    async def rotate(self, *, retire: bool = False, signing: SigningKeys | None = None) -> None:
        """Make a new key and card; `retire` says that no older key may be sealed to any more. `signing` signs
        instead of the entry in use, for when none is.
        """
        async with self._one_at_a_time:
            await self._rotate(retire, signing or self.identity.signing)

    async def renew(self, signing: SigningKeys) -> None:
        """A card with a new serial, for a registration; over a new key only if the newest is a day old."""
        async with self._one_at_a_time:
            age = self.world.now() - self._made
            if self._kid and -limits.CLOCK_SKEW_SECONDS <= age < limits.CARD_KEY_YOUNG_SECONDS:
                await self._reissue(signing)
            else:
                await self._rotate(False, signing)

    async def _rotate(self, retire: bool, by: SigningKeys) -> None:
        serial, now = await self._next()
        seed = self.world.random(SEED_BYTES)
        key = EncryptionKey.from_seed(seed)
        retired = {*self._open} if retire else self._retired
        card = self._issued(by, key, serial, now, retired)
        expires = now + limits.CARD_LIFE_SECONDS
        row = seeds.NewSeed(key.kid, serial, self.sealing.seal_seed(seed), card, now, expires)
        async with self.db.transaction() as tx:
            if retire:
                await seeds.retire(tx, now)
                await journal.write(tx, self.world, "keys-retired", kids=len(retired - self._retired))
            await seeds.add(tx, row)
            await journal.write(tx, self.world, "key-made", kid=key.kid, serial=serial)
        self._open[key.kid] = seed
        self._retired = {*retired}
        self._card, self._kid, self._serial, self._expires = card, key.kid, serial, expires
        self._made = float(now)
        self.bells.journal.ring()

    async def _reissue(self, by: SigningKeys) -> None:
        serial, now = await self._next()
        key = EncryptionKey.from_seed(self._open[self._kid])
        card = self._issued(by, key, serial, now, self._retired)
        expires = now + limits.CARD_LIFE_SECONDS
        async with self.db.transaction() as tx:
            await seeds.announce_again(tx, key.kid, serial, card, expires)
            await journal.write(tx, self.world, "card-made", kid=key.kid, serial=serial)
        self._card, self._serial, self._expires = card, serial, expires
        self.bells.journal.ring()

    def _issued(
        self, by: SigningKeys, key: EncryptionKey, serial: int, now: int, retired: Collection[str]
    ) -> bytes:
        newest = [kid for kid in self._open if kid in retired][-limits.CARD_RETIRED :]
        return key_card.issue(self.identity.member, by, key.jwk, serial=serial, iat=now, retired=newest)

    async def _next(self) -> tuple[int, int]:
        """The next serial, and the time in unix seconds when it is used."""
        early = self._serial + 1 - self.world.now()
        if 0 < early <= limits.CLOCK_SKEW_SECONDS:
            await self.world.sleep(early)
        now = int(self.world.now())
        return max(now, self._serial + 1, self._lowest()), now

    async def _destroy(self, kid: str) -> None:
        async with self.db.transaction() as tx:
            if await seeds.destroy(tx, kid, self.world.now()):
                await journal.write(tx, self.world, "key-destroyed", kid=kid)
        self._open.pop(kid, None)
        self._retired.discard(kid)
        forget_private_keys()
        self.bells.journal.ring()
