"""Single facts about this database, and the counters that give out positions.

Rules: a position is taken in the transaction that writes what it numbers; both appear or neither does.
"""

from __future__ import annotations

from exchange.store.port import Transaction, fetch_one

FEED = "feed"


async def get(tx: Transaction, name: str) -> str | None:
    row = await fetch_one(tx, "SELECT value FROM meta WHERE name = ?", (name,))
    return None if row is None else str(row["value"])


async def put(tx: Transaction, name: str, value: str) -> None:
    await tx.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


async def take_positions(tx: Transaction, counter: str, count: int) -> int:
    """Take `count` positions of a counter; the first of them. Positions start at 1."""
    rows = await tx.fetch(
        "INSERT INTO counters (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value",
        (counter, count),
    )
    return int(rows[0]["value"]) - count + 1


async def last_position(tx: Transaction, counter: str) -> int:
    """The last position given out; 0 when none was."""
    row = await fetch_one(tx, "SELECT value FROM counters WHERE name = ?", (counter,))
    return 0 if row is None else int(row["value"])
