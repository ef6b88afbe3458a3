"""A node from start to stop.

Rules: the data directory is locked first; the keys are opened before anything listens; nothing is announced
before it works. A stop lets requests under way finish, then ends the loops; what they had not committed is
done again after the next start, so a stop and a kill differ only in manners. A database that cannot be
relied on ends the node with exit code 70.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exchange import keystore
from exchange.config import Config
from exchange.core import limits
from exchange.errors import Unavailable
from exchange.flow.bell import Bell
from exchange.flow.collect import Failed
from exchange.node.apis import mailbox_app, member_app
from exchange.node.health import Health
from exchange.node.listeners import Listeners, addresses, tls_context
from exchange.node.loops import Delivery, Loop
from exchange.node.parts import Parts, build, real_world
from exchange.observe import Metrics, configure, log_crashes, logger
from exchange.store.lock import data_lock

EXIT_BROKEN: Final = 70
"""EX_SOFTWARE of sysexits.h."""
SWEEP_SECONDS: Final = 60.0
TEND_SECONDS: Final = 60.0
REFRESH_PAUSE_SECONDS: Final = 2.0
"""Seconds between looks at the registry however often somebody asks for one."""
YOUNG_OBJECTS: Final = 10_000
"""New objects after which the collector looks at them: a message of a hundred referrals makes some 20,000."""

Announce = Callable[[str], None]


@dataclass(slots=True)
class Running:
    """The loops of a node over its parts."""

    parts: Parts
    delivery: Delivery
    tend_now: Bell = field(default_factory=Bell)

    def loops(self) -> list[Loop]:
        collect = Loop("collect", lambda: self._collect(collect))
        return [
            Loop("deliver", self.delivery.step),
            collect,
            Loop("refresh", self._refresh, self._rest_of_refresh),
            Loop("tend", self._tend, self._rest_of_tend),
            Loop("sweep", self.parts.sweep.run, self._rest_of_sweep),
            Loop("journal", self.parts.sequencer.step),
        ]

    async def _collect(self, loop: Loop) -> None:
        # After a failure no long poll: that the mailbox answers again is to be known at once.
        result = await self.parts.collect.run(limits.LONG_POLL_SECONDS if loop.failed is None else 0)
        if isinstance(result, Failed):
            raise Unavailable(result.code, "our mailbox was not collected", retry_after=result.retry_after)
        self.parts.metrics.collect_pages_total.inc()

    async def _refresh(self) -> None:
        if self.parts.watch.known is not None:
            await self.parts.consequences.run()
        if await self.parts.watch.refresh():
            self.tend_now.ring()
            await self.parts.consequences.run()

    async def _rest_of_refresh(self) -> None:
        await self.parts.world.sleep(REFRESH_PAUSE_SECONDS)
        await self.parts.bells.refresh.wait(limits.REGISTRY_REFRESH_SECONDS, self.parts.world.sleep)

    async def _tend(self) -> None:
        await self.parts.cards.tend()
        await self.parts.expiry.run()
        failed = await self.parts.publish.run()
        if failed is not None:
            raise Unavailable(failed, "our key card was not published")

    async def _rest_of_tend(self) -> None:
        await self.tend_now.wait(TEND_SECONDS, self.parts.world.sleep)

    async def _rest_of_sweep(self) -> None:
        await self.parts.world.sleep(SWEEP_SECONDS)


async def run(config: Config, *, passphrase: str | None, announce: Announce) -> int:
    """Run the node until SIGTERM or SIGINT; its exit code. Raises `Invalid`, `Broken`, `Unavailable` at
    start.
    """
    metrics = Metrics()
    configure(config.log.level, config.log.format, on_drop=metrics.log_fields_dropped_total.inc)
    log_crashes()
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    with data_lock(config.data):
        keys = keystore.open(
            config.data, passphrase, config.identity.file, None if credentials is None else Path(credentials)
        )
        parts = await build(config, keys, metrics, real_world())
        _settle()
        try:
            return await _serve(parts, announce)
        finally:
            await parts.close()


def _settle() -> None:
    """What is there now lives as long as the node: the collector need not look through it ever again, which
    would stop everything for some 40 ms each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


async def _serve(parts: Parts, announce: Announce) -> int:
    delivery = Delivery(parts.db, parts.world, parts.bells, parts.metrics, parts.deliver)
    running = Running(parts, delivery)
    loops = running.loops()
    health = Health(parts, loops)
    listeners = Listeners()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await _listen(parts, health, running, listeners)
        for line in addresses(parts.config):
            announce(line)
        announce(f"{parts.identity.member} is ready")
        logger().info("started", member=parts.identity.member)
        return await _until(stop, [_named(one.run(parts.world, parts.metrics), one.name) for one in loops])
    finally:
        parts.bells.stop()
        await listeners.close()
        await delivery.stop()
        logger().info("stopped", member=parts.identity.member)


def _named(work: Awaitable[None], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)  # type: ignore[arg-type]


async def _listen(parts: Parts, health: Health, running: Running, listeners: Listeners) -> None:
    config = parts.config
    if config.mailbox.listen is not None and parts.gate is not None:
        app = mailbox_app(parts, parts.gate)
        await listeners.tcp(app, config.mailbox.listen, "mailbox.listen", tls_context(config))
    tend = running.tend_now.ring
    await listeners.socket(member_app(parts, health, local=True, tend=tend), config.member_api.socket)
    if config.member_api.listen is not None:
        app = member_app(parts, health, local=False, tend=tend)
        await listeners.tcp(app, config.member_api.listen, "member_api.listen", None)


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> int:
    """Wait for a stop, or for a loop that says that the node cannot go on; its exit code."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        broken = [error for task in done - {stopping} if (error := task.exception()) is not None]
        for error in broken:
            logger().critical("node cannot go on", exc_info=error)
        return EXIT_BROKEN if broken else 0
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
