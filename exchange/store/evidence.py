"""What is looked up for an evidence file: documents by id alone, and manifests and journal entries by time.

Rules: reading only. Ids of messages are UUIDs of version 7, so their order is that of time: manifests are
found behind the smallest id of a moment. Journal entries have their numbers in the order of time.
"""

from __future__ import annotations

from collections.abc import Sequence

from exchange.store.port import Row, Transaction, fetch_one


async def received(tx: Transaction, document_id: str) -> Sequence[Row]:
    """What came in under this id, from whomever: each of them is a peer, since it had a receipt."""
    return await tx.fetch(
        "SELECT * FROM inbox WHERE sender IN (SELECT member FROM peers) AND document_id = ? ORDER BY sender",
        (document_id,),
    )


async def manifests(tx: Transaction, sender: str, since: str, limit: int) -> Sequence[Row]:
    """Manifests of a sender whose ids are not before `since`, the oldest first."""
    return await tx.fetch(
        "SELECT jti, recipient, jws, at FROM manifests WHERE sender = ? AND jti >= ? ORDER BY jti LIMIT ?",
        (sender, since, limit),
    )


async def entry(tx: Transaction, log: str, n: int) -> Row | None:
    """The first entry with a text from number `n` on."""
    return await fetch_one(
        tx,
        "SELECT n, entry FROM journal WHERE log = ? AND n >= ? AND entry IS NOT NULL ORDER BY n LIMIT 1",
        (log, n),
    )


async def leaves(tx: Transaction, log: str, after: int, last: int) -> bytes:
    """The leaves of the entries after `after` up to `last`, one behind the other."""
    rows = await tx.fetch(
        "SELECT leaf FROM journal WHERE log = ? AND n > ? AND n <= ? ORDER BY n", (log, after, last)
    )
    return b"".join(bytes(row["leaf"]) for row in rows)
