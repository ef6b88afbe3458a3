"""Whether a mirror shows a newer registry than an administrator's directory: asked before it signs.

Rules: two administrators who publish or renew from the same state would show two registries under one
version. A mirror is an https URL or a directory; http only to loopback. What it shows is verified; that it
has expired does not matter here. This module writes nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.registry_fetch import DirectoryFetcher, GuardedFetcher, is_url
from exchange.client.registry_trust import Mirror, Seen
from exchange.errors import Refused
from exchange.registrar.published import Published
from exchange.registrar.workspace import Workspace

AtMirror = Annotated[
    str | None,
    typer.Option(
        "--mirror", help="Where the registry is served: refuse if it is newer there.", show_default=False
    ),
]
Allowed = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", help="Network (CIDR) of a mirror that is not public; repeat.", show_default=False
    ),
]


def not_behind(space: Workspace, here: Published, mirror: str | None, allow: list[str] | None) -> None:
    """Pass, or raise `Refused` (`registry-behind`, `registry-...`) or `Unavailable` (`registry-mirror`)."""
    if mirror is None or not here.chain:
        return
    there = asyncio.run(_seen(mirror, allow or [], space.pinned()))
    timestamp = 0 if here.timestamp is None else int(here.timestamp.signed.version)
    if there.age > (here.root.version, timestamp):
        raise Refused(
            "registry-behind",
            f"the mirror shows timestamp {there.timestamp_version} under root {there.root_version}, DIR has "
            f"{timestamp} under {here.root.version}: pull first",
            hint="hotline-exchange registry pull DIR --mirror URL",
        )


async def _seen(mirror: str, allow: list[str], pinned: bytes) -> Seen:
    plain = mirror.startswith("http://")
    async with GuardedClient(AddressGuard.of(allow, development=plain), development=plain) as client:
        loop = asyncio.get_running_loop()
        fetcher = GuardedFetcher(client, loop) if is_url(mirror) else DirectoryFetcher(Path(mirror))
        base = f"{mirror.rstrip('/')}/" if is_url(mirror) else ""
        with tempfile.TemporaryDirectory() as place:

            def look() -> Seen:
                # At time 0 nothing has expired: an expired registry may still be the newer one.
                return Mirror(Path(place) / "metadata", Path(place), pinned, base, fetcher, 0).look()

            return await asyncio.to_thread(look)
