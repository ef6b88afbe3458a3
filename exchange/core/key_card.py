"""The key card: which encryption key a member's messages are sealed to now, said by the member itself.

A JWS of typ `hx-key-card+json` over {v, member, serial, iat, exp, key, retired}, signed by the member's
registry keys: a new encryption key needs no ceremony of administrators, and one theft opens little.

Rules: claims exactly these; `serial` is the unix time of issue; exp at most 45 days after iat; the key a
right JWK and not among the retired ones; signed by one entry of the member, within its period at iat, not
revoked. A sender refuses (`read`) a card with a serial lower than the highest it has seen or than the
registry's `min_card`, an expired one and a foreign one. Remembering the highest is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.core import jws, strict_json
from exchange.core.jwk import KID, Algorithm, check_jwk
from exchange.core.keys import SigningKeys
from exchange.core.limits import CARD_BYTES, CARD_LIFE_SECONDS, CARD_RETIRED, CLOCK_SKEW_SECONDS
from exchange.core.names import MemberId
from exchange.core.registry_view import Jwk, Member, SigningRecord
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Refused

VERSION: Final = 1
_CLAIMS: Final = frozenset(("v", "member", "serial", "iat", "exp", "key", "retired"))


class CardCode(StrEnum):
    """Why a card is refused."""

    FORM = "card-form"
    SIGNATURE = "card-signature"
    SIGNING_KEY = "card-signing-key"
    MEMBER = "card-member"
    KEY = "card-key"
    ROLLBACK = "card-rollback"
    TIME = "card-time"


@dataclass(frozen=True, slots=True)
class KeyCard:
    """`iat` and `exp` in unix seconds; `key` is what to seal to; `retired` are kids no longer to be used."""

    member: MemberId
    serial: int
    iat: int
    exp: int
    key: Jwk
    retired: tuple[str, ...]


def issue(
    member: MemberId, keys: SigningKeys, key: Jwk, *, serial: int, iat: int, retired: Sequence[str] = ()
) -> bytes:
    """The signed card of `member` for the public JWK `key`, valid for 45 days from `iat`."""
    claims: JsonObject = {
        "v": VERSION,
        "member": member,
        "serial": serial,
        "iat": iat,
        "exp": iat + CARD_LIFE_SECONDS,
        "key": dict(key),
        "retired": list(retired),
    }
    return jws.sign(strict_json.dump(claims), keys, jws.Typ.KEY_CARD)


def read(data: bytes, member: Member, now: int, highest_serial: int) -> KeyCard:
    """The card of `member` as a sender may use it now; raises `Refused` with a `CardCode`."""
    card = parse(data, member.id, member.signing)
    if card.serial < max(highest_serial, member.min_card):
        raise Refused(CardCode.ROLLBACK, "card.serial: lower than one that is known")
    if not card.iat - CLOCK_SKEW_SECONDS <= now <= card.exp:
        raise Refused(CardCode.TIME, "card.iat, card.exp: not now")
    return card


def parse(data: bytes, member: MemberId, entries: Sequence[SigningRecord]) -> KeyCard:
    """The card of `member`, signed by one of `entries`, whatever its time; raises `Refused`."""
    if len(data) > CARD_BYTES:
        raise Refused(CardCode.FORM, f"card: over {CARD_BYTES} bytes")
    try:
        verified = jws.verify(data, jws.Typ.KEY_CARD, entries)
    except Refused as error:
        raise Refused(CardCode.SIGNATURE, error.message) from None
    card = _claims(verified.payload)
    if card.member != member:
        raise Refused(CardCode.MEMBER, "card.member: another member")
    if not verified.record.usable_at(card.iat):
        raise Refused(CardCode.SIGNING_KEY, "card: signed by a key that is revoked or not of that time")
    return card


def _claims(payload: bytes) -> KeyCard:
    try:
        value = strict_json.parse(payload, limit=CARD_BYTES, what="card")
        if not isinstance(value, dict) or value.keys() != _CLAIMS:
            raise Invalid("card", "card: not exactly its claims")
        if value["v"] is True or value["v"] != VERSION:
            raise Invalid("card", "card.v: not 1")
        member = MemberId.parse(value["member"], "card.member")
        serial, iat, exp = (_seconds(value, name) for name in ("serial", "iat", "exp"))
        retired = _retired(value)
    except Invalid as error:
        raise Refused(CardCode.FORM, error.message) from None
    if not 0 < exp - iat <= CARD_LIFE_SECONDS:
        raise Refused(CardCode.TIME, "card.exp: not after iat, or too long after it")
    try:
        key = check_jwk(value["key"], Algorithm.X_WING, "card.key")
    except Invalid as error:
        raise Refused(CardCode.KEY, error.message) from None
    if key["kid"] in retired:
        raise Refused(CardCode.KEY, "card.key: is retired by the same card")
    return KeyCard(member, serial, iat, exp, key, retired)


def _seconds(value: JsonObject, name: str) -> int:
    seconds = value[name]
    if type(seconds) is not int or seconds < 0:
        raise Invalid("card", f"card.{name}: not unix seconds")
    return seconds


def _retired(value: JsonObject) -> tuple[str, ...]:
    listed = value["retired"]
    if not isinstance(listed, list) or len(listed) > CARD_RETIRED:
        raise Invalid("card", f"card.retired: not a list of at most {CARD_RETIRED} kids")
    kids = tuple(kid for kid in listed if isinstance(kid, str) and KID.fullmatch(kid))
    if len(kids) != len(listed):
        raise Invalid("card", "card.retired: one is not a kid")
    return kids
