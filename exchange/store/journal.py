"""The journal's rows: entries that wait for their number, and the linked chain.

Rules: a transaction adds its entries unnumbered, so that none waits for a chain; the sequencer alone moves
them. How a link is computed is core's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exchange.store.port import Row, Transaction, fetch_one

Link = tuple[int, bytes, bytes, bytes]
"""(n, entry, leaf, link) of one numbered entry."""


async def add(tx: Transaction, entries: Iterable[tuple[str, bytes]]) -> None:
    """Add unnumbered entries: (id, JSON bytes) each; they are numbered in the order of their ids."""
    await tx.execute_many("INSERT INTO journal_pending (id, entry) VALUES (?, ?)", list(entries))


async def pending(tx: Transaction, limit: int) -> Sequence[Row]:
    return await tx.fetch("SELECT id, entry FROM journal_pending ORDER BY id LIMIT ?", (limit,))


async def head(tx: Transaction, log: str) -> Row | None:
    return await fetch_one(tx, "SELECT n, link FROM journal WHERE log = ? ORDER BY n DESC LIMIT 1", (log,))


async def append(tx: Transaction, log: str, links: Sequence[Link], taken: Iterable[str]) -> None:
    """Write numbered entries and take their unnumbered rows away."""
    await tx.execute_many(
        "INSERT INTO journal (log, n, entry, leaf, link) VALUES (?, ?, ?, ?, ?)",
        [(log, n, entry, leaf, link) for n, entry, leaf, link in links],
    )
    await tx.execute_many("DELETE FROM journal_pending WHERE id = ?", [(entry_id,) for entry_id in taken])


async def page(tx: Transaction, log: str, after: int, limit: int) -> Sequence[Row]:
    return await tx.fetch(
        "SELECT n, entry, leaf, link FROM journal WHERE log = ? AND n > ? ORDER BY n LIMIT ?",
        (log, after, limit),
    )


async def anchor(tx: Transaction, member: str, log: str, n: int, head: str, now: float) -> str | None:
    """Keep the head that a peer's manifest names; the differing head when one is held for the same place."""
    row = await fetch_one(
        tx, "SELECT head FROM journal_anchors WHERE member = ? AND log = ? AND n = ?", (member, log, n)
    )
    if row is not None:
        return None if row["head"] == head else str(row["head"])
    await tx.execute(
        "INSERT INTO journal_anchors (member, log, n, head, at) VALUES (?, ?, ?, ?, ?)",
        (member, log, n, head, now),
    )
    return None


async def anchor_count(tx: Transaction) -> int:
    row = await fetch_one(tx, "SELECT count(*) AS count FROM journal_anchors")
    return 0 if row is None else int(row["count"])


async def pending_count(tx: Transaction) -> int:
    """How many entries wait for their number."""
    row = await fetch_one(tx, "SELECT count(*) AS count FROM journal_pending")
    return 0 if row is None else int(row["count"])
