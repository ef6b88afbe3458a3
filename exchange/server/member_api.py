"""The member API: what the member's own people and systems call. All its routes, behind a door.

Rules: the same routes at the Unix socket and over TCP; only the door differs. No route reads a body before
the caller is known and may do what it does. Which scope a route needs stands beside the route.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from exchange.server.auth import Door, routes
from exchange.server.calls import Endpoint
from exchange.server.member_evidence import EvidenceRoutes
from exchange.server.member_health import HealthRoutes
from exchange.server.member_inbox import InboxRoutes
from exchange.server.member_keys import KeyRoutes
from exchange.server.member_network import NetworkRoutes
from exchange.server.member_referrals import ReferralRoutes
from exchange.server.member_submissions import SubmissionRoutes
from exchange.server.member_tests import TestRoutes
from exchange.server.member_tokens import TokenRoutes


@dataclass(frozen=True, slots=True)
class MemberApi:
    """The routes by subject."""

    referrals: ReferralRoutes
    submissions: SubmissionRoutes
    inbox: InboxRoutes
    network: NetworkRoutes
    tests: TestRoutes
    keys: KeyRoutes
    tokens: TokenRoutes
    health: HealthRoutes
    evidence: EvidenceRoutes

    def endpoints(self) -> list[Endpoint]:
        """Every route: method, path, scope."""
        return [
            *self.referrals.endpoints(),
            *self.submissions.endpoints(),
            *self.inbox.endpoints(),
            *self.network.endpoints(),
            *self.tests.endpoints(),
            *self.keys.endpoints(),
            *self.tokens.endpoints(),
            *self.health.endpoints(),
            *self.evidence.endpoints(),
        ]

    def routes(self, door: Door) -> Sequence[web.RouteDef]:
        """What an application adds to its router: `auth.local_door` for the socket, `auth.TokenDoor` for
        TCP.
        """
        return routes(self.endpoints(), door)
