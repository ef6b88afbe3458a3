"""The examination of an evidence file: all its steps, one after the other.

Rules: it needs the bytes of the file and, if the reader has one, the root that they pinned; no node, no
network, no keys, no clock. A step that all further ones stand on (the file, the roots, the lists, the
members, the statement) ends the examination when it is broken; the others are all told. Whatever a liar puts
into a file, it ends with a verdict, also where this program trips over it.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.client import evidence_chain
from exchange.core import evidence_checks, evidence_journal, evidence_parts, jws, manifest
from exchange.core.evidence import Evidence, open_file
from exchange.core.evidence_members import members
from exchange.core.evidence_report import Step, StepName, Verdict, whole
from exchange.core.evidence_signed import Known, Receipted
from exchange.core.evidence_statement import Statement
from exchange.core.limits import ENVELOPE_BYTES
from exchange.core.manifest import RegistryMark
from exchange.core.schema import Schemas
from exchange.errors import Invalid, Refused


@dataclass(frozen=True, slots=True)
class Report:
    """The steps that were taken. `statement` is None when the file itself is broken; `root` is the
    fingerprint of the first root that counts, `pinned` whether a root of the reader's stands behind it;
    `receipt` is what the recipient said, if it holds.
    """

    steps: tuple[Step, ...]
    statement: Statement | None
    root: str
    pinned: bool
    receipt: Receipted | None = None

    @property
    def verdict(self) -> Verdict:
        return whole(self.steps)


def examine(schemas: Schemas, data: bytes, pinned: bytes | None = None) -> Report:
    """Everything that there is to say about the file in `data`; raises nothing but `Invalid` (`usage`) for a
    `pinned` root that is none.
    """
    root = None if pinned is None else evidence_chain.pinned_root(pinned)
    try:
        return _Examination(schemas, data).report(root)
    except Exception as error:
        says = f"this program trips over it ({type(error).__name__}); nothing honest does that"
        return Report((Step(StepName.FILE, Verdict.BROKEN, says, ("file",)),), None, "", False)


class _Examination:
    """One file, and the steps that were taken so far."""

    def __init__(self, schemas: Schemas, data: bytes) -> None:
        self._schemas = schemas
        self._opened = open_file(schemas, data)
        self._steps: list[Step] = []
        self._receipted: Receipted | None = None

    def report(self, pinned: evidence_chain.Pinned | None) -> Report:
        evidence = self._opened.evidence
        if evidence is None:
            faults = self._opened.faults
            says = "; ".join(f"{fault.part}: {fault.says}" for fault in faults)
            step = Step(StepName.FILE, Verdict.BROKEN, says, tuple(fault.part for fault in faults))
            return Report((step,), None, "", False)
        says = f"the {len(evidence.parts)} parts are as they were put in, byte for byte"
        self._steps.append(Step(StepName.FILE, Verdict.OK, says))
        root = self._registry(evidence, pinned)
        return Report(tuple(self._steps), evidence.statement, root, pinned is not None, self._receipted)

    def _registry(self, evidence: Evidence, pinned: evidence_chain.Pinned | None) -> str:
        """Steps 2 to 5, then the rest; the fingerprint of the first root."""
        chain = evidence_chain.roots(evidence.parts, pinned)
        self._steps.append(chain.step)
        if not chain.roots:
            return chain.first
        then = evidence_chain.in_force(evidence, chain, _mark(evidence))
        last = evidence_chain.newest(evidence, chain.roots)
        self._steps += (then.step, last.step)
        if last.files is None or then.step.verdict is Verdict.BROKEN:
            return chain.first
        found = members(self._schemas, evidence, last.files, then.files)
        self._steps.append(found.step)
        if found.known is not None:
            self._documents(evidence, found.known)
        return chain.first

    def _documents(self, evidence: Evidence, known: Known) -> None:
        """Steps 6 to 11; the last ones first where the signature leans on them."""
        made = evidence_checks.statement(evidence, known)
        self._steps.append(made)
        if made.verdict is Verdict.BROKEN:
            return
        receipt, self._receipted = evidence_checks.receipt(self._schemas, evidence, known)
        journal, heads = evidence_journal.journal(evidence)
        anchor, anchored = evidence_journal.anchor(self._schemas, evidence, known, heads)
        signature = evidence_checks.signature(evidence, known, self._receipted, anchored)
        self._steps += (signature, evidence_checks.document(evidence), receipt, journal, anchor)


def _mark(evidence: Evidence) -> RegistryMark | None:
    """The list that the manifest names, before its signature was looked at."""
    try:
        payload = jws.peek_payload(evidence.parts.get(evidence_parts.MANIFEST, b""))
        return manifest.parse(payload, limit=ENVELOPE_BYTES).registry
    except (Refused, Invalid):
        return None
