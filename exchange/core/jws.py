"""Signatures over bytes: JWS, General JSON Serialization (RFC 7515 section 7.2.1), in one narrow form.

Nothing is canonicalised: bytes are signed, kept and verified, and only then parsed.

Rules:

* The object has exactly `payload` and `signatures`; each signature exactly `protected` and `signature`; no
  unprotected header. The protected header is exactly {"alg", "kid", "typ"}.
* `typ` separates what is signed (`Typ`): a key card never passes for a manifest.
* What a member says carries exactly two signatures, Ed25519 then ML-DSA-65, both kids from *one* signing
  entry (`sign`, `verify`). A registration carries one by each key concerned (`sign_all`, `verify_all`).

`read` looks at form alone and gives what is not yet trusted; `verify_read` trusts. Whether a key was valid
at a moment or is revoked, is asked by the caller of the record that is returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from exchange.core import base64url, strict_json
from exchange.core.jwk import verifies
from exchange.core.keys import Signer, SigningKeys
from exchange.core.limits import ENVELOPE_BYTES
from exchange.core.registry_view import Jwk, SigningRecord
from exchange.errors import Invalid, Refused


class Typ(StrEnum):
    """What a signature is over."""

    MANIFEST = "hx-manifest+json"
    KEY_CARD = "hx-key-card+json"
    REGISTRATION = "hx-registration+json"
    EVIDENCE = "hx-evidence+json"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as it came. `protected` is the encoded header, `header` its strict JSON."""

    protected: str
    header: Mapping[str, object]
    value: bytes


@dataclass(frozen=True, slots=True)
class Jws:
    """A JWS whose form is right and whose signatures nobody has verified yet."""

    encoded: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def input(self, signature: Signature) -> bytes:
        """The signing input (RFC 7515 section 5.1)."""
        return f"{signature.protected}.{self.encoded}".encode("ascii")


@dataclass(frozen=True, slots=True)
class Verified:
    """Payload bytes, and the signing entry whose two keys signed them."""

    payload: bytes
    record: SigningRecord


def sign(payload: bytes, keys: SigningKeys, typ: str) -> bytes:
    """The JWS of `payload` by both halves of one entry."""
    return sign_all(payload, keys.halves, typ)


def sign_all(payload: bytes, signers: Sequence[Signer], typ: str) -> bytes:
    """The JWS of `payload` with one signature by each signer, in their order. Compact, without line break."""
    encoded = base64url.encode(payload)
    signatures = []
    for signer in signers:
        header = {"alg": signer.jwk["alg"], "kid": signer.jwk["kid"], "typ": typ}
        protected = base64url.encode(strict_json.dump(header))
        value = signer.sign(f"{protected}.{encoded}".encode("ascii"))
        signatures.append({"protected": protected, "signature": base64url.encode(value)})
    return strict_json.dump({"payload": encoded, "signatures": signatures})


def read(data: bytes, *, limit: int = ENVELOPE_BYTES) -> Jws:
    """The form of a JWS, unverified; raises `Refused` (`jws-form`)."""
    try:
        value = strict_json.parse(data, limit=limit, what="JWS")
        if not isinstance(value, dict) or set(value) != {"payload", "signatures"}:
            raise Invalid("jws-form", "JWS: not exactly payload and signatures")
        encoded, listed = value["payload"], value["signatures"]
        payload = base64url.decode(encoded, "JWS payload")
        if not isinstance(encoded, str) or not isinstance(listed, list):
            raise Invalid("jws-form", "JWS: signatures is not a list")
        return Jws(encoded, payload, tuple(_signature(item) for item in listed))
    except Invalid as error:
        raise Refused("jws-form", error.message) from None


def _signature(item: object) -> Signature:
    if not isinstance(item, dict) or set(item) != {"protected", "signature"}:
        raise Invalid("jws-form", "JWS signature: not exactly protected and signature")
    protected = item["protected"]
    header = strict_json.parse(base64url.decode(protected, "JWS protected header"), limit=1024, what="header")
    if not isinstance(header, dict):
        raise Invalid("jws-form", "JWS protected header: not an object")
    return Signature(protected, header, base64url.decode(item["signature"], "JWS signature"))


def verify(data: bytes, typ: str, entries: Sequence[SigningRecord]) -> Verified:
    """Payload and entry of a JWS by both keys of one of `entries`; raises `Refused`.

    Codes: `jws-form`, `jws-signature-count`, `jws-header`, `jws-key`, `jws-signature`.
    """
    jws = read(data)
    return Verified(jws.payload, verify_read(jws, typ, entries))


def verify_read(jws: Jws, typ: str, entries: Sequence[SigningRecord]) -> SigningRecord:
    """The one of `entries` whose two keys signed `jws`; raises `Refused`."""
    if len(jws.signatures) != 2:
        raise Refused("jws-signature-count", "JWS: not exactly two signatures")
    kid = jws.signatures[0].header.get("kid")
    record = next((entry for entry in entries if entry.ed25519["kid"] == kid), None)
    if record is None:
        raise Refused("jws-key", "JWS: the first signature is by no Ed25519 key of the member")
    for signature, key in zip(jws.signatures, (record.ed25519, record.ml_dsa_65), strict=True):
        _verify_one(jws, signature, key, typ)
    return record


def verify_all(data: bytes, typ: str, keys: Mapping[str, Jwk], *, limit: int) -> frozenset[str]:
    """The kids that signed `data`, all of them among `keys` (by kid), each once; raises `Refused`."""
    jws = read(data, limit=limit)
    seen: set[str] = set()
    for signature in jws.signatures:
        kid = signature.header.get("kid")
        key = keys.get(kid) if isinstance(kid, str) and kid not in seen else None
        if key is None:
            raise Refused("jws-key", "JWS: a signature by a key that is not named, or a second by the same")
        _verify_one(jws, signature, key, typ)
        seen.add(key["kid"])
    return frozenset(seen)


def _verify_one(jws: Jws, signature: Signature, key: Jwk, typ: str) -> None:
    if signature.header.get("kid") != key["kid"]:
        raise Refused("jws-key", "JWS: a signature is not by the key of its place in the entry")
    if signature.header != {"alg": key["alg"], "kid": key["kid"], "typ": typ}:
        raise Refused("jws-header", f"JWS protected header: not exactly alg, kid and typ {typ}")
    if not verifies(key, signature.value, jws.input(signature)):
        raise Refused("jws-signature", f"JWS: the {key['alg']} signature does not verify")


def peek_payload(data: bytes) -> bytes:
    """Payload bytes that nobody has verified: to find out whose keys to ask for. Raises `Refused`."""
    return read(data).payload
