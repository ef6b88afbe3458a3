"""SQLite behind the port: one writing connection, some reading ones, each on its own thread (aiosqlite).

Rules: WAL, `synchronous=FULL` (a commit is on disk before anybody hears of it), foreign keys, one writer in
one process: SQLite before 3.51.3 can corrupt a WAL file when two connections write or checkpoint at once.
Readers are `query_only` and never checkpoint. A transaction that is cancelled is rolled back before the
next may begin. If we die anywhere before COMMIT returns, the transaction did not happen or happened wholly;
the callers hold for both.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiosqlite

from exchange.errors import Broken, ExchangeError, Unavailable
from exchange.store.port import Args, Row

READERS: Final = 2
"""Reading connections: a long list must not hold up a collect."""
BUSY_SECONDS: Final = 5.0
"""Seconds to wait for a lock that another process (a backup) may hold."""
CACHE_KIB: Final = 64 * 1024
"""KiB of page cache of the writing connection: the hot ends of the indexes of some millions of rows."""
STATEMENTS: Final = 256
"""Prepared statements kept by a connection: more than the program has."""


def translate(error: sqlite3.Error) -> ExchangeError:
    """Our error for one of SQLite's (its result codes, sqlite.org/rescode.html)."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return Unavailable(
            "disk-full", "the disk of the database is full", hint="free some space; nothing was lost"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable("database-busy", "another process holds the database", hint="stop that process")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return Broken("database-corrupt", "the database file is damaged", hint="restore it from a backup")
    if name.startswith("SQLITE_CONSTRAINT"):
        return Broken("invariant", f"an invariant of the database would be broken ({name.lower()})")
    if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Broken(
            "disk-io",
            "the database file cannot be read or written",
            hint="check the disk and the file's owner",
        )
    return Broken("database", f"the database refused a statement ({name.lower() or 'no code'})")


class SqliteTransaction:
    """A transaction on one connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, args: Args = ()) -> int:
        try:
            cursor = await self._connection.execute(sql, args)
        except sqlite3.Error as error:
            raise translate(error) from error
        return cursor.rowcount

    async def execute_many(self, sql: str, rows: Iterable[Args]) -> int:
        rows = list(rows)
        if not rows:
            return 0  # a turn of the connection's thread costs as much as writing ten rows
        try:
            cursor = await self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise translate(error) from error
        return cursor.rowcount

    async def fetch(self, sql: str, args: Args = ()) -> Sequence[Row]:
        try:
            return list(await self._connection.execute_fetchall(sql, args))
        except sqlite3.Error as error:
            raise translate(error) from error


class SqliteDatabase:
    """The engine. Make it with `open_sqlite`."""

    def __init__(self, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._writing = asyncio.Lock()
        self._all = (writer, *readers)
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for reader in readers:
            self._readers.put_nowait(reader)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        async with self._writing:
            tx = SqliteTransaction(self._writer)
            try:
                await tx.execute("BEGIN IMMEDIATE")
                yield tx
                await tx.execute("COMMIT")
            except BaseException:
                # The connection's thread takes calls in order: a cancelled COMMIT has run
                # before this does nothing.
                await asyncio.shield(self._writer.rollback())
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqliteTransaction]:
        reader = await self._readers.get()
        try:
            tx = SqliteTransaction(reader)
            await tx.execute("BEGIN")
            yield tx
        finally:
            try:
                await asyncio.shield(reader.rollback())
            finally:
                self._readers.put_nowait(reader)  # also when cancelled here: there are only a few

    async def close(self) -> None:
        async with self._writing:
            for connection in reversed(self._all):
                await connection.close()


def _make_private(path: Path) -> None:
    path.touch(mode=0o600, exist_ok=True)


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(
        path, isolation_level=None, timeout=BUSY_SECONDS, cached_statements=STATEMENTS
    )
    connection.row_factory = sqlite3.Row
    await connection.execute("PRAGMA foreign_keys = ON")
    return connection


async def open_sqlite(path: Path) -> SqliteDatabase:
    """Open or make the database file (mode 0600). The caller holds the lock on the data directory."""
    opened: list[aiosqlite.Connection] = []
    try:
        _make_private(path)
        for _ in range(1 + READERS):
            opened.append(await _connect(path))
        for pragma in ("journal_mode = WAL", "synchronous = FULL", f"cache_size = -{CACHE_KIB}"):
            await opened[0].execute(f"PRAGMA {pragma}")
        for reader in opened[1:]:
            await reader.execute("PRAGMA query_only = ON")
    except (sqlite3.Error, OSError) as error:
        for connection in opened:
            await connection.close()
        if isinstance(error, sqlite3.Error):
            raise translate(error) from error
        hint = "check the data directory"
        raise Broken("disk-io", "the database file cannot be made", hint=hint) from error
    return SqliteDatabase(opened[0], opened[1:])
