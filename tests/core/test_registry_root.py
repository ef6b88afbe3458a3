"""One administrator counts once, however their key is written down."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import SSlibKey

from exchange.core.registry_root import RootKey, RootRole, check_root, key_id
from exchange.errors import Refused

ED = Ed25519PrivateKey.from_private_bytes(b"\1" * 32).public_key().public_bytes_raw().hex()
ED2 = Ed25519PrivateKey.from_private_bytes(b"\2" * 32).public_key().public_bytes_raw().hex()
EC = generate_private_key(SECP256R1()).public_key()
PEM = EC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def ed(public: str = ED, scheme: str = "ed25519") -> RootKey:
    return RootKey("ed25519", scheme, {"public": public})


def ec(public: str = PEM, scheme: str = "ecdsa-sha2-nistp256", keytype: str = "ecdsa") -> RootKey:
    return RootKey(keytype, scheme, {"public": public})


def check(*keys: RootKey, threshold: int = 1) -> None:
    named = {key_id(key): key for key in keys}
    check_root(named, {"root": RootRole(tuple(named), threshold)})


def pem_of(curve: SECP384R1 | SECP521R1) -> str:
    public = generate_private_key(curve).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_distinct_keys_of_the_kinds_in_use_pass() -> None:
    check(ed(), ed(ED2), ec(), ec(pem_of(SECP384R1()), "ecdsa-sha2-nistp384"), threshold=4)


def test_the_id_is_the_one_that_tuf_tools_compute() -> None:
    for private in (Ed25519PrivateKey.generate(), generate_private_key(SECP256R1())):
        theirs = SSlibKey.from_crypto(private.public_key())
        ours = RootKey(theirs.keytype, theirs.scheme, dict(theirs.keyval))
        assert key_id(ours) == theirs.keyid
    odd = RootKey('a"b', "c\\d", {"public": 'e"\\'})
    assert len(key_id(odd)) == 64


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((ec(), ec(PEM + "\n")), "registry-key-form"),
        ((ec(), ec(PEM.replace("\n", "\r\n"))), "registry-key-form"),
        ((ec(), ec("a comment\n" + PEM)), "registry-key-form"),
        ((ec("x\n" * 300_000 + PEM),), "registry-key-form"),
        ((ec(PEM.strip()),), "registry-key-form"),
        ((ed(), ed(ED.upper())), "registry-key-form"),
        ((ed(), ed(ED, "ed25519ph")), "registry-key-form"),
        ((ed(), ed(ED + " ")), "registry-key-form"),
        ((ed(ED[:62]),), "registry-key-form"),
        ((ec(), ec(PEM, "ecdsa-sha2-nistp384")), "registry-key-form"),
        ((ec(pem_of(SECP521R1()), "ecdsa-sha2-nistp521"),), "registry-key-form"),
        ((ec(), ec(PEM, keytype="ecdsa-sha2-nistp256")), "registry-key-form"),
        ((ec("no pem"),), "registry-key-form"),
        ((RootKey("rsa", "rsassa-pss-sha256", {"public": PEM}),), "registry-key-form"),
        ((RootKey("ed25519", "ed25519", {"public": ED, "private": ""}),), "registry-key-form"),
        ((RootKey("ed25519", "ed25519", {}),), "registry-key-form"),
        ((RootKey("ed25519", "ed25519", {"public": 7}),), "registry-key-form"),  # type: ignore[dict-item]
    ],
)
def test_one_key_in_two_spellings_and_odd_keys_are_refused(keys: tuple[RootKey, ...], code: str) -> None:
    named = {key_id(key) if isinstance(key.values.get("public"), str) else "x": key for key in keys}
    with pytest.raises(Refused) as error:
        check_root(named, {"root": RootRole(tuple(named), 1)})
    assert error.value.code == code


def test_a_key_that_stands_twice_behind_a_role_is_refused() -> None:
    with pytest.raises(Refused) as error:
        check_root({key_id(ed()): ed()}, {"root": RootRole((key_id(ed()), key_id(ed())), 2)})
    assert error.value.code == "registry-key-twice"


def test_a_key_under_an_id_that_is_not_its_own_is_refused() -> None:
    with pytest.raises(Refused) as error:
        check_root({key_id(ed()): ed(), "0" * 64: ed()}, {"root": RootRole((key_id(ed()), "0" * 64), 2)})
    assert error.value.code == "registry-key-id"


@pytest.mark.parametrize(("keyids", "threshold"), [((key_id(ed()),), 2), ((key_id(ed()),), 0), (("x",), 1)])
def test_a_threshold_that_cannot_or_need_not_be_met_is_refused(
    keyids: tuple[str, ...], threshold: int
) -> None:
    with pytest.raises(Refused) as error:
        check_root({key_id(ed()): ed()}, {"targets": RootRole(keyids, threshold)})
    assert error.value.code == "registry-role"
