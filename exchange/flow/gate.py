"""The gate of the mailbox API: which member signed this request, or why it is refused.

Rules, in this order (RFC 9421; the exact form is core/request_signature's): form, the key id in the
registry, the signature, the time, the nonce. A nonce is used by inserting it: a second insert is a replay,
also after a restart. What its status means at this door (core/standing) a member is told only after its
signature held: a pending one may come in, a suspended one and one that has left may not. The body is checked
afterwards, against the digest that was signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exchange.core import limits
from exchange.core.names import MemberId
from exchange.core.registry_view import MemberStatus, RegistryView
from exchange.core.request_signature import (
    SignatureClaims,
    check_digest,
    check_time,
    parse_signed,
    verify_signature,
)
from exchange.core.standing import check_door
from exchange.errors import Refused
from exchange.flow.world import World
from exchange.store import nonces
from exchange.store.port import Database


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a request, and what was signed; `trial` says that the registry calls the member pending."""

    member: MemberId
    trial: bool
    claims: SignatureClaims

    def check_body(self, body: bytes) -> None:
        """Raises `Refused` (`digest`) unless this is the body that was signed."""
        check_digest(self.claims, body)


@dataclass(frozen=True, slots=True)
class Gate:
    """`authority` is the configured one: what peers sign, whatever Host says."""

    db: Database
    world: World
    authority: str
    registry: Callable[[], RegistryView]

    async def signer(
        self,
        *,
        method: str,
        raw_path: str,
        raw_query: str,
        headers: Sequence[tuple[str, str]],
        has_body: bool,
    ) -> Signer:
        """The member that signed; raises `Refused` with one of the codes of a whole request."""
        claims = parse_signed(headers, method, self.authority, raw_path, raw_query, has_body)
        now = self.world.now()
        found = self.registry().http_key(claims.keyid)
        if found is None:
            raise Refused("key-unknown", "keyid: not a key of the network's registry")
        member, record = found
        verify_signature(claims, record.key)
        check_time(claims, now)
        if not record.usable_at(int(now)):
            raise Refused("key-unknown", "keyid: revoked, or not valid now")
        if not await self._first(claims):
            raise Refused("replay", "nonce: used before")
        check_door(member.status)
        return Signer(member.id, member.status is MemberStatus.PENDING, claims)

    async def _first(self, claims: SignatureClaims) -> bool:
        until = claims.expires + limits.CLOCK_SKEW_SECONDS
        async with self.db.transaction() as tx:
            return await nonces.use(tx, claims.keyid, claims.nonce, until)
