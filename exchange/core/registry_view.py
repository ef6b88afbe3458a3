"""What a node knows from the verified registry: members, countries, network. Frozen, compared by version.

Rules: whoever builds a `RegistryView` has verified the bytes (TUF) and the schema. Lookups return
None for the unknown; deciding what that means is the caller's. Old keys stay in a member's lists for ever:
whether one may be used at a moment is asked with `usable_at`. This module knows neither TUF nor files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exchange.core import limits
from exchange.core.names import MemberId

Jwk = Mapping[str, str]


class MemberStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class Basis(StrEnum):
    """Why a member answers for a country (`routing.basis`)."""

    HOTLINE = "hotline"
    TERRITORY = "territory"
    ORPHAN_MANDATE = "orphan_mandate"
    POLICE = "police"
    ANALYST = "analyst"
    REASSIGNED = "reassigned"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Revocation:
    """`at` and `invalid_after` are unix seconds. `invalid_after` serves evidence only."""

    at: int
    reason: str
    invalid_after: int | None


@dataclass(frozen=True, slots=True)
class SigningRecord:
    """One signing entry: the two halves of a member's signature, valid from `nbf` to `exp` (unix seconds)."""

    ed25519: Jwk
    ml_dsa_65: Jwk
    nbf: int
    exp: int
    revoked: Revocation | None

    def usable_at(self, moment: int) -> bool:
        return self.revoked is None and self.nbf <= moment <= self.exp


@dataclass(frozen=True, slots=True)
class HttpRecord:
    """One key for request signatures (Ed25519)."""

    key: Jwk
    nbf: int
    exp: int
    revoked: Revocation | None

    def usable_at(self, moment: int) -> bool:
        return self.revoked is None and self.nbf <= moment <= self.exp


@dataclass(frozen=True, slots=True)
class Member:
    """One member as `members/<id>.json` says it.

    `mailbox` is the base URL of the host that keeps its mailbox, `card` the whole URL of its key card;
    neither has a trailing slash.
    """

    id: MemberId
    kind: str
    country: str
    name: str
    site: str
    status: MemberStatus
    mailbox: str
    card: str
    min_card: int
    signing: tuple[SigningRecord, ...]
    http: tuple[HttpRecord, ...]
    accepts: tuple[str, ...]
    deputy: MemberId | None
    languages: tuple[str, ...]
    office_hours: str | None


@dataclass(frozen=True, slots=True)
class Destination:
    """Who answers for a country, and why; lower `rank` first."""

    member: MemberId
    basis: Basis
    rank: int


@dataclass(frozen=True, slots=True)
class Network:
    """`network.json`: orphan mandates by country, agency codes of outcomes, order of escalation."""

    name: str
    orphan_mandates: Mapping[str, tuple[MemberId, ...]]
    agencies: frozenset[str]
    escalation: tuple[str, ...]


class RegistryState(StrEnum):
    """How old the registry is; a node always receives, whatever its state."""

    FRESH = "fresh"
    GRACE = "expired-grace"
    """Expired: it still sends to members that it knew, and learns nobody new."""
    EXPIRED = "expired"
    """It sends no more."""


@dataclass(frozen=True, slots=True)
class RegistryView:
    """All targets of one registry version.

    `digest` is SHA-256 hex of the targets metadata; `expires_at` is in unix seconds.
    """

    version: int
    digest: str
    expires_at: int
    members: Mapping[MemberId, Member]
    countries: Mapping[str, tuple[Destination, ...]]
    network: Network
    by_http_kid: Mapping[str, tuple[Member, HttpRecord]] = field(default_factory=dict)

    def member(self, member_id: str) -> Member | None:
        return self.members.get(MemberId(member_id))

    def http_key(self, kid: str) -> tuple[Member, HttpRecord] | None:
        return self.by_http_kid.get(kid)

    def state_at(self, now: int) -> RegistryState:
        """The state at `now` (unix seconds)."""
        if now < self.expires_at:
            return RegistryState.FRESH
        in_grace = now < self.expires_at + limits.REGISTRY_GRACE_SECONDS
        return RegistryState.GRACE if in_grace else RegistryState.EXPIRED

    def destinations(self, country: str) -> tuple[Destination, ...]:
        return self.countries.get(country, ())
