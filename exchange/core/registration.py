"""A registration: what a member asks the administrators to enter, and the proof that it holds its keys.

An object {v, registration, card}: `registration` is a JWS of typ `hx-registration+json` whose payload is the
member's file, byte for byte as it is to stand in the registry; `card` is the JWS of a fresh key card. A
change is the same, with the member's present file at hand.

Rules:

* Every key in the file signs, unless the file marks it revoked or its time is over: nobody registers a key
  that it does not hold. A change keeps every entry of the present file, as evidence, and revives none; at
  least one of its signing entries, neither revoked nor over, must be among those that sign.
* Where no such entry is left, no present key can vouch: the registration is `fresh`, as a first one is, and
  has to be proved by the fingerprint and the challenge.
* Each comes with a new card and says so: `min_card` is above that of the present file, or it is an old one
  sent again.
* Kids are recomputed; no key stands in two places. The card is signed by an entry of the file, and not below
  `min_card`.
* An encryption key cannot sign: whether its holder can open is shown by a sealed challenge (`challenge`,
  `answer`, `answered`).
* The `fingerprint` is to be read aloud on a call: it covers every byte of the member's file.

The form of the file beyond its keys is checked by schema, and whether a key belongs to another member, by the
registrar, which has the registry.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from exchange.core import jws, key_card, strict_json
from exchange.core.jwk import Algorithm, check_jwk, fingerprint, x_wing_public
from exchange.core.keys import EncryptionKey, Signer, x_wing_private
from exchange.core.limits import REGISTRATION_BYTES
from exchange.core.names import MemberId
from exchange.core.registry_view import HttpRecord, Jwk, Revocation, SigningRecord
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid, Refused

VERSION: Final = 1
_MEMBERS: Final = frozenset(("v", "registration", "card"))
_CHALLENGE_INFO: Final = b"hx-registration challenge\xff"
_GONE: Final = Revocation(0, "gone", None)
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class Registration:
    """`data` is the member's file and `member` what it says, `card` the JWS of its key card with `key`.

    `kids` names every key in either. `fresh`: no present key vouches for it.
    """

    data: bytes
    member: JsonObject
    card: bytes
    key: Jwk
    kids: frozenset[str]
    fingerprint: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class _Keys:
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

    def over(self, now: int) -> set[str]:
        """Kids of keys that are revoked, or whose time was over before `now`."""
        ended = [r for r in self.signing if r.revoked is not None or r.exp < now]
        kids = {key["kid"] for record in ended for key in (record.ed25519, record.ml_dsa_65)}
        return kids | {r.key["kid"] for r in self.http if r.revoked is not None or r.exp < now}


def request(member_file: bytes, card: bytes, keys: Sequence[Signer], old: Sequence[Signer] = ()) -> bytes:
    """The registration to be sent to an administrator, signed by `keys` (all in the file) and `old` ones.

    `member_file` is compact JSON, `card` what `key_card.issue` made.
    """
    signed = jws.sign_all(member_file, [*keys, *old], jws.Typ.REGISTRATION)
    return b'{"v":1,"registration":' + signed + b',"card":' + card + b"}"


def check(data: bytes, previous: JsonObject | None = None, now: int = 0) -> Registration:
    """The registration in `data`; raises `Refused` with a code that starts with `registration-`.

    `previous` is the member's present file, for a change; `now` in unix seconds decides which keys' time is
    over, 0 means none.
    """
    try:
        signed, card = _parts(data)
        member_file = jws.peek_payload(signed)
        member = _file(member_file)
        new, serial = _keys(member), _min_card(member)
        old = _keys(previous) if previous is not None else _Keys((), ())
        present = _min_card(previous) if previous is not None else -1
    except (Invalid, Refused) as error:
        raise Refused("registration-form", error.message) from None
    if previous is not None and previous.get("id") != member["id"]:
        raise Refused("registration-member", "registration: not the member of the present file")
    if serial <= present:
        raise Refused(
            "registration-replayed",
            "member.min_card: not above that of the present file, so this is no new registration",
            hint="the member makes a new one: hotline-exchange change",
        )
    named = new.by_kid()
    _keeps(old, new)
    by = _signed(signed, named)
    if named.keys() - new.over(now) - by:
        raise Refused("registration-unsigned", "registration: a key did not sign")
    able = [r for r in old.signing if r.revoked is None and r.exp >= now]
    if able and not any({r.ed25519["kid"], r.ml_dsa_65["kid"]} <= by for r in able):
        raise Refused("registration-rotation", "registration: no present signing entry signed")
    encryption = _card(card, MemberId(str(member["id"])), new.signing, serial)
    kids = frozenset({*named, encryption["kid"]})
    return Registration(member_file, member, card, encryption, kids, fingerprint(member_file), not able)


def _keeps(old: _Keys, new: _Keys) -> None:
    """Every entry of the present file stands in the new one, and none that is revoked comes back."""
    entries = {(r.ed25519["kid"], r.ml_dsa_65["kid"]): r.revoked for r in new.signing}
    https = {r.key["kid"]: r.revoked for r in new.http}
    kept = [(r.revoked, entries.get((r.ed25519["kid"], r.ml_dsa_65["kid"]), _GONE)) for r in old.signing]
    kept += [(r.revoked, https.get(r.key["kid"], _GONE)) for r in old.http]
    if any(now is _GONE or (was is not None and now is None) for was, now in kept):
        raise Refused("registration-history", "registration: a present key is gone, or no longer revoked")


def _signed(signed: bytes, signers: dict[str, Jwk]) -> frozenset[str]:
    try:
        return jws.verify_all(signed, jws.Typ.REGISTRATION, signers, limit=REGISTRATION_BYTES)
    except Refused as error:
        raise Refused("registration-signature", error.message) from None


def _card(card: bytes, member: MemberId, entries: Sequence[SigningRecord], lowest: int) -> Jwk:
    try:
        read = key_card.parse(card, member, entries)
    except Refused as error:
        raise Refused("registration-card", error.message) from None
    if read.serial < lowest:
        raise Refused("registration-card", "card.serial: below member.min_card")
    return read.key


def _parts(data: bytes) -> tuple[bytes, bytes]:
    value = strict_json.parse(data, limit=REGISTRATION_BYTES, what="registration")
    if not isinstance(value, dict) or value.keys() != _MEMBERS or value["v"] is True or value["v"] != VERSION:
        raise Invalid("registration", "registration: not exactly v, registration and card of version 1")
    return strict_json.dump(value["registration"]), strict_json.dump(value["card"])


def _file(data: bytes) -> JsonObject:
    member = strict_json.parse(data, limit=REGISTRATION_BYTES, what="member")
    if not isinstance(member, dict):
        raise Invalid("registration", "member: not an object")
    MemberId.parse(member.get("id"), "member.id")
    return member


def _min_card(member: JsonObject) -> int:
    value = member.get("min_card")
    if type(value) is not int:
        raise Invalid("registration", "member.min_card: not unix seconds")
    return value


def _keys(member: JsonObject) -> _Keys:
    """The keys of a member's file, each under its own thumbprint; raises `Invalid`."""
    keys = member.get("keys")
    if not isinstance(keys, dict):
        raise Invalid("registration", "member.keys: not an object")
    return _Keys(
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


def challenge(key: Jwk, secret: bytes) -> bytes:
    """`secret` (32 random bytes) sealed to an encryption key, for its holder to answer."""
    return _SUITE.encrypt(secret, x_wing_public(key), _CHALLENGE_INFO + key["kid"].encode("ascii"))


def answer(sealed: bytes, key: EncryptionKey) -> bytes:
    """The answer of the holder of `key`; raises `Refused` (`challenge`) when the challenge is for another."""
    try:
        secret = _SUITE.decrypt(sealed, x_wing_private(key.seed), _CHALLENGE_INFO + key.kid.encode("ascii"))
    except (InvalidTag, ValueError):
        raise Refused("challenge", "challenge: not sealed to this key") from None
    return _proof(secret, key.kid)


def answered(secret: bytes, key: Jwk, proof: bytes) -> bool:
    """Whether `proof` answers the challenge of `secret`."""
    return hmac.compare_digest(_proof(secret, key["kid"]), proof)


def _proof(secret: bytes, kid: str) -> bytes:
    return hmac.new(secret, kid.encode("ascii"), hashlib.sha256).digest()
