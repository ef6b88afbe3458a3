"""The demo's registry: three administrators, two of whom sign, and a mirror on a free loopback port.

Rules: made by the same tools that administrators use; each registration is checked as theirs would be. The
mirror serves plain files of one directory and answers nothing else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from exchange.cli.demo_plan import NetworkPlan
from exchange.cli.joining import Joined
from exchange.core import registration
from exchange.core.registry_documents import country_to_json
from exchange.core.registry_view import Basis, Destination
from exchange.core.schema import Schemas
from exchange.registrar import admins, repository, sources
from exchange.resources import schema_documents

ADMINISTRATORS: Final = ("anna", "ben", "carla")
THRESHOLD: Final = 2
_FILE: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")


def found_registry(directory: Path, now: int) -> tuple[bytes, Sequence[admins.Admin]]:
    """Keys for the administrators and a signed root; the root's bytes are what every node pins."""
    people = [admins.generate(name) for name in ADMINISTRATORS]
    for person in people:
        admins.save(person, directory / "administrators" / person.name)
    root = repository.create(
        directory / "repository",
        [person.public for person in people],
        people[:THRESHOLD],
        root_threshold=THRESHOLD,
        targets_threshold=THRESHOLD,
        now=now,
    )
    return root, people


def publish_members(
    directory: Path, plan: NetworkPlan, joined: Sequence[Joined], people: Sequence[admins.Admin], now: int
) -> int:
    """Check the registrations, write the countries, sign and publish; the version."""
    place, schemas = directory / "sources", Schemas(schema_documents())
    for one in joined:
        checked = registration.check(one.request.read_bytes(), now=now)
        sources.add(place, schemas, "member", {**checked.member, "status": "active"})
    for person in plan.everybody:
        _country(place, schemas, person.country, Destination(person.id, Basis.HOTLINE, 0))
    for code, (member, basis) in plan.by_file.items():
        _country(place, schemas, code, Destination(member, basis, 0))
    network = {
        "v": 1,
        "name": "Demo network",
        "orphan_mandates": {code: [str(member)] for code, member in plan.by_network.items()},
        "agencies": ["demo-police"],
        "escalation": [],
    }
    sources.add(place, schemas, "network", network)
    targets = sources.read_all(place, schemas)
    return repository.publish(directory / "repository", targets, people[:THRESHOLD], now=now).targets_version


@asynccontextmanager
async def mirror(directory: Path) -> AsyncIterator[str]:
    """Serve the registry's files on a free port; gives the base URL."""

    async def answer(request: web.Request) -> web.Response:
        name = request.match_info["path"]
        path = directory / name
        if _FILE.fullmatch(name) is None or not path.is_file():
            return web.Response(status=404)
        return web.Response(body=path.read_bytes(), content_type="application/octet-stream")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _country(place: Path, schemas: Schemas, code: str, destination: Destination) -> None:
    sources.add(place, schemas, "country", country_to_json(code, [destination]))
