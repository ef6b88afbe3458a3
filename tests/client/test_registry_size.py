"""300 members and every country of the world: what a node asks of a mirror, and what it keeps in memory.

How long it takes is measured by `make bench` and judged nowhere here.
"""

from __future__ import annotations

import asyncio
import gc
import pathlib
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from support.forged_registry import Forge
from support.host import http_host
from support.keys import EXP, NBF, NOW, member, member_keys, signing_record
from support.registry import schemas, targets_of

from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.registry import Registry
from exchange.core import countries, limits
from exchange.core.registry_view import Basis, Destination, HttpRecord, Member, MemberStatus

MEMBERS = 300
COUNTRIES = sorted(countries.ALL)
LOOK = ["2.root.json", "timestamp.json"]
GROWTH_BYTES = 64 * 1024
"""Bytes by which memory may differ after many refreshes: what is under way, caches that fill and empty."""
INTERNED = tracemalloc.Filter(False, pathlib.__file__)
"""Left out: pathlib interns names of files, and the interpreter's table of names grows in steps of 2 MB."""


def one_of_many(number: int) -> Member:
    """A member that has changed its keys once."""
    name = f"{COUNTRIES[number % len(COUNTRIES)].lower()}-desk{number}"
    both = [member_keys(name, generation) for generation in ("1", "2")]
    return member(
        name,
        signing=tuple(signing_record(keys.signing) for keys in both),
        http=tuple(HttpRecord(keys.http.jwk, NBF, EXP, None) for keys in both),
    )


@pytest.fixture(scope="module")
def members() -> list[Member]:
    return [one_of_many(number) for number in range(MEMBERS)]


def files_of(members: list[Member]) -> dict[str, bytes]:
    return targets_of(
        members,
        {
            code: (Destination(members[number % MEMBERS].id, Basis.HOTLINE, 1),)
            for number, code in enumerate(COUNTRIES)
        },
    )


@pytest.fixture(scope="module")
def published(members: list[Member], tmp_path_factory: pytest.TempPathFactory) -> Forge:
    forge = Forge(tmp_path_factory.mktemp("large") / "mirror")
    forge.publish(files_of(members))
    return forge


@dataclass
class Served:
    """What a mirror was asked for, and how much of it at once."""

    another_node: Callable[[], Registry]
    asked: list[str] = field(default_factory=list)
    now: int = 0
    most: int = 0


@asynccontextmanager
async def serving(forge: Forge, place: Path) -> AsyncIterator[tuple[Registry, Served]]:
    async def answer(request: web.Request) -> web.Response:
        served.asked.append(request.path.rpartition("/")[2])
        served.now += 1
        served.most = max(served.most, served.now)
        path = forge.mirror / request.path.lstrip("/")
        try:
            return web.Response(body=path.read_bytes()) if path.is_file() else web.Response(status=404)
        finally:
            served.now -= 1

    guard = AddressGuard.of((), development=True)
    async with http_host(answer) as base, GuardedClient(guard, development=True) as client:

        def node() -> Registry:
            return Registry(place / "node", forge.pinned, [base], schemas(), client)

        served = Served(node)
        yield node(), served


async def test_a_first_sync_asks_for_every_file_once_and_for_few_at_a_time(
    published: Forge, tmp_path: Path
) -> None:
    async with serving(published, tmp_path) as (registry, served):
        known = await registry.refresh(NOW)
    assert len(known.view.members) == MEMBERS
    assert len(known.view.countries) == len(COUNTRIES)
    assert known.left_out == ()
    assert served.asked[:4] == [*LOOK, "1.snapshot.json", "1.targets.json"]
    assert len(served.asked) == len(set(served.asked)) == 4 + MEMBERS + len(COUNTRIES) + 1
    assert served.most <= limits.REGISTRY_FETCHES


async def test_a_refresh_without_change_asks_for_two_files_and_keeps_the_view(
    published: Forge, tmp_path: Path
) -> None:
    async with serving(published, tmp_path) as (registry, served):
        first = await registry.refresh(NOW)
        for _ in range(3):
            served.asked.clear()
            known = await registry.refresh(NOW)
            assert served.asked == LOOK
            assert known.view is first.view
        served.asked.clear()
        again = served.another_node()
        await again.last_good(NOW)
        assert not (await again.refresh(NOW)).changed
        assert served.asked == LOOK, "after a restart too"


async def test_a_change_of_one_member_costs_its_file_and_what_leads_to_it(
    members: list[Member], tmp_path: Path
) -> None:
    forge = Forge(tmp_path / "mirror")
    forge.publish(files_of(members))
    async with serving(forge, tmp_path) as (registry, served):
        await registry.refresh(NOW)
        served.asked.clear()
        forge.publish(files_of([replace(members[0], status=MemberStatus.SUSPENDED), *members[1:]]), 2)
        known = await registry.refresh(NOW)
    assert known.view.members[members[0].id].status is MemberStatus.SUSPENDED
    assert len(served.asked) == len(LOOK) + 3
    assert served.asked[-1].endswith(f"{members[0].id}.json")


WARM_UP = 20
Round = Callable[[], Awaitable[object]]


async def grown(run: Round, rounds: int) -> int:
    """Bytes that are in memory after so many rounds and were not before."""
    tracemalloc.start()
    try:
        for _ in range(WARM_UP):  # what was there before is not counted, and what takes its place is
            await run()
        before = await held()
        for _ in range(rounds):
            await run()
        return await held() - before
    finally:
        tracemalloc.stop()


async def held() -> int:
    """Bytes in memory when the threads have let go of what they last did."""
    await asyncio.sleep(0.1)
    gc.collect()
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([INTERNED]).traces)


async def flat(published: Forge, place: Path, rounds: int) -> None:
    async with serving(published, place) as (registry, served):

        async def run() -> None:
            served.asked.clear()
            await registry.refresh(NOW)

        await run()
        on_disk = names(place)
        assert await grown(run, rounds) < GROWTH_BYTES
        assert names(place) == on_disk


def names(place: Path) -> list[Path]:
    return sorted(place.rglob("*"))


async def test_memory_is_flat_over_a_hundred_refreshes(published: Forge, tmp_path: Path) -> None:
    await flat(published, tmp_path, 100)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_memory_is_flat_over_a_thousand_refreshes(published: Forge, tmp_path: Path) -> None:
    await flat(published, tmp_path, 1000)


async def test_a_leak_of_one_small_thing_each_time_would_be_noticed() -> None:
    kept: list[bytes] = []

    async def run() -> None:
        kept.append(bytes(1000))

    assert await grown(run, 100) > GROWTH_BYTES
