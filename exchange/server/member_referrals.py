"""Member API, referrals: hand in, list, show, say an outcome, withdraw.

Rules: a request that changes something has an Idempotency-Key and is answered the same twice. A body is one
submission in JSON, or JSON lines with one in each. What a request says is checked whole, and every problem
is told at once with its pointer and line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from exchange.core import limits, strict_json
from exchange.core.documents import outcome_request_problems, withdrawal_request_problems
from exchange.core.referral_state import State
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Problem
from exchange.flow.answer import Answer
from exchange.flow.reading import Filter, Reading
from exchange.flow.submit import Submit
from exchange.flow.tokens import Scope
from exchange.flow.world import World
from exchange.server.calls import JSON, NDJSON, Call, Endpoint, answered, said

DIRECTIONS: Final = ("sent", "received")
SUBMISSION_BYTES: Final = limits.SUBMISSION_LINES * (limits.DOCUMENT_BYTES + 2)
"""Bytes of one submitting request: every line of full length, and its line break."""


@dataclass(frozen=True, slots=True)
class ReferralRoutes:
    world: World
    schemas: Schemas
    rules: Rules
    reading: Reading
    submit: Submit
    answer: Answer

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/v1/referrals", Scope.SUBMIT, self.post),
            Endpoint("GET", "/v1/referrals", Scope.READ, self.every),
            Endpoint("GET", "/v1/referrals/{id}", Scope.READ, self.one),
            Endpoint("POST", "/v1/referrals/{id}/outcomes", Scope.ANSWER, self.outcome),
            Endpoint("POST", "/v1/referrals/{id}/withdrawal", Scope.SUBMIT, self.withdrawal),
        ]

    async def post(self, call: Call) -> web.Response:
        call.query()
        body = await call.body(JSON, NDJSON, limit=SUBMISSION_BYTES)
        asked = call.asked(body)
        lines = [body] if call.request.content_type == JSON else _lines(body)
        return answered(await self.submit.submit(lines, asked))

    async def every(self, call: Call) -> web.Response:
        query = call.query("direction", "state", "peer", "country", "case", "after", "limit")
        wanted = Filter(
            query.choice("direction", DIRECTIONS),
            query.choice("state", [state.value for state in State]),
            query.member("peer"),
            query.country("country"),
            query.uuid("case"),
        )
        return said(await self.reading.referrals(wanted, query.text("after"), query.limit()))

    async def one(self, call: Call) -> web.Response:
        sender = call.query("sender").member("sender")
        return said({"referral": await self.reading.referral(call.part("id"), sender)})

    async def outcome(self, call: Call) -> web.Response:
        sender = call.query("sender").member("sender")
        body = await call.body(JSON, limit=limits.DOCUMENT_BYTES)
        asked = call.asked(body)
        value = strict_json.parse_object(body, limit=limits.DOCUMENT_BYTES, what="outcome")
        problems = outcome_request_problems(self.schemas, self.rules, value, now=int(self.world.now()))
        request = _sound(value, problems, "outcome")
        return answered(await self.answer.outcome(call.part("id"), sender, request, asked))

    async def withdrawal(self, call: Call) -> web.Response:
        call.query()
        body = await call.body(JSON, limit=limits.DOCUMENT_BYTES)
        asked = call.asked(body)
        value = strict_json.parse_object(body, limit=limits.DOCUMENT_BYTES, what="withdrawal")
        request = _sound(value, withdrawal_request_problems(self.schemas, value), "withdrawal")
        return answered(await self.answer.withdraw(call.part("id"), request, asked))


def _lines(body: bytes) -> list[bytes]:
    """The lines of a JSON lines body; the last line break may be there or not."""
    body = body.removesuffix(b"\n")
    if body.count(b"\n") >= limits.SUBMISSION_LINES:
        raise Invalid("submission-lines", f"the body has more than {limits.SUBMISSION_LINES} lines")
    return body.split(b"\n")


def _sound(value: JsonObject, problems: tuple[Problem, ...], what: str) -> JsonObject:
    if problems:
        raise Invalid(f"{what}-invalid", f"the {what} cannot be said like this", problems=problems)
    return value
