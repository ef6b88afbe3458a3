"""The network that is measured: a registry, two members that run, and a guest whose mailbox one of them has.

Rules: real processes of `hotline-exchange serve` on real files, over loopback, from the same pieces as the
demo. The guest never runs: what is put into its mailbox stays there until the bench itself collects it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.processes import Process
from exchange import config as configuration
from exchange import keystore
from exchange.cli.connection import Node, connected
from exchange.cli.demo_join import register
from exchange.cli.demo_nodes import join_all, ready, running
from exchange.cli.demo_plan import NetworkPlan, Person
from exchange.cli.demo_registry import found, mirror
from exchange.cli.joining import Joined
from exchange.config import Config
from exchange.core import strict_json
from exchange.core.keys import HttpKey
from exchange.core.names import MemberId
from exchange.core.times import format_time

SENDER: Final = Person(MemberId("de-bench"), "DE")
RECIPIENT: Final = Person(MemberId("nl-bench"), "NL")
GUEST: Final = Person(MemberId("gb-bench"), "GB", host=RECIPIENT.id)
PLAN: Final = NetworkPlan(SENDER, (RECIPIENT, GUEST), {}, {})


@dataclass(frozen=True, slots=True)
class Member:
    """One member, set up; whether it runs is another matter."""

    joined: Joined
    config: Config

    def http_key(self) -> HttpKey:
        return keystore.open(self.config.data, None, self.config.identity.file).http[0]


@dataclass(frozen=True, slots=True)
class Network:
    sender: Member
    recipient: Member
    guest: Member


@dataclass(frozen=True, slots=True)
class Running:
    """A node that runs."""

    node: Node
    process: Process


@asynccontextmanager
async def network(place: Path) -> AsyncIterator[Network]:
    """Found the registry and set up the members; the registry is served until the end."""
    now = int(time.time())
    bureau = found(place / "registry", now)
    async with mirror(bureau.space.repository) as url:
        joined = await join_all(place, PLAN, bureau.space.pinned(), url, now)
        await register(bureau, PLAN, joined)
        for person in PLAN.everybody:
            bureau.activate(person.id)
        bureau.publish()
        yield Network(*[Member(one, configuration.load(one.config)) for one in joined])


@asynccontextmanager
async def serving(*members: Member) -> AsyncIterator[list[Running]]:
    """Run the nodes of some members."""
    async with AsyncExitStack() as stack:
        configs = await stack.enter_async_context(running([member.joined for member in members]))
        nodes = [await stack.enter_async_context(connected(config)) for config in configs]
        await ready(nodes)
        processes = [Process.of(member.joined.config) for member in members]
        yield [Running(node, process) for node, process in zip(nodes, processes, strict=True)]


def submission(name: str) -> bytes:
    """A submission as an analyst makes it, hosted in the recipient's country; `name` tells its URL apart."""
    observed = format_time(time.time() - 1800)
    body: dict[str, Any] = {
        "sender_case": f"bench-{name}",
        "resource": {
            "url": f"https://files.example.com/album/{name}?view=full",
            "kind": "page",
            "site_kind": "file_host",
            "access": "open",
        },
        "hosting": [
            {
                "country": RECIPIENT.country,
                "ip": "192.0.2.17",
                "asn": 64496,
                "provider": "Example Hosting",
                "role": "origin",
                "method": "dns",
                "source": "rir-allocation",
                "observed_at": observed,
                "confidence": "medium",
            }
        ],
        "assessment": {"tier": "national", "basis": "visual_review", "assessed_at": observed},
        "times": {"reported_at": observed, "seen_online_at": observed},
        "handling": {"tlp": "AMBER+STRICT", "purpose": "removal", "priority": "routine"},
    }
    return strict_json.dump(body)
