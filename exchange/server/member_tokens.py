"""Member API, tokens: for programs that come over TCP. A token is shown once, in the answer that makes it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from exchange.core.strict_json import JsonValue
from exchange.errors import Invalid
from exchange.flow.tokens import Scope, Tokens
from exchange.server.calls import Call, Endpoint, field, nothing, said


@dataclass(frozen=True, slots=True)
class TokenRoutes:
    tokens: Tokens

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/tokens", Scope.OPERATE, self.every),
            Endpoint("POST", "/v1/tokens", Scope.OPERATE, self.create),
            Endpoint("DELETE", "/v1/tokens/{id}", Scope.OPERATE, self.revoke),
        ]

    async def every(self, call: Call) -> web.Response:
        call.query()
        found: list[JsonValue] = [*await self.tokens.every()]
        return said({"tokens": found})

    async def create(self, call: Call) -> web.Response:
        call.query()
        body = await call.object("name", "scopes")
        name, scopes = field(body, "name"), _texts(body.get("scopes"))
        new = await self.tokens.create(name, scopes, call.caller)
        return said({"id": new.id, "token": new.token}, 201)

    async def revoke(self, call: Call) -> web.Response:
        call.query()
        await self.tokens.revoke(call.part("id"), call.caller)
        return nothing()


def _texts(value: JsonValue) -> list[str]:
    texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
    if not texts or not isinstance(value, list) or len(texts) != len(value):
        raise Invalid("field", "scopes: missing, or not a list of strings")
    return texts
