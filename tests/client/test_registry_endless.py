"""Mirrors that never end, or hardly begin: they cost a bounded amount of memory and time, and no more."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from support.forged_registry import Forge
from support.host import http_host
from support.keys import NOW, member
from support.registry import schemas, targets_of

from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.registry import Registry
from exchange.core import limits
from exchange.errors import ExchangeError, Refused, Unavailable

FILES = targets_of([member("de-x"), member("gb-iwf")])
KINDS = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", "gb-iwf.json", "network.json"]
CHUNK = bytes(64 * 1024)
ENDLESS = 1000 * len(CHUNK)
"""Bytes after which the test's mirror gives up: 64 MB, that nobody may have read."""


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    made = Forge(tmp_path / "mirror")
    made.publish(FILES)
    return made


@asynccontextmanager
async def mirror(forge: Forge, kind: str = "", pause: float | None = None) -> AsyncIterator[tuple[str, list]]:
    """A real mirror. Files of `kind` never end; with `pause`, they come one byte at a time. Also the number
    of bytes that went out of each such file.
    """
    sent: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        path = forge.mirror / request.path.lstrip("/")
        if not kind or not request.path.endswith(kind):
            return web.Response(body=path.read_bytes()) if path.is_file() else web.Response(status=404)
        response = web.StreamResponse()
        await response.prepare(request)
        sent.append(0)
        place = len(sent) - 1
        while sent[place] < ENDLESS:
            chunk = CHUNK if pause is None else b" "
            await response.write(chunk)
            sent[place] += len(chunk)
            await asyncio.sleep(pause or 0)
        return response

    async with http_host(answer) as base:
        yield base, sent


@asynccontextmanager
async def node(forge: Forge, *mirrors: str) -> AsyncIterator[Registry]:
    guard = AddressGuard.of((), development=True)
    async with GuardedClient(guard, development=True) as client:
        yield Registry(forge.mirror.parent / "node", forge.pinned, mirrors, schemas(), client)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_that_never_ends_is_cut_off(forge: Forge, kind: str) -> None:
    async with mirror(forge, kind) as (base, sent), node(forge, base) as registry:
        tracemalloc.start()
        try:
            with pytest.raises(Refused) as error:
                await registry.refresh(NOW)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert error.value.code == "registry-length"
    assert sum(sent) < ENDLESS / 4, "what was read, and what lay in buffers on the way"
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("kind", KINDS)
async def test_an_endless_mirror_beside_an_honest_one_stops_nobody(forge: Forge, kind: str) -> None:
    async with (
        mirror(forge, kind) as (bad, _),
        mirror(forge) as (good, _),
        node(forge, bad, good) as registry,
    ):
        assert len((await registry.refresh(NOW)).view.members) == 2


async def test_a_length_that_a_thief_signed_opens_no_way_for_more(forge: Forge) -> None:
    """The daily key says how long the snapshot is; our own limit goes first."""
    snapshot = (forge.metadata / "1.snapshot.json").read_bytes()

    def change(signed: object) -> None:
        signed.snapshot_meta.length = 10**15  # type: ignore[attr-defined]

    forge.timestamp(2, 1, snapshot, change=change)
    async with mirror(forge, "1.snapshot.json") as (base, sent), node(forge, base) as registry:
        with pytest.raises(Refused):
            await registry.refresh(NOW)
    assert sum(sent) < limits.REGISTRY_FILE_BYTES + ENDLESS / 4


@pytest.mark.parametrize("kind", ["root.json", "timestamp.json", "gb-iwf.json", ".json"])
async def test_a_mirror_that_drips_costs_its_time_and_no_more(
    forge: Forge, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(limits, "REGISTRY_MIRROR_SECONDS", 0.4)
    async with mirror(forge, kind, 0.02) as (bad, _), mirror(forge) as (good, _):
        async with node(forge, bad) as registry:
            started = time.monotonic()
            with pytest.raises(Unavailable) as error:
                await registry.refresh(NOW)
            assert error.value.code == "registry-mirror"
            assert time.monotonic() - started < limits.ANSWER_SECONDS / 2
        async with node(forge, bad, good) as registry:
            assert len((await registry.refresh(NOW)).view.members) == 2


async def test_a_mirror_that_is_just_fast_enough_for_each_request_has_a_limit_for_all(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain of slow roots: each answers within its time, together they would hold the node for hours."""
    monkeypatch.setattr(limits, "REGISTRY_MIRROR_SECONDS", 0.5)
    for version in range(2, 60):
        forge.root(version)
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        await asyncio.sleep(0.1)
        return web.Response(body=(forge.mirror / request.path.lstrip("/")).read_bytes())

    async with http_host(answer) as base, node(forge, base) as registry:
        with pytest.raises(Unavailable):
            await registry.refresh(NOW)
        first = len(asked)
        with pytest.raises(ExchangeError):
            await registry.refresh(NOW)
    assert 1 < first < 10
    assert asked[first] != asked[0], "what was verified is kept: the next look goes on from there"


async def test_files_that_came_before_a_mirror_failed_are_not_asked_for_again(forge: Forge) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        path = forge.mirror / request.path.lstrip("/")
        if path.name.endswith("network.json") or not path.is_file():
            return web.Response(status=404 if "root" in path.name else 500)
        return web.Response(body=path.read_bytes())

    listed = dict(sorted(FILES.items(), key=lambda item: item[0] == "network.json"))
    forge.publish(listed, 2)
    async with http_host(answer) as base, node(forge, base) as registry:
        with pytest.raises(Unavailable):
            await registry.refresh(NOW)
        asked.clear()
        with pytest.raises(Unavailable):
            await registry.refresh(NOW)
    assert [path for path in asked if "/targets/" in path and "network" not in path] == []
