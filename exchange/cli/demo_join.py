"""How the demo's network comes about: founded, its members reviewed, published as pending, tested, activated.

Rules: the order is that of docs/administration.md, and every step is the real one. Nodes run as soon as their
member is pending. Each recipient is tested by the sender, and the sender by a recipient, so that every road
was tried before it is used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from exchange import config as configuration
from exchange.cli.connection import Node, connected
from exchange.cli.demo_nodes import join_all, ready, running
from exchange.cli.demo_plan import NetworkPlan
from exchange.cli.demo_registry import ADMINISTRATORS, THRESHOLD, Bureau, found, mirror
from exchange.cli.joining import Joined
from exchange.cli.prove import answer
from exchange.cli.testing import RECEIVED, WAIT_SECONDS, run_test
from exchange.client.registry_chain import root_fingerprint
from exchange.core.registration_challenge import read_challenge
from exchange.errors import Broken

Say = Callable[[str], None]
REGISTRY: Final = "registry"


@asynccontextmanager
async def join_network(say: Say, place: Path, plan: NetworkPlan) -> AsyncIterator[Sequence[Node]]:
    """Found the registry, start the nodes, take all members in; gives a connection to each."""
    now = int(time.time())
    bureau = found(place / REGISTRY, now)
    root = bureau.space.pinned()
    say(f"Registry founded by {len(ADMINISTRATORS)} administrators; {THRESHOLD} must sign each change.")
    say(f"  root {root_fingerprint(root)}")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(mirror(bureau.space.repository))
        joined = await join_all(place, plan, root, url, now)
        version = await register(bureau, plan, joined)
        say(f"Registry version {version}: {len(joined)} members pending, reviewed, signed for by two.")
        configs = await stack.enter_async_context(running(joined))
        nodes = [await stack.enter_async_context(connected(config)) for config in configs]
        await _test(bureau, nodes, plan)
        version = bureau.publish()
        for node in nodes:
            await node.post("/v1/registry/refresh")
        await ready(nodes)
        say(f"Registry version {version}: tests went through, and they are active:")
        for person in plan.everybody:
            role = "sends" if person is plan.sender else "receives"
            where = f", mailbox hosted by {person.host}, no port open" if person.host else ""
            say(f"  {person.id} {role}{where}")
        say("Four nodes run. Handing in.")
        yield nodes


async def register(bureau: Bureau, plan: NetworkPlan, joined: Sequence[Joined]) -> int:
    """Review every member's request, with its answer to the challenge, and publish; the version."""
    for one in joined:
        challenge = bureau.review(one).challenge
        if challenge is None:
            raise Broken("demo-review", "a new member was not challenged")
        proof = await answer(configuration.load(one.config), read_challenge(challenge))
        if not bureau.review(one, proof).entered:
            raise Broken("demo-review", "a member's review did not come to its end")
    bureau.set_countries(plan)
    return bureau.publish()


async def _test(bureau: Bureau, nodes: Sequence[Node], plan: NetworkPlan) -> None:
    """The sender tests each recipient and is tested by the first; who has signed for it becomes active."""
    pairs = [(nodes[0], plan.sender, person) for person in plan.recipients]
    pairs.append((nodes[1], plan.recipients[0], plan.sender))
    tests = [run_test(node, to.id, WAIT_SECONDS) for node, _, to in pairs]
    for (_, by, to), said in zip(pairs, await asyncio.gather(*tests), strict=True):
        if said["state"] != RECEIVED:
            raise Broken("demo-test", f"{to.id} did not sign for the test of {by.id}")
        bureau.activate(to.id, str(said["document"]), by.id)
