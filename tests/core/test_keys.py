"""Keys: names are recomputed, forms are exact, secrets stay inside, foreign vectors agree."""

import hashlib
import json
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.keys import member_keys
from support.messages import b64

from exchange.core import base64url, jwk, keys
from exchange.core.jwk import Algorithm, check_jwk, public_jwk, verifies
from exchange.core.keys import Ed25519Key, EncryptionKey, HttpKey, MlDsaKey, SigningKeys
from exchange.errors import Invalid

VECTORS = Path(cryptography_vectors.__file__).parent
KEYS = member_keys("de-a")
ED, ML = KEYS.signing.entry
XW = KEYS.encryption.jwk
ONE_OF_EACH = [(ED, Algorithm.ED25519), (ML, Algorithm.ML_DSA_65), (XW, Algorithm.X_WING)]


@pytest.mark.parametrize(
    "text",
    [None, 5, "=", "A", "AB", "AA=", "AA==", "A A", "AA\n", "\nAA", "A+", "A/", "AAÀ", b"AB", b"\xffA"],
)
def test_base64url_has_one_text_for_one_value(text: object) -> None:
    with pytest.raises(Invalid) as error:
        base64url.decode(text, "field")
    assert error.value.code == "base64url"
    assert str(error.value) == "field: not strict base64url without padding"


def test_base64url_takes_what_it_gives() -> None:
    for length in range(40):
        data = hashlib.sha512(bytes([length])).digest()[:length]
        text = base64url.encode(data)
        assert base64url.decode(text, "f") == base64url.decode(text.encode(), "f") == data
        assert len(text) == base64url.encoded_size(length)


def test_rfc_8037_appendix_a3_thumbprint() -> None:
    known = {
        "alg": "Ed25519",
        "crv": "Ed25519",
        "kty": "OKP",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    assert keys.thumbprint(known) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("key", [ML, XW])
def test_an_akp_thumbprint_covers_alg_kty_and_pub(key: dict[str, str]) -> None:
    text = json.dumps({n: key[n] for n in ("alg", "kty", "pub")}, separators=(",", ":"))
    assert key["kid"] == b64(hashlib.sha256(text.encode()).digest())


def test_a_fingerprint_can_be_read_aloud() -> None:
    assert keys.fingerprint(b"") == "e3b0 c442 98fc 1c14 9afb f4c8 996f b924"


@pytest.mark.parametrize(("key", "alg"), ONE_OF_EACH)
def test_a_right_jwk_passes_and_a_spoilt_one_does_not(key: dict[str, str], alg: Algorithm) -> None:
    assert check_jwk(dict(key), alg, "key") == key
    value = "x" if "x" in key else "pub"
    short = public_jwk(alg, base64url.decode(key[value], "k")[:-1])
    spoilt: list[object] = [
        None,
        "text",
        [],
        {**key, "use": "sig"},
        {**key, "d": "AAAA"},
        {n: v for n, v in key.items() if n != "kid"},
        {**key, "kid": "A" * 43},
        {**key, "alg": "EdDSA"},
        {**key, "kty": "EC"},
        {**key, value: key[value] + "="},
        {**key, value: 5},
        {**key, value: "A" + key[value][1:]},
        dict(short),
    ]
    spoilt += [dict(other) for other, kind in ONE_OF_EACH if kind is not alg]
    for one in spoilt:
        with pytest.raises(Invalid) as error:
            check_jwk(one, alg, "key")
        assert error.value.code in {"jwk", "base64url"}
        assert error.value.message.startswith("key")


def test_bytes_that_are_no_ml_kem_key_are_refused() -> None:
    bad = public_jwk(Algorithm.X_WING, b"\xff" * 1184 + bytes(range(32)))
    with pytest.raises(Invalid, match="not a public key"):
        check_jwk(dict(bad), Algorithm.X_WING, "key")


def test_both_halves_sign_and_nothing_else_verifies() -> None:
    one, other = KEYS.signing.sign(b"data")
    assert verifies(ED, one, b"data")
    assert verifies(ML, other, b"data")
    for key, signature in ((ED, one), (ML, other)):
        assert not verifies(key, signature, b"datum")
        assert not verifies(key, b"", b"data")
        assert not verifies(key, signature + b"\0", b"data")
        assert not verifies(key, bytes(len(signature)), b"data")
    assert not verifies(member_keys("gb-b").signing.entry[0], one, b"data")


def test_private_keys_come_back_from_their_jwks() -> None:
    made = SigningKeys.generate()
    again = SigningKeys.from_jwks(json.loads(json.dumps(made.to_jwks())))
    assert again.entry == made.entry
    assert verifies(made.entry[1], again.sign(b"x")[1], b"x")
    http = HttpKey.generate()
    assert isinstance(HttpKey.from_jwk(http.to_jwk()), HttpKey)
    assert HttpKey.from_jwk(http.to_jwk()).kid == http.kid
    assert MlDsaKey.from_jwk(KEYS.signing.ml_dsa_65.to_jwk()).jwk == ML


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ed, ml: [ed],
        lambda ed, ml: [ml, ed],
        lambda ed, ml: [{**ed, "d": "AAAA"}, ml],
        lambda ed, ml: [{n: v for n, v in ed.items() if n != "d"}, ml],
        lambda ed, ml: [{**ed, "d": b64(bytes(32))}, ml],
        lambda ed, ml: [ed, {**ml, "priv": b64(bytes(32))}],
        lambda ed, ml: [ed, {**ml, "use": "sig"}],
    ],
)
def test_a_private_jwk_of_two_keys_is_refused(spoil: object) -> None:
    with pytest.raises(Invalid):
        SigningKeys.from_jwks(spoil(*KEYS.signing.to_jwks()))  # type: ignore[operator]


