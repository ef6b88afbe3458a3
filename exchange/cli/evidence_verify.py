"""The examination of an evidence file: all its steps, one after the other.

Rules: it needs the bytes of the file and, if the reader has one, the root that they pinned; no node, no
network, no keys, no clock. A step that all further ones stand on (the file, the roots, the lists, the
members, the statement) ends the examination when it is broken; the others are all told.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.client import evidence_chain
from exchange.core import evidence_checks, evidence_journal, evidence_parts, jws, manifest
from exchange.core.evidence import Evidence, open_file
from exchange.core.evidence_members import members
from exchange.core.evidence_report import Step, StepName, Verdict, whole
from exchange.core.evidence_statement import Statement
from exchange.core.limits import ENVELOPE_BYTES
from exchange.core.manifest import RegistryMark
from exchange.core.schema import Schemas
from exchange.errors import Invalid, Refused


@dataclass(frozen=True, slots=True)
class Report:
    """The steps that were taken. `statement` is None when the file itself is broken; `root` is the
    fingerprint of the first root that counts, `pinned` whether it is the reader's.
    """

    steps: tuple[Step, ...]
    statement: Statement | None
    root: str
    pinned: bool

    @property
    def verdict(self) -> Verdict:
        return whole(self.steps)


def examine(schemas: Schemas, data: bytes, pinned: bytes | None = None) -> Report:
    """Everything that there is to say about the file in `data`; raises nothing."""
    opened = open_file(schemas, data)
    if opened.evidence is None:
        says = "; ".join(f"{fault.part}: {fault.says}" for fault in opened.faults)
        parts = tuple(fault.part for fault in opened.faults)
        return Report((Step(StepName.FILE, Verdict.BROKEN, says, parts),), None, "", False)
    evidence = opened.evidence
    count = len(evidence.parts)
    steps = [Step(StepName.FILE, Verdict.OK, f"the {count} parts are as they were put in, byte for byte")]
    root = _registry(schemas, evidence, pinned, steps)
    return Report(tuple(steps), evidence.statement, root, pinned is not None)


def _registry(schemas: Schemas, evidence: Evidence, pinned: bytes | None, steps: list[Step]) -> str:
    """Steps 2 to 5, then the rest; the fingerprint of the first root."""
    chain = evidence_chain.roots(evidence.parts, pinned)
    steps.append(chain.step)
    if not chain.roots:
        return chain.first
    then = evidence_chain.in_force(evidence, chain, _mark(evidence))
    last = evidence_chain.newest(evidence, chain.roots)
    steps += (then.step, last.step)
    if Verdict.BROKEN in (then.step.verdict, last.step.verdict):
        return chain.first
    found = members(schemas, evidence, last.files, then.files)
    steps.append(found.step)
    if found.newest:
        _documents(schemas, evidence, found.newest, found.in_force, steps)
    return chain.first


def _documents(
    schemas: Schemas,
    evidence: Evidence,
    newest: evidence_checks.Members,
    in_force: evidence_checks.Members,
    steps: list[Step],
) -> None:
    """Steps 6 to 11."""
    steps.append(evidence_checks.statement(evidence, newest))
    if steps[-1].verdict is Verdict.BROKEN:
        return
    receipt, receipted = evidence_checks.receipt(schemas, evidence, newest)
    steps.append(evidence_checks.signature(evidence, newest, in_force, receipted))
    steps.append(evidence_checks.document(evidence))
    steps.append(receipt)
    journal, heads = evidence_journal.journal(evidence)
    steps.append(journal)
    steps.append(evidence_journal.anchor(schemas, evidence, newest, heads))


def _mark(evidence: Evidence) -> RegistryMark | None:
    """The list that the manifest names, before its signature was looked at."""
    try:
        payload = jws.peek_payload(evidence.parts.get(evidence_parts.MANIFEST, b""))
        return manifest.parse(payload, limit=ENVELOPE_BYTES).registry
    except (Refused, Invalid):
        return None
