"""JWS: two signatures of one entry, one narrow form, and nothing that passes for something else."""

from typing import Any

import pytest
from support.keys import member, member_keys, signing_record
from support.messages import b64, compact, forged_jws

from exchange.core import jws
from exchange.core.jws import Typ
from exchange.errors import Refused

PAYLOAD = b'{"a":1}'
KEYS = member_keys("de-a").signing
SECOND = member_keys("de-a", "2").signing
FOREIGN = member_keys("gb-b").signing
ENTRIES = (signing_record(SECOND), member("de-a").signing[0])


def honest() -> dict[str, Any]:
    return forged_jws(PAYLOAD, KEYS.halves)


def test_what_an_entry_signs_verifies_and_names_the_entry() -> None:
    signed = jws.sign(PAYLOAD, KEYS, Typ.MANIFEST)
    assert b"\n" not in signed
    verified = jws.verify(signed, Typ.MANIFEST, ENTRIES)
    assert (verified.payload, verified.record) == (PAYLOAD, ENTRIES[1])
    assert jws.peek_payload(signed) == PAYLOAD
    assert jws.verify(compact(honest()), Typ.MANIFEST, ENTRIES).payload == PAYLOAD


@pytest.mark.parametrize("typ", [t for t in Typ if t is not Typ.MANIFEST])
def test_no_signed_object_passes_for_one_of_another_type(typ: Typ) -> None:
    with pytest.raises(Refused) as error:
        jws.verify(jws.sign(PAYLOAD, KEYS, typ), Typ.MANIFEST, ENTRIES)
    assert error.value.code == "jws-header"


def signatures(change: Any) -> dict[str, Any]:
    """An honest JWS whose list of signatures is changed."""
    value = honest()
    return {**value, "signatures": change(value["signatures"])}


def protected(index: int, data: bytes) -> dict[str, Any]:
    """An honest JWS with another protected header under the old signature."""
    value = honest()
    value["signatures"][index]["protected"] = b64(data)
    return value


ED_KID, ML_KID = KEYS.entry[0]["kid"], KEYS.entry[1]["kid"]
SPOILT: dict[str, tuple[Any, str]] = {
    "not an object": ([], "jws-form"),
    "a member more": ({**honest(), "header": {}}, "jws-form"),
    "no payload": ({"signatures": []}, "jws-form"),
    "payload is not text": ({**honest(), "payload": 5}, "jws-form"),
    "payload is padded": ({**honest(), "payload": honest()["payload"] + "="}, "jws-form"),
    "signatures is not a list": ({**honest(), "signatures": {}}, "jws-form"),
    "a signature is not an object": (signatures(lambda s: [5, *s[1:]]), "jws-form"),
    "an unprotected header": (signatures(lambda s: [{**s[0], "header": {}}, s[1]]), "jws-form"),
    "a signature is padded": (
        signatures(lambda s: [{**s[0], "signature": s[0]["signature"] + "=="}, s[1]]),
        "jws-form",
    ),
    "flattened": ({"payload": honest()["payload"], **honest()["signatures"][0]}, "jws-form"),
    "protected is a list": (protected(0, b"[]"), "jws-form"),
    "protected is not JSON": (protected(0, b"{"), "jws-form"),
    "protected with a name twice": (protected(0, b'{"alg":"Ed25519","alg":"Ed25519"}'), "jws-form"),
    "protected is long": (protected(0, compact({"kid": "x" * 2000})), "jws-form"),
    "no signature": (signatures(lambda s: []), "jws-signature-count"),
    "the post-quantum one stripped": (signatures(lambda s: s[:1]), "jws-signature-count"),
    "the classical one stripped": (signatures(lambda s: s[1:]), "jws-signature-count"),
    "a third one": (signatures(lambda s: [*s, s[0]]), "jws-signature-count"),
    "swapped": (signatures(lambda s: s[::-1]), "jws-key"),
    "the classical one twice": (signatures(lambda s: [s[0], s[0]]), "jws-key"),
    "halves of two entries": (forged_jws(PAYLOAD, [KEYS.ed25519, SECOND.ml_dsa_65]), "jws-key"),
    "halves of two entries, the other way": (
        forged_jws(PAYLOAD, [SECOND.ed25519, KEYS.ml_dsa_65]),
        "jws-key",
    ),
    "half by a foreigner": (forged_jws(PAYLOAD, [KEYS.ed25519, FOREIGN.ml_dsa_65]), "jws-key"),
    "all by a foreigner": (forged_jws(PAYLOAD, FOREIGN.halves), "jws-key"),
    "an http key": (forged_jws(PAYLOAD, [member_keys("de-a").http, KEYS.ml_dsa_65]), "jws-key"),
    "no kid": (protected(0, b'{"alg":"Ed25519","typ":"hx-manifest+json"}'), "jws-key"),
    "kid is a number": (protected(0, b'{"alg":"Ed25519","kid":1,"typ":"hx-manifest+json"}'), "jws-key"),
    "crit in the header": (forged_jws(PAYLOAD, KEYS.halves, header={"crit": ["exp"]}), "jws-header"),
    "b64 in the header": (forged_jws(PAYLOAD, KEYS.halves, header={"b64": False}), "jws-header"),
    "jwk in the header": (
        forged_jws(PAYLOAD, KEYS.halves, header={"jwk": dict(KEYS.entry[0])}),
        "jws-header",
    ),
    "alg none": (forged_jws(PAYLOAD, KEYS.halves, header={"alg": "none"}), "jws-header"),
    "alg EdDSA": (forged_jws(PAYLOAD, KEYS.halves, header={"alg": "EdDSA"}), "jws-header"),
    "typ in capitals": (forged_jws(PAYLOAD, KEYS.halves, typ="HX-MANIFEST+JSON"), "jws-header"),
    "another payload": ({**honest(), "payload": b64(b'{"a":2}')}, "jws-signature"),
    "the header respelt": (
        protected(0, compact({"typ": "hx-manifest+json", "alg": "Ed25519", "kid": ED_KID})),
        "jws-signature",
    ),
    "an empty signature": (signatures(lambda s: [{**s[0], "signature": ""}, s[1]]), "jws-signature"),
    "the post-quantum one of zeros": (
        signatures(lambda s: [s[0], {**s[1], "signature": b64(bytes(3309))}]),
        "jws-signature",
    ),
    "signatures exchanged under their headers": (
        signatures(
            lambda s: [{**s[0], "signature": s[1]["signature"]}, {**s[1], "signature": s[0]["signature"]}]
        ),
        "jws-signature",
    ),
}


