"""One `hotline-exchange serve` process: started, asked, killed, stopped, its database read beside it.

Processes are ended by their ids. Ports lie below the range from which the kernel takes those of outgoing
connections: a node that is being restarted would otherwise find its port taken.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exchange.cli import demo_nodes
from exchange.cli.connection import Node, connected
from exchange.config import Config
from exchange.errors import ExchangeError

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05
PORTS: Final = range(15000, 30000)
SERVE: Final = ("-m", "exchange.cli")
"""What runs a node: the program itself."""


def patched(name: str) -> tuple[str, ...]:
    """What runs a node with the fault `name` of support/patched_node.py planted in it."""
    return ("-P", str(Path(__file__).with_name("patched_node.py")), name)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


@dataclass
class Process:
    """One member's node. `program` is what runs it; it may be changed between a stop and a start."""

    member: str
    config: Path
    settings: Config
    program: tuple[str, ...] = SERVE
    running: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        """All that the node ever wrote to standard output and standard error."""
        return self.config.with_name(demo_nodes.LOG)

    @property
    def place(self) -> Path:
        """The directory of its configuration, log and data."""
        return self.config.parent

    @property
    def data(self) -> Path:
        return self.settings.data

    async def start(self, given: bytes | None = None) -> None:
        """Start the process; `given` is its standard input."""
        with self.log.open("ab") as log:
            self.running = await asyncio.create_subprocess_exec(
                sys.executable,
                *(*self.program, "serve", "--config", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment(),
                start_new_session=True,
            )
        if given is not None and self.running.stdin is not None:
            self.running.stdin.write(given)
            self.running.stdin.close()

    async def kill(self) -> None:
        """`kill -9`, and wait until the process is gone."""
        assert self.running is not None
        self.running.kill()
        await self.running.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code. A node that does not stop is killed, and that is an error."""
        assert self.running is not None
        if self.running.returncode is None:
            self.running.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self.running.wait()
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"{self.member} did not stop within {STOP_SECONDS:g} s") from None

    async def ended(self) -> int:
        """The exit code of a process that ends by itself."""
        assert self.running is not None
        async with asyncio.timeout(START_SECONDS):
            return await self.running.wait()

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[Node]:
        """A connection to the member API."""
        async with connected(self.settings) as node:
            yield node

    async def get(self, path: str, **query: str | int | None) -> dict[str, Any]:
        async with self.talk() as node:
            return await node.get(path, **query)

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> dict[str, Any]:
        async with self.talk() as node:
            return await node.post(path, body, key=key)

    async def ready(self) -> None:
        """Wait until the node says that it is ready."""
        await until(self._is_ready, f"{self.member} is ready", START_SECONDS, self._why_not)

    async def answers(self) -> None:
        """Wait until the node answers at all."""
        await until(self._is_alive, f"{self.member} answers", START_SECONDS, self._why_not)

    async def _is_ready(self) -> bool:
        self._still_there()
        try:
            return bool((await self.get("/readyz"))["ready"])
        except ExchangeError:
            return False

    async def _is_alive(self) -> bool:
        self._still_there()
        try:
            return bool((await self.get("/healthz"))["alive"])
        except ExchangeError:
            return False

    def _still_there(self) -> None:
        assert self.running is not None
        assert self.running.returncode is None, f"{self.member} has ended: {self._why_not()}"

    def _why_not(self) -> str:
        return self.log.read_text(errors="replace")[-600:]

    def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        """Rows of the node's database, read beside it: a reader never writes or checkpoints."""
        return rows(self.settings.database, sql, *args)


def rows(database: Path, sql: str, *args: Any) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, args)]


def environment() -> dict[str, str]:
    """Ours, without what would configure a node."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOTLINE_")}
    kept.pop("CREDENTIALS_DIRECTORY", None)
    return kept


async def until(
    right: Callable[[], Any], what: str, seconds: float, why: Callable[[], str] = lambda: ""
) -> None:
    """Wait until `right` (awaited if it can be) says so; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        said = right()
        if await said if asyncio.iscoroutine(said) else said:
            return
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}. {why()}"
        await asyncio.sleep(LOOK_SECONDS)
