"""Which root of the registry we accept, beyond what TUF checks: one administrator must not count twice.

Rules: every key id is the SHA-256 of the key's canonical form (TUF specification section 4.2) and is
recomputed; behind one role stand distinct public key *values*, compared as parsed keys and not as text (one
key under two ids satisfied a threshold of two); a key has one text, since what stands around a PEM gives it
another id, and can make a root longer than readers read; a threshold does not exceed its keys. Key types are
Ed25519 and ECDSA over P-256 or P-384, which administrators' tools and hardware can make. This module knows no
signatures: that a root is signed by its predecessor is TUF's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from exchange.errors import Refused

_ED25519_HEX: Final = re.compile(r"[0-9a-f]{64}")
_CURVES: Final = {"ecdsa-sha2-nistp256": SECP256R1.name, "ecdsa-sha2-nistp384": SECP384R1.name}


@dataclass(frozen=True, slots=True)
class RootKey:
    """A key as root metadata has it. `values` is the whole of `keyval`."""

    keytype: str
    scheme: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RootRole:
    keyids: tuple[str, ...]
    threshold: int


def check_root(keys: Mapping[str, RootKey], roles: Mapping[str, RootRole]) -> None:
    """Pass, or raise `Refused`: `registry-key-id`, `-key-form`, `-key-twice`, `-role`."""
    values: dict[str, bytes] = {}
    for keyid, key in keys.items():
        if set(key.values) != {"public"} or not isinstance(key.values["public"], str):
            raise Refused("registry-key-form", "root.json: a key has other parts than its public value")
        if keyid != key_id(key):
            raise Refused("registry-key-id", "root.json: a key does not stand under its own id")
        values[keyid] = _value(key)
    for name, role in roles.items():
        if not set(role.keyids) <= set(values) or not 1 <= role.threshold <= len(role.keyids):
            raise Refused(
                "registry-role", f"root.json: role {name}: unknown keys, or fewer than its threshold"
            )
        if len({values[keyid] for keyid in role.keyids}) != len(role.keyids):
            raise Refused("registry-key-twice", f"root.json: role {name}: one key stands under two ids")


def key_id(key: RootKey) -> str:
    """The id of a key: SHA-256 of its canonical JSON (names sorted, only quote and backslash escaped)."""
    values = ",".join(f"{_quoted(name)}:{_quoted(text)}" for name, text in sorted(key.values.items()))
    text = f'{{"keytype":{_quoted(key.keytype)},"keyval":{{{values}}},"scheme":{_quoted(key.scheme)}}}'
    return hashlib.sha256(text.encode()).hexdigest()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(key: RootKey) -> bytes:
    """The public key in one form, if its text is the one that this key has."""
    public = key.values["public"]
    if (key.keytype, key.scheme) == ("ed25519", "ed25519") and _ED25519_HEX.fullmatch(public):
        return bytes.fromhex(public)
    if key.keytype == "ecdsa" and key.scheme in _CURVES:
        try:
            parsed = load_pem_public_key(public.encode())
        except (ValueError, UnsupportedAlgorithm):
            parsed = None
        if isinstance(parsed, EllipticCurvePublicKey) and parsed.curve.name == _CURVES[key.scheme]:
            text = parsed.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            if text == public.encode():
                return parsed.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raise Refused("registry-key-form", "root.json: a key is neither Ed25519 nor ECDSA P-256 or P-384")
