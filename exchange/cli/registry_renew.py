"""`registry renew`: the weekly minute of one administrator, and what else expires.

Rules: it signs snapshot and timestamp anew and nothing else. A mirror that shows a newer registry than DIR
stops it: two administrators who renew the same version would show two registries.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.cli.options import AsJson
from exchange.cli.registry_paper import Directory, now
from exchange.cli.show import Show, moment
from exchange.cli.unlocking import Identity, Keys, unlock
from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.registry_fetch import DirectoryFetcher, GuardedFetcher, is_url
from exchange.client.registry_trust import Mirror, Seen
from exchange.core.expiry import DAY_SECONDS, Stage
from exchange.core.times import format_time
from exchange.errors import Refused
from exchange.registrar import admins, published, publishing
from exchange.registrar.admins import Part
from exchange.registrar.lives import Life, lives
from exchange.registrar.published import Published
from exchange.registrar.workspace import open_workspace

_WORDS: Final = {
    Stage.THIRD: "less than a third of its life is left",
    Stage.TENTH: "less than a tenth of its life is left",
    Stage.DAY: "less than a day is left",
    Stage.OVER: "it has expired",
}


def renew(
    directory: Directory,
    keys: Keys,
    identity: Identity = None,
    mirror: Annotated[
        str | None,
        typer.Option(help="Where the registry is served: refuse if it is newer there.", show_default=False),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Network (CIDR) of a mirror that is not public; repeat.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign snapshot and timestamp anew, for 14 days, and show what else expires."""
    show = Show(as_json)
    space = open_workspace(directory)
    before = published.load(space)
    if mirror is not None:
        _not_behind(before, asyncio.run(_seen(mirror, allow or [], space.pinned())))
    publishing.renew(before, lambda: admins.load(keys, Part.DAILY, unlock(identity)), now())
    after = published.load(space)
    found = lives(space, after, now())
    version = after.timestamp.signed.version if after.timestamp is not None else 0
    if as_json:
        show.value({"timestamp": version, "lives": [_facts(life) for life in found]})
        return
    show.line(f"Renewed: version {version} of the timestamp.")
    _tell(show, found)


def _facts(life: Life) -> dict[str, object]:
    stage = None if life.stage is None else life.stage.value
    return {"what": life.what, "expires": format_time(life.end), "stage": stage, "command": life.command}


def _tell(show: Show, found: Sequence[Life]) -> None:
    rows = [(life.what, moment(life.end), (life.end - now()) // DAY_SECONDS, life.command) for life in found]
    show.table(("WHAT", "EXPIRES", "DAYS LEFT", "RENEWED BY"), rows, empty="Nothing is published.")
    for life in found:
        if life.stage is not None:
            show.line(f"Warning: {life.what}: {_WORDS[life.stage]}: {life.command}")


def _not_behind(here: Published, there: Seen) -> None:
    timestamp = 0 if here.timestamp is None else here.timestamp.signed.version
    if there.age > (here.root.version, timestamp):
        raise Refused(
            "registry-behind",
            f"the mirror shows timestamp {there.timestamp_version} under root {there.root_version}, DIR has "
            f"{timestamp} under {here.root.version}: pull first",
            hint="hotline-exchange registry pull DIR --mirror URL",
        )


async def _seen(mirror: str, allow: list[str], pinned: bytes) -> Seen:
    """What a mirror shows, verified, whether it has expired or not."""
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
