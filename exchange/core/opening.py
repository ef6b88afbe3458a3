"""Opening a message: the numbered checks of docs/protocol.md, from an envelope to documents whose sender is
known.

Each step has its own code for our log (`OpeningCode`); to the outside all are `OUTSIDE_CODE`, so that nobody
learns by trying which check stopped them.

  1 envelope-size        at most 1 MiB
  2 envelope-parts       five parts, strict base64url (decode, encode, compare)
  3 envelope-header      header exact
  4 envelope-key         kid is ours
  5 envelope-seal        opens
  6 message-form         first line a JWS of the right form, its payload strict JSON
  7 sender               `iss` known, active or pending, and the depositor that the mailbox names
  8 sender-suspended     the same, for a suspended member: to quarantine, not refused for ever
  9 signature            both signatures, by one entry of that member's signing keys, typ of a manifest
 10 key-period           that entry within nbf..exp at `iat`
 11 key-revoked          and not revoked *now*, whatever `iat` says
 12 version              v
 13 manifest             the claims exactly those of this version
 14 sender-pending       a pending member sends tests and receipts and nothing else
 15 audience             `aud` is us
 16 audience-key         `aud_kid` is the key that opened the envelope
 17 jti                  equals the header's
 18 time                 iat not in the future, not past exp, exp - iat within 30 days
 19 documents            as many lines as manifest entries, each with its digest

What each document says is checked one by one by others afterwards: one bad document does not take its
neighbours along. This module reads no clock, no database and no network; it remembers nothing, so it
cannot tell a message that comes again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.core import jws, message, strict_json
from exchange.core.envelope import EnvelopeCode, Opened, open_envelope
from exchange.core.limits import CLOCK_SKEW_SECONDS, ENVELOPE_BYTES, MESSAGE_LIFE_SECONDS
from exchange.core.manifest import VERSION, Manifest, parse_claims
from exchange.core.names import DocumentId, MemberId
from exchange.core.registry_view import Member, MemberStatus, RegistryView, SigningRecord
from exchange.core.standing import TRIAL
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Refused

OUTSIDE_CODE: Final = "cannot-open"


class OpeningCode(StrEnum):
    """Why a message was not opened: one code per step, in the order of the steps."""

    SIZE = EnvelopeCode.SIZE.value
    PARTS = EnvelopeCode.PARTS.value
    HEADER = EnvelopeCode.HEADER.value
    KEY = EnvelopeCode.KEY.value
    SEAL = EnvelopeCode.SEAL.value
    FORM = "message-form"
    SENDER = "sender"
    SUSPENDED = "sender-suspended"
    SIGNATURE = "signature"
    KEY_PERIOD = "key-period"
    KEY_REVOKED = "key-revoked"
    VERSION = "version"
    MANIFEST = "manifest"
    PENDING = "sender-pending"
    AUDIENCE = "audience"
    AUDIENCE_KEY = "audience-key"
    JTI = "jti"
    TIME = "time"
    DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message that passed every check. `jws` and `lines` are the bytes as they came: evidence."""

    jti: DocumentId
    sender: MemberId
    manifest: Manifest
    jws: bytes
    lines: tuple[bytes, ...]


def open_message(
    data: bytes,
    *,
    me: MemberId,
    depositor: MemberId,
    registry: RegistryView,
    seed_for: Callable[[str], bytes | None],
    now: int,
    released: bool = False,
) -> OpenedMessage:
    """The message of one envelope; raises `Refused` with an `OpeningCode`.

    `depositor` is whom the mailbox names; `seed_for` gives the seed of one of our kids; `now` is in unix
    seconds; `released` opens what an operator took out of quarantine `suspended` (step 8 is passed over).
    """
    opened = open_envelope(data, seed_for)  # 1 to 5
    signed, lines = message.split(opened.message)
    unverified, claims = _form(signed)  # 6
    sender = _sender(claims.get("iss"), depositor, registry, released)  # 7, 8
    _signed_by(unverified, claims.get("iat"), sender)  # 9, 10, 11
    manifest = _manifest(claims)  # 12, 13
    _rightful(manifest, sender)  # 14
    _addressed(manifest, opened, me)  # 15, 16, 17
    _in_time(manifest, now)  # 18
    _documents(manifest, lines)  # 19
    return OpenedMessage(manifest.jti, sender.id, manifest, signed, lines)


