"""A registration: what a member asks the administrators to enter, and the proof that it holds its keys.

An object {v, registration, card}: `registration` is a JWS of typ `hx-registration+json` whose payload is the
member's file, byte for byte as it is to stand in the registry; `card` is the JWS of a fresh key card. A
change is the same, with the member's present file at hand.

Rules:

* Every key in the file signs, unless it is revoked or over in the present file: nobody registers a key that
  it does not hold. A change keeps every entry of the present file with its period, and revives none: what was
  signed stays evidence. At least one of its signing entries, neither revoked nor over, must be among those
  that sign.
* Who revokes is an administrator: a member that did so itself could unsay what it has signed.
* Where no such entry is left, no present key can vouch: the registration is `fresh`, as a first one is, and
  has to be proved by the fingerprint and the challenge.
* A new key is neither revoked nor over.
* Each comes with a new card and says so: `min_card` is above that of the present file, or it is an old one
  sent again. It does not lie in the future: no later request could pass it.
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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from exchange.core import jws, key_card, strict_json
from exchange.core.jwk import fingerprint, x_wing_public
from exchange.core.keys import EncryptionKey, Signer, x_wing_private
from exchange.core.limits import REGISTRATION_BYTES, REGISTRY_AHEAD_SECONDS
from exchange.core.names import MemberId
from exchange.core.registration_keys import MemberKeys, keys_of
from exchange.core.registry_view import Jwk, SigningRecord
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Refused

VERSION: Final = 1
_MEMBERS: Final = frozenset(("v", "registration", "card"))
_CHALLENGE_INFO: Final = b"hx-registration challenge\xff"
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
        new, serial = keys_of(member), _min_card(member)
        old = keys_of(previous) if previous is not None else MemberKeys((), ())
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
    if now and serial > now + REGISTRY_AHEAD_SECONDS:
        raise Refused("registration-future", "member.min_card: more than a day ahead of this clock")
    named = new.by_kid()
    _keeps(old, new)
    by = _signed(signed, named)
    able = [r for r in old.signing if r.revoked is None and r.exp >= now]
    if able and not any({r.ed25519["kid"], r.ml_dsa_65["kid"]} <= by for r in able):
        raise Refused("registration-rotation", "registration: no present signing entry signed")
    if named.keys() - old.over(now) - by:
        raise Refused("registration-unsigned", "registration: a key did not sign")
    if new.over(now) - old.by_kid().keys():
        raise Refused("registration-over", "registration: the time of a new key is over")
    encryption = _card(card, MemberId(str(member["id"])), new.signing, serial)
    kids = frozenset({*named, encryption["kid"]})
    return Registration(member_file, member, card, encryption, kids, fingerprint(member_file), not able)


def _keeps(old: MemberKeys, new: MemberKeys) -> None:
    """Every entry of the present file stands in the new one with its period, and none is revoked otherwise
    than there.
    """
    said = new.lives()
    for name, (nbf, exp, revoked) in old.lives().items():
        if name not in said or said[name][:2] != (nbf, exp):
            raise Refused(
                "registration-history", "registration: a present key is gone, or has another period"
            )
        if revoked and not said[name][2]:
            raise Refused("registration-history", "registration: a present key is no longer revoked")
    gone = {name for name, (_, _, revoked) in old.lives().items() if revoked}
    if any(revoked for name, (_, _, revoked) in said.items() if name not in gone):
        raise Refused(
            "registration-revocation",
            "registration: a key is marked revoked that the registry does not call so",
            hint="an administrator revokes it first: hotline-exchange registry revoke",
        )


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
