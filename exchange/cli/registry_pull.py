"""`registry pull`: brings a workspace to what a mirror shows, or makes one from the root file alone.

Rules: a mirror is an https URL or a directory; http only to loopback. Without --root the workspace is there
and its own root.json is what everything is verified from; with it a new one is made, or an interrupted one
finished. What somebody works on in peers/ is left and named.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.options import AsJson
from exchange.cli.registry_mirror import remember
from exchange.cli.show import Show, moment
from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient, parse_place
from exchange.client.registry_chain import root_fingerprint
from exchange.client.registry_fetch import DirectoryFetcher, GuardedFetcher, is_url
from exchange.client.registry_trust import LONG_AGO
from exchange.errors import Invalid
from exchange.registrar.pull import Pulled
from exchange.registrar.pull import pull as bring
from exchange.registrar.workspace import Workspace, open_workspace


def pull(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the registry.", show_default=False)
    ],
    mirror: Annotated[str, typer.Option(help="URL or directory of a mirror.", show_default=False)],
    root: Annotated[
        Path | None, typer.Option(help="Root file: makes DIR from nothing.", show_default=False)
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Network (CIDR) of a mirror that is not public; repeat.", show_default=False),
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Take it though it has expired: it may be an old one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring DIR to what a mirror shows, verified from the pinned root on."""
    space, pinned = _space(directory, root)
    now = LONG_AGO if expired else int(time.time())
    done = asyncio.run(_pulled(space, pinned, mirror, allow or [], now))
    remember(space, mirror)
    show = Show(as_json)
    if as_json:
        show.value(_facts(done, pinned))
        return
    show.line(f"Version {done.version}, root {done.root_version}, valid until {moment(done.expires_at)}.")
    if root is not None:
        told = root_fingerprint(pinned)
        show.line(f"Pinned root: {told}. Compare it with what an administrator reads out.")
    if done.older:
        show.line(f"{len(done.older)} older versions came along.")
    if done.missing:
        show.line(f"The mirror does not have older versions: {', '.join(map(str, done.missing))}.")
    show.line(f"{len(done.written)} files of {space.peers} brought along.")
    for path in done.left:
        show.line(f"Left as it is, because it is not what was published: {space.peers / path}")


def _space(directory: Path, root: Path | None) -> tuple[Workspace, bytes]:
    """The workspace, and the root that it is verified from."""
    if root is None:
        space = open_workspace(directory)
        return space, space.pinned()
    space, pinned = Workspace(directory), root.read_bytes()
    if space.root.exists() and space.pinned() != pinned:
        told = f"{space.root}: another root than --root names"
        raise Invalid("root-differs", told, hint="name another DIR, or leave --root out")
    if not space.root.exists() and space.peers.exists():
        told = f"{directory}: a registry that was begun here, and is not published"
        raise Invalid("exists", told, hint="name another DIR")
    return space, pinned


async def _pulled(space: Workspace, pinned: bytes, mirror: str, allow: list[str], now: int) -> Pulled:
    if not is_url(mirror):
        return await asyncio.to_thread(bring, space, pinned, "", DirectoryFetcher(Path(mirror)), now)
    plain = parse_place(mirror, "--mirror").scheme == "http"
    guard = AddressGuard.of(allow, development=plain)
    async with GuardedClient(guard, development=plain) as client:
        fetcher = GuardedFetcher(client, asyncio.get_running_loop())
        return await asyncio.to_thread(bring, space, pinned, f"{mirror.rstrip('/')}/", fetcher, now)


def _facts(done: Pulled, pinned: bytes) -> dict[str, Any]:
    return {
        "version": done.version,
        "root_version": done.root_version,
        "timestamp_version": done.timestamp_version,
        "expires_at": done.expires_at,
        "pinned": root_fingerprint(pinned),
        "written": list(done.written),
        "left": list(done.left),
        "older": list(done.older),
        "missing": list(done.missing),
    }
