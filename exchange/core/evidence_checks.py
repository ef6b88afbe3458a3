"""What the parts of an evidence file prove: who made the file, who signed the document, who received it.

Steps 6 to 9 of an examination; before them the file was found as it was made, and the members' files as the
registry has them. Rules: a document is the sender's when a manifest of the sender's names it with its digest,
to this recipient. A receipt speaks of exactly this document: its id, its digest, and a verdict. Which
signature counts is decided by evidence_signed, what a revocation makes of it by evidence_standing.

This module reads no clock: whether a key is in its period is asked at the times that were signed.
"""

from __future__ import annotations

from exchange.core import evidence_parts, strict_json
from exchange.core.documents import DocumentType
from exchange.core.evidence import Evidence, signer_of
from exchange.core.evidence_report import Step, StepName, Verdict, worst
from exchange.core.evidence_signed import Known, Receipted, held_then, receipt_of, signed_manifest
from exchange.core.evidence_standing import Bound, standing_of
from exchange.core.evidence_statement import Statement
from exchange.core.limits import DOCUMENT_BYTES
from exchange.core.manifest import Entry
from exchange.core.names import Digest
from exchange.core.schema import Schemas
from exchange.core.times import format_time
from exchange.errors import Invalid, Refused


def statement(evidence: Evidence, known: Known) -> Step:
    """6: who made the file."""
    said = evidence.statement
    maker, at = said.member, format_time(said.made_at)
    parts = (evidence_parts.STATEMENT,)
    if maker not in (said.subject.sender, said.subject.recipient):
        return Step(
            StepName.STATEMENT, Verdict.BROKEN, f"{maker} neither sent nor received the document", parts
        )
    try:
        record = signer_of(evidence, known.newest[maker]).record
    except Refused as error:
        return Step(StepName.STATEMENT, Verdict.BROKEN, f"not signed by {maker}: {error.message}", parts)
    if not record.nbf <= said.made_at <= record.exp:
        return Step(StepName.STATEMENT, Verdict.BROKEN, f"signed at {at}, outside the key's period", parts)
    if record.revoked is not None:
        says = f"{maker} made this file at {at} with a key that is revoked: its times may be another's word"
        return Step(StepName.STATEMENT, Verdict.DOUBTFUL, says, parts)
    return Step(StepName.STATEMENT, Verdict.OK, f"{maker} made this file at {at} and signed what is in it")


def signature(
    evidence: Evidence, known: Known, receipted: Receipted | None = None, anchored: Bound | None = None
) -> Step:
    """7: whether the sender signed for the document. `receipted` is a receipt that was found good, `anchored`
    who signed for a head above what the maker's journal has of this very message.
    """
    said = evidence.statement
    subject, name = said.subject, (evidence_parts.MANIFEST,)
    wanted = Entry(subject.type, subject.id, subject.sha256)
    try:
        signed = signed_manifest(evidence, evidence_parts.MANIFEST, known, subject.sender)
        if signed.manifest.aud != subject.recipient or wanted not in signed.manifest.documents:
            raise Refused("evidence-manifest", "it does not name this document to this recipient")
    except Refused as error:
        return Step(StepName.SIGNATURE, Verdict.BROKEN, error.message, name)
    verdict, standing = standing_of(signed, *_bounds(said, receipted, anchored))
    says = (
        f"{subject.sender} signed for this document, {subject.type} {subject.id}, to {subject.recipient} at "
        f"{format_time(signed.manifest.iat)}, with both halves of one key pair{standing}"
    )
    held = known.in_force.get(subject.sender)
    if held is not None and held_then(signed.record, held) is None:
        verdict = worst(verdict, Verdict.DOUBTFUL)
        says += "; but the list that the sender went by does not have this key"
    return Step(StepName.SIGNATURE, verdict, says, () if verdict is Verdict.OK else name)


def _bounds(
    said: Statement, receipted: Receipted | None, anchored: Bound | None
) -> tuple[Bound | None, list[Bound]]:
    """Who says when the sender's signature was there: who had it first, and who is no party to it."""
    sender, recipient = said.subject.sender, said.subject.recipient
    witnesses = [] if anchored is None or anchored.by in (said.member, sender) else [anchored]
    if said.member == recipient:
        at = said.seen.received_at
        return None if at is None else Bound(recipient, at), witnesses
    if receipted is None:
        return None, witnesses
    return (had := Bound(recipient, receipted.at)), [had, *witnesses]


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


def receipt(schemas: Schemas, evidence: Evidence, known: Known) -> tuple[Step, Receipted | None]:
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
        found = receipt_of(schemas, evidence, names, known, (subject.recipient, subject.sender), (entry,))
    except (Refused, Invalid) as error:
        return Step(StepName.RECEIPT, Verdict.BROKEN, error.message, names), None
    ours = said.member == subject.recipient
    at = None if ours else said.seen.receipted_at
    verdict, standing = standing_of(found.signed, None if at is None else Bound(subject.sender, at))
    what = "received" if found.code is None else f"refused (code {found.code})"
    says = f"{subject.recipient} signed at {format_time(found.at)} that it {what} this document{standing}"
    if verdict is Verdict.OK:
        return Step(StepName.RECEIPT, verdict, says), found
    if ours:  # the maker's own receipt, of which nobody needs to convince it
        return Step(StepName.RECEIPT, Verdict.NOT_SHOWN, f"{says}; so it shows nothing"), None
    return Step(StepName.RECEIPT, verdict, says, names), None
