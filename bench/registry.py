"""A node's registry: the first sync of a large network over HTTP, refreshes without change, and its memory.

Rules: the mirror is a process of its own on loopback that hands out plain files. Beside each figure stands
what cannot be less, in the same run: the same files fetched by the same client and nothing done with them,
and the same files read, hashed and parsed in a plain loop. Every first sync starts from an empty directory.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.figures import milliseconds, percentile, spread
from bench.processes import Meter, own_memory
from bench.registry_made import make
from bench.sizes import Sizes
from exchange import resources
from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import Fetched, GuardedClient, Place, parse_place
from exchange.client.registry import Known, Registry
from exchange.core import limits, strict_json
from exchange.core.names import Digest
from exchange.core.schema import Schemas

MIRROR: Final = """
import asyncio, sys
from aiohttp import web

async def main():
    app = web.Application()
    app.router.add_static("/", sys.argv[1])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
WARM_UP: Final = 20


class Counting(GuardedClient):
    """Counts what goes out."""

    requests = 0

    async def request(self, method: str, place: Place, **rest: Any) -> Fetched:
        self.requests += 1
        return await super().request(method, place, **rest)


async def registry(place: Path, sizes: Sizes) -> dict[str, Any]:
    """`sizes.syncs` first syncs, `sizes.refreshes` refreshes, and the plain limits of both."""
    mirror = place / "mirror"
    root, files = make(mirror, sizes.members)
    schemas = Schemas(resources.schema_documents())
    meter = Meter()
    guard = AddressGuard.of((), development=True)
    async with _serving(mirror) as base, Counting(guard, development=True) as client:
        fetched = [await _fetch(client, base, mirror) for _ in range(sizes.syncs)]
        syncs, requests = [], 0
        for number in range(sizes.syncs):
            node = Registry(place / f"node{number}", root, [base], schemas, client)
            client.requests = 0
            started = time.perf_counter()
            _complete(await node.refresh(int(time.time())), sizes.members)
            syncs.append(time.perf_counter() - started)
            requests = client.requests
        refreshes = await _refreshes(node, client, sizes.refreshes)
    plain = [_plain(mirror) for _ in range(sizes.syncs)]
    return {
        "members": sizes.members,
        "files": files,
        "bytes": sum(path.stat().st_size for path in (mirror / "targets").rglob("*.json")),
        "first_sync_ms": milliseconds(percentile(syncs, 0.5)),
        "first_sync_longest_ms": milliseconds(max(syncs)),
        "first_sync_requests": requests,
        "fetch_alone_ms": milliseconds(percentile(fetched, 0.5)),
        "read_hash_parse_ms": milliseconds(percentile(plain, 0.5)),
        **refreshes,
        "others_share": meter.read()[1],
    }


async def _refreshes(node: Registry, client: Counting, count: int) -> dict[str, Any]:
    for _ in range(WARM_UP):
        await node.refresh(int(time.time()))
    gc.collect()
    client.requests, before, taken = 0, own_memory(), []
    for _ in range(count):
        started = time.perf_counter()
        known = await node.refresh(int(time.time()))
        taken.append(time.perf_counter() - started)
        if known.changed:
            raise RuntimeError("a registry of the bench has changed by itself")
    gc.collect()
    return {
        "refresh": spread(taken),
        "refresh_requests": client.requests / count,
        "refresh_growth_mib": round(own_memory() - before, 2),
    }


async def _fetch(client: GuardedClient, base: str, mirror: Path) -> float:
    """Seconds for all files through the same client, as many at once as a node asks for."""
    waiting = iter([path.relative_to(mirror).as_posix() for path in (mirror / "targets").rglob("*.json")])

    async def worker() -> None:
        for path in waiting:
            place = parse_place(f"{base}/{path}", "mirror")
            await client.request("GET", place, cap=limits.REGISTRY_FILE_BYTES)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(limits.REGISTRY_FETCHES):
            group.create_task(worker())
    return time.perf_counter() - started


def _plain(mirror: Path) -> float:
    """Seconds to read, hash and parse the same files."""
    started = time.perf_counter()
    for path in (mirror / "targets").rglob("*.json"):
        data = path.read_bytes()
        Digest.of(data)
        strict_json.parse(data, limit=limits.REGISTRY_FILE_BYTES)
    listed = (mirror / "metadata" / "1.targets.json").read_bytes()
    Digest.of(listed)
    json.loads(listed)
    return time.perf_counter() - started


def _complete(known: Known, members: int) -> None:
    if len(known.view.members) != members or known.left_out:
        raise RuntimeError("a registry of the bench was not read in full")


@asynccontextmanager
async def _serving(mirror: Path) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIRROR, str(mirror), stdout=subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the mirror of the bench says nothing")
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()
