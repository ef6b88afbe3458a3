"""The envelope: one message sealed to one encryption key (JWE Compact Serialization, RFC 7516).

HPKE-9-KE + A256GCM: HPKE(MLKEM768-X25519, SHAKE256, AES-256-GCM), base mode, seals a 32-byte content key
with `info` below and empty aad; AES-256-GCM seals the message with the encoded protected header as
AAD. The name of the algorithm is a draft's and may change; docs/protocol.md pins its meaning under version 1.

Rules:

* One suite: no fallback, no negotiation, no `zip`, no `crit`. The protected header is exactly alg, enc, kid,
  typ, cty, jti and ek.
* Five parts of strict base64url, the fixed ones of their exact length, at most `ENVELOPE_BYTES` in all.
* Before sealing, the message is padded with trailing line breaks by the Padme rule (Nikitin et al., PETS
  2019): at most 12 % more, and a host learns little of the length.

Sealing draws a content key and a nonce of its own. Whose the message is, and what it says, is unknown here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from exchange.core import base64url, strict_json
from exchange.core.jwk import Algorithm, x_wing_public
from exchange.core.keys import x_wing_private
from exchange.core.limits import ENVELOPE_BYTES
from exchange.core.names import DocumentId
from exchange.core.registry_view import Jwk
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Refused

ENC: Final = "A256GCM"
TYP: Final = "hx-envelope+jwe"
CTY: Final = "hx-message"
INFO: Final = b"JOSE-HPKE rcpt\xffA256GCM\xff"
EK_BYTES: Final = 1120
_WRAPPED_BYTES: Final = 32 + 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_FIXED: Final = {"alg": Algorithm.X_WING.value, "enc": ENC, "typ": TYP, "cty": CTY}
_HEADER_MEMBERS: Final = frozenset(("alg", "enc", "kid", "typ", "cty", "jti", "ek"))
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)


class EnvelopeCode(StrEnum):
    """Why an envelope is refused, in the order of the checks."""

    SIZE = "envelope-size"
    PARTS = "envelope-parts"
    HEADER = "envelope-header"
    KEY = "envelope-key"
    SEAL = "envelope-seal"


@dataclass(frozen=True, slots=True)
class Header:
    """The protected header as far as it varies."""

    kid: str
    jti: DocumentId
    ek: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """The header's jti and kid, and the message with its padding."""

    jti: DocumentId
    kid: str
    message: bytes


def padme(length: int) -> int:
    """The length to which `length` bytes are padded."""
    exponent = max(length, 1).bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def sealed_size(length: int) -> int:
    """Bytes of the envelope of a message of `length` bytes, padding included."""
    parts = (_WRAPPED_BYTES, _NONCE_BYTES, padme(length), _TAG_BYTES)
    return _HEADER_CHARS + 4 + sum(base64url.encoded_size(part) for part in parts)


def seal(message: bytes, recipient_key: Jwk, jti: str) -> bytes:
    """`message`, padded and sealed to an encryption key that `check_jwk` has passed.

    Raises `Refused` (`recipient-key`) when the key cannot be sealed to (a point of small order), and
    `Invalid` (`envelope-size`) when the message is too long.
    """
    if sealed_size(len(message)) > ENVELOPE_BYTES:
        raise Invalid("envelope-size", f"message: sealed it would be over {ENVELOPE_BYTES} bytes")
    key, nonce = secrets.token_bytes(32), secrets.token_bytes(_NONCE_BYTES)
    try:
        wrapped = _SUITE.encrypt(key, x_wing_public(recipient_key), INFO)
    except ValueError:
        raise Refused("recipient-key", "the recipient's encryption key: cannot be sealed to") from None
    header = _header_text(recipient_key["kid"], jti, wrapped[:EK_BYTES])
    padded = message.ljust(padme(len(message)), b"\n")
    sealed = AESGCM(key).encrypt(nonce, padded, header)
    parts = (wrapped[EK_BYTES:], nonce, sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:])
    return b".".join((header, *(base64url.encode(part).encode("ascii") for part in parts)))


def _header_text(kid: str, jti: str, ek: bytes) -> bytes:
    header: JsonObject = {**_FIXED, "kid": kid, "jti": jti, "ek": base64url.encode(ek)}
    return base64url.encode(strict_json.dump(header)).encode("ascii")


_HEADER_CHARS: Final = len(_header_text("k" * 43, "j" * 36, bytes(EK_BYTES)))


def read_header(data: bytes) -> Header:
    """The header of an envelope whose form is right: for a mailbox host, which opens nothing.

    Raises `Refused` with `EnvelopeCode` SIZE, PARTS or HEADER.
    """
    return _read(data)[0]


def open_envelope(data: bytes, seed_for: Callable[[str], bytes | None]) -> Opened:
    """The message of `data`, by the seed that `seed_for` knows for its kid.

    Raises `Refused` with an `EnvelopeCode`; the checks run in the order of that enumeration.
    """
    header, encoded, (wrapped, nonce, text, tag) = _read(data)
    seed = seed_for(header.kid)
    if seed is None:
        raise Refused(EnvelopeCode.KEY, "envelope header kid: not a key of ours")
    try:
        key = _SUITE.decrypt(header.ek + wrapped, x_wing_private(seed), INFO)
        message = AESGCM(key).decrypt(nonce, text + tag, encoded)
    except (InvalidTag, ValueError):
        raise Refused(EnvelopeCode.SEAL, "envelope: does not open") from None
    return Opened(header.jti, header.kid, message)


def _read(data: bytes) -> tuple[Header, bytes, tuple[bytes, bytes, bytes, bytes]]:
    if len(data) > ENVELOPE_BYTES:
        raise Refused(EnvelopeCode.SIZE, f"envelope: over {ENVELOPE_BYTES} bytes")
    texts = data.split(b".", 5)
    if len(texts) != 5:
        raise Refused(EnvelopeCode.PARTS, "envelope: not five parts")
    try:
        raw, wrapped, nonce, text, tag = (base64url.decode(part, "envelope") for part in texts)
    except Invalid as error:
        raise Refused(EnvelopeCode.PARTS, error.message) from None
    if (len(wrapped), len(nonce), len(tag)) != (_WRAPPED_BYTES, _NONCE_BYTES, _TAG_BYTES):
        raise Refused(EnvelopeCode.PARTS, "envelope: a part is not of its length")
    return _header(raw), texts[0], (wrapped, nonce, text, tag)


def _header(raw: bytes) -> Header:
    try:
        value = strict_json.parse(raw, limit=2 * EK_BYTES, what="envelope header")
        if not isinstance(value, dict) or value.keys() != _HEADER_MEMBERS or value | _FIXED != value:
            raise Invalid("header", "envelope header: not exactly its members, for the one suite")
        jti = DocumentId.parse(value["jti"], "envelope header jti")
        ek, kid = base64url.decode(value["ek"], "envelope header ek"), value["kid"]
        if len(ek) != EK_BYTES or not isinstance(kid, str):
            raise Invalid("header", "envelope header ek: not of its length, or kid: not a string")
    except Invalid as error:
        raise Refused(EnvelopeCode.HEADER, error.message) from None
    return Header(kid, jti, ek)
