"""The rows of both sides, written by the product's own SQL over sqlite3 itself: no threads, nothing awaited.

Rules: the same statements, file format and commits on disk as a node's; one transaction for a batch of
submissions, and one for each step of a message. What is in the rows is made before the clock starts.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.network import RECIPIENT, SENDER
from exchange.core import journal_chain, limits
from exchange.core.documents import Document, DocumentType
from exchange.core.names import Digest
from exchange.flow.arrivals import received_row, sent_row
from exchange.store import feed, inbox, journal, mailboxes, manifests, outbox, peers, referrals, submissions
from exchange.store.migrate import migrate, migrations
from exchange.store.port import Args, Row

MANIFEST: Final = bytes(21_000)
"""About as many bytes as the signed manifest of 100 documents."""
ENVELOPE: Final = bytes(170_000)
"""About as many as their envelope."""
ENTRY: Final = bytes(250)
"""And as an entry of the journal."""
LOG: Final = "log"

Timed = Callable[[str], AbstractContextManager[None]]


class PlainDatabase:
    """`store.port.Database` without a thread."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        self._connection.row_factory = sqlite3.Row
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -65536",
        ):
            self._connection.execute(f"PRAGMA {pragma}")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PlainDatabase]:
        self._connection.execute("BEGIN IMMEDIATE")
        yield self
        self._connection.execute("COMMIT")

    reading = transaction

    async def execute(self, sql: str, args: Args = ()) -> int:
        return self._connection.execute(sql, args).rowcount

    async def execute_many(self, sql: str, rows: Iterable[Args]) -> int:
        return self._connection.executemany(sql, rows).rowcount

    async def fetch(self, sql: str, args: Args = ()) -> Sequence[Row]:
        return self._connection.execute(sql, args).fetchall()

    async def close(self) -> None:
        self._connection.close()


def write_rows(place: Path, documents: Sequence[Document], url_keys: Sequence[bytes], timed: Timed) -> None:
    """Write everything that referrals leave behind at both ends; what `timed` gives is around the writing."""
    asyncio.run(_write_rows(place, documents, url_keys, timed))


async def _write_rows(
    place: Path, documents: Sequence[Document], url_keys: Sequence[bytes], timed: Timed
) -> None:
    now = time.time()
    sender, recipient = PlainDatabase(place / "sender.db"), PlainDatabase(place / "recipient.db")
    for database in (sender, recipient):
        await migrate(database, now, migrations("sqlite"))
    async with recipient.transaction() as tx:
        await mailboxes.ensure(tx, [(RECIPIENT.id, "0")])
    with timed("SQL rows"):
        for part in _parts(documents, limits.SUBMISSION_LINES):
            await _submitted(sender, part, now)
        for part, keys in zip(
            _parts(documents, limits.MESSAGE_DOCUMENTS),
            _parts(url_keys, limits.MESSAGE_DOCUMENTS),
            strict=True,
        ):
            await _deposited(sender, part, now)
            await _received(recipient, part, keys, now)
            await _receipted(sender, part, now)
        for database in (sender, recipient):
            await _linked(database)
    await sender.close()
    await recipient.close()


async def _submitted(db: PlainDatabase, part: Sequence[Document], now: float) -> None:
    async with db.transaction() as tx:
        await submissions.add(
            tx,
            [submissions.NewSubmission(d.id, "local", now, "routed", None, "NL", d.id, None) for d in part],
        )
        await referrals.add(tx, [sent_row(d, now) for d in part])
        await referrals.add_events(
            tx, [referrals.NewEvent(d.sender, d.id, 1, now, "submitted", d.sender, "sent") for d in part]
        )
        await outbox.add(
            tx,
            [outbox.NewOutbound(d.id, d.recipient, d.type.value, d.digest, d.data, True, now) for d in part],
        )
        await journal.add(tx, [(d.id, ENTRY) for d in part])


async def _deposited(db: PlainDatabase, part: Sequence[Document], now: float) -> None:
    jti = part[0].id
    async with db.transaction() as tx:
        await manifests.add_attempt(
            tx, SENDER.id, manifests.Attempt(jti, RECIPIENT.id, Digest.of(b""), MANIFEST, now)
        )
        await outbox.deposited(tx, [d.id for d in part], jti, now)
        await peers.succeeded(tx, RECIPIENT.id, now)
        await journal.add(tx, [(f"deposited {jti}", ENTRY)])


async def _received(db: PlainDatabase, part: Sequence[Document], keys: Sequence[bytes], now: float) -> None:
    jti = part[0].id
    async with db.transaction() as tx:
        envelope = mailboxes.NewEnvelope(RECIPIENT.id, SENDER.id, jti, Digest.of(b""), now, ENVELOPE)
        await mailboxes.deposit(tx, envelope, limits.MAILBOX_BYTES)
    async with db.transaction() as tx:
        await manifests.add(tx, SENDER.id, RECIPIENT.id, jti, MANIFEST, now)
        await inbox.add(
            tx,
            [
                inbox.NewInbound(
                    d.sender, d.id, d.digest, d.type.value, d.data, jti, now, "received", None, jti
                )
                for d in part
            ],
        )
        await referrals.open_cases(tx, [(d.id, key) for d, key in zip(part, keys, strict=True)], now)
        await referrals.add(tx, [received_row(d, d.id, now) for d in part])
        await referrals.add_events(
            tx, [referrals.NewEvent(d.sender, d.id, 1, now, "referral", d.sender, "received") for d in part]
        )
        await feed.add(tx, [feed.NewItem(now, "referral", document_id=d.id) for d in part])
        await outbox.add(
            tx,
            [outbox.NewOutbound(jti, SENDER.id, DocumentType.RECEIPT, Digest.of(b""), MANIFEST, False, now)],
        )
        await journal.add(tx, [(d.id, ENTRY) for d in part])
    async with db.transaction() as tx:
        await mailboxes.acknowledge(tx, RECIPIENT.id, limits.MAILBOX_BYTES, now)


async def _receipted(db: PlainDatabase, part: Sequence[Document], now: float) -> None:
    receipt = part[0].id
    async with db.transaction() as tx:
        await manifests.add(tx, RECIPIENT.id, SENDER.id, receipt, MANIFEST, now)
        await inbox.add(
            tx,
            [
                inbox.NewInbound(
                    RECIPIENT.id, receipt, Digest.of(b""), DocumentType.RECEIPT, MANIFEST, receipt, now,
                    "received", None, None,
                )
            ],
        )  # fmt: skip
        await outbox.received(tx, [d.id for d in part], receipt, now)
        await referrals.add_events(
            tx,
            [referrals.NewEvent(d.sender, d.id, 2, now, "received", d.recipient, "received") for d in part],
        )
        await referrals.set_states(tx, [((d.sender, d.id), "received") for d in part], now)
        await feed.add(tx, [feed.NewItem(now, "receipt", document_id=receipt, count=len(part))])
        await journal.add(tx, [(f"receipted {d.id}", ENTRY) for d in part])


async def _linked(db: PlainDatabase) -> None:
    """Number and link the journal's entries, a batch at a time."""
    n, previous = 0, bytes(32)
    while True:
        async with db.transaction() as tx:
            rows = await journal.pending(tx, 1000)
            links: list[journal.Link] = []
            for row in rows:
                n, leaf = n + 1, journal_chain.leaf(row["entry"])
                previous = journal_chain.link(n, previous, leaf)
                links.append((n, row["entry"], leaf, previous))
            await journal.append(tx, LOG, links, [row["id"] for row in rows])
        if not rows:
            return


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