def test_no_repr_shows_a_secret() -> None:
    shown = repr((KEYS.signing, KEYS.http, KEYS.encryption))
    secrets = [*KEYS.signing.to_jwks(), KEYS.http.to_jwk()]
    for secret in (*[s.get("d") or s["priv"] for s in secrets], repr(KEYS.encryption.seed)):
        assert secret not in shown


def test_an_encryption_key_is_its_seed() -> None:
    made = EncryptionKey.generate()
    assert EncryptionKey.from_seed(made.seed).jwk == made.jwk
    assert made.kid == made.jwk["kid"] == keys.thumbprint(made.jwk)
    with pytest.raises(Invalid):
        EncryptionKey.from_seed(bytes(31))


def test_a_destroyed_seed_leaves_no_expanded_key_behind() -> None:
    keys.x_wing_private(bytes(32))
    keys.forget_private_keys()
    assert keys.x_wing_private.cache_info().currsize == 0


def test_an_ed25519_key_of_rfc_8037_appendix_a() -> None:
    key = Ed25519Key.from_seed(base64url.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "d"))
    assert key.jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.sign(b"x") == Ed25519PrivateKey.from_private_bytes(
        base64url.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "d")
    ).sign(b"x")


def rsp(path: Path, wanted: int) -> list[dict[str, str]]:
    """The first records of a NIST response file."""
    records: list[dict[str, str]] = []
    for line in path.read_text().splitlines():
        name, equals, value = line.partition(" = ")
        if name == "count":
            if len(records) == wanted:
                break
            records.append({})
        if equals:
            records[-1][name] = value
    return records


@pytest.mark.parametrize("record", rsp(VECTORS / "asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp", 25))
def test_ml_dsa_65_seeds_of_the_known_answer_tests_give_their_public_keys(record: dict[str, str]) -> None:
    key = MlDsaKey.from_seed(bytes.fromhex(record["xi"]))
    assert base64url.decode(key.jwk["pub"], "pub").hex() == record["pk"].lower()
    message, signed = bytes.fromhex(record["msg"]), bytes.fromhex(record["sm"])
    signature = signed[: len(signed) - int(record["mlen"])]
    # The vectors sign under a context; ours is always empty, so what is right there is wrong here.
    jwk._ml_dsa_public(key.jwk["pub"]).verify(signature, message, bytes.fromhex(record["ctx"]))
    assert verifies(key.jwk, signature, message) is (record["ctx"] == "")
