"""Brings a database to the schema of this program: numbered files, each applied once, each with its checksum.

Rules: files are `NNNN_name.sql` per engine, numbered from 1 without gap. One that was applied never
changes: a differing checksum is `Broken`. A database from a newer program is `Broken` too: going back needs
a backup. Each file is one transaction together with the row that records it, so that dying inside leaves
the database as it was.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from exchange.errors import Broken
from exchange.store.port import Database, Transaction

_NAME = re.compile(r"([0-9]{4})_[a-z_]+\.sql")
_STATEMENT_END = re.compile(r";[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> Sequence[str]:
        """The statements of the file; a statement ends with `;` at the end of a line."""
        return [part.strip() for part in _STATEMENT_END.split(self.sql) if _without_comments(part)]


def _without_comments(part: str) -> str:
    return "\n".join(line for line in part.splitlines() if not line.lstrip().startswith("--")).strip()


def migrations(engine: str) -> Sequence[Migration]:
    """All migrations of an engine (`sqlite`), in order."""
    found = []
    for entry in files("exchange.store").joinpath("migrations", engine).iterdir():
        match = _NAME.fullmatch(entry.name)
        if match is not None:
            found.append(Migration(int(match[1]), entry.name, entry.read_text("utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise Broken("migration-gap", f"the migration files of {engine} are not numbered from 1 without gap")
    return found


async def _applied(tx: Transaction) -> dict[int, str]:
    await tx.execute(
        "CREATE TABLE IF NOT EXISTS migrations "
        "(number INTEGER PRIMARY KEY, checksum TEXT NOT NULL, applied_at REAL NOT NULL)"
    )
    return {
        row["number"]: row["checksum"] for row in await tx.fetch("SELECT number, checksum FROM migrations")
    }


def _pending(wanted: Sequence[Migration], applied: dict[int, str]) -> Sequence[Migration]:
    known = {migration.number: migration for migration in wanted}
    for number, checksum in applied.items():
        migration = known.get(number)
        if migration is None:
            raise Broken(
                "database-newer",
                f"the database has migration {number}, which this program does not know",
                hint="run the newer program, or restore a backup made before it",
            )
        if migration.checksum != checksum:
            raise Broken("migration-changed", f"migration file {migration.name} is not what was applied")
    return [migration for migration in wanted if migration.number not in applied]


async def migrate(database: Database, now: float, wanted: Sequence[Migration]) -> int:
    """Apply what is missing; the number of files applied."""
    count = 0
    async with database.transaction() as tx:
        pending = _pending(wanted, await _applied(tx))
    for migration in pending:
        async with database.transaction() as tx:
            for statement in migration.statements():
                await tx.execute(statement)
            await tx.execute(
                "INSERT INTO migrations (number, checksum, applied_at) VALUES (?, ?, ?)",
                (migration.number, migration.checksum, now),
            )
        count += 1
    return count
