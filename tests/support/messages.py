"""Messages for tests: honest ones, and forgeries that are honest but for one thing.

`DE` writes to `GB`; `FR` is a third member. Forgeries are made with other code than what they try to pass
(json, base64 and cryptography directly), so that a fault in the code under test is not repeated here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from support.keys import NOW, member_keys

from exchange.core import envelope, manifest, message
from exchange.core.jwk import x_wing_public
from exchange.core.keys import Signer
from exchange.core.names import AnyUuid, Digest, DocumentId, uuid7
from exchange.core.registry_view import Jwk

DE, GB, FR = "de-a", "gb-b", "fr-c"
MANIFEST = "hx-manifest+json"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)
INFO = b"JOSE-HPKE rcpt\xffA256GCM\xff"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def new_id(name: str, now: float = NOW) -> DocumentId:
    """A UUIDv7 that is the same for the same name."""
    return uuid7(now, hashlib.sha256(name.encode()).digest()[:10])


def document(number: int, size: int = 200) -> bytes:
    """Some JSON of about `size` bytes. Not a referral: opening does not look inside."""
    return compact({"type": "referral/1", "number": number, "filler": "x" * max(size - 50, 0)})


def claims(
    documents: Sequence[bytes], /, sender: str = DE, recipient: str = GB, **changes: Any
) -> dict[str, Any]:
    """The claims of an honest manifest, some of them changed; a change to None takes the claim away."""
    honest = {
        "v": 1,
        "jti": new_id("message"),
        "iss": sender,
        "aud": recipient,
        "aud_kid": member_keys(recipient).encryption.kid,
        "iat": NOW,
        "exp": NOW + 30 * 86400,
        "documents": [
            {"type": "referral/1", "id": new_id(f"document {i}"), "sha256": hashlib.sha256(data).hexdigest()}
            for i, data in enumerate(documents)
        ],
        "registry": {"version": 7, "sha256": hashlib.sha256(b"registry").hexdigest()},
        "journal": {"log": str(new_id("log")), "n": 12, "head": hashlib.sha256(b"head").hexdigest()},
    }
    return {name: value for name, value in (honest | changes).items() if value is not None}


def forged_jws(
    payload: bytes, signers: Sequence[Signer], typ: str = MANIFEST, header: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A JWS as an object, to be spoilt further; `header` is merged into every protected header."""
    encoded, signatures = b64(payload), []
    for signer in signers:
        protected = b64(
            compact({"alg": signer.jwk["alg"], "kid": signer.jwk["kid"], "typ": typ} | dict(header or {}))
        )
        signatures.append(
            {"protected": protected, "signature": b64(signer.sign(f"{protected}.{encoded}".encode()))}
        )
    return {"payload": encoded, "signatures": signatures}


def forged_text(documents: Sequence[bytes], said: Mapping[str, Any], sender: str = DE) -> bytes:
    """A message with any claims, signed by its sender's real keys."""
    signed = forged_jws(compact(said), member_keys(sender).signing.halves)
    return b"\n".join((compact(signed), *documents))


def forged_envelope(
    text: bytes,
    recipient: str = GB,
    header: Mapping[str, Any] | None = None,
    *,
    raw_header: bytes | None = None,
    key: Jwk | None = None,
    info: bytes = INFO,
) -> bytes:
    """An envelope of any text with any protected header, sealed as it should be."""
    jwk = key or member_keys(recipient).encryption.jwk
    content_key, nonce = os.urandom(32), os.urandom(12)
    wrapped = SUITE.encrypt(content_key, x_wing_public(jwk), info)
    fields = {
        "alg": "HPKE-9-KE",
        "enc": "A256GCM",
        "kid": jwk["kid"],
        "typ": "hx-envelope+jwe",
        "cty": "hx-message",
        "jti": new_id("message"),
        "ek": b64(wrapped[:1120]),
    } | dict(header or {})
    data = compact({name: value for name, value in fields.items() if value is not None})
    protected = b64(raw_header.replace(b"EK", fields["ek"].encode()) if raw_header else data)
    sealed = AESGCM(content_key).encrypt(nonce, text, protected.encode())
    return ".".join(
        (protected, b64(wrapped[1120:]), b64(nonce), b64(sealed[:-16]), b64(sealed[-16:]))
    ).encode()


def honest(documents: Sequence[bytes], sender: str = DE, recipient: str = GB) -> manifest.Manifest:
    """The manifest of an honest message."""
    said = claims(documents, sender, recipient)
    return manifest.Manifest(
        jti=said["jti"],
        iss=member_keys(sender).id,
        aud=member_keys(recipient).id,
        aud_kid=said["aud_kid"],
        iat=said["iat"],
        exp=said["exp"],
        documents=tuple(manifest.Entry(**entry) for entry in said["documents"]),
        registry=manifest.RegistryMark(7, Digest(said["registry"]["sha256"])),
        journal=manifest.JournalMark(AnyUuid(said["journal"]["log"]), 12, Digest(said["journal"]["head"])),
    )


def sealed(documents: Sequence[bytes], sender: str = DE, recipient: str = GB) -> bytes:
    """An honest envelope."""
    content = honest(documents, sender, recipient)
    built = message.build(content, member_keys(sender).signing, documents)
    return envelope.seal(built.text, member_keys(recipient).encryption.jwk, content.jti)
