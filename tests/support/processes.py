"""A network of real `hotline-exchange serve` processes on loopback, set up as the demo sets up its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from support.documents import submission_body
from support.process import Process, free_ports, until

from exchange import config as configuration
from exchange.cli import demo_nodes
from exchange.cli.demo_join import register
from exchange.cli.demo_plan import make_plan
from exchange.cli.demo_registry import Bureau, found, mirror
from exchange.core.times import format_time
from exchange.errors import ExchangeError

SENDER, FIRST, HOST, GUEST = "de-demo", "gb-demo", "nl-demo", "fr-demo"
"""The members: one that sends, two with mailboxes of their own, one whose mailbox the second of them has."""
COUNTRIES: Final = {FIRST: "GB", HOST: "NL", GUEST: "FR"}


@dataclass
class Processes:
    """A whole network; the administrators sign as at the time of their registry."""

    place: Path
    nodes: Mapping[str, Process]
    mirror: str
    bureau: Bureau

    def __getitem__(self, member: str) -> Process:
        return self.nodes[member]

    def __iter__(self) -> Iterator[Process]:
        return iter(self.nodes.values())

    async def start(self, *members: str) -> None:
        """Start some nodes, all if none is named, and wait until they are ready."""
        chosen = [self.nodes[member] for member in members or self.nodes]
        for node in chosen:
            await node.start()
        for node in chosen:
            await node.ready()

    async def stop(self) -> dict[str, int]:
        """Stop what runs, guests before their hosts; the exit code of each."""
        there = [node for node in self if node.running is not None and node.running.returncode is None]
        return {node.member: await node.stop() for node in reversed(there)}


@asynccontextmanager
async def network(place: Path) -> AsyncIterator[Processes]:
    """Found a network of four active members in `place`; no node is started, all are ended at the end."""
    now = int(time.time())
    plan = make_plan(Counter({"GB": 4, "NL": 3, "FR": 2, "DE": 1}))
    bureau = found(place / "registry", now)
    async with mirror(bureau.space.repository) as url:
        with mock.patch.object(demo_nodes, "free_ports", free_ports):
            joined = await demo_nodes.join_all(place, plan, bureau.space.pinned(), url, now)
        await register(bureau, plan, joined)
        for person in plan.everybody:
            bureau.activate(person.id)
        bureau.publish()
        nodes = {
            str(person.id): Process(str(person.id), one.config, configuration.load(one.config))
            for person, one in zip(plan.everybody, joined, strict=True)
        }
        net = Processes(place, nodes, url, bureau)
        try:
            yield net
        finally:
            for node in net:
                if node.running is not None and node.running.returncode is None:
                    await node.kill()


def submission(url: str, country: str, **changes: Any) -> dict[str, Any]:
    """A submission that is valid now, for content that an analyst says is hosted in `country`."""
    now = time.time()
    claim = {
        "country": country,
        "role": "origin",
        "method": "analyst",
        "source": "analyst",
        "observed_at": format_time(now - 600),
        "confidence": "high",
    }
    times = {"reported_at": format_time(now - 7200), "seen_online_at": format_time(now - 600)}
    body = submission_body(resource={"url": url}, hosting=[claim], times=times)
    body["assessment"]["assessed_at"] = format_time(now - 3600)
    return {**body, **changes}


async def send(node: Process, url: str, to: str) -> str:
    """Hand in a referral; its id."""
    body = submission(url, COUNTRIES[to])
    [entry] = (await node.post("/v1/referrals", body, key=f"key-{url}"))["submissions"]
    assert entry["recipient"] == to
    return str(entry["referral"])


async def state_of(node: Process, referral: str) -> str | None:
    try:
        return str((await node.get(f"/v1/referrals/{referral}"))["referral"]["state"])
    except ExchangeError:
        return None


async def arrived(net: Processes, referral: str, to: str, seconds: float = 60) -> None:
    """Wait until the sender has the receipt; then it is at the recipient, once."""

    async def known() -> bool:
        return await state_of(net[SENDER], referral) == "received"

    await until(known, f"{to} has given its receipt", seconds, net[SENDER].log.read_text)
    there = net[to].rows("SELECT id FROM referrals WHERE direction = 'received' AND id = ?", referral)
    assert len(there) == 1


async def peer_of(node: Process, member: str) -> dict[str, Any]:
    return next(one for one in (await node.get("/v1/peers"))["peers"] if one["member"] == member)
