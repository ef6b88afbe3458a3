"""Quarantine: what could not be opened or was refused, kept for an operator with the code of why.

Rules: capped per depositor within a time, so that nobody fills our disk with it: beyond the cap the row
stays, its bytes do not, and beyond twice the cap neither does. The id is made from what is kept, so that the
same thing collected twice is one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.store.port import Row, Transaction, fetch_one


@dataclass(frozen=True, slots=True)
class NewItem:
    """A row of the quarantine; `kind` is envelope or document."""

    id: str
    kind: str
    depositor: str
    jti: str | None
    document_id: str | None
    digest: str
    code: str
    at: float
    data: bytes


async def add(tx: Transaction, item: NewItem, cap: int, since: float = 0.0) -> bool:
    """Keep an item; False when it is there already, or its depositor has twice `cap` items since `since`.
    From `cap` items on its bytes are left out.
    """
    row = await fetch_one(
        tx,
        "SELECT count(*) AS count FROM (SELECT 1 FROM quarantine WHERE depositor = ? AND at >= ? LIMIT ?)",
        (item.depositor, since, 2 * cap),
    )
    count = 0 if row is None else int(row["count"])
    if count >= 2 * cap:
        return False
    data = item.data if count < cap else None
    changed = await tx.execute(
        "INSERT INTO quarantine (id, kind, depositor, jti, document_id, digest, code, at, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            item.id,
            item.kind,
            item.depositor,
            item.jti,
            item.document_id,
            item.digest,
            item.code,
            item.at,
            data,
        ),
    )
    return changed == 1


async def page(tx: Transaction, after: str, limit: int) -> Sequence[Row]:
    return await tx.fetch(
        "SELECT id, kind, depositor, jti, document_id, digest, code, at, released_at, "
        "data IS NOT NULL AS kept FROM quarantine WHERE id > ? ORDER BY id LIMIT ?",
        (after, limit),
    )


async def one(tx: Transaction, item_id: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM quarantine WHERE id = ?", (item_id,))


async def of_depositor(tx: Transaction, depositor: str, code: str) -> Sequence[str]:
    """Ids of a depositor's items with this code that were kept and not released yet: each may be a MiB."""
    rows = await tx.fetch(
        "SELECT id FROM quarantine WHERE depositor = ? AND code = ? AND released_at IS NULL "
        "AND data IS NOT NULL ORDER BY at",
        (depositor, code),
    )
    return [row["id"] for row in rows]


async def depositors(tx: Transaction, code: str) -> Sequence[str]:
    rows = await tx.fetch(
        "SELECT DISTINCT depositor FROM quarantine WHERE code = ? AND released_at IS NULL", (code,)
    )
    return [row["depositor"] for row in rows]


async def released(tx: Transaction, item_id: str, now: float) -> bool:
    changed = await tx.execute(
        "UPDATE quarantine SET released_at = ? WHERE id = ? AND released_at IS NULL", (now, item_id)
    )
    return changed == 1


async def counts(tx: Transaction) -> dict[str, int]:
    rows = await tx.fetch(
        "SELECT code, count(*) AS count FROM quarantine WHERE released_at IS NULL GROUP BY code"
    )
    return {row["code"]: row["count"] for row in rows}
