"""What the parts of an evidence file prove: who made the file, who signed the document, who received it.

Steps 6 to 9 of an examination; before them the file was found as it was made, and the members' files as the
registry has them. Rules:

* A signature counts when both halves of one key pair of that member made it, within the pair's period at the
  time that is signed. That the key has expired since changes nothing: old keys stay for this.
* A revoked key (docs/protocol.md, 6.1): first seen by somebody else at or before `invalid_after`, sound; from
  then to the revocation, doubtful; later, broken. The word of whoever holds the key does not count for when
  it was first seen; the other end's does.
* A receipt speaks of exactly this document: its id, its digest, and a verdict.

This module reads no clock: whether a key is in its period is asked at the times that were signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchange.core import evidence_parts, jws, manifest, strict_json
from exchange.core.documents import DocumentType
from exchange.core.evidence import Evidence, signer_of
from exchange.core.evidence_report import Step, StepName, Verdict, worst
from exchange.core.limits import CLOCK_SKEW_SECONDS, DOCUMENT_BYTES, ENVELOPE_BYTES
from exchange.core.manifest import Entry, Manifest
from exchange.core.names import Digest, MemberId
from exchange.core.registry_view import Member, SigningRecord
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.core.times import format_time, parse_time
from exchange.errors import Invalid, Refused

Members = Mapping[MemberId, Member]


@dataclass(frozen=True, slots=True)
class Signed:
    """A manifest whose signatures verify, and the entry that made them."""

    manifest: Manifest
    record: SigningRecord


@dataclass(frozen=True, slots=True)
class Receipted:
    """What a receipt says of one document. `at` is the receipt's own time, in unix seconds."""

    signed: Signed
    at: int
    status: str
    code: str | None


def statement(evidence: Evidence, members: Members) -> Step:
    """6: who made the file."""
    said = evidence.statement
    maker, at = said.member, format_time(said.made_at)
    parts = (evidence_parts.STATEMENT,)
    if maker not in (said.subject.sender, said.subject.recipient):
        return Step(
            StepName.STATEMENT, Verdict.BROKEN, f"{maker} neither sent nor received the document", parts
        )
    try:
        record = signer_of(evidence, members[maker]).record
    except Refused as error:
        return Step(StepName.STATEMENT, Verdict.BROKEN, f"not signed by {maker}: {error.message}", parts)
    if not record.nbf <= said.made_at <= record.exp:
        return Step(StepName.STATEMENT, Verdict.BROKEN, f"signed at {at}, outside the key's period", parts)
    if record.revoked is not None:
        says = f"{maker} made this file at {at} with a key that is revoked: its times may be another's word"
        return Step(StepName.STATEMENT, Verdict.DOUBTFUL, says, parts)
    return Step(StepName.STATEMENT, Verdict.OK, f"{maker} made this file at {at} and signed what is in it")


def signature(evidence: Evidence, members: Members, in_force: Members, receipted: Receipted | None) -> Step:
    """7: whether the sender signed for the document. `receipted` is a receipt that was found good."""
    said = evidence.statement
    subject, name = said.subject, (evidence_parts.MANIFEST,)
    wanted = Entry(subject.type, subject.id, subject.sha256)
    try:
        signed = signed_manifest(evidence, evidence_parts.MANIFEST, members[subject.sender])
        if signed.manifest.aud != subject.recipient or wanted not in signed.manifest.documents:
            raise Refused("evidence-manifest", "it does not name this document to this recipient")
    except Refused as error:
        return Step(StepName.SIGNATURE, Verdict.BROKEN, error.message, name)
    if said.member == subject.recipient:
        seen, by = said.seen.received_at, subject.recipient
    else:
        seen, by = (None if receipted is None else receipted.at), subject.recipient
    verdict, standing = standing_of(signed, seen, by)
    says = (
        f"{subject.sender} signed for this document, {subject.type} {subject.id}, to {subject.recipient} at "
        f"{format_time(signed.manifest.iat)}, with both halves of one key pair{standing}"
    )
    held = in_force.get(subject.sender)
    if held is not None and signed.record.ed25519["kid"] not in {e.ed25519["kid"] for e in held.signing}:
        verdict = worst(verdict, Verdict.DOUBTFUL)
        says += "; but the list that the sender went by does not have this key"
    return Step(StepName.SIGNATURE, verdict, says, () if verdict is Verdict.OK else name)


def document(evidence: Evidence) -> Step:
    """8: whether the document is the one that was signed for."""
    subject = evidence.statement.subject
    data = evidence.parts.get(evidence_parts.DOCUMENT)
    if data is None:
        says = f"the text of the document was erased and is not here; its digest is: {subject.sha256}"
        return Step(StepName.DOCUMENT, Verdict.NOT_SHOWN, says)
    parts = (evidence_parts.DOCUMENT,)
    if Digest.of(data) != subject.sha256:
        return Step(StepName.DOCUMENT, Verdict.BROKEN, "it is not the one that was signed for", parts)
    try:
        body = strict_json.parse_object(data, limit=DOCUMENT_BYTES)
    except Invalid as error:
        return Step(StepName.DOCUMENT, Verdict.BROKEN, error.message, parts)
    head = (subject.type, subject.id, subject.sender, subject.recipient)
    if tuple(body.get(name) for name in ("type", "id", "sender", "recipient")) != head:
        says = "its type, id, sender or recipient is not what was signed for"
        return Step(StepName.DOCUMENT, Verdict.BROKEN, says, parts)
    says = f"the document in the file is the one that was signed for (SHA-256 {subject.sha256})"
    return Step(StepName.DOCUMENT, Verdict.OK, says)


