"""Who asks the member API, and whether they may.

Rules: at the Unix socket everybody is `local` and may do everything: the mode of the socket's file has let
them in. Over TCP each request carries `Authorization: Bearer hx_...`; only the routes that a monitor needs
are open. Whoever has no valid token learns nothing but that (RFC 6750 section 3). A route says which scope it
needs; none is checked anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from exchange.errors import Refused
from exchange.flow.tokens import LOCAL, Caller, Scope, Tokens
from exchange.server.calls import Call, Endpoint

NOBODY: Final = Caller("", frozenset())
_BEARER: Final = re.compile(r"[Bb]earer ([\x21-\x7e]{1,256})")

Door = Callable[[web.Request], Awaitable[Caller]]
"""Says who asks; raises `Refused` (`token-missing`, `token-unknown`)."""


async def local_door(_request: web.Request) -> Caller:
    """The Unix socket."""
    return LOCAL


@dataclass(frozen=True, slots=True)
class TokenDoor:
    """TCP."""

    tokens: Tokens

    async def __call__(self, request: web.Request) -> Caller:
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            raise Refused(
                "token-missing",
                "Authorization: there is not exactly one bearer token",
                hint="make one with: hotline-exchange tokens create",
            )
        return await self.tokens.caller(match[1])


def routes(endpoints: Iterable[Endpoint], door: Door) -> Sequence[web.RouteDef]:
    """The routes of some endpoints behind a door."""
    return [_route(endpoint, door) for endpoint in endpoints]


def _route(endpoint: Endpoint, door: Door) -> web.RouteDef:
    scope: Scope | None = endpoint.scope

    async def answer(request: web.Request) -> web.Response:
        caller = NOBODY
        if scope is not None:
            caller = await door(request)
            caller.check(scope)
        return await endpoint.answer(Call(request, caller))

    options = {"allow_head": False} if endpoint.method == hdrs.METH_GET else {}
    return web.RouteDef(endpoint.method, endpoint.path, answer, options)
