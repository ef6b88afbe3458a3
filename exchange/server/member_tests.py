"""Member API, test exchanges: start one with a member, and look how far it has come.

Rules: starting one sends something, so it is the operator's; looking changes nothing. A test that is under
way already is answered with 200 instead of 201.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from exchange.flow.probe import Probe
from exchange.flow.tokens import Scope
from exchange.server.calls import Call, Endpoint, said


@dataclass(frozen=True, slots=True)
class TestRoutes:
    """The two calls."""

    __test__ = False

    probe: Probe

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/v1/peers/{id}/test", Scope.OPERATE, self.start),
            Endpoint("GET", "/v1/tests/{document}", Scope.READ, self.look),
        ]

    async def start(self, call: Call) -> web.Response:
        await call.nothing_said()
        document, new = await self.probe.start(call.part("id"), call.caller)
        return said({"document": document}, 201 if new else 200)

    async def look(self, call: Call) -> web.Response:
        call.query()
        return said(await self.probe.reading(call.part("document")))
