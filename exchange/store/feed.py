"""The feed: what the member's people and systems read, one position each.

Rules: positions are gap-free and in the order of commits, so that a reader that goes on after the last one
it saw misses nothing. A row names ids and codes, never a URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.store.meta import FEED, take_positions
from exchange.store.port import Row, Transaction


@dataclass(frozen=True, slots=True)
class NewItem:
    """One thing to know; `kind` is referral, outcome, withdrawal, receipt or alarm."""

    at: float
    kind: str
    member: str | None = None
    sender: str | None = None
    referral_id: str | None = None
    document_id: str | None = None
    code: str | None = None
    count: int = 1


async def add(tx: Transaction, items: Sequence[NewItem]) -> None:
    if not items:
        return
    first = await take_positions(tx, FEED, len(items))
    await tx.execute_many(
        "INSERT INTO feed (position, at, kind, member, sender, referral_id, document_id, code, count) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                first + i,
                item.at,
                item.kind,
                item.member,
                item.sender,
                item.referral_id,
                item.document_id,
                item.code,
                item.count,
            )
            for i, item in enumerate(items)
        ],
    )


async def page(tx: Transaction, after: int, limit: int, kind: str | None) -> Sequence[Row]:
    """Items above a position, in order; of one kind if it is given."""
    if kind is None:
        return await tx.fetch(
            "SELECT * FROM feed WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
        )
    return await tx.fetch(
        "SELECT * FROM feed WHERE position > ? AND kind = ? ORDER BY position LIMIT ?", (after, kind, limit)
    )
