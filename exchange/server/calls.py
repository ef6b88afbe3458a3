"""One call of the member API: who asks, what the query and the body say, and how an answer is written.

Rules: a parameter that a route does not know, or whose value is not of its form, is refused with its name
(`query`), never ignored: a misspelt filter must not show everything. A body is strict JSON of the type that
the route wants, read under a limit and a deadline. Answers are compact JSON and are kept by no cache.

It refuses to know what any route is for.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from exchange.core import limits, strict_json
from exchange.core.countries import parse_country
from exchange.core.names import AnyUuid, MemberId
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid, Refused
from exchange.flow.idempotency import Answered, Asked, asked
from exchange.flow.tokens import Caller, Scope
from exchange.server.middleware import read_body

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
NO_STORE: Final[Mapping[str, str]] = {"Cache-Control": "no-store"}
PAGE: Final = 100
PAGE_MAX: Final = 500
"""Entries of a page at most: some 200 kB."""
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_CURSOR: Final = re.compile(r"[0-9a-z.-]{1,128}")


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a request; every method raises `Invalid` (`query`) naming the parameter."""

    given: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """An opaque cursor."""
        value = self.given.get(name)
        if value is not None and _CURSOR.fullmatch(value) is None:
            raise Invalid("query", f"{name}: not a cursor that was given out here")
        return value

    def number(self, name: str, low: int, high: int, default: int) -> int:
        value = self.given.get(name)
        if value is None:
            return default
        if _NUMBER.fullmatch(value) is None or not low <= int(value) <= high:
            raise Invalid("query", f"{name}: not a number from {low} to {high}")
        return int(value)

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        value = self.given.get(name)
        if value is not None and value not in choices:
            raise Invalid("query", f"{name}: not one of {', '.join(choices)}")
        return value

    def member(self, name: str) -> str | None:
        return self._parsed(name, MemberId.parse)

    def country(self, name: str) -> str | None:
        return self._parsed(name, parse_country)

    def uuid(self, name: str) -> str | None:
        return self._parsed(name, AnyUuid.parse)

    def limit(self) -> int:
        """How many entries the caller wants in a page."""
        return self.number("limit", 1, PAGE_MAX, PAGE)

    def _parsed(self, name: str, parse: Callable[[object, str], str]) -> str | None:
        value = self.given.get(name)
        if value is None:
            return None
        try:
            return parse(value, name)
        except Invalid as error:
            raise Invalid("query", error.message, hint=error.hint) from None


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose caller is known and may do what the route does."""

    request: web.Request
    caller: Caller

    def part(self, name: str) -> str:
        """The part of the path that the route calls `name`."""
        return self.request.match_info[name]

    def query(self, *known: str) -> Query:
        """The query; raises `Invalid` (`query`) for a parameter that is not `known`."""
        given = self.request.query
        if not set(given).issubset(known):
            says = f"there is only {', '.join(known)}" if known else "there is none"
            raise Invalid("query", f"a parameter that is not known here: {says}")
        return Query(dict(given))

    async def body(self, *types: str, limit: int) -> bytes:
        """The body; raises `Refused` (`content-type`) unless it is of one of `types`."""
        if self.request.content_type not in types:
            raise Refused("content-type", f"the body has to be {' or '.join(types)}")
        return await read_body(self.request, limit)

    async def object(self, *known: str, optional: bool = False) -> JsonObject:
        """A body that is a JSON object with some of the fields `known`; `optional` takes no body for {}.

        Raises `Invalid` (`json-...`, `unknown-field`).
        """
        if optional and not self.request.content_length:
            return {}
        data = await self.body(JSON, limit=limits.DOCUMENT_BYTES)
        value = strict_json.parse_object(data, limit=limits.DOCUMENT_BYTES, what="body")
        if not set(value).issubset(known):
            says = f"there is only {', '.join(known)}" if known else "there is none"
            raise Invalid("unknown-field", f"a field that is not known here: {says}")
        return value

    async def nothing_said(self) -> None:
        """Neither query nor body (an empty object will do): the path says all."""
        self.query()
        await self.object(optional=True)

    def asked(self, body: bytes) -> Asked:
        """This request under its Idempotency-Key; raises `Invalid` for a missing, odd or repeated key."""
        keys = self.request.headers.getall("Idempotency-Key", [])
        if len(keys) > 1:
            raise Invalid("idempotency-key-form", "Idempotency-Key: more than one")
        what = f"{self.request.method} {self.request.raw_path}"
        return asked(self.caller.token, keys[0] if keys else None, what, body)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route: `scope` is what a caller needs; None asks nobody who they are."""

    method: str
    path: str
    scope: Scope | None
    answer: Callable[[Call], Awaitable[web.Response]]


def field(body: JsonObject, name: str) -> str:
    """A string that the body has to have; raises `Invalid` (`field`)."""
    value = body.get(name)
    if not isinstance(value, str):
        raise Invalid("field", f"{name}: missing, or not a string")
    return value


def said(value: JsonValue, status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.Response(
        body=strict_json.dump(value), status=status, content_type=JSON, headers=dict(NO_STORE)
    )


def nothing() -> web.Response:
    """204."""
    return web.Response(status=204, headers=dict(NO_STORE))


def answered(answer: Answered) -> web.Response:
    """An answer under an Idempotency-Key; one that was given before says so."""
    headers = {**NO_STORE, "Idempotency-Replayed": "true"} if answer.again else dict(NO_STORE)
    return web.Response(body=answer.body, status=answer.status, content_type=JSON, headers=headers)
