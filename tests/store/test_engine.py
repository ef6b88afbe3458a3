"""What every engine promises: all or nothing, one writer, errors of ours."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from exchange.errors import Broken, Invalid, Unavailable
from exchange.store import meta
from exchange.store.lock import data_lock
from exchange.store.migrate import Migration, migrate, migrations
from exchange.store.sqlite import SqliteDatabase, open_sqlite, translate


async def test_what_is_not_committed_did_not_happen(db: SqliteDatabase) -> None:
    async def work() -> None:
        async with db.transaction() as tx:
            await meta.put(tx, "a", "1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await work()
    async with db.reading() as tx:
        assert await meta.get(tx, "a") is None


async def test_a_cancelled_transaction_is_rolled_back_and_the_next_may_begin(db: SqliteDatabase) -> None:
    started = asyncio.Event()

    async def work() -> None:
        async with db.transaction() as tx:
            await meta.put(tx, "a", "1")
            started.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.transaction() as tx:
        assert await meta.get(tx, "a") is None
        await meta.put(tx, "a", "2")
    async with db.reading() as tx:
        assert await meta.get(tx, "a") == "2"


async def test_transactions_cancelled_at_any_await_leave_the_engine_usable(db: SqliteDatabase) -> None:
    async def work(i: int) -> None:
        async with db.transaction() as tx:
            await meta.put(tx, f"k{i}", "1")
            await meta.put(tx, f"l{i}", "1")

    for i in range(40):
        task = asyncio.create_task(work(i))
        for _ in range(i % 8):
            await asyncio.sleep(0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with db.reading() as tx:
        rows = await tx.fetch("SELECT name FROM meta")
    names = {row["name"] for row in rows}
    assert {n[1:] for n in names if n[0] == "k"} == {n[1:] for n in names if n[0] == "l"}


async def test_writers_take_turns(db: SqliteDatabase) -> None:
    async def work() -> int:
        async with db.transaction() as tx:
            return await meta.take_positions(tx, "p", 2)

    first = await asyncio.gather(*(work() for _ in range(20)))
    assert sorted(first) == list(range(1, 41, 2))
    async with db.reading() as tx:
        assert await meta.last_position(tx, "p") == 40
        assert await meta.last_position(tx, "other") == 0


async def test_a_reader_writes_nothing_and_sees_only_what_is_committed(db: SqliteDatabase) -> None:
    async with db.reading() as tx:
        with pytest.raises(Broken) as error:
            await tx.execute("DELETE FROM meta")
        assert error.value.code == "disk-io"
    async with db.transaction() as writing:
        await meta.put(writing, "a", "1")
        async with db.reading() as tx:
            assert await meta.get(tx, "a") is None


async def test_a_full_disk_is_said_so_and_loses_nothing(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await meta.put(tx, "kept", "1")
        [pages] = await tx.fetch("PRAGMA page_count")
    await db._writer.execute(f"PRAGMA max_page_count = {pages['page_count']}")

    async def fill() -> None:
        async with db.transaction() as tx:
            for i in range(1000):
                await meta.put(tx, f"k{i}", "x" * 4000)

    with pytest.raises(Unavailable) as error:
        await fill()
    assert error.value.code == "disk-full"
    await db._writer.execute("PRAGMA max_page_count = 1000000")
    async with db.transaction() as tx:
        assert [row["name"] for row in await tx.fetch("SELECT name FROM meta")] == ["kept"]


async def test_the_engine_waits_for_the_disk_before_it_says_yes(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        assert (await tx.fetch("PRAGMA synchronous"))[0]["synchronous"] == 2
        assert (await tx.fetch("PRAGMA journal_mode"))[0]["journal_mode"] == "wal"
        assert (await tx.fetch("PRAGMA foreign_keys"))[0]["foreign_keys"] == 1


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("SQLITE_FULL", Unavailable, "disk-full"),
        ("SQLITE_BUSY_SNAPSHOT", Unavailable, "database-busy"),
        ("SQLITE_CORRUPT_INDEX", Broken, "database-corrupt"),
        ("SQLITE_CONSTRAINT_UNIQUE", Broken, "invariant"),
        ("SQLITE_IOERR_FSYNC", Broken, "disk-io"),
        ("SQLITE_ERROR", Broken, "database"),
    ],
)
def test_errors_of_the_engine_become_ours(name: str, kind: type[Exception], code: str) -> None:
    error = sqlite3.OperationalError("what it says may hold a value")
    error.sqlite_errorname = name
    said = translate(error)
    assert type(said) is kind
    assert said.code == code
    assert "may hold" not in said.message


async def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(Broken) as error:
        await open_sqlite(path)
    assert error.value.code == "database-corrupt"


async def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Broken) as error:
        await open_sqlite(tmp_path / "nowhere" / "x.db")
    assert error.value.code == "disk-io"


async def test_the_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = await open_sqlite(tmp_path / "x.db")
    await database.close()
    assert stat.S_IMODE(os.stat(tmp_path / "x.db").st_mode) == 0o600


async def test_migrations_run_once(db: SqliteDatabase) -> None:
    assert await migrate(db, 0.0, migrations("sqlite")) == 0


async def test_a_migration_that_was_changed_or_is_unknown_stops_the_node(db: SqliteDatabase) -> None:
    known = list(migrations("sqlite"))
    changed = Migration(1, known[0].name, known[0].sql + "-- later\n")
    with pytest.raises(Broken) as error:
        await migrate(db, 0.0, [changed, *known[1:]])
    assert error.value.code == "migration-changed"
    with pytest.raises(Broken) as error:
        await migrate(db, 0.0, known[:-1])
    assert error.value.code == "database-newer"


async def test_a_migration_that_fails_leaves_the_database_as_it_was(db: SqliteDatabase) -> None:
    known = list(migrations("sqlite"))
    number = len(known) + 1
    bad = Migration(number, "bad", "CREATE TABLE half (x TEXT);\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(Broken):
        await migrate(db, 0.0, [*known, bad])
    good = Migration(number, "good", "-- a comment alone;\nCREATE TABLE half (x TEXT);\n")
    assert await migrate(db, 0.0, [*known, good]) == 1


def test_one_process_owns_a_data_directory(tmp_path: Path) -> None:
    with data_lock(tmp_path):
        with pytest.raises(Invalid) as error, data_lock(tmp_path):
            pass
        assert error.value.code == "data-locked"
    with data_lock(tmp_path):
        pass
    with pytest.raises(Invalid) as error, data_lock(tmp_path / "nowhere"):
        pass
    assert error.value.code == "data-directory"
