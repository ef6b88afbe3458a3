"""Members for tests: keys derived from a name, so that they are the same in every test, process and vector.

`member_keys("gb-iwf")` gives the private keys, `member("gb-iwf")` the registry's view of them, and
`registry_view(member(...), ...)` a registry. Never for anything but tests: the seeds are public.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from exchange.core.keys import EncryptionKey, HttpKey, SigningKeys
from exchange.core.names import MemberId
from exchange.core.registry_view import (
    Basis,
    Destination,
    HttpRecord,
    Member,
    MemberStatus,
    Network,
    RegistryView,
    SigningRecord,
)

NOW = 1_770_000_000
"""Unix seconds: 2026-02-02T02:40:00Z. The keys below are valid around it."""

NBF = NOW - 30 * 86400
EXP = NBF + 730 * 86400


@dataclass(frozen=True)
class MemberKeys:
    """All private keys of one member."""

    id: MemberId
    signing: SigningKeys
    http: HttpKey
    encryption: EncryptionKey

    def seed_for(self, kid: str) -> bytes | None:
        return self.encryption.seed if kid == self.encryption.kid else None


def seed(name: str, role: str) -> bytes:
    """The 32-byte seed of one key: SHA-256 of `hx test <name> <role>`."""
    return hashlib.sha256(f"hx test {name} {role}".encode()).digest()


@cache
def member_keys(name: str, generation: str = "1") -> MemberKeys:
    """The keys of `name`; another `generation` gives others."""
    return MemberKeys(
        MemberId(name),
        SigningKeys.from_seeds(seed(name, f"ed25519 {generation}"), seed(name, f"ml-dsa-65 {generation}")),
        HttpKey.from_seed(seed(name, f"http {generation}")),
        EncryptionKey.from_seed(seed(name, f"encryption {generation}")),
    )


def signing_record(keys: SigningKeys, **changes: Any) -> SigningRecord:
    ed25519, ml_dsa_65 = keys.entry
    fields: dict[str, Any] = {"ed25519": ed25519, "ml_dsa_65": ml_dsa_65, "nbf": NBF, "exp": EXP}
    return SigningRecord(**(fields | {"revoked": None} | changes))


def member(name: str, **changes: Any) -> Member:
    """An active hotline under its keys of generation 1; `changes` replace fields of `Member`."""
    keys = member_keys(name)
    fields: dict[str, Any] = {
        "id": MemberId(name),
        "kind": "hotline",
        "country": name[:2].upper(),
        "name": name,
        "site": f"https://{name}.example",
        "status": MemberStatus.ACTIVE,
        "mailbox": f"https://mx.{name}.example/v1/mailboxes/{name}",
        "card": f"https://mx.{name}.example/v1/members/{name}/card",
        "min_card": 0,
        "signing": (signing_record(keys.signing),),
        "http": (HttpRecord(keys.http.jwk, NBF, EXP, None),),
        "accepts": ("referral/1", "outcome/1", "withdrawal/1", "receipt/1", "resync/1", "test/1"),
        "deputy": None,
        "languages": ("en",),
        "office_hours": None,
    }
    return Member(**(fields | changes))


def registry_view(
    *members: Member,
    countries: Mapping[str, tuple[Destination, ...]] | None = None,
    network: Network | None = None,
    version: int = 1,
    expires_at: int = NOW + 14 * 86400,
) -> RegistryView:
    """A registry of these members; without `countries`, each answers for its own country as hotline."""
    if countries is None:
        countries = {one.country: (Destination(one.id, Basis.HOTLINE, 1),) for one in members}
    return RegistryView(
        version=version,
        digest=hashlib.sha256(f"registry {version}".encode()).hexdigest(),
        expires_at=expires_at,
        members={one.id: one for one in members},
        countries=countries,
        network=network or Network("test", {}, frozenset(), ("deputy", "orphan_mandate")),
        by_http_kid={record.key["kid"]: (one, record) for one in members for record in one.http},
    )


def published(name: str) -> dict[str, Any]:
    """A member's keys as other programs are given them: per role the seed (hex) and the public JWK."""
    made = member_keys(name)
    ed25519, ml_dsa_65 = made.signing.entry
    keys = {
        "ed25519": (ed25519, "ed25519 1"),
        "ml_dsa_65": (ml_dsa_65, "ml-dsa-65 1"),
        "http": (made.http.jwk, "http 1"),
        "encryption": (made.encryption.jwk, "encryption 1"),
    }
    return {role: {"seed": seed(name, of).hex(), "jwk": dict(jwk)} for role, (jwk, of) in keys.items()}
