"""The envelope: one suite, one form, and not a byte that can be changed."""

import base64
import json
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st
from support.keys import member_keys
from support.messages import DE, FR, GB, b64, forged_envelope, new_id

from exchange.core import envelope
from exchange.core.envelope import EnvelopeCode, open_envelope, padme, read_header, seal, sealed_size
from exchange.core.jwk import Algorithm, public_jwk
from exchange.core.keys import EncryptionKey, x_wing_private
from exchange.core.limits import ENVELOPE_BYTES
from exchange.errors import Invalid, Refused

KEY = member_keys(GB).encryption
SEED_FOR = member_keys(GB).seed_for
JTI = new_id("message")
SEALED = seal(b"message", KEY.jwk, JTI)


def code_of(data: bytes) -> str:
    with pytest.raises(Refused) as error:
        open_envelope(data, SEED_FOR)
    return error.value.code


def test_what_is_sealed_opens_with_its_padding() -> None:
    opened = open_envelope(SEALED, SEED_FOR)
    assert (opened.jti, opened.kid) == (JTI, KEY.kid)
    assert opened.message == b"message"
    long = seal(b"m" * 5000, KEY.jwk, JTI)
    assert open_envelope(long, SEED_FOR).message == b"m" * 5000 + b"\n" * (padme(5000) - 5000)
    assert (read_header(long).kid, read_header(long).jti) == (KEY.kid, JTI)


def test_a_forger_of_an_honest_envelope_is_honest() -> None:
    assert open_envelope(forged_envelope(b"text"), SEED_FOR).message == b"text"


@pytest.mark.parametrize(
    ("length", "padded"),
    [(0, 0), (1, 1), (9, 10), (1000, 1024), (1025, 1088), (7900, 7936), (2**20 - 1, 2**20)],
)
def test_padme(length: int, padded: int) -> None:
    assert padme(length) == padded


@given(st.integers(1, 2**21))
def test_padme_never_shortens_and_costs_at_most_an_eighth(length: int) -> None:
    assert length <= padme(length) <= length * 1.125 + 1
    assert padme(padme(length)) == padme(length)
    assert padme(length) <= padme(length + 1)


@pytest.mark.parametrize("length", [0, 1, 1000, 5000, 770_048])
def test_the_size_of_an_envelope_is_known_before_it_is_sealed(length: int) -> None:
    assert len(seal(b"x" * length, KEY.jwk, JTI)) == sealed_size(length) <= ENVELOPE_BYTES


def test_a_message_too_long_for_an_envelope_is_not_sealed() -> None:
    with pytest.raises(Invalid) as error:
        seal(b"x" * 770_049, KEY.jwk, JTI)
    assert error.value.code == "envelope-size"


def test_a_key_of_small_order_is_not_sealed_to() -> None:
    pub = b"".join((base64.urlsafe_b64decode(KEY.jwk["pub"] + "=" * 2)[:1184], bytes(32)))
    with pytest.raises(Refused) as error:
        seal(b"x", public_jwk(Algorithm.X_WING, pub), JTI)
    assert error.value.code == "recipient-key"


def test_an_envelope_too_large_is_not_even_looked_at() -> None:
    assert code_of(b"." * (ENVELOPE_BYTES + 1)) == EnvelopeCode.SIZE


PARTS = SEALED.decode().split(".")


def with_part(index: int, text: str) -> bytes:
    return ".".join([*PARTS[:index], text, *PARTS[index + 1 :]]).encode()


SPOILT_PARTS = {
    "empty": b"",
    "four parts": b".".join(SEALED.split(b".")[:4]),
    "six parts": SEALED + b".",
    "a line break at the end": SEALED + b"\n",
    "white space before": b" " + SEALED,
    "white space in a part": with_part(3, PARTS[3][:4] + " " + PARTS[3][4:]),
    "a line break in a part": with_part(0, PARTS[0][:4] + "\n" + PARTS[0][4:]),
    "padding": with_part(4, PARTS[4] + "=="),
    "trailing bits": with_part(4, PARTS[4][:-1] + chr(ord(PARTS[4][-1]) ^ 1)),
    "the other alphabet": with_part(2, "++++++++++++++++"),
    "not ASCII": with_part(2, "é" * 16),
    "a short nonce": with_part(2, b64(bytes(11))),
    "a long tag": with_part(4, b64(bytes(17))),
    "no wrapped key": with_part(1, ""),
    "a long wrapped key": with_part(1, b64(bytes(49))),
}


@pytest.mark.parametrize("data", SPOILT_PARTS.values(), ids=SPOILT_PARTS.keys())
def test_five_parts_of_strict_base64url(data: bytes) -> None:
    assert code_of(data) == EnvelopeCode.PARTS


HEADER = json.loads(base64.urlsafe_b64decode(PARTS[0] + "=="))
SPOILT_HEADERS: dict[str, dict[str, Any]] = {
    "zip": {"zip": "DEF"},
    "crit": {"crit": ["exp"]},
    "a member more": {"apu": "x"},
    "no kid": {"kid": None},
    "kid is a number": {"kid": 5},
    "another alg": {"alg": "HPKE-0"},
    "alg dir": {"alg": "dir"},
    "another enc": {"enc": "A128GCM"},
    "another typ": {"typ": "JWE"},
    "another cty": {"cty": "text/plain"},
    "no jti": {"jti": None},
    "jti of another version": {"jti": "0b5a1c5e-1111-4111-8111-111111111111"},
    "ek is short": {"ek": b64(bytes(1119))},
    "ek is padded": {"ek": HEADER["ek"] + "=="},
    "ek is a list": {"ek": []},
}


