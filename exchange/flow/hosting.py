"""Hosting mailboxes: ours and our guests'. Deposit, collect, acknowledge, ask; and the cards that we serve.

Rules: 201 is said only after the envelope is committed; the same again is 200, another envelope under the
same jti is refused. A pending member has a number of envelopes a day; beyond, it is told to come later.
A host cannot read what it hosts and does not try. A cursor is `<epoch>.<position>`;
one of another epoch, or beyond the counter, is refused with `cursor-reset`. If we die after the commit and
before the answer, the depositor repeats and hears 200.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.core import limits
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.errors import Refused, Unavailable
from exchange.flow.bell import Bells
from exchange.flow.world import World
from exchange.store import mailboxes, meta
from exchange.store.port import Database, Row, Transaction

EPOCH = "mailbox_epoch"
START = "0"
DAY: Final = 86400.0


class Deposited(StrEnum):
    STORED = "stored"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Held:
    """One envelope of a page; `received_at` in unix seconds."""

    position: int
    jti: str
    depositor: str
    received_at: float
    envelope: bytes


@dataclass(frozen=True, slots=True)
class HeldPage:
    envelopes: tuple[Held, ...]
    cursor: str


def parse_cursor(text: str, epoch: str, last: int) -> int:
    """The position of a cursor of this epoch; `0` starts at the beginning."""
    if text == START:
        return 0
    given, _, position = text.partition(".")
    if given == epoch and position.isascii() and position.isdecimal() and len(position) <= 16:
        number = int(position)
        if number <= last:
            return number
    raise Refused("cursor-reset", "cursor: of another epoch, or beyond the end", hint="start again at 0")


@dataclass(frozen=True, slots=True)
class Hosting:
    """The mailboxes of `owners`: this node's member if it hosts itself, and its guests."""

    db: Database
    world: World
    bells: Bells
    owners: frozenset[MemberId]

    async def prepare(self) -> None:
        """Make the mailboxes that are not there yet."""
        async with self.db.transaction() as tx:
            epoch = await meta.get(tx, EPOCH)
            if epoch is None:
                epoch = self.world.random(8).hex()
                await meta.put(tx, EPOCH, epoch)
            await mailboxes.ensure(tx, [(owner, epoch) for owner in sorted(self.owners)])

    def check_hosted(self, owner: str) -> MemberId:
        if owner not in self.owners:
            raise Refused("mailbox-unknown", "no such mailbox here")
        return MemberId(owner)

    def check_owner(self, owner: str, signer: MemberId) -> MemberId:
        """The mailbox's owner may collect; to anybody else it does not exist more than an unknown one."""
        if owner != signer or owner not in self.owners:
            raise Refused("not-your-mailbox", "this mailbox is not yours, or is not here")
        return signer

    async def deposit(
        self, owner: MemberId, depositor: MemberId, jti: DocumentId, data: bytes, *, trial: bool = False
    ) -> Deposited:
        """Put an envelope on disk; `trial` says that the depositor is pending. Raises `Refused`
        (`id-conflict`) and `Unavailable` (`quota`, `rate`).
        """
        digest = Digest.of(data)
        async with self.db.transaction() as tx:
            known = await mailboxes.digest_of(tx, owner, depositor, jti)
            if known is not None:
                if known[1] != digest:
                    raise Refused("id-conflict", "another envelope was deposited under this jti")
                return Deposited.SAME
            if trial:
                await self._check_rate(tx, owner, depositor)
            envelope = mailboxes.NewEnvelope(owner, depositor, jti, digest, self.world.now(), data)
            if not await mailboxes.deposit(tx, envelope, limits.MAILBOX_BYTES):
                raise Unavailable("quota", "the mailbox is full until its owner collects")
        self.bells.mailbox[owner].ring()
        return Deposited.STORED

    async def _check_rate(self, tx: Transaction, owner: MemberId, depositor: MemberId) -> None:
        since = self.world.now() - DAY
        most = limits.PENDING_ENVELOPES_PER_DAY
        until = since + limits.TOMBSTONE_SECONDS
        if await mailboxes.lately(tx, owner, depositor, since, until, most) >= most:
            raise Unavailable(
                "rate",
                f"a pending member deposits {most} envelopes a day",
                retry_after=limits.MAX_RETRY_SECONDS,
            )

    async def ask(self, owner: MemberId, depositor: MemberId, jti: DocumentId) -> str:
        """*waiting* or *acknowledged*; raises `Refused` (`envelope-unknown`)."""
        async with self.db.reading() as tx:
            known = await mailboxes.digest_of(tx, owner, depositor, jti)
        if known is None:
            raise Refused("envelope-unknown", "no such envelope of yours here")
        return known[0]

    async def page(self, owner: MemberId, after: str, wait: float) -> HeldPage:
        """What waits behind a cursor; when there is nothing, hold on for up to `wait` seconds."""
        deadline = self.world.now() + wait
        while True:
            listening = self.bells.mailbox[owner].listen()
            async with self.db.reading() as tx:
                box = await self._box(tx, owner)
                position = parse_cursor(after, box["epoch"], box["position"])
                rows = await mailboxes.page(tx, owner, position, limits.PAGE_ENVELOPES, limits.PAGE_BYTES)
            left = deadline - self.world.now()
            if rows or left <= 0 or self.bells.stopping.is_set():
                last = rows[-1]["position"] if rows else position
                return HeldPage(_held(rows), f"{box['epoch']}.{last}")
            try:
                await asyncio.wait_for(listening.wait(), left)
            except TimeoutError:
                continue

    async def acknowledge(self, owner: MemberId, through: str) -> None:
        """Forget envelopes through a cursor; only their tombstones stay."""
        async with self.db.transaction() as tx:
            box = await self._box(tx, owner)
            position = parse_cursor(through, box["epoch"], box["position"])
            await mailboxes.acknowledge(tx, owner, position, self.world.now() + limits.TOMBSTONE_SECONDS)

    async def card(self, member: str) -> bytes | None:
        """The newest card that a guest has published here."""
        async with self.db.reading() as tx:
            row = await mailboxes.card(tx, member)
        return None if row is None else bytes(row["card"])

    async def keep_card(self, member: MemberId, serial: int, data: bytes) -> None:
        """Publish a guest's card. Raises `Refused` (`card-rollback`) when a newer one is here."""
        async with self.db.transaction() as tx:
            if not await mailboxes.keep_card(tx, member, serial, data):
                raise Refused("card-rollback", "card.serial: a newer card is published already")

    async def _box(self, tx: Transaction, owner: MemberId) -> Row:
        row = await mailboxes.one(tx, owner)
        if row is None:
            raise Refused("mailbox-unknown", "no such mailbox here")
        return row


def _held(rows: Sequence[Row]) -> tuple[Held, ...]:
    return tuple(
        Held(row["position"], row["jti"], row["depositor"], row["received_at"], bytes(row["data"]))
        for row in rows
    )
