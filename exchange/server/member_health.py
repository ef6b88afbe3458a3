"""Member API, health: whether the process answers, whether the node is ready, its figures, its description.

Rules: `/healthz` and `/readyz` ask nobody who they are, since a supervisor has no token; figures and the
description need the scope `read` over TCP. A node that is not ready says 503, and why, in codes and
sentences without names of peers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from exchange.core.strict_json import JsonValue
from exchange.flow.tokens import Scope
from exchange.server.calls import JSON, NO_STORE, Call, Endpoint, said

FIGURES_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Reason(Protocol):
    """Why a node is not ready."""

    @property
    def code(self) -> str: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True, slots=True)
class HealthRoutes:
    """`description` is the OpenAPI document as it is served (`server.openapi.bundled`)."""

    readiness: Callable[[], Sequence[Reason]]
    figures: Callable[[], Awaitable[bytes]]
    description: bytes

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/healthz", None, self.healthz),
            Endpoint("GET", "/readyz", None, self.readyz),
            Endpoint("GET", "/metrics", Scope.READ, self.metrics),
            Endpoint("GET", "/openapi.json", Scope.READ, self.openapi),
        ]

    async def healthz(self, _call: Call) -> web.Response:
        return said({"alive": True})

    async def readyz(self, _call: Call) -> web.Response:
        reasons: list[JsonValue] = [
            {"code": reason.code, "sentence": reason.sentence} for reason in self.readiness()
        ]
        return said({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def metrics(self, _call: Call) -> web.Response:
        headers = {**NO_STORE, "Content-Type": FIGURES_TYPE}
        return web.Response(body=await self.figures(), headers=headers)

    async def openapi(self, _call: Call) -> web.Response:
        return web.Response(body=self.description, content_type=JSON, headers=dict(NO_STORE))