@pytest.mark.parametrize("change", SPOILT_HEADERS.values(), ids=SPOILT_HEADERS.keys())
def test_the_header_is_exact(change: dict[str, Any]) -> None:
    assert code_of(forged_envelope(b"text", header=change)) == EnvelopeCode.HEADER


RAW = (
    b'{"alg":"HPKE-9-KE","enc":"A256GCM","typ":"hx-envelope+jwe","cty":"hx-message",'
    b'"jti":"J","kid":"K","ek":"EK"'
)
RAW = RAW.replace(b'"J"', f'"{JTI}"'.encode()).replace(b'"K"', f'"{KEY.kid}"'.encode())


@pytest.mark.parametrize(
    "raw",
    [RAW + b',"kid":"x"}', RAW, b"[" + RAW + b"}]", b"\xef\xbb\xbf" + RAW + b"}", RAW + b',"n":1.0}', b"5"],
    ids=["a name twice", "cut", "a list", "byte-order mark", "a fraction", "a number"],
)
def test_the_header_is_strict_json(raw: bytes) -> None:
    assert code_of(forged_envelope(b"text", raw_header=raw)) == EnvelopeCode.HEADER


def test_the_order_of_the_headers_members_and_its_white_space_are_free() -> None:
    assert open_envelope(forged_envelope(b"text", raw_header=b" " + RAW + b" }"), SEED_FOR).message == b"text"


def test_an_envelope_for_another_member_is_not_ours() -> None:
    assert code_of(seal(b"x", member_keys(FR).encryption.jwk, JTI)) == EnvelopeCode.KEY


def test_our_kid_over_a_seal_to_another_key_does_not_open() -> None:
    foreign = member_keys(FR).encryption.jwk
    assert code_of(forged_envelope(b"x", key=foreign, header={"kid": KEY.kid})) == EnvelopeCode.SEAL
    assert code_of(forged_envelope(b"x", info=b"JOSE-HPKE rcpt\xffA128GCM\xff")) == EnvelopeCode.SEAL


def test_parts_of_two_envelopes_do_not_mix() -> None:
    other = seal(b"message", KEY.jwk, JTI).decode().split(".")
    for index in range(5):
        assert code_of(with_part(index, other[index])) == EnvelopeCode.SEAL


def test_a_flipped_bit_anywhere_is_refused() -> None:
    for index in range(len(SEALED)):
        flipped = bytearray(SEALED)
        flipped[index] ^= 1 << (index % 7)
        with pytest.raises(Refused):
            open_envelope(bytes(flipped), SEED_FOR)


def test_every_truncation_is_refused() -> None:
    for length in range(len(SEALED)):
        with pytest.raises(Refused):
            open_envelope(SEALED[:length], SEED_FOR)


def test_two_seals_of_one_message_have_nothing_in_common() -> None:
    one, other = seal(b"m", KEY.jwk, JTI).split(b"."), seal(b"m", KEY.jwk, JTI).split(b".")
    assert all(a != b for a, b in zip(one, other, strict=True))
    assert DE.encode() not in SEALED


def pq_vectors() -> list[dict[str, Any]]:
    path = Path(cryptography_vectors.__file__).parent / "HPKE" / "hpke-pq-test-vectors.json"
    vectors = json.loads(path.read_text())
    return [v for v in vectors if v["mode"] == 0 and v["kem_id"] == 0x647A]


AEADS = {1: AEAD.AES_128_GCM, 2: AEAD.AES_256_GCM, 3: AEAD.CHACHA20_POLY1305}
KDFS = {1: KDF.HKDF_SHA256, 2: KDF.HKDF_SHA384, 3: KDF.HKDF_SHA512, 0x10: KDF.SHAKE128, 0x11: KDF.SHAKE256}


@pytest.mark.parametrize("vector", pq_vectors(), ids=lambda v: f"kdf {v['kdf_id']} aead {v['aead_id']}")
def test_the_x_wing_vectors_of_the_hpke_draft_open_with_our_expansion_of_their_seed(
    vector: dict[str, Any],
) -> None:
    seed = bytes.fromhex(vector["skRm"])
    pub = bytes.fromhex(vector["pkRm"])
    assert EncryptionKey.from_seed(seed).jwk["pub"] == b64(pub)
    suite = Suite(KEM.MLKEM768_X25519, KDFS[vector["kdf_id"]], AEADS[vector["aead_id"]])
    first = vector["encryptions"][0]
    opened = openssl.hpke._decrypt_with_aad(
        suite,
        bytes.fromhex(vector["enc"] + first["ct"]),
        x_wing_private(seed),
        bytes.fromhex(vector["info"]),
        bytes.fromhex(first["aad"]),
    )
    assert opened == bytes.fromhex(first["pt"])


def test_the_hpke_draft_has_vectors_for_our_kem() -> None:
    assert pq_vectors()
    assert envelope.INFO == b"JOSE-HPKE rcpt" + b"\xff" + b"A256GCM" + b"\xff"