@pytest.mark.parametrize(("value", "code"), SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_jws_is_refused(value: Any, code: str) -> None:
    with pytest.raises(Refused) as error:
        jws.verify(compact(value), Typ.MANIFEST, ENTRIES)
    assert error.value.code == code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{",
        b'{"payload":"","payload":"","signatures":[]}',
        compact(honest()) + b"x",
        b"[" * 9999,
    ],
)
def test_what_is_not_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as error:
        jws.verify(data, Typ.MANIFEST, ENTRIES)
    assert error.value.code == "jws-form"


def test_a_registration_is_signed_by_any_number_of_keys_each_once() -> None:
    signers = [*KEYS.halves, member_keys("de-a").http]
    named = {signer.jwk["kid"]: signer.jwk for signer in signers}
    signed = jws.sign_all(PAYLOAD, signers, Typ.REGISTRATION)
    assert jws.verify_all(signed, Typ.REGISTRATION, named, limit=9999) == named.keys()
    two = jws.sign_all(PAYLOAD, signers[:2], Typ.REGISTRATION)
    assert jws.verify_all(two, Typ.REGISTRATION, named, limit=9999) == {ED_KID, ML_KID}
    cases = [
        (jws.sign_all(PAYLOAD, [KEYS.ed25519, KEYS.ed25519], Typ.REGISTRATION), "jws-key"),
        (jws.sign_all(PAYLOAD, FOREIGN.halves, Typ.REGISTRATION), "jws-key"),
        (jws.sign_all(PAYLOAD, signers, Typ.KEY_CARD), "jws-header"),
        (compact(protected(0, compact({"alg": "Ed25519", "kid": 5, "typ": "x"}))), "jws-key"),
        (signed.replace(b64(PAYLOAD).encode(), b64(b"{}").encode()), "jws-signature"),
        (signed + b" " * 9999, "jws-form"),
    ]
    for data, code in cases:
        with pytest.raises(Refused) as error:
            jws.verify_all(data, Typ.REGISTRATION, named, limit=9999)
        assert error.value.code == code
