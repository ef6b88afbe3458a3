"""Reading our own keys: which sign now, which wait for the registry, which it has, and the encryption seeds.

Rules: reading changes nothing and asks nobody. Private keys and sealed seeds are never shown, only that they
are there or were destroyed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from exchange.core import base64url
from exchange.core.names import MemberId
from exchange.core.registry_view import Jwk, Member
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Unavailable
from exchange.flow.identity import KeysInUse
from exchange.flow.reading import moment
from exchange.store import seeds
from exchange.store.port import Database, Row


@dataclass(frozen=True, slots=True)
class ReadingKeys:
    """`keys` are those of member `me` that we hold."""

    db: Database
    me: MemberId
    keys: KeysInUse

    async def all(self) -> JsonObject:
        """All keys of this node."""
        member = self.keys.registered()
        async with self.db.reading() as tx:
            rows = await seeds.every(tx)
        return {
            "member": self.me,
            "in_use": self._in_use(),
            "waiting": [*self.keys.waiting()],
            "registered": None if member is None else _registered(member),
            "card": _card(rows[-1]) if rows else None,
            "seeds": [_seed(row) for row in rows],
        }

    def _in_use(self) -> JsonObject:
        """The kids that sign now; none of a kind of which all are revoked."""
        signing: list[JsonValue] = []
        http = None
        with suppress(Unavailable):
            signing += [jwk["kid"] for jwk in self.keys.signing().entry]
        with suppress(Unavailable):
            http = self.keys.http().kid
        return {"signing": signing, "http": http}


def _registered(member: Member) -> JsonObject:
    signing: list[JsonValue] = [
        {
            "ed25519": _key(entry.ed25519),
            "ml_dsa_65": _key(entry.ml_dsa_65),
            "nbf": moment(entry.nbf),
            "exp": moment(entry.exp),
            "revoked": entry.revoked is not None,
        }
        for entry in member.signing
    ]
    http: list[JsonValue] = [
        {
            "key": _key(entry.key),
            "nbf": moment(entry.nbf),
            "exp": moment(entry.exp),
            "revoked": entry.revoked is not None,
        }
        for entry in member.http
    ]
    return {"signing": signing, "http": http}


def _key(jwk: Jwk) -> JsonObject:
    """The kid is the key's RFC 7638 thumbprint; the fingerprint is its first 128 bits, to be read aloud."""
    text = base64url.decode(jwk["kid"], "kid").hex()
    return {"kid": jwk["kid"], "fingerprint": " ".join(text[i : i + 4] for i in range(0, 32, 4))}


def _card(row: Row) -> JsonObject:
    return {"kid": row["kid"], "serial": row["serial"], "exp": moment(row["card_exp"])}


def _seed(row: Row) -> JsonObject:
    return {
        **_card(row),
        "created_at": moment(row["created_at"]),
        "retired": row["retired_at"] is not None,
        "destroyed": row["destroyed_at"] is not None,
    }