def receipt(schemas: Schemas, evidence: Evidence, members: Members) -> tuple[Step, Receipted | None]:
    """9: whether the recipient signed that it has the document; and the receipt, unless it is broken."""
    said, names = evidence.statement, (evidence_parts.RECEIPT, evidence_parts.RECEIPT_MANIFEST)
    subject = said.subject
    if not any(name in evidence.parts for name in names):
        says = f"there is no receipt in the file: it does not show that {subject.recipient} has the document"
        if subject.type == DocumentType.RECEIPT:
            says = "the document is itself a receipt, for which there is none"
        return Step(StepName.RECEIPT, Verdict.NOT_SHOWN, says), None
    try:
        entry = Entry(subject.type, subject.id, subject.sha256)
        found = receipt_of(schemas, evidence, names, members[subject.recipient], subject.sender, (entry,))
    except (Refused, Invalid) as error:
        return Step(StepName.RECEIPT, Verdict.BROKEN, error.message, names), None
    ours = said.member == subject.recipient
    verdict, standing = standing_of(found.signed, None if ours else said.seen.receipted_at, subject.sender)
    what = "received" if found.code is None else f"refused (code {found.code})"
    says = f"{subject.recipient} signed at {format_time(found.at)} that it {what} this document{standing}"
    if verdict is Verdict.OK:
        return Step(StepName.RECEIPT, verdict, says), found
    if ours:  # the maker's own receipt, of which nobody needs to convince it
        return Step(StepName.RECEIPT, Verdict.NOT_SHOWN, f"{says}; so it shows nothing"), None
    return Step(StepName.RECEIPT, verdict, says, names), None


def signed_manifest(evidence: Evidence, name: str, by: Member) -> Signed:
    """The manifest in the part `name`, signed by that member; raises `Refused`."""
    if name not in evidence.parts:
        raise Refused("evidence-missing", f"{name}: it is not in the file")
    verified = jws.verify(evidence.parts[name], jws.Typ.MANIFEST, by.signing)
    try:
        found = manifest.parse(verified.payload, limit=ENVELOPE_BYTES)
    except Invalid as error:
        raise Refused("evidence-manifest", error.message) from None
    if found.iss != by.id:
        raise Refused("evidence-manifest", f"{name}: its sender is not {by.id}")
    if not verified.record.nbf <= found.iat <= verified.record.exp:
        raise Refused("evidence-manifest", f"{name}: signed outside the key's period")
    return Signed(found, verified.record)


def receipt_of(
    schemas: Schemas,
    evidence: Evidence,
    names: tuple[str, str],
    by: Member,
    to: MemberId,
    documents: tuple[Entry, ...],
) -> Receipted:
    """What the receipt and its manifest in the parts `names` say of the first of `documents` that they name.

    Raises `Refused`, `Invalid`.
    """
    signed = signed_manifest(evidence, names[1], by)
    data = evidence.parts.get(names[0], b"")
    body: Any = strict_json.parse_object(data, limit=DOCUMENT_BYTES, what=names[0])
    if not schemas.accepts("receipt-1", body):
        raise Invalid("evidence-receipt", f"{names[0]}: not of the form of a receipt")
    listed = Entry(DocumentType.RECEIPT.value, body["id"], Digest.of(data))
    heads = (signed.manifest.aud, body["sender"], body["recipient"])
    if listed not in signed.manifest.documents or heads != (to, by.id, to):
        raise Refused("evidence-receipt", f"{names[0]}: not what {by.id} signed for, or not to {to}")
    wanted = {(one.id, one.sha256) for one in documents}
    for entry in body["entries"]:
        if entry["kind"] == "document" and (entry["id"], entry["sha256"]) in wanted:
            return _receipted(signed, body, entry)
    raise Refused("evidence-receipt", f"{names[0]}: it does not name the document with its digest")


def _receipted(signed: Signed, body: JsonObject, entry: Any) -> Receipted:
    at = parse_time(body["received_at"], "received_at")
    return Receipted(signed, at, entry["status"], entry.get("code"))


def standing_of(signed: Signed, seen: int | None, by: MemberId) -> tuple[Verdict, str]:
    """What a revocation of the key makes of a signature that `by` first saw at `seen`; None when nobody
    but the key's owner says so.
    """
    revoked = signed.record.revoked
    if seen is not None and seen + CLOCK_SKEW_SECONDS < signed.manifest.iat:
        return Verdict.DOUBTFUL, f"; but {by} says that it saw it before it was signed"
    if revoked is None:
        return Verdict.OK, ""
    about = f"; the key was revoked at {format_time(revoked.at)} ({revoked.reason})"
    if seen is None:
        return Verdict.DOUBTFUL, f"{about}, and nobody but its owner says when this was first seen"
    first = f"{about}, and {by} first saw this at {format_time(seen)}"
    if seen > revoked.at:
        return Verdict.BROKEN, f"{first}: after the revocation, when anybody could have signed it"
    if revoked.invalid_after is None:
        return Verdict.DOUBTFUL, f"{first}; since when the key was in other hands was not told"
    if seen <= revoked.invalid_after:
        return Verdict.OK, f"{first}: before the key could have been in other hands"
    since = format_time(revoked.invalid_after)
    return Verdict.DOUBTFUL, f"{first}: since {since} the key may have been in other hands"
