"""Submissions: what was handed in, and what became of it.

Rules: a routed submission names its referral and keeps no body of its own; every other keeps its body until
an operator or a change of the registry finds it a destination, or it is dropped with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exchange.store.port import Row, Transaction, Value, fetch_one


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A row of `submissions`; `referral_id` when routed, `body` (JSON bytes) when not."""

    id: str
    token: str
    received_at: float
    state: str
    reason: str | None
    country: str | None
    referral_id: str | None
    body: bytes | None


async def add(tx: Transaction, rows: Iterable[NewSubmission]) -> None:
    await tx.execute_many(
        "INSERT INTO submissions (id, token, received_at, state, state_at, reason, country, referral_id, "
        "body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (r.id, r.token, r.received_at, r.state, r.received_at, r.reason, r.country, r.referral_id, r.body)
            for r in rows
        ],
    )


async def one(tx: Transaction, submission_id: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM submissions WHERE id = ?", (submission_id,))


async def page(tx: Transaction, state: str | None, after: str, limit: int) -> Sequence[Row]:
    """Submissions with an id above `after`, in the order of their ids."""
    where, args = ("state = ? AND ", [state]) if state is not None else ("", [])
    values: list[Value] = [*args, after, limit]
    return await tx.fetch(f"SELECT * FROM submissions WHERE {where}id > ? ORDER BY id LIMIT ?", values)


async def unroutable(tx: Transaction, after: str, limit: int) -> Sequence[Row]:
    return await page(tx, "unroutable", after, limit)


async def routed(
    tx: Transaction, submission_id: str, referral_id: str, country: str | None, now: float
) -> bool:
    """Set an open submission to routed; False when it is not open (any more)."""
    changed = await tx.execute(
        "UPDATE submissions SET state = 'routed', state_at = ?, reason = NULL, country = ?, referral_id = ?, "
        "body = NULL WHERE id = ? AND state IN ('unroutable', 'domestic')",
        (now, country, referral_id, submission_id),
    )
    return changed == 1


async def dropped(tx: Transaction, submission_id: str, reason: str, now: float) -> bool:
    """Set an open submission to dropped with its reason; False when it is not open (any more)."""
    changed = await tx.execute(
        "UPDATE submissions SET state = 'dropped', state_at = ?, reason = ? "
        "WHERE id = ? AND state IN ('unroutable', 'domestic')",
        (now, reason, submission_id),
    )
    return changed == 1


async def counts(tx: Transaction) -> dict[str, int]:
    rows = await tx.fetch("SELECT state, count(*) AS count FROM submissions GROUP BY state")
    return {row["state"]: row["count"] for row in rows}
