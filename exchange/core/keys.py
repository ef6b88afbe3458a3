"""The private keys of a member: how they are made, written down and used.

Three kinds (docs/protocol.md, Keys of a member): a signing entry of two halves (Ed25519 and ML-DSA-65), an
http key (Ed25519, another one) and an encryption key (X-Wing) that is known by its 32-byte seed.

Rules:

* Every private key is known by a 32-byte seed and carries its public JWK. A private JWK is read back only
  if its secret gives its public part.
* X-Wing private keys have no serialisation in `cryptography`: the seed is expanded with SHAKE256 to 96
  bytes (64 ML-KEM, 32 X25519). Expanded keys are cached; `forget_private_keys` empties that cache when a
  seed is destroyed.
* No `repr` shows a secret.

Generating keys draws chance of its own. This module knows no file, no member and no period of validity.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from exchange.core import base64url
from exchange.core.jwk import Algorithm, fingerprint, public_jwk, thumbprint
from exchange.core.registry_view import Jwk
from exchange.errors import Invalid

__all__ = [
    "SEED_BYTES",
    "Ed25519Key",
    "EncryptionKey",
    "HttpKey",
    "MlDsaKey",
    "Signer",
    "SigningKeys",
    "fingerprint",
    "forget_private_keys",
    "thumbprint",
    "x_wing_private",
]

SEED_BYTES = 32
_ML_KEM_SEED_BYTES = 64


class Signer(Protocol):
    """One key that signs for a JWS; `jwk` is its public form."""

    @property
    def jwk(self) -> Jwk: ...
    def sign(self, data: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """An Ed25519 private key: the classical half of a signing entry, or an http key."""

    jwk: Jwk
    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(public_jwk(Algorithm.ED25519, private.public_key().public_bytes_raw()), private)

    @classmethod
    def generate(cls) -> Self:
        return cls.from_seed(secrets.token_bytes(SEED_BYTES))

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """From a private JWK (RFC 8037 section 2); raises `Invalid` if its parts are of two keys."""
        key = cls.from_seed(_secret(jwk, "d"))
        _same(key.to_jwk(), jwk)
        return key

    def to_jwk(self) -> dict[str, str]:
        return {**self.jwk, "d": base64url.encode(self._private.private_bytes_raw())}

    @property
    def kid(self) -> str:
        return self.jwk["kid"]

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


class HttpKey(Ed25519Key):
    """The key that signs requests: never one half of a signing entry."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MlDsaKey:
    """An ML-DSA-65 private key: the post-quantum half of a signing entry."""

    jwk: Jwk
    _private: MLDSA65PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        private = MLDSA65PrivateKey.from_seed_bytes(seed)
        return cls(public_jwk(Algorithm.ML_DSA_65, private.public_key().public_bytes_raw()), private)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """From a private JWK (RFC 9964 section 6); raises `Invalid` if its parts are of two keys."""
        key = cls.from_seed(_secret(jwk, "priv"))
        _same(key.to_jwk(), jwk)
        return key

    def to_jwk(self) -> dict[str, str]:
        return {**self.jwk, "priv": base64url.encode(self._private.private_bytes_raw())}

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """One signing entry: both halves sign everything that the member says."""

    ed25519: Ed25519Key
    ml_dsa_65: MlDsaKey

    @classmethod
    def from_seeds(cls, ed25519: bytes, ml_dsa_65: bytes) -> Self:
        return cls(Ed25519Key.from_seed(ed25519), MlDsaKey.from_seed(ml_dsa_65))

    @classmethod
    def generate(cls) -> Self:
        return cls.from_seeds(secrets.token_bytes(SEED_BYTES), secrets.token_bytes(SEED_BYTES))

    @classmethod
    def from_jwks(cls, jwks: Sequence[Mapping[str, object]]) -> Self:
        """From two private JWKs, Ed25519 first; raises `Invalid`."""
        if len(jwks) != 2:
            raise Invalid("jwk", "a signing entry: not two private JWKs")
        return cls(Ed25519Key.from_jwk(jwks[0]), MlDsaKey.from_jwk(jwks[1]))

    def to_jwks(self) -> list[dict[str, str]]:
        return [self.ed25519.to_jwk(), self.ml_dsa_65.to_jwk()]

    @property
    def entry(self) -> tuple[Jwk, Jwk]:
        """The two public JWKs as the registry carries them."""
        return self.ed25519.jwk, self.ml_dsa_65.jwk

    @property
    def halves(self) -> tuple[Signer, Signer]:
        """Both keys, in the order of their signatures."""
        return self.ed25519, self.ml_dsa_65

    def sign(self, data: bytes) -> tuple[bytes, bytes]:
        return self.ed25519.sign(data), self.ml_dsa_65.sign(data)


@dataclass(frozen=True)
class EncryptionKey:
    """An X-Wing key by its seed: the seed is what is kept, sealed, and at last destroyed."""

    seed: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        if len(seed) != SEED_BYTES:
            raise Invalid("seed", f"an encryption seed: not {SEED_BYTES} bytes")
        return cls(seed)

    @classmethod
    def generate(cls) -> Self:
        return cls(secrets.token_bytes(SEED_BYTES))

    @cached_property
    def jwk(self) -> Jwk:
        """The public JWK {kty, alg, pub, kid}."""
        ml_kem, x25519 = _x_wing_halves(self.seed)
        return public_jwk(
            Algorithm.X_WING,
            ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw(),
        )

    @property
    def kid(self) -> str:
        return self.jwk["kid"]


def _x_wing_halves(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = hashlib.shake_256(seed).digest(96)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_ML_KEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(expanded[_ML_KEM_SEED_BYTES:]),
    )


@lru_cache(maxsize=16)
def x_wing_private(seed: bytes) -> MLKEM768X25519PrivateKey:
    """The HPKE private key of a 32-byte seed."""
    return MLKEM768X25519PrivateKey(*_x_wing_halves(seed))


def forget_private_keys() -> None:
    """Empty the cache of expanded private keys: called when a seed is destroyed."""
    x_wing_private.cache_clear()


def _secret(jwk: Mapping[str, object], member: str) -> bytes:
    seed = base64url.decode(jwk.get(member), f"a private JWK's {member}")
    if len(seed) != SEED_BYTES:
        raise Invalid("jwk", f"a private JWK's {member}: not {SEED_BYTES} bytes")
    return seed


def _same(ours: Mapping[str, object], given: Mapping[str, object]) -> None:
    if ours != given:
        raise Invalid("jwk", "a private JWK: its secret and its public part do not belong together")
