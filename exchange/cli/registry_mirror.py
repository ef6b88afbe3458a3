"""Whether a mirror shows a newer registry than an administrator's directory: asked before it signs.

Rules: two administrators who publish or renew from the same state would show two registries under one
version. A mirror is an https URL or a directory; http only to loopback. The last that was named is remembered
in DIR and asked from then on; one that is remembered and does not answer stops nobody, one that is named
does. What it shows is verified; that it has expired does not matter here.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.client import registry_chain
from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.registry_fetch import DirectoryFetcher, GuardedFetcher, is_url
from exchange.client.registry_trust import LONG_AGO, Mirror, Seen
from exchange.core import strict_json
from exchange.errors import ExchangeError, Invalid, Refused, Unavailable
from exchange.registrar.files import read_regular, write_whole
from exchange.registrar.published import Published
from exchange.registrar.workspace import Workspace

FILE: Final = "mirror.json"
"""In DIR: which mirror is asked."""
VERSION: Final = 1
FILE_BYTES: Final = 4096
"""Bytes of it that are read at most: it holds one URL."""

AtMirror = Annotated[
    str | None,
    typer.Option(
        "--mirror",
        help="Where the registry is served: refuse if it is newer there. Else the one that was named last.",
        show_default=False,
    ),
]
NoMirror = Annotated[bool, typer.Option("--no-mirror", help="Do not ask the mirror that was named last.")]
Allowed = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", help="Network (CIDR) of a mirror that is not public; repeat.", show_default=False
    ),
]


def not_behind(
    space: Workspace,
    here: Published,
    mirror: str | None,
    allow: list[str] | None,
    no_mirror: bool,
) -> str | None:
    """Pass, with a warning if the mirror that is remembered did not answer; or raise `Refused`
    (`registry-behind`, `registry-...`), `Unavailable` (`registry-mirror`) or `Invalid` (`usage`).
    """
    if mirror is not None and no_mirror:
        raise Invalid("usage", "--mirror and --no-mirror: one of them is meant")
    asked = mirror or (None if no_mirror else remembered(space))
    if asked is None or not here.chain:
        return None
    try:
        there = asyncio.run(_seen(asked, allow or [], space.pinned()))
    except Unavailable:
        if mirror is not None:
            raise
        return f"Warning: {asked} does not answer: whether somebody was faster was not asked."
    if mirror is not None:
        remember(space, mirror)
    timestamp = 0 if here.timestamp is None else int(here.timestamp.signed.version)
    if there.age > (here.root.version, timestamp):
        raise Refused(
            "registry-behind",
            f"the mirror shows timestamp {there.timestamp_version} under root {there.root_version}, DIR has "
            f"{timestamp} under {here.root.version}: pull first",
            hint="hotline-exchange registry pull DIR --mirror URL",
        )
    same = (there.root_version, there.version) == (here.root.version, here.version)
    if same and registry_chain.identity(there.targets) != here.identity:
        raise Refused(
            "registry-split",
            f"the mirror's version {there.version} is another one than that of DIR, both well signed",
            hint="ask the other administrators at once who signed both",
        )
    return None


def remember(space: Workspace, mirror: str) -> None:
    """Ask `mirror` from now on."""
    value = mirror if is_url(mirror) else str(Path(mirror).resolve())
    if remembered(space) != value:
        write_whole(space.path / FILE, strict_json.dump({"v": VERSION, "mirror": value}) + b"\n")


def remembered(space: Workspace) -> str | None:
    """The mirror that was named last; what cannot be read is none."""
    try:
        data = read_regular(space.path / FILE)
        value = strict_json.parse_object(data, limit=FILE_BYTES, what=FILE)
    except (OSError, ExchangeError):
        return None
    mirror = value.get("mirror")
    return mirror if isinstance(mirror, str) and mirror else None


async def _seen(mirror: str, allow: list[str], pinned: bytes) -> Seen:
    plain = mirror.startswith("http://")
    async with GuardedClient(AddressGuard.of(allow, development=plain), development=plain) as client:
        loop = asyncio.get_running_loop()
        fetcher = GuardedFetcher(client, loop) if is_url(mirror) else DirectoryFetcher(Path(mirror))
        base = f"{mirror.rstrip('/')}/" if is_url(mirror) else ""
        with tempfile.TemporaryDirectory() as place:

            def look() -> Seen:
                # An expired registry may still be the newer one.
                return Mirror(Path(place) / "metadata", Path(place), pinned, base, fetcher, LONG_AGO).look()

            return await asyncio.to_thread(look)
