"""Member API, evidence: the file that proves one document.

Rules: reading, for whoever may read; the file holds the document. Its form is core/evidence's, and nothing is
decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from exchange.flow.evidence import Evidence
from exchange.flow.tokens import Scope
from exchange.server.calls import NDJSON, NO_STORE, Call, Endpoint


@dataclass(frozen=True, slots=True)
class EvidenceRoutes:
    evidence: Evidence

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("GET", "/v1/evidence/{id}", Scope.READ, self.one)]

    async def one(self, call: Call) -> web.Response:
        sender = call.query("sender").member("sender")
        data = await self.evidence.of(call.part("id"), sender)
        return web.Response(body=data, content_type=NDJSON, headers=dict(NO_STORE))
