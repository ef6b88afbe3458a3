"""The APIs of a test node on real listeners: aiohttp over loopback or a Unix socket, real SQLite below.

`mailbox_served` and `member_served` start a listener and yield how to reach it. Only what a node's start
would put together is put together here.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from support.archive import LateArchive
from support.network import TestNode

from exchange import resources
from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.core import key_card
from exchange.core.registry_view import Jwk
from exchange.flow.evidence import Evidence
from exchange.flow.gate import Gate
from exchange.flow.operate import Operate
from exchange.flow.reading import Reading
from exchange.flow.reading_feed import ReadingFeed
from exchange.flow.reading_keys import ReadingKeys
from exchange.flow.reading_node import ReadingNode
from exchange.flow.tokens import Tokens
from exchange.observe import Metrics
from exchange.server.auth import Door, TokenDoor, local_door
from exchange.server.mailbox_api import MailboxApi, OwnKeys
from exchange.server.member_api import MemberApi
from exchange.server.member_evidence import EvidenceRoutes
from exchange.server.member_health import HealthRoutes
from exchange.server.member_inbox import InboxRoutes
from exchange.server.member_keys import KeyRoutes
from exchange.server.member_network import NetworkRoutes
from exchange.server.member_referrals import ReferralRoutes
from exchange.server.member_submissions import SubmissionRoutes
from exchange.server.member_tests import TestRoutes
from exchange.server.member_tokens import TokenRoutes
from exchange.server.middleware import application, runner
from exchange.server.openapi import bundled


@cache
def description() -> dict[str, Any]:
    """The description of the member API as it stands in schemas/."""
    return json.loads(resources.data_path("schemas", "openapi/member-1.json").read_bytes())


@cache
def served_description() -> bytes:
    return bundled(description(), resources.schema_documents())


def mailbox_api(node: TestNode, authority: str, counted: list[str]) -> MailboxApi:
    view = lambda: node.network.view  # noqa: E731
    own = OwnKeys(node.me, node.cards.known_kid, lambda: node.cards.kid, lambda: node.cards.card)
    gate = Gate(node.db, node.world, authority, view)
    return MailboxApi(gate, node.hosting, node.world, view, own, counted.append)


@dataclass
class Asked:
    """What the API has asked the node for, and what readiness it is told of."""

    reasons: list[Any] = field(default_factory=list)
    refreshed: int = 0


def member_api(node: TestNode, asked: Asked) -> MemberApi:
    db, world, bells, identity = node.db, node.world, node.bells, node.answer.identity
    view = lambda: node.network.view  # noqa: E731
    operate = Operate(db, world, bells, identity, partial(node.receive.envelope, released=True))
    reading = ReadingNode(db, world, identity, view, ("https://registry.example",), lambda: ())
    drafting = node.submit.drafting

    async def refresh() -> None:
        asked.refreshed += 1

    async def figures() -> bytes:
        return Metrics().render()

    return MemberApi(
        ReferralRoutes(world, drafting.schemas, drafting.rules, Reading(db), node.submit, node.answer),
        SubmissionRoutes(Reading(db), node.submit),
        InboxRoutes(ReadingFeed(db, world, bells), reading, operate),
        NetworkRoutes(reading, operate, drafting, refresh),
        TestRoutes(node.probe),
        KeyRoutes(
            ReadingKeys(db, node.me, node.keys),
            operate,
            node.registering,
            lambda retire: node.cards.rotate(retire=retire),
        ),
        TokenRoutes(Tokens(db, world, bells)),
        HealthRoutes(lambda: asked.reasons, figures, served_description()),
        EvidenceRoutes(Evidence(db, world, identity, LateArchive(node.network))),
    )


def key_of(node: TestNode) -> Jwk:
    """The encryption key that a node's card announces."""
    member = node.network.view.members[node.me]
    return key_card.parse(node.cards.card, node.me, member.signing).key


@asynccontextmanager
async def listening(
    routes: Sequence[web.RouteDef], sock: socket.socket, clock: Callable[[], float]
) -> AsyncIterator[None]:
    app = application("test", Metrics(), clock)
    app.add_routes(routes)
    running = runner(app, shutdown_seconds=0.1)
    await running.setup()
    await web.SockSite(running, sock).start()
    try:
        yield
    finally:
        await running.cleanup()


def _loopback() -> tuple[socket.socket, str]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock, f"127.0.0.1:{sock.getsockname()[1]}"


@dataclass(frozen=True)
class ServedMailbox:
    """`base` is the URL of the host, `authority` what is signed, `client` a guarded way to it."""

    base: str
    authority: str
    client: GuardedClient
    counted: list[str]


@asynccontextmanager
async def mailbox_served(node: TestNode) -> AsyncIterator[ServedMailbox]:
    """The mailbox API of a node on loopback."""
    sock, authority = _loopback()
    counted: list[str] = []
    guard = AddressGuard.of([], development=True)
    routes = mailbox_api(node, authority, counted).routes()
    async with listening(routes, sock, node.world.now), GuardedClient(guard, development=True) as client:
        yield ServedMailbox(f"http://{authority}", authority, client, counted)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return str(self.body["type"]).removeprefix("urn:hotline-exchange:")


@dataclass(frozen=True)
class ServedMember:
    """A way to the member API of a node."""

    session: aiohttp.ClientSession
    asked: Asked

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> Answer:
        """One request; `body` is JSON, or bytes as they are (with `Content_Type`)."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            fields["Idempotency-Key"] = key
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            fields.setdefault("Content-Type", "application/json")
        async with self.session.request(method, path, data=data, headers=fields) as answer:
            text = await answer.read()
            if answer.content_type.endswith("ndjson"):
                return Answer(answer.status, text.decode(), dict(answer.headers))
            told = json.loads(text) if "json" in answer.content_type and text else text
            return Answer(answer.status, told, dict(answer.headers))

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, **headers)

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Answer:
        return await self.call("POST", path, body, key=key, **headers)


@asynccontextmanager
async def member_served(node: TestNode, path: Path | None) -> AsyncIterator[ServedMember]:
    """The member API of a node at the Unix socket `path`, or over TCP with tokens when it is None."""
    asked = Asked()
    door: Door = TokenDoor(Tokens(node.db, node.world, node.bells))
    if path is None:
        sock, authority = _loopback()
        connector: aiohttp.BaseConnector = aiohttp.TCPConnector()
    else:
        sock, authority, door = socket.socket(socket.AF_UNIX), "localhost", local_door
        sock.bind(str(path))
        connector = aiohttp.UnixConnector(str(path))
    routes = member_api(node, asked).routes(door)
    async with (
        listening(routes, sock, node.world.now),
        aiohttp.ClientSession(f"http://{authority}", connector=connector) as session,
    ):
        yield ServedMember(session, asked)
