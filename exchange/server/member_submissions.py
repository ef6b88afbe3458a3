"""Member API, submissions: what was handed in, above all what has no destination yet.

Rules: an operator names a member, or closes a submission with a reason; nothing here is dropped silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from exchange.core.names import MemberId
from exchange.errors import Invalid
from exchange.flow.reading import Reading
from exchange.flow.submit import Submit
from exchange.flow.tokens import Scope
from exchange.server.calls import Call, Endpoint, field, said

STATES: Final = ("unroutable", "domestic", "routed", "dropped")
REASONS: Final = ("duplicate", "sent_in_error", "stale")


@dataclass(frozen=True, slots=True)
class SubmissionRoutes:
    reading: Reading
    submit: Submit

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/submissions", Scope.READ, self.every),
            Endpoint("GET", "/v1/submissions/{id}", Scope.READ, self.one),
            Endpoint("POST", "/v1/submissions/{id}/route", Scope.OPERATE, self.route),
            Endpoint("POST", "/v1/submissions/{id}/drop", Scope.OPERATE, self.drop),
        ]

    async def every(self, call: Call) -> web.Response:
        query = call.query("state", "after", "limit")
        state = query.choice("state", STATES)
        return said(await self.reading.submissions(state, query.text("after"), query.limit()))

    async def one(self, call: Call) -> web.Response:
        call.query()
        return said({"submission": await self.reading.submission(call.part("id"))})

    async def route(self, call: Call) -> web.Response:
        call.query()
        to = MemberId.parse(field(await call.object("to"), "to"), "to")
        return said(await self.submit.reroute(call.part("id"), to, call.caller.token))

    async def drop(self, call: Call) -> web.Response:
        call.query()
        reason = field(await call.object("reason"), "reason")
        if reason not in REASONS:
            raise Invalid("reason", f"reason: not one of {', '.join(REASONS)}")
        await self.reading.submission(call.part("id"))
        await self.submit.drop(call.part("id"), reason, call.caller.token)
        return said({"submission": call.part("id"), "state": "dropped", "reason": reason})