def _form(signed: bytes) -> tuple[jws.Jws, JsonObject]:
    try:
        unverified = jws.read(signed)
        claims = strict_json.parse(unverified.payload, limit=ENVELOPE_BYTES, what="manifest")
    except (Invalid, Refused) as error:
        raise Refused(OpeningCode.FORM, error.message) from None
    if not isinstance(claims, dict):
        raise Refused(OpeningCode.FORM, "manifest: not an object")
    return unverified, claims


def _sender(iss: object, depositor: MemberId, registry: RegistryView, released: bool) -> Member:
    member = registry.member(iss) if isinstance(iss, str) and iss == depositor else None
    if member is None or member.status is MemberStatus.LEFT:
        raise Refused(OpeningCode.SENDER, "manifest.iss: not a member, or not the depositor")
    if member.status is MemberStatus.SUSPENDED and not released:
        raise Refused(OpeningCode.SUSPENDED, "manifest.iss: a suspended member")
    return member


def _signed_by(unverified: jws.Jws, iat: object, sender: Member) -> SigningRecord:
    try:
        record = jws.verify_read(unverified, jws.Typ.MANIFEST, sender.signing)
    except Refused as error:
        raise Refused(OpeningCode.SIGNATURE, error.message) from None
    if type(iat) is not int or not record.nbf <= iat <= record.exp:
        raise Refused(OpeningCode.KEY_PERIOD, "manifest.iat: outside the signing key's period")
    if record.revoked is not None:
        raise Refused(OpeningCode.KEY_REVOKED, "manifest: signed by a revoked key")
    return record


def _manifest(claims: JsonObject) -> Manifest:
    if type(claims.get("v")) is not int or claims["v"] != VERSION:
        raise Refused(OpeningCode.VERSION, f"manifest.v: not {VERSION}")
    try:
        return parse_claims(claims)
    except Invalid as error:
        raise Refused(OpeningCode.MANIFEST, error.message) from None


def _rightful(manifest: Manifest, sender: Member) -> None:
    """Types that nobody knows refuse themselves later; only of a pending member they refuse the whole."""
    if sender.status is MemberStatus.PENDING and not {e.type for e in manifest.documents} <= TRIAL:
        raise Refused(OpeningCode.PENDING, "manifest.documents: not of a type that a pending member sends")


def _addressed(manifest: Manifest, opened: Opened, me: MemberId) -> None:
    if manifest.aud != me:
        raise Refused(OpeningCode.AUDIENCE, "manifest.aud: another member")
    if manifest.aud_kid != opened.kid:
        raise Refused(OpeningCode.AUDIENCE_KEY, "manifest.aud_kid: not the envelope's key")
    if manifest.jti != opened.jti:
        raise Refused(OpeningCode.JTI, "manifest.jti: not the envelope's")


def _in_time(manifest: Manifest, now: int) -> None:
    life = manifest.exp - manifest.iat
    if not (0 < life <= MESSAGE_LIFE_SECONDS and manifest.iat - CLOCK_SKEW_SECONDS <= now <= manifest.exp):
        raise Refused(OpeningCode.TIME, "manifest.iat, manifest.exp: not now, or too far apart")


def _documents(manifest: Manifest, lines: tuple[bytes, ...]) -> None:
    if len(lines) != len(manifest.documents):
        raise Refused(OpeningCode.DOCUMENTS, "message: not as many documents as the manifest names")
    for entry, line in zip(manifest.documents, lines, strict=True):
        if hashlib.sha256(line).hexdigest() != entry.sha256:
            raise Refused(OpeningCode.DOCUMENTS, "message: a document is not the one that the manifest names")
