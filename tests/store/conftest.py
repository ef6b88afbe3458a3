from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.store.migrate import migrate, migrations
from exchange.store.sqlite import SqliteDatabase, open_sqlite


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A new database on disk with all migrations."""
    database = await open_sqlite(tmp_path / "exchange.db")
    await migrate(database, 0.0, migrations("sqlite"))
    yield database
    await database.close()
