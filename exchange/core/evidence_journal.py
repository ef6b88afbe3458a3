"""What the journal adds: that the document was known at a time which its maker cannot set back.

Steps 10 and 11. The maker's journal has an entry for the document; the links lead from it to a head that a
manifest of the maker's told a peer; and the peer's receipt names exactly that message, by the digest of what
was signed. So the entry was written before the peer received it, whatever the maker's clock said.

Rules: the entry names this document and its digest. Leaves alone stand for what is between: nothing of other
documents is shown. What is not there is `not-shown`, and so is what a revoked key tells: it takes nothing
from the signatures. What is there and does not fit is `broken`. Nobody anchors a journal by itself. An anchor
dates a signature of somebody else's only when the entry names that very message: who writes a document's
digest down today can put a stolen key to it tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterator

from exchange.core import evidence_parts, journal_chain, strict_json
from exchange.core.evidence import Evidence
from exchange.core.evidence_report import Step, StepName, Verdict
from exchange.core.evidence_signed import Known, Signed, receipt_of, signed_manifest
from exchange.core.evidence_standing import Bound, standing_of
from exchange.core.evidence_statement import Journalled, Position
from exchange.core.limits import DOCUMENT_BYTES
from exchange.core.names import Digest
from exchange.core.schema import Schemas
from exchange.core.times import format_time
from exchange.errors import Invalid, Refused

LEAF_BYTES = 32
_SAYS = {
    Journalled.ABSENT: "its maker shows no journal entry for the document",
    Journalled.ERASED: "the text of the journal entry for the document was erased",
}
_UNHELD = {
    Journalled.UNANCHORED: "not yet anchored: its maker had told nobody a head above the entry",
    Journalled.CARRIED: "not yet anchored: {peer} was told a head above the entry and has not signed for it",
}
_NAMES = (evidence_parts.ANCHOR_RECEIPT, evidence_parts.ANCHOR_RECEIPT_MANIFEST)


def journal(evidence: Evidence) -> tuple[Step, dict[int, bytes]]:
    """10: the entry, and the heads above it by their number."""
    said = evidence.statement
    state, name = said.journalled, (evidence_parts.ENTRY,)
    if state in _SAYS:
        return Step(StepName.JOURNAL, Verdict.NOT_SHOWN, _SAYS[state]), {}
    entry = evidence.parts.get(evidence_parts.ENTRY)
    leaves = evidence.parts.get(evidence_parts.LEAVES, b"")
    if entry is None or said.position is None or len(leaves) % LEAF_BYTES:
        return Step(StepName.JOURNAL, Verdict.BROKEN, "the entry or its place is missing", name), {}
    try:
        body = strict_json.parse_object(entry, limit=DOCUMENT_BYTES, what="the entry")
    except Invalid as error:
        return Step(StepName.JOURNAL, Verdict.BROKEN, error.message, name), {}
    if (body.get("document"), body.get("sha256")) != (said.subject.id, said.subject.sha256):
        return Step(StepName.JOURNAL, Verdict.BROKEN, "the entry is about another document", name), {}
    says = f"entry {said.position.n} of {said.member}'s journal names this document"
    return Step(StepName.JOURNAL, Verdict.OK, says), dict(_heads(said.position, entry, leaves))


def _heads(position: Position, entry: bytes, leaves: bytes) -> Iterator[tuple[int, bytes]]:
    above = (leaves[at : at + LEAF_BYTES] for at in range(0, len(leaves), LEAF_BYTES))
    head = position.before
    for n, leaf in enumerate((journal_chain.leaf(entry), *above), start=position.n):
        head = journal_chain.link(n, head, leaf)
        yield n, head


def anchor(
    schemas: Schemas, evidence: Evidence, known: Known, heads: dict[int, bytes]
) -> tuple[Step, Bound | None]:
    """11: who else holds a head above the entry; and what that dates, if it dates the sender's signature."""
    said = evidence.statement
    state = said.journalled
    if not heads or state is Journalled.UNANCHORED:
        says = _UNHELD[Journalled.UNANCHORED] if heads else "without an entry there is no anchor"
        return Step(StepName.ANCHOR, Verdict.NOT_SHOWN, says), None
    try:
        told = signed_manifest(evidence, evidence_parts.ANCHOR_MANIFEST, known, said.member)
        _check_head(evidence, told, heads)
    except Refused as error:
        return Step(StepName.ANCHOR, Verdict.BROKEN, error.message, (evidence_parts.ANCHOR_MANIFEST,)), None
    if state is Journalled.CARRIED:
        says = _UNHELD[state].format(peer=told.manifest.aud)
        return Step(StepName.ANCHOR, Verdict.NOT_SHOWN, says), None
    return _signed_for(schemas, evidence, known, told)


def _signed_for(
    schemas: Schemas, evidence: Evidence, known: Known, told: Signed
) -> tuple[Step, Bound | None]:
    said, peer = evidence.statement, told.manifest.aud
    if peer not in known.newest:
        return Step(StepName.ANCHOR, Verdict.BROKEN, f"the file of {peer} is missing", _NAMES), None
    try:
        ends, documents = (peer, said.member), told.manifest.documents
        found = receipt_of(schemas, evidence, _NAMES, known, ends, documents)
        named = told.manifest.jti, Digest.of(evidence.parts[evidence_parts.ANCHOR_MANIFEST])
        if peer == said.member or found.message not in (named, None):
            raise Refused(
                "evidence-anchor", f"the receipt of {peer} is not for the message that told the head"
            )
    except (Refused, Invalid) as error:
        return Step(StepName.ANCHOR, Verdict.BROKEN, error.message, _NAMES), None
    if found.message is None:
        says = f"the receipt of {peer} names no message: it does not show that {peer} was told the head"
        return Step(StepName.ANCHOR, Verdict.NOT_SHOWN, says), None
    at = said.seen.anchored_at
    verdict, standing = standing_of(found.signed, None if at is None else Bound(said.member, at))
    says = (
        f"{peer} was told a head above the entry, and signed at {format_time(found.at)} for the message that "
        f"told it: the entry is no younger{standing}"
    )
    if verdict is not Verdict.OK:
        return Step(StepName.ANCHOR, Verdict.NOT_SHOWN, f"{says}; so this anchor shows nothing"), None
    dates = said.member == said.subject.sender or _names_the_message(evidence)
    return Step(StepName.ANCHOR, Verdict.OK, says), Bound(peer, found.at) if dates else None


def _names_the_message(evidence: Evidence) -> bool:
    """Whether the entry, which was read before, has the digest of the sender's manifest."""
    entry = strict_json.parse_object(evidence.parts[evidence_parts.ENTRY], limit=DOCUMENT_BYTES)
    return entry.get("manifest") == Digest.of(evidence.parts.get(evidence_parts.MANIFEST, b""))


def _check_head(evidence: Evidence, told: Signed, heads: dict[int, bytes]) -> None:
    mark, position = told.manifest.journal, evidence.statement.position
    held = heads.get(mark.n, b"")
    if position is None or mark.log != position.log or held.hex() != mark.head:
        raise Refused("evidence-anchor", "the links do not lead from the entry to the head that was told")
