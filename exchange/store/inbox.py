"""The inbox: documents of others, each once, with the verdict that our receipt gave.

Rules: unique by sender and document id; the first verdict stands. A document that needs another one first
waits in `inbox_waiting`, receipted but without effect, until that one comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exchange.store.port import Row, Transaction, fetch_one, marks


@dataclass(frozen=True, slots=True)
class NewInbound:
    """A row of the inbox. `code` when refused; `receipt_id` None for a receipt, which is never receipted."""

    sender: str
    document_id: str
    digest: str
    type: str
    data: bytes | None
    manifest: str
    received_at: float
    verdict: str
    code: str | None
    receipt_id: str | None


async def seen(tx: Transaction, sender: str, ids: Sequence[str]) -> dict[str, Row]:
    """What is known of these documents of a sender, by id."""
    if not ids:
        return {}
    rows = await tx.fetch(
        "SELECT document_id, digest, verdict, code, receipt_id, type FROM inbox "
        f"WHERE sender = ? AND document_id IN ({marks(len(ids))})",
        (sender, *ids),
    )
    return {row["document_id"]: row for row in rows}


async def add(tx: Transaction, rows: Iterable[NewInbound]) -> None:
    await tx.execute_many(
        "INSERT INTO inbox (sender, document_id, digest, type, data, manifest, received_at, verdict, code, "
        "receipt_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                r.sender,
                r.document_id,
                r.digest,
                r.type,
                r.data,
                r.manifest,
                r.received_at,
                r.verdict,
                r.code,
                r.receipt_id,
            )
            for r in rows
        ],
    )


async def one(tx: Transaction, sender: str, document_id: str) -> Row | None:
    return await fetch_one(
        tx, "SELECT * FROM inbox WHERE sender = ? AND document_id = ?", (sender, document_id)
    )


async def wait(tx: Transaction, rows: Iterable[tuple[str, str, str]], now: float) -> None:
    """Let documents wait: (sender, document id, id of what it needs) each."""
    await tx.execute_many(
        "INSERT INTO inbox_waiting (sender, document_id, needs, since) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(sender, document_id, needs, now) for sender, document_id, needs in rows],
    )


async def waiting_for(tx: Transaction, sender: str, needs: Sequence[str]) -> Sequence[Row]:
    """Documents of a sender that wait for one of these, with their bytes."""
    if not needs:
        return []
    return await tx.fetch(
        "SELECT sender, document_id, data FROM inbox WHERE sender = ? AND document_id IN "
        f"(SELECT document_id FROM inbox_waiting WHERE sender = ? AND needs IN ({marks(len(needs))})) "
        "ORDER BY document_id",
        (sender, sender, *needs),
    )


async def waiting_counts(tx: Transaction, sender: str, needs: Sequence[str]) -> dict[str, int]:
    """How many documents of a sender wait for each of these, where any do."""
    rows = await tx.fetch(
        "SELECT needs, count(*) AS count FROM inbox_waiting "
        f"WHERE sender = ? AND needs IN ({marks(len(needs))}) GROUP BY needs",
        (sender, *needs),
    )
    return {row["needs"]: row["count"] for row in rows}


async def waits_no_more(tx: Transaction, rows: Iterable[tuple[str, str]]) -> None:
    await tx.execute_many(
        "DELETE FROM inbox_waiting WHERE sender = ? AND document_id = ?", [tuple(row) for row in rows]
    )


async def tests_since(tx: Transaction, sender: str, moment: float, limit: int) -> int:
    """How many tests came from a sender since `moment`, counted up to `limit`."""
    row = await fetch_one(
        tx,
        "SELECT count(*) AS count FROM (SELECT 1 FROM inbox WHERE type = 'test/1' AND sender = ? "
        "AND received_at >= ? LIMIT ?)",
        (sender, moment, limit),
    )
    return 0 if row is None else int(row["count"])


async def prune_tests(tx: Transaction, moment: float) -> int:
    """Forget tests that came before `moment`."""
    return await tx.execute("DELETE FROM inbox WHERE type = 'test/1' AND received_at < ?", (moment,))


async def counts(tx: Transaction) -> dict[str, int]:
    """How many documents by type, and how many wait for another."""
    rows = await tx.fetch("SELECT type, verdict, count(*) AS count FROM inbox GROUP BY type, verdict")
    found = {f"{row['type']} {row['verdict']}": int(row["count"]) for row in rows}
    waiting = await fetch_one(tx, "SELECT count(*) AS count FROM inbox_waiting")
    return found | {"waiting": 0 if waiting is None else int(waiting["count"])}
