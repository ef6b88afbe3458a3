"""Key cards: only the member's own, only the newest, only for 45 days."""

from dataclasses import replace
from typing import Any

import pytest
from support.keys import EXP, NBF, NOW, member, member_keys, signing_record
from support.messages import DE, GB, compact, forged_jws

from exchange.core import jws, key_card
from exchange.core.jwk import Algorithm, public_jwk
from exchange.core.key_card import CardCode
from exchange.core.limits import CARD_BYTES, CARD_LIFE_SECONDS
from exchange.core.registry_view import Revocation
from exchange.errors import Refused

KEYS = member_keys(DE)
MEMBER = member(DE)
CARD = key_card.issue(KEYS.id, KEYS.signing, KEYS.encryption.jwk, serial=NOW, iat=NOW, retired=["r" * 43])
HONEST: dict[str, Any] = {
    "v": 1,
    "member": DE,
    "serial": NOW,
    "iat": NOW,
    "exp": NOW + CARD_LIFE_SECONDS,
    "key": dict(KEYS.encryption.jwk),
    "retired": [],
}


def test_a_card_is_read_as_it_was_issued() -> None:
    card = key_card.read(CARD, MEMBER, NOW, 0)
    assert card == key_card.KeyCard(
        KEYS.id, NOW, NOW, NOW + CARD_LIFE_SECONDS, KEYS.encryption.jwk, ("r" * 43,)
    )
    assert key_card.read(said(), MEMBER, NOW, NOW).key == KEYS.encryption.jwk


def said(**changes: Any) -> bytes:
    """A card, honestly signed, that says something else; a change to None takes the claim away."""
    claims = {name: value for name, value in (HONEST | changes).items() if value is not None}
    return compact(forged_jws(compact(claims), KEYS.signing.halves, typ="hx-key-card+json"))


def by(*signers: Any, typ: str = "hx-key-card+json") -> bytes:
    return compact(forged_jws(compact(HONEST), signers, typ=typ))


ED, ML = KEYS.signing.halves
GOOD = KEYS.encryption.jwk
BAD_KEM = dict(public_jwk(Algorithm.X_WING, b"\xff" * 1184 + bytes(32)))
ATTACKS: dict[str, tuple[bytes, CardCode]] = {
    "not a JWS": (b"{}", CardCode.SIGNATURE),
    "too large": (b" " * (CARD_BYTES + 1), CardCode.FORM),
    "by another member": (by(*member_keys(GB).signing.halves), CardCode.SIGNATURE),
    "half by another member": (by(ED, member_keys(GB).signing.ml_dsa_65), CardCode.SIGNATURE),
    "by one half": (by(ED), CardCode.SIGNATURE),
    "a manifest as card": (by(ED, ML, typ="hx-manifest+json"), CardCode.SIGNATURE),
    "a registration as card": (by(ED, ML, typ="hx-registration+json"), CardCode.SIGNATURE),
    "of another member": (said(member=GB), CardCode.MEMBER),
    "not an object": (compact(forged_jws(b"[]", (ED, ML), typ="hx-key-card+json")), CardCode.FORM),
    "version 2": (said(v=2), CardCode.FORM),
    "version true": (said(v=True), CardCode.FORM),
    "a claim more": (said(note=1), CardCode.FORM),
    "a claim missing": (said(retired=None), CardCode.FORM),
    "member is a number": (said(member=5), CardCode.FORM),
    "serial is text": (said(serial="9"), CardCode.FORM),
    "serial is true": (said(serial=True), CardCode.FORM),
    "iat is negative": (said(iat=-1), CardCode.FORM),
    "retired is text": (said(retired="x"), CardCode.FORM),
    "retired without end": (said(retired=["r" * 43] * 65), CardCode.FORM),
    "retired is no kid": (said(retired=["r" * 42]), CardCode.FORM),
    "retired is a number": (said(retired=[5]), CardCode.FORM),
    "its own key retired": (said(retired=[GOOD["kid"]]), CardCode.KEY),
    "a key under a foreign kid": (said(key={**GOOD, "kid": "k" * 43}), CardCode.KEY),
    "a key for something else": (said(key=dict(KEYS.http.jwk)), CardCode.KEY),
    "a key that is none": (said(key=BAD_KEM), CardCode.KEY),
    "no key": (said(key=[]), CardCode.KEY),
    "lives too long": (said(exp=NOW + CARD_LIFE_SECONDS + 1), CardCode.TIME),
    "over before it began": (said(exp=NOW), CardCode.TIME),
    "from before its signing key": (said(iat=NBF - 1, exp=NOW - 1), CardCode.SIGNING_KEY),
    "from after its signing key": (said(iat=EXP + 1, exp=EXP + 2), CardCode.SIGNING_KEY),
    "from the future": (said(iat=NOW + 61), CardCode.TIME),
    "expired": (said(iat=NOW - 99, exp=NOW - 1), CardCode.TIME),
    "an older one": (said(serial=NOW - 1), CardCode.ROLLBACK),
}


@pytest.mark.parametrize(("data", "code"), ATTACKS.values(), ids=ATTACKS.keys())
def test_a_card_that_must_not_be_used_is_refused(data: bytes, code: CardCode) -> None:
    with pytest.raises(Refused) as error:
        key_card.read(data, MEMBER, NOW, NOW)
    assert error.value.code == code


def test_every_reason_to_refuse_a_card_has_a_card() -> None:
    assert {code for _, code in ATTACKS.values()} == set(CardCode)


def test_the_registry_can_end_older_cards() -> None:
    assert key_card.read(CARD, replace(MEMBER, min_card=NOW), NOW, 0)
    with pytest.raises(Refused) as error:
        key_card.read(CARD, replace(MEMBER, min_card=NOW + 1), NOW, 0)
    assert error.value.code == CardCode.ROLLBACK


def test_a_card_of_a_revoked_key_is_refused_although_it_was_good_when_it_was_signed() -> None:
    (record,) = MEMBER.signing
    revoked = replace(record, revoked=Revocation(NOW + 99, "stolen", NOW + 99))
    second = signing_record(member_keys(DE, "2").signing)
    with pytest.raises(Refused) as error:
        key_card.read(CARD, replace(MEMBER, signing=(revoked, second)), NOW, 0)
    assert error.value.code == CardCode.SIGNING_KEY


@pytest.mark.parametrize("now", [NOW - 60, NOW + CARD_LIFE_SECONDS])
def test_a_card_is_good_for_45_days_and_a_minute_of_skew(now: int) -> None:
    assert key_card.read(CARD, MEMBER, now, 0)
    for outside in (NOW - 61, NOW + CARD_LIFE_SECONDS + 1):
        with pytest.raises(Refused):
            key_card.read(CARD, MEMBER, outside, 0)


def test_a_card_is_no_manifest() -> None:
    with pytest.raises(Refused):
        jws.verify(CARD, jws.Typ.MANIFEST, MEMBER.signing)
