"""The members' files in an evidence file, held against the registry's lists: whose keys are whose.

Step 5 of an examination; the lists were found to be signed by a threshold of administrators. Rules: a file is
the member's when a list names its path with its SHA-256, and no other file may be there. Sender and recipient
have to be in the newest list. Keys never leave the registry: one that stood in the list in force and is not
in the newest is a forgery of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exchange.core import evidence_parts
from exchange.core.evidence import Evidence, member_of
from exchange.core.evidence_checks import Members
from exchange.core.evidence_report import Step, StepName, Verdict
from exchange.core.names import Digest, MemberId
from exchange.core.registry_view import Member
from exchange.core.schema import Schemas
from exchange.errors import Invalid

Listed = Mapping[str, Digest | None]
"""Path to SHA-256, as a verified list of the registry has it."""


@dataclass(frozen=True, slots=True)
class Found:
    """Members by the newest list and by the list in force; both empty when the step is broken."""

    step: Step
    newest: Members
    in_force: Members


def members(schemas: Schemas, evidence: Evidence, newest: Listed, in_force: Listed) -> Found:
    """5: the members' files that the lists name."""
    files: dict[str, Member] = {}
    for name, member_id in evidence_parts.members(evidence.parts):
        listed = {evidence_parts.member(member_id, d) for d in _digests(member_id, newest, in_force)}
        if name not in listed or Digest.of(evidence.parts[name]) not in name:
            return _broken(f"no list of the registry names this file of {member_id}", name)
        try:
            files[name] = member_of(schemas, member_id, evidence.parts[name])
        except Invalid as error:
            return _broken(error.message, name)
    last, then = _of(files, newest), _of(files, in_force)
    subject = evidence.statement.subject
    for member_id in (subject.sender, subject.recipient):
        if member_id not in last:
            return _broken(f"the file of {member_id} is not here as the newest list names it", "members")
    for member_id, member in then.items():
        if member_id not in last or not _keys(member) <= _keys(last[member_id]):
            return _broken(f"a key of {member_id} has left the registry, which keys never do", "members")
    says = f"the files of {', '.join(sorted(last))} are those that the administrators signed for"
    return Found(Step(StepName.MEMBERS, Verdict.OK, says), last, then)


def _broken(says: str, part: str) -> Found:
    return Found(Step(StepName.MEMBERS, Verdict.BROKEN, says, (part,)), {}, {})


def _digests(member_id: str, *lists: Listed) -> list[Digest]:
    path = evidence_parts.path_of(member_id)
    return [digest for listed in lists if (digest := listed.get(path)) is not None]


def _of(files: Mapping[str, Member], listed: Listed) -> dict[MemberId, Member]:
    return {
        member.id: member
        for name, member in files.items()
        if name in {evidence_parts.member(member.id, digest) for digest in _digests(member.id, listed)}
    }


def _keys(member: Member) -> set[tuple[str, str]]:
    return {(entry.ed25519["kid"], entry.ml_dsa_65["kid"]) for entry in member.signing}
