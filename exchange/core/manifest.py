"""The manifest: what one signature of a message says about its documents (docs/protocol.md).

Rules: the claims are exactly v, jti, iss, aud, aud_kid, iat, exp, documents, registry and journal, each in
its strict form; 1 to 100 documents, no id twice. `parse_claims` decides the form alone; who signed, for
whom and when is decided by opening.py. The sender's order of claims is its own affair: the signed
bytes are kept and never made again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.core import strict_json
from exchange.core.jwk import KID
from exchange.core.limits import MESSAGE_DOCUMENTS
from exchange.core.names import AnyUuid, Digest, DocumentId, MemberId
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid

VERSION: Final = 1
CLAIMS: Final = frozenset(
    ("v", "jti", "iss", "aud", "aud_kid", "iat", "exp", "documents", "registry", "journal")
)
_TYPE = re.compile(r"[a-z]{1,20}/[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One document: its type such as `referral/1`, its id, SHA-256 of its bytes."""

    type: str
    id: DocumentId
    sha256: Digest


@dataclass(frozen=True, slots=True)
class RegistryMark:
    """The targets metadata that the sender went by."""

    version: int
    sha256: Digest


@dataclass(frozen=True, slots=True)
class JournalMark:
    """The sender's journal at this moment: log, number of entries, head."""

    log: AnyUuid
    n: int
    head: Digest


@dataclass(frozen=True, slots=True)
class Manifest:
    """`iat` and `exp` are unix seconds; `aud_kid` is the encryption key that the message is sealed to."""

    jti: DocumentId
    iss: MemberId
    aud: MemberId
    aud_kid: str
    iat: int
    exp: int
    documents: tuple[Entry, ...]
    registry: RegistryMark
    journal: JournalMark
    v: int = VERSION


def to_payload(manifest: Manifest) -> bytes:
    """The bytes to be signed."""
    return strict_json.dump(
        {
            "v": manifest.v,
            "jti": manifest.jti,
            "iss": manifest.iss,
            "aud": manifest.aud,
            "aud_kid": manifest.aud_kid,
            "iat": manifest.iat,
            "exp": manifest.exp,
            "documents": [{"type": e.type, "id": e.id, "sha256": e.sha256} for e in manifest.documents],
            "registry": {"version": manifest.registry.version, "sha256": manifest.registry.sha256},
            "journal": {
                "log": manifest.journal.log,
                "n": manifest.journal.n,
                "head": manifest.journal.head,
            },
        }
    )


def parse(payload: bytes, *, limit: int) -> Manifest:
    """The manifest of payload bytes; raises `Invalid`."""
    return parse_claims(strict_json.parse(payload, limit=limit, what="manifest"))


def parse_claims(claims: JsonValue) -> Manifest:
    """The manifest of parsed claims of version 1; raises `Invalid` (`manifest` or the code of a name)."""
    body = _exactly(claims, CLAIMS, "manifest")
    if body["v"] is True or body["v"] != VERSION:
        raise Invalid("manifest", "manifest.v: not 1")
    registry = _exactly(body["registry"], frozenset(("version", "sha256")), "manifest.registry")
    journal = _exactly(body["journal"], frozenset(("log", "n", "head")), "manifest.journal")
    return Manifest(
        jti=DocumentId.parse(body["jti"], "manifest.jti"),
        iss=MemberId.parse(body["iss"], "manifest.iss"),
        aud=MemberId.parse(body["aud"], "manifest.aud"),
        aud_kid=_text(body["aud_kid"], KID, "manifest.aud_kid"),
        iat=_count(body["iat"], "manifest.iat"),
        exp=_count(body["exp"], "manifest.exp"),
        documents=_entries(body["documents"]),
        registry=RegistryMark(
            _count(registry["version"], "manifest.registry.version"),
            Digest.parse(registry["sha256"], "manifest.registry.sha256"),
        ),
        journal=JournalMark(
            AnyUuid.parse(journal["log"], "manifest.journal.log"),
            _count(journal["n"], "manifest.journal.n"),
            Digest.parse(journal["head"], "manifest.journal.head"),
        ),
    )


def _entries(value: JsonValue) -> tuple[Entry, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MESSAGE_DOCUMENTS:
        raise Invalid("manifest", f"manifest.documents: not a list of 1 to {MESSAGE_DOCUMENTS}")
    members = frozenset(("type", "id", "sha256"))
    bodies: Sequence[JsonObject] = [_exactly(item, members, "manifest.documents") for item in value]
    entries = tuple(
        Entry(
            _text(body["type"], _TYPE, "manifest.documents.type"),
            DocumentId.parse(body["id"], "manifest.documents.id"),
            Digest.parse(body["sha256"], "manifest.documents.sha256"),
        )
        for body in bodies
    )
    if len({entry.id for entry in entries}) != len(entries):
        raise Invalid("manifest", "manifest.documents: an id stands twice")
    return entries


def _exactly(value: JsonValue, members: frozenset[str], field: str) -> JsonObject:
    if not isinstance(value, dict) or value.keys() != members:
        raise Invalid("manifest", f"{field}: not an object of exactly its members")
    return value


def _text(value: JsonValue, pattern: re.Pattern[str], field: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise Invalid("manifest", f"{field}: not in its form")
    return value


def _count(value: JsonValue, field: str) -> int:
    if type(value) is not int or value < 0:
        raise Invalid("manifest", f"{field}: not a whole number from 0")
    return value
