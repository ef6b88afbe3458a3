"""Sweep: what has to happen because time has passed, in small steps that repeat.

Rules: an envelope without a receipt for an hour is asked after; what its host no longer has is sent again,
which is harmless. After a day without a receipt people are told; after 30 days the document is a dead
letter with that reason. Nothing is ever given up silently. What only guards against repetition (nonces,
tombstones, stored answers) is forgotten when it no longer can; so are tests, of which the journal goes on to
tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from exchange.client.answers import Asked, EnvelopeState
from exchange.core import limits
from exchange.core.names import DocumentId, MemberId
from exchange.core.registry_view import MemberStatus, RegistryView
from exchange.flow import journal
from exchange.flow.bell import Bells
from exchange.flow.world import World
from exchange.store import access, feed, inbox, mailboxes, nonces, outbox, tests
from exchange.store import journal as journal_rows
from exchange.store.port import Database, Row

BATCH: Final = 500
"""Rows of one step: a few milliseconds."""
ASK_AT_ONCE: Final = 20
"""Envelopes asked after in one sweep: a request each."""
EXPIRED: Final = "expired"
LEFT: Final = "member-left"


class Host(Protocol):
    """What this verb needs of client.mailbox.PeerMailbox."""

    async def ask(self, base: str, to: MemberId, jti: DocumentId, now: int) -> Asked: ...


@dataclass(frozen=True, slots=True)
class Sweep:
    """`run` is called every minute or so."""

    db: Database
    world: World
    bells: Bells
    mailbox: Host
    registry: Callable[[], RegistryView]

    async def run(self) -> None:
        await self._bury()
        await self._alarm()
        await self._ask()
        await self._forget()

    async def _bury(self) -> None:
        """Dead letters: past 30 days, and to members that have left."""
        now = self.world.now()
        async with self.db.transaction() as tx:
            await outbox.bury_receipts(tx, now - limits.MESSAGE_LIFE_SECONDS, now)
            old = await outbox.older_than(tx, now - limits.MESSAGE_LIFE_SECONDS, BATCH)
            gone = await outbox.waiting_for_members(tx, self._left(), BATCH)
            rows = [(row, EXPIRED) for row in old] + [(row, LEFT) for row in gone]
            if not rows:
                return
            await outbox.dead(tx, [(row["document_id"], code, None) for row, code in rows], now)
            await feed.add(tx, [_alarm(now, row, f"dead-letter-{code}") for row, code in rows])
            await journal_rows.add(
                tx,
                [
                    journal.entry(
                        self.world, "dead", document=row["document_id"], to=row["recipient"], code=code
                    )
                    for row, code in rows
                ],
            )
        self.bells.feed.ring()
        self.bells.journal.ring()

    async def _alarm(self) -> None:
        now = self.world.now()
        async with self.db.transaction() as tx:
            rows = await outbox.to_alarm(tx, now - limits.ALARM_AFTER_SECONDS, BATCH)
            await outbox.alarmed(tx, [row["document_id"] for row in rows], now)
            await feed.add(tx, [_alarm(now, row, "no-receipt") for row in rows])
        if rows:
            self.bells.feed.ring()

    async def _ask(self) -> None:
        """Ask hosts after envelopes without a receipt; what they no longer have is sent again."""
        before = self.world.now() - limits.ASK_AFTER_SECONDS
        async with self.db.reading() as tx:
            rows = await outbox.attempts_to_ask(tx, before, ASK_AT_ONCE)
        for row in rows:
            member = self.registry().member(row["recipient"])
            now = int(self.world.now())
            state = None
            if member is not None:
                said = await self.mailbox.ask(member.mailbox, member.id, DocumentId(row["attempt"]), now)
                state = said.state
            async with self.db.transaction() as tx:
                if state is None or state is EnvelopeState.WAITING:
                    await outbox.asked(tx, row["attempt"], now)
                else:
                    await outbox.attempt_waits_again(tx, row["attempt"], now)
        if rows:
            self.bells.deliver.ring()

    async def _forget(self) -> None:
        now = self.world.now()
        async with self.db.transaction() as tx:
            await nonces.prune(tx, now)
            await mailboxes.prune_tombstones(tx, now)
            await access.prune_answers(tx, now - limits.IDEMPOTENCY_SECONDS)
            await inbox.prune_tests(tx, now - limits.TEST_KEEP_SECONDS)
            await tests.prune(tx, now - limits.TEST_KEEP_SECONDS)

    def _left(self) -> list[str]:
        members = self.registry().members.values()
        return sorted(member.id for member in members if member.status is MemberStatus.LEFT)


def _alarm(now: float, row: Row, code: str) -> feed.NewItem:
    return feed.NewItem(now, "alarm", member=row["recipient"], document_id=row["document_id"], code=code)
