"""The demo's nodes: four members set up as `join` does it, each a `hotline-exchange serve` of its own.

Rules: loopback only, on free ports; identity files, so that nobody is asked for a passphrase. Each node's
output goes to a file beside its configuration. A node runs before it is registered; it is ready when it is
active. All are stopped at the end, whatever happens; a node that does
not start ends the demo with the last words of its log.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from exchange import config as configuration
from exchange.cli.connection import Answer, Node, connected
from exchange.cli.demo_plan import NetworkPlan, Person
from exchange.cli.joining import Joined, Plan, join
from exchange.cli.node_state import readiness
from exchange.config import Config
from exchange.config.template import Setting
from exchange.core.names import MemberId
from exchange.errors import Broken, ExchangeError

START_SECONDS: Final = 60.0
"""Seconds that a node has to become ready; four take some 5 s on two cores."""
STOP_SECONDS: Final = 15.0
"""Seconds for a graceful stop before a node is killed."""
LOOK_SECONDS: Final = 0.1
CONFIG: Final = "hotline-exchange.toml"
LOG: Final = "node.log"


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


async def join_all(directory: Path, plan: NetworkPlan, root: bytes, mirror: str, now: int) -> list[Joined]:
    """Set up every member of the plan."""
    own = [person for person in plan.everybody if person.host is None]
    urls = {
        person.id: f"http://127.0.0.1:{port}" for person, port in zip(own, free_ports(len(own)), strict=True)
    }
    joined = []
    for person in plan.everybody:
        place = directory / person.id
        place.mkdir()
        (place / "root.json").write_bytes(root)
        guests = [each.id for each in plan.everybody if each.host == person.id]
        joined.append(await join(_plan(place, person, urls, guests, mirror), None, now))
    return joined


def _plan(
    place: Path, person: Person, urls: dict[MemberId, str], guests: Sequence[MemberId], mirror: str
) -> Plan:
    url = urls[person.host or person.id]
    settings: dict[str, Setting] = {
        "member": person.id,
        "data": "data",
        "development": True,
        "registry.bootstrap": "root.json",
        "registry.mirrors": [mirror],
        "mailbox.host": "own" if person.host is None else "hosted",
        "identity.file": "identity.txt",
    }
    if person.host is None:
        settings |= {"mailbox.listen": url.removeprefix("http://"), "mailbox.url": url}
    if guests:
        settings["mailbox.guests"] = guests
    return Plan(
        member=person.id,
        country=person.country,
        name=person.name,
        site=f"https://{person.id}.example",
        mailbox=url,
        config=place / CONFIG,
        settings=settings,
    )


@asynccontextmanager
async def running(joined: Sequence[Joined]) -> AsyncIterator[list[Config]]:
    """Start the nodes and wait until all answer; gives their configurations, in the same order."""
    processes: list[asyncio.subprocess.Process] = []
    try:
        configs = [configuration.load(one.config) for one in joined]
        for one in joined:
            await _start(one.config, processes)
        for config, one, process in zip(configs, joined, processes, strict=True):
            await _answers(config, process, one.config.with_name(LOG))
        yield configs
    finally:
        await asyncio.shield(_stop(processes))


async def ready(nodes: Sequence[Node]) -> None:
    """Wait until every node is ready; raises `Broken` (`demo-node`) with the reasons of one that is not."""
    for node in nodes:
        said: Answer = {}
        for _ in range(int(START_SECONDS / LOOK_SECONDS)):
            said = await readiness(node)
            if said["ready"]:
                break
            await asyncio.sleep(LOOK_SECONDS)
        else:
            reasons = "; ".join(str(reason.get("detail", reason)) for reason in said["reasons"])
            raise Broken("demo-node", f"a node was not ready within {START_SECONDS:g} s", hint=reasons)


async def _start(config: Path, started: list[asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOTLINE_")}
    environment.pop("CREDENTIALS_DIRECTORY", None)
    with config.with_name(LOG).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "exchange.cli", "serve", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops its nodes in order
        )
    started.append(process)
    return process


async def _answers(config: Config, process: asyncio.subprocess.Process, log: Path) -> None:
    async with connected(config) as node:
        for _ in range(int(START_SECONDS / LOOK_SECONDS)):
            if process.returncode is not None:
                told = f"the node of {config.member} ended with {process.returncode}"
                raise Broken("demo-node", told, hint=_last_words(log))
            try:
                await readiness(node)
                return
            except ExchangeError:
                await asyncio.sleep(LOOK_SECONDS)
    told = f"the node of {config.member} did not answer within {START_SECONDS:g} s"
    raise Broken("demo-node", told, hint=f"is this machine very busy? Its log: {log}")


def _last_words(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:]) or "its log is empty"


async def _stop(processes: Sequence[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.terminate()
    for process in processes:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
