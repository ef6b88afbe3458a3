"""The two applications of a node, given their parts: the mailbox API and the member API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from exchange import resources
from exchange.flow.evidence import Evidence
from exchange.flow.gate import Gate
from exchange.flow.mirror import Mirror
from exchange.flow.operate import Operate
from exchange.flow.probe import Probe
from exchange.flow.reading import Reading
from exchange.flow.reading_feed import ReadingFeed
from exchange.flow.reading_keys import ReadingKeys
from exchange.flow.reading_node import ReadingNode
from exchange.flow.receive import Arrived
from exchange.flow.tokens import Tokens
from exchange.node.health import Health
from exchange.node.parts import Parts
from exchange.server.auth import TokenDoor, local_door
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
from exchange.server.middleware import application
from exchange.server.openapi import bundled
from exchange.server.registry_mirror import RegistryMirror


def mailbox_app(parts: Parts, gate: Gate) -> web.Application:
    """What other members reach."""
    cards = parts.cards
    own = OwnKeys(parts.identity.member, cards.known_kid, lambda: cards.kid, lambda: cards.card)

    def count(answer: str) -> None:
        parts.metrics.deposits_total.labels("received", answer).inc()

    api = MailboxApi(gate, parts.hosting, parts.world, parts.watch.view, own, count)
    app = application("mailbox", parts.metrics, parts.world.now)
    app.add_routes(api.routes())
    if parts.config.registry.serve:
        app.add_routes(RegistryMirror(Mirror(parts.archive)).routes())
    return app


def member_app(parts: Parts, health: Health, *, local: bool, tend: Callable[[], None]) -> web.Application:
    """What the member's own people and systems reach; `local` at the Unix socket, else with tokens.

    `tend` asks for a look at what has to be published.
    """
    db, world, bells = parts.db, parts.world, parts.bells
    tokens = Tokens(db, world, bells)
    reading = Reading(db)
    watch, mirrors = parts.watch, parts.config.registry.mirrors
    of_node = ReadingNode(db, world, parts.identity, watch.view, mirrors, watch.left_out)

    of_keys = ReadingKeys(db, parts.identity.member, parts.keys)

    async def released(arrived: Arrived) -> str:
        return await parts.receive.envelope(arrived, released=True)

    async def rotate(retire: bool) -> None:
        await parts.cards.rotate(retire=retire)
        tend()

    operate = Operate(db, world, bells, parts.identity, released)
    probe = Probe(db, world, bells, parts.identity, parts.schemas, parts.rules, parts.watch.view)
    api = MemberApi(
        ReferralRoutes(world, parts.schemas, parts.rules, reading, parts.submit, parts.answer),
        SubmissionRoutes(reading, parts.submit),
        InboxRoutes(ReadingFeed(db, world, bells), of_node, operate),
        NetworkRoutes(of_node, operate, parts.drafting, _refresh(parts, tend)),
        TestRoutes(probe),
        KeyRoutes(of_keys, operate, parts.registering, rotate),
        TokenRoutes(tokens),
        HealthRoutes(health.reasons, health.metrics, _description()),
        EvidenceRoutes(Evidence(db, world, parts.identity, parts.archive)),
    )
    app = application("member", parts.metrics, world.now)
    app.add_routes(api.routes(local_door if local else TokenDoor(tokens)))
    return app


def _refresh(parts: Parts, tend: Callable[[], None]) -> Callable[[], Awaitable[object]]:
    async def refresh() -> None:
        if await parts.watch.refresh():
            tend()
            await parts.consequences.run()

    return refresh


def _description() -> bytes:
    return bundled(resources.api_description(), resources.schema_documents())
