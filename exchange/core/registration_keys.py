"""The keys of a member's file as a registration needs them: each once, with its period and whether it is
revoked.

Rules: every key stands under its own thumbprint; a period is two times in unix seconds, the first before the
second. What a revocation says is not read: here it only counts that there is one. Whether a change of keys
may be made is the registration's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from exchange.core.jwk import Algorithm, check_jwk
from exchange.core.registry_view import HttpRecord, Jwk, Revocation, SigningRecord
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid, Refused


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """The entries for signing and those for requests."""

    signing: tuple[SigningRecord, ...]
    http: tuple[HttpRecord, ...]

    def by_kid(self) -> dict[str, Jwk]:
        """Every key once; raises `Refused` (`registration-key-twice`)."""
        keys = [
            *chain.from_iterable((r.ed25519, r.ml_dsa_65) for r in self.signing),
            *(r.key for r in self.http),
        ]
        named = {key["kid"]: key for key in keys}
        if len(named) != len(keys):
            raise Refused("registration-key-twice", "registration: a key stands in two places")
        return named

    def lives(self) -> dict[tuple[str, ...], tuple[int, int, bool]]:
        """nbf, exp and whether it is revoked of every entry, under the kids that name it."""
        found: dict[tuple[str, ...], tuple[int, int, bool]] = {
            (r.ed25519["kid"], r.ml_dsa_65["kid"]): (r.nbf, r.exp, r.revoked is not None)
            for r in self.signing
        }
        return found | {(r.key["kid"],): (r.nbf, r.exp, r.revoked is not None) for r in self.http}

    def over(self, now: int) -> set[str]:
        """Kids of keys that are revoked, or whose time was over before `now`."""
        ended = [r for r in self.signing if r.revoked is not None or r.exp < now]
        kids = {key["kid"] for record in ended for key in (record.ed25519, record.ml_dsa_65)}
        return kids | {r.key["kid"] for r in self.http if r.revoked is not None or r.exp < now}


def keys_of(member: JsonObject) -> MemberKeys:
    """The keys of a member's file, each under its own thumbprint; raises `Invalid`."""
    keys = member.get("keys")
    if not isinstance(keys, dict):
        raise Invalid("registration", "member.keys: not an object")
    return MemberKeys(
        tuple(
            SigningRecord(
                check_jwk(item.get("ed25519"), Algorithm.ED25519, "member.keys.signing.ed25519"),
                check_jwk(item.get("ml_dsa_65"), Algorithm.ML_DSA_65, "member.keys.signing.ml_dsa_65"),
                *_period(item, "member.keys.signing"),
            )
            for item in _objects(keys.get("signing"), "member.keys.signing")
        ),
        tuple(
            HttpRecord(
                check_jwk(item.get("key"), Algorithm.ED25519, "member.keys.http.key"),
                *_period(item, "member.keys.http"),
            )
            for item in _objects(keys.get("http"), "member.keys.http")
        ),
    )


def _objects(value: JsonValue, field: str) -> Iterable[JsonObject]:
    if not isinstance(value, list) or not value:
        raise Invalid("registration", f"{field}: not a list of at least one")
    for item in value:
        if not isinstance(item, dict):
            raise Invalid("registration", f"{field}: one is not an object")
        yield item


def _period(item: JsonObject, field: str) -> tuple[int, int, Revocation | None]:
    nbf, exp = item.get("nbf"), item.get("exp")
    if type(nbf) is not int or type(exp) is not int or nbf >= exp:
        raise Invalid("registration", f"{field}: nbf and exp are not a period in unix seconds")
    return nbf, exp, None if item.get("revoked") is None else Revocation(0, "", None)
