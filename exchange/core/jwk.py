"""Public keys as JWK: their exact form, their names, and what they verify.

Three kinds (docs/protocol.md, Keys of a member): a signing entry of two halves (Ed25519, RFC 8037 and 9864;
ML-DSA-65, RFC 9964), an http key (Ed25519, another one) and an encryption key (X-Wing = ML-KEM-768 +
X25519, HPKE KEM 0x647a) that is known by its 32-byte seed.

Rules:

* A `kid` is the RFC 7638 thumbprint and is recomputed wherever a JWK is read (`check_jwk`); a JWK has exactly
  the members of its kind, so that nothing travels beside a key.
* Only public interfaces of `cryptography`.
* Parsed public keys are cached: only keys from the verified registry and from signed cards get here.

This module knows no private key, no member and no period of validity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from exchange.core import base64url, strict_json
from exchange.core.registry_view import Jwk
from exchange.errors import Invalid

ML_KEM_PUBLIC_BYTES = 1184
KID = re.compile(r"[A-Za-z0-9_-]{43}")
"""The form of a kid: SHA-256 in base64url."""


class Algorithm(StrEnum):
    """`alg` of a JWK: what the key is for."""

    ED25519 = "Ed25519"
    ML_DSA_65 = "ML-DSA-65"
    X_WING = "HPKE-9-KE"


@dataclass(frozen=True, slots=True)
class _Form:
    fixed: Mapping[str, str]
    value: str
    size: int
    hashed: tuple[str, ...]


_FORMS = {
    Algorithm.ED25519: _Form({"kty": "OKP", "crv": "Ed25519"}, "x", 32, ("crv", "kty", "x")),
    Algorithm.ML_DSA_65: _Form({"kty": "AKP"}, "pub", 1952, ("alg", "kty", "pub")),
    Algorithm.X_WING: _Form({"kty": "AKP"}, "pub", ML_KEM_PUBLIC_BYTES + 32, ("alg", "kty", "pub")),
}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638 SHA-256 thumbprint of one of our public or private JWKs (AKP: RFC 9964 section 6)."""
    form = _FORMS[Algorithm(jwk["alg"])]
    return base64url.encode(hashlib.sha256(strict_json.dump({k: jwk[k] for k in form.hashed})).digest())


def fingerprint(data: bytes) -> str:
    """The first 128 bits of SHA-256 in 8 groups of 4 hex digits, to be read aloud on a call."""
    text = hashlib.sha256(data).hexdigest()
    return " ".join(text[i : i + 4] for i in range(0, 32, 4))


def public_jwk(alg: Algorithm, data: bytes) -> Jwk:
    """The JWK of raw public key bytes, with its kid."""
    form = _FORMS[alg]
    jwk = {**form.fixed, "alg": alg.value, form.value: base64url.encode(data)}
    return {**jwk, "kid": thumbprint(jwk)}


def check_jwk(value: object, alg: Algorithm, name: str) -> Jwk:
    """`value` as a public JWK of this algorithm; raises `Invalid` (`jwk`) naming `name`.

    Members exactly those of the kind, bytes of the right number that parse as a key, kid recomputed.
    """
    form = _FORMS[alg]
    if not isinstance(value, Mapping) or set(value) != {*form.fixed, "alg", form.value, "kid"}:
        raise Invalid("jwk", f"{name}: not exactly the members of a public JWK for {alg}")
    data = base64url.decode(value[form.value], f"{name}.{form.value}")
    jwk = public_jwk(alg, data)
    if len(data) != form.size or dict(value) != jwk:
        raise Invalid("jwk", f"{name}: not a JWK for {alg} under its own thumbprint")
    try:
        _PARSERS[alg](jwk[form.value])
    except ValueError:
        raise Invalid("jwk", f"{name}: not a public key for {alg}") from None
    return jwk


@lru_cache(maxsize=4096)
def _ed25519_public(x: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64url.decode(x, "x"))


@lru_cache(maxsize=4096)
def _ml_dsa_public(pub: str) -> MLDSA65PublicKey:
    return MLDSA65PublicKey.from_public_bytes(base64url.decode(pub, "pub"))


@lru_cache(maxsize=1024)
def _x_wing_public(pub: str) -> MLKEM768X25519PublicKey:
    data = base64url.decode(pub, "pub")
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(data[:ML_KEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(data[ML_KEM_PUBLIC_BYTES:]),
    )


_PARSERS = {
    Algorithm.ED25519: _ed25519_public,
    Algorithm.ML_DSA_65: _ml_dsa_public,
    Algorithm.X_WING: _x_wing_public,
}


def verifies(jwk: Jwk, signature: bytes, data: bytes) -> bool:
    """Whether `signature` over `data` is by this key (a JWK that `check_jwk` has passed)."""
    try:
        if jwk["alg"] == Algorithm.ED25519:
            _ed25519_public(jwk["x"]).verify(signature, data)
        else:
            _ml_dsa_public(jwk["pub"]).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def x_wing_public(jwk: Jwk) -> MLKEM768X25519PublicKey:
    """The HPKE public key of an encryption JWK (one that `check_jwk` has passed)."""
    return _x_wing_public(jwk["pub"])
