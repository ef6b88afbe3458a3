"""Member API, the network and the node: peers, routes, registry, journal, figures.

Rules: a URL that somebody wants a route for is in the body, is looked at and forgotten. What changes
something (another look at the registry) is the operator's; verifying the journal changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from exchange.core.strict_json import JsonValue
from exchange.flow.draft import Drafting
from exchange.flow.operate import Operate
from exchange.flow.reading_node import ReadingNode
from exchange.flow.reading_route import where
from exchange.flow.tokens import Scope
from exchange.server.calls import Call, Endpoint, said


@dataclass(frozen=True, slots=True)
class NetworkRoutes:
    """`refresh` looks at the registry's mirrors once."""

    reading: ReadingNode
    operate: Operate
    drafting: Drafting
    refresh: Callable[[], Awaitable[object]]

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/status", Scope.READ, self.status),
            Endpoint("GET", "/v1/peers", Scope.READ, self.peers),
            Endpoint("POST", "/v1/route", Scope.READ, self.route),
            Endpoint("GET", "/v1/registry", Scope.READ, self.registry),
            Endpoint("POST", "/v1/registry/refresh", Scope.OPERATE, self.look),
            Endpoint("GET", "/v1/journal", Scope.READ, self.journal),
            Endpoint("POST", "/v1/journal/verify", Scope.READ, self.verify),
        ]

    async def status(self, call: Call) -> web.Response:
        call.query()
        return said(await self.reading.status())

    async def peers(self, call: Call) -> web.Response:
        call.query()
        found: list[JsonValue] = [*await self.reading.peers()]
        return said({"peers": found})

    async def route(self, call: Call) -> web.Response:
        call.query()
        return said(where(self.drafting, await call.object("country", "url", "to")))

    async def registry(self, call: Call) -> web.Response:
        call.query()
        return said(await self.reading.registry_facts())

    async def look(self, call: Call) -> web.Response:
        await call.nothing_said()
        await self.refresh()
        return said(await self.reading.registry_facts())

    async def journal(self, call: Call) -> web.Response:
        call.query()
        return said(await self.reading.journal())

    async def verify(self, call: Call) -> web.Response:
        await call.nothing_said()
        return said(await self.operate.verify_journal())
