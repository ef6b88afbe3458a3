"""The demo's registry: three administrators, two of whom sign, and the ceremonies by which members join.

Rules: made by the same tools that administrators use, and nothing is skipped: every draft is a file's bytes
that go from one signer to the next and are checked by each, every member is reviewed with a challenge and its
fingerprint. Keys lie as administrators keep them, sealed to an identity file so that nobody is asked. The
mirror serves plain files of one directory and answers nothing else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from exchange import keystore
from exchange.cli.demo_plan import NetworkPlan
from exchange.cli.joining import Joined
from exchange.core.names import MemberId
from exchange.core.registry_view import Destination, MemberStatus
from exchange.core.schema import Schemas
from exchange.errors import Broken
from exchange.registrar import (
    admins,
    countries,
    draft,
    draft_check,
    drafting,
    members,
    published,
    publishing,
    reviews,
    roots,
    sources,
)
from exchange.registrar.admins import Admin, Part
from exchange.registrar.draft import Draft
from exchange.registrar.reviews import Review
from exchange.registrar.roots import Thresholds
from exchange.registrar.sealing import Seal
from exchange.registrar.workspace import Workspace
from exchange.resources import schema_documents

ADMINISTRATORS: Final = ("anna", "ben", "carla")
THRESHOLD: Final = 2
IDENTITY: Final = "identity.txt"
_FILE: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Bureau:
    """The administrators and their registry; `now` is when everything is signed, in unix seconds."""

    space: Workspace
    people: tuple[Admin, ...]
    schemas: Schemas
    now: int

    def review(self, joined: Joined, proof: bytes | None = None) -> Review:
        """One step of a member's review. The member reads its fingerprint out once it has proven its key;
        raises `Broken` (`demo-review`) if anything is wrong.
        """
        done = reviews.review(
            self.space,
            self.schemas,
            joined.request.read_bytes(),
            self.now,
            proof=proof,
            call=lambda _: joined.fingerprint if proof is not None else None,
            development=True,
        )
        if done.wrong:
            raise Broken("demo-review", f"{done.member}: {done.wrong[0].sentence}")
        return done

    def activate(self, member: MemberId, document: str | None = None, peer: str = "") -> None:
        """Make a member active that has signed for the test in `document` of `peer`, or was not tested."""
        if document is None:
            reviews.note_untested(self.space, member, self.now)
        else:
            reviews.note_test(self.space, member, self.now, document, peer)
        members.set_status(self.space, self.schemas, member, MemberStatus.ACTIVE, self.now)

    def set_countries(self, plan: NetworkPlan) -> None:
        """The mandates of the plan; a member's own country and territories come with its review."""
        for code, (member, basis) in plan.by_file.items():
            countries.put(self.space.peers, self.schemas, code, Destination(member, basis, 0))
        mandates = {code: [str(member)] for code, member in plan.by_network.items()}
        sources.add(self.space.peers, self.schemas, "network", _network(mandates))

    def publish(self) -> int:
        """Draft what has changed, have it signed, publish it; the version."""
        contents = sources.read_all(self.space.peers, self.schemas)
        before = published.load(self.space)
        made = drafting.targets_draft(self.space, before, contents, self.schemas, self.now)
        if made is None:
            raise Broken("demo-draft", "nothing has changed that could be published")
        return self.agree(made)

    def agree(self, made: Draft) -> int:
        """Let a draft go from hand to hand as a file, each checking it before signing, and publish it."""
        data = made.to_bytes()
        for person in self.people[:THRESHOLD]:
            one = draft.read(data)
            draft_check.check(one, published.load(self.space), self.schemas, self.now)
            data = draft.sign(one, person.signer(Part.OFFLINE)).to_bytes()
        checked = draft_check.check(draft.read(data), published.load(self.space), self.schemas, self.now)
        return publishing.publish(
            self.space, checked, partial(self.people[0].signer, Part.DAILY), self.now
        ).version


def found(directory: Path, now: int) -> Bureau:
    """Keys for the administrators, the root that they sign, and a first list with nobody in it."""
    people = tuple(admins.generate(name) for name in ADMINISTRATORS)
    for person in people:
        place = directory / "administrators" / person.name
        place.mkdir(mode=0o700, parents=True)
        keystore.make_identity(place / IDENTITY)
        admins.save(person, place, Seal(identity=place / IDENTITY))
    bureau = Bureau(Workspace(directory), people, Schemas(schema_documents()), now)
    sources.add(bureau.space.peers, bureau.schemas, "network", _network({}))
    root = roots.first([person.public for person in people], Thresholds(THRESHOLD, THRESHOLD), now)
    bureau.agree(drafting.root_draft(published.load(bureau.space), root, now))
    bureau.publish()
    return bureau


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


def _network(mandates: Mapping[str, list[str]]) -> dict[str, object]:
    return {
        "v": 1,
        "name": "Demo network",
        "orphan_mandates": dict(mandates),
        "agencies": ["demo-police"],
        "escalation": [],
    }
