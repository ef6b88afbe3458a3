"""The journal: what was sent, received and done, in one hash chain per log.

Rules: entries name ids, digests, members, states and times, never a URL. A transaction adds its entries
without a number; the sequencer numbers and links them in batches, so that no transaction waits for a chain.
If we die between, the entries wait and are numbered after the next start. The head that a manifest carries
is the last *linked* entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.core import journal_chain, strict_json
from exchange.core.manifest import JournalMark
from exchange.core.names import AnyUuid, Digest
from exchange.errors import Broken
from exchange.flow.bell import Bells
from exchange.flow.world import World
from exchange.store import journal, meta
from exchange.store.port import Database, Transaction

LOG: Final = "journal_log"
BATCH: Final = 1000
"""Entries numbered in one transaction: some 10 ms of work."""
GATHER_SECONDS: Final = 0.05
"""Seconds after the first new entry in which more of them gather: one transaction for many messages, and none
that the next message has to wait for.
"""
GENESIS: Final = bytes(32)
"""What stands before the first link."""

Fields = str | int | None


def entry(world: World, what: str, **fields: Fields) -> tuple[str, bytes]:
    """An unnumbered entry: (id, JSON bytes). Fields that are None are left out."""
    body: dict[str, Fields] = {"at": int(world.now()), "what": what}
    body.update({name: value for name, value in fields.items() if value is not None})
    return world.new_id(), strict_json.dump(body)


async def write(tx: Transaction, world: World, what: str, **fields: Fields) -> None:
    """Add one unnumbered entry."""
    await journal.add(tx, [entry(world, what, **fields)])


async def current_log(tx: Transaction) -> AnyUuid:
    """The id of the current log; `Broken` when the node was not prepared."""
    log = await meta.get(tx, LOG)
    if log is None:
        raise Broken("journal-missing", "the database has no journal yet")
    return AnyUuid(log)


async def ensure_log(tx: Transaction, world: World) -> AnyUuid:
    """The id of the current log, made at the first call."""
    log = await meta.get(tx, LOG)
    if log is None:
        log = world.new_id()
        await meta.put(tx, LOG, log)
    return AnyUuid(log)


async def head(tx: Transaction, log: AnyUuid) -> JournalMark:
    """The last linked entry of a log; n = 0 and zeros when there is none."""
    row = await journal.head(tx, log)
    if row is None:
        return JournalMark(log, 0, Digest(GENESIS.hex()))
    return JournalMark(log, row["n"], Digest(bytes(row["link"]).hex()))


@dataclass(frozen=True, slots=True)
class Sequencer:
    """Numbers and links what waits. One at a time in a process."""

    db: Database
    world: World
    bells: Bells

    async def number(self) -> int:
        """Number one batch; how many entries it had."""
        async with self.db.reading() as tx:  # nobody else takes entries away or moves the head
            rows = await journal.pending(tx, BATCH)
            if not rows:
                return 0
            log = await current_log(tx)
            last = await journal.head(tx, log)
        n, previous = (0, GENESIS) if last is None else (int(last["n"]), bytes(last["link"]))
        links = []
        for row in rows:
            n += 1
            leaf = journal_chain.leaf(row["entry"])
            previous = journal_chain.link(n, previous, leaf)
            links.append((n, row["entry"], leaf, previous))
        async with self.db.transaction() as tx:
            await journal.append(tx, log, links, [row["id"] for row in rows])
        return len(rows)

    async def step(self) -> None:
        """Number all that waits, then wait for more to gather."""
        while await self.number() == BATCH:
            pass
        await self.bells.journal.wait(1.0, self.world.sleep)
        await self.world.sleep(GATHER_SECONDS)
