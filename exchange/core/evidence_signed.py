"""What is signed in an evidence file: manifests, and receipts with the manifests that brought them.

Rules: a signature counts when both halves of one key pair of that member made it, within the pair's period at
the time that is signed. The pair is that of the newest list, its period that of the list in force where the
two differ: what a member changes of its keys later does not undo what it signed. That a key has expired since
changes nothing: old keys stay for this. What a revocation makes of a signature is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.core import jws, manifest, strict_json
from exchange.core.documents import DocumentType
from exchange.core.evidence import Evidence
from exchange.core.limits import DOCUMENT_BYTES, ENVELOPE_BYTES
from exchange.core.manifest import Entry, Manifest
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.registry_view import Member, SigningRecord
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.core.times import parse_time
from exchange.errors import Invalid, Refused

Members = Mapping[MemberId, Member]
Named = tuple[DocumentId, Digest]
"""Id and SHA-256 of a message's first line."""


@dataclass(frozen=True, slots=True)
class Known:
    """Members by the newest list and by the list in force; the latter as far as it is shown."""

    newest: Members
    in_force: Members = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signed:
    """A manifest whose signatures verify, and the entry that made them. `note` is a clause to add, or ""."""

    manifest: Manifest
    record: SigningRecord
    note: str = ""


@dataclass(frozen=True, slots=True)
class Receipted:
    """What a receipt says of one document. `at` is when its giver says it came, in unix seconds; `message` is
    None where the receipt names none.
    """

    signed: Signed
    at: int
    status: str
    code: str | None
    message: Named | None = None


def signed_manifest(evidence: Evidence, name: str, known: Known, by: MemberId) -> Signed:
    """The manifest in the part `name`, signed by that member; raises `Refused`."""
    if name not in evidence.parts:
        raise Refused("evidence-missing", f"{name}: it is not in the file")
    verified = jws.verify(evidence.parts[name], jws.Typ.MANIFEST, known.newest[by].signing)
    try:
        found = manifest.parse(verified.payload, limit=ENVELOPE_BYTES)
    except Invalid as error:
        raise Refused("evidence-manifest", error.message) from None
    if found.iss != by:
        raise Refused("evidence-manifest", f"{name}: its sender is not {by}")
    then = held_then(verified.record, known.in_force.get(by))
    period, note = verified.record, ""
    if then is not None and (then.nbf, then.exp) != (period.nbf, period.exp):
        period, note = then, "; its key counts by its period in the list in force, not by the newest"
    if not period.nbf <= found.iat <= period.exp:
        raise Refused("evidence-manifest", f"{name}: signed outside the key's period")
    return Signed(found, verified.record, note)


def held_then(record: SigningRecord, then: Member | None) -> SigningRecord | None:
    """The same key pair as `then` had it."""
    pair = (record.ed25519["kid"], record.ml_dsa_65["kid"])
    entries = () if then is None else then.signing
    return next((one for one in entries if (one.ed25519["kid"], one.ml_dsa_65["kid"]) == pair), None)


def receipt_of(
    schemas: Schemas,
    evidence: Evidence,
    names: tuple[str, str],
    known: Known,
    ends: tuple[MemberId, MemberId],
    documents: tuple[Entry, ...],
) -> Receipted:
    """What the receipt and its manifest in the parts `names` say of the first of `documents` that they name;
    `ends` are who gave it and who has it.

    Raises `Refused`, `Invalid`.
    """
    by, to = ends
    signed = signed_manifest(evidence, names[1], known, by)
    data = evidence.parts.get(names[0], b"")
    body: Any = strict_json.parse_object(data, limit=DOCUMENT_BYTES, what=names[0])
    if not schemas.accepts("receipt-1", body):
        raise Invalid("evidence-receipt", f"{names[0]}: not of the form of a receipt")
    listed = Entry(DocumentType.RECEIPT.value, body["id"], Digest.of(data))
    heads = (signed.manifest.aud, body["sender"], body["recipient"])
    if listed not in signed.manifest.documents or heads != (to, by, to):
        raise Refused("evidence-receipt", f"{names[0]}: not what {by} signed for, or not to {to}")
    wanted = {(one.id, one.sha256) for one in documents}
    for entry in body["entries"]:
        if entry["kind"] == "document" and (entry["id"], entry["sha256"]) in wanted:
            return _receipted(signed, body, entry)
    raise Refused("evidence-receipt", f"{names[0]}: it does not name the document with its digest")


def _receipted(signed: Signed, body: JsonObject, entry: Any) -> Receipted:
    at, message = parse_time(body["received_at"], "received_at"), None
    told: Any = body.get("message")
    if told is not None:
        message = DocumentId(told["id"]), Digest(told["sha256"])
    return Receipted(signed, at, entry["status"], entry.get("code"), message)
