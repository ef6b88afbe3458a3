"""The loops of a node: each repeats one step for ever, and a failure of one step delays only that loop.

Rules: there is no recovery code; starting up runs the loops. An error is counted, logged by its code and
tried again after a growing pause; one that says that the disk or the database is broken ends the node,
because going on could lose what it promises to keep. Delivery has one task per peer, so that a slow host
holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from exchange.core.delivery import Outcome, backoff
from exchange.core.names import MemberId
from exchange.errors import Broken, ExchangeError, Unavailable
from exchange.flow.bell import Bells
from exchange.flow.deliver import Deliver
from exchange.flow.world import World
from exchange.observe import Metrics, logger
from exchange.store import peers
from exchange.store.port import Database

FATAL: Final = frozenset({"disk-io", "database-corrupt", "database-newer"})
"""Codes of `Broken` after which nothing that the node says could be relied on."""
LONGEST_WAIT: Final = 1.0
"""Seconds between looks at the outbox: the bell is a hint, the look is the truth."""
PEERS_AT_ONCE: Final = 32
"""Peers delivered to at the same time."""
FIRST_PAUSE_DIVISOR: Final = 20.0
"""A loop's own pauses are short against a peer's: from a quarter of a second to 45 seconds."""

_log = logger()


@dataclass(slots=True)
class Loop:
    """One loop: `step` is its work, `rest` its wait, which does not hold back that the step has worked.
    `failed` is the code of its last failure while it goes on failing.
    """

    name: str
    step: Callable[[], Awaitable[None]]
    rest: Callable[[], Awaitable[None]] | None = None
    failed: str | None = None
    failures: int = 0

    async def run(self, world: World, metrics: Metrics) -> None:
        """Repeat the step until cancelled; raises `Broken` when the node has to stop."""
        while True:
            try:
                await self.step()
                self.failed, self.failures = None, 0
                if self.rest is not None:
                    await self.rest()
            except Broken as error:
                if error.code in FATAL:
                    raise
                await self._pause(error.code, error, world, metrics)
            except ExchangeError as error:
                await self._pause(error.code, error, world, metrics)
            except Exception as error:
                await self._pause("internal", error, world, metrics)

    async def _pause(self, code: str, error: Exception, world: World, metrics: Metrics) -> None:
        self.failed, self.failures = code, self.failures + 1
        metrics.loop_failures_total.labels(self.name).inc()
        _log.error("loop failed", loop=self.name, failures=self.failures, exc_info=error)
        pause = backoff(self.failures, world.uniform(), Outcome.BACK_OFF) / FIRST_PAUSE_DIVISOR
        await world.sleep(pause)


@dataclass(slots=True)
class Delivery:
    """The deliver loop: a task for each peer that is due."""

    db: Database
    world: World
    bells: Bells
    metrics: Metrics
    deliver: Deliver
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def step(self) -> None:
        """Start a task for each peer that is due, then wait for a ring or for the next one to be due."""
        self._reap()
        now = self.world.now()
        due = await self.deliver.due()
        async with self.db.reading() as tx:
            following = await peers.next_due(tx, now)
        for peer in due:
            if peer not in self.tasks and len(self.tasks) < PEERS_AT_ONCE:
                self.tasks[peer] = asyncio.create_task(self._peer(MemberId(peer)), name=f"deliver {peer}")
        pause = LONGEST_WAIT if following is None else min(LONGEST_WAIT, max(following - now, 0.0))
        await self.bells.deliver.wait(pause, self.world.sleep)

    def _reap(self) -> None:
        """Take ended tasks away; what one of them raised is the loop's."""
        for peer in [peer for peer, task in self.tasks.items() if task.done()]:
            error = self.tasks.pop(peer).exception()
            if error is not None:
                raise error

    async def _peer(self, peer: MemberId) -> None:
        """Deliver to one peer for as long as something waits and its host takes it."""
        try:
            while await self.deliver.peer(peer):
                pass
        except (Broken, Unavailable):
            # The next look may come at once: hold this peer for a moment, then let the loop hear of it.
            await self.world.sleep(LONGEST_WAIT)
            raise
        except Exception as error:
            # What trips over one peer's registry entry, card or host must not hold up the others.
            code = error.code if isinstance(error, ExchangeError) else "internal"
            self.metrics.loop_failures_total.labels("deliver").inc()
            _log.error("delivery failed", peer=peer, exc_info=error)
            await self.deliver.hold_back(peer, code)
        finally:
            self.bells.deliver.ring()

    async def stop(self) -> None:
        """Cancel what is under way; what was not committed is packed again after the next start."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.tasks.clear()
