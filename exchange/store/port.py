"""The port between the tables and an engine: transaction, execute, fetch. Nothing of the engine leaks above
it.

Rules: SQL is written once, in the subset that SQLite and PostgreSQL both know, with `?` for arguments. A
writing transaction commits when its block ends and rolls back when an exception leaves it; what is not
committed did not happen. A row is read by column name. Errors that leave an adapter: `Unavailable`
(`disk-full`, `database-busy`), `Broken` (`disk-io`, `database-corrupt`, `invariant`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Value = str | int | float | bytes | None
Args = Sequence[Value]


class Row(Protocol):
    """A row of an answer: `row["column"]`."""

    def __getitem__(self, column: str, /) -> Any: ...


class Transaction(Protocol):
    """An open transaction."""

    async def execute(self, sql: str, args: Args = (), /) -> int:
        """Run one statement; the number of rows it changed."""
        ...

    async def execute_many(self, sql: str, rows: Iterable[Args], /) -> int:
        """Run one statement for each row of arguments, in one step; the number of rows changed in all."""
        ...

    async def fetch(self, sql: str, args: Args = (), /) -> Sequence[Row]:
        """Run one statement and return all its rows."""
        ...


class Database(Protocol):
    """An engine with its connections."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A writing transaction, alone until it ends."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """A snapshot that can write nothing."""
        ...

    async def close(self) -> None: ...


def marks(count: int) -> str:
    """`?, ?, ?` for `count` arguments of an IN list."""
    return ", ".join("?" * count)


async def fetch_one(tx: Transaction, sql: str, args: Args = ()) -> Row | None:
    """The only or first row, or None."""
    rows = await tx.fetch(sql, args)
    return rows[0] if rows else None
