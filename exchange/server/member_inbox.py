"""Member API, inbox: what came in, and what lies there for an operator (dead letters, quarantine).

Rules: the reader keeps the cursor; reading changes nothing. A long poll is answered as soon as there is
something, and after 25 seconds at the latest.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from exchange.core import limits
from exchange.flow.operate import Operate
from exchange.flow.reading_feed import KINDS, ReadingFeed
from exchange.flow.reading_node import ReadingNode
from exchange.flow.tokens import Scope
from exchange.server.calls import Call, Endpoint, said


@dataclass(frozen=True, slots=True)
class InboxRoutes:
    feed: ReadingFeed
    reading: ReadingNode
    operate: Operate

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/inbox", Scope.READ, self.inbox),
            Endpoint("GET", "/v1/dead-letters", Scope.READ, self.dead_letters),
            Endpoint("POST", "/v1/dead-letters/{document}/retry", Scope.OPERATE, self.retry),
            Endpoint("POST", "/v1/dead-letters/{document}/drop", Scope.OPERATE, self.drop),
            Endpoint("GET", "/v1/quarantine", Scope.READ, self.quarantine),
            Endpoint("POST", "/v1/quarantine/{id}/release", Scope.OPERATE, self.release),
        ]

    async def inbox(self, call: Call) -> web.Response:
        query = call.query("after", "wait", "limit", "kind")
        wait = query.number("wait", 0, limits.LONG_POLL_SECONDS, 0)
        kind = query.choice("kind", KINDS)
        return said(await self.feed.page(query.text("after"), query.limit(), kind, wait))

    async def dead_letters(self, call: Call) -> web.Response:
        query = call.query("after", "limit")
        return said(await self.reading.dead_letters(query.text("after"), query.limit()))

    async def retry(self, call: Call) -> web.Response:
        await call.nothing_said()
        return said(await self.operate.retry(call.part("document"), call.caller))

    async def drop(self, call: Call) -> web.Response:
        await call.nothing_said()
        return said(await self.operate.drop(call.part("document"), call.caller))

    async def quarantine(self, call: Call) -> web.Response:
        query = call.query("after", "limit")
        return said(await self.reading.quarantine(query.text("after"), query.limit()))

    async def release(self, call: Call) -> web.Response:
        await call.nothing_said()
        return said(await self.operate.release(call.part("id"), call.caller))
