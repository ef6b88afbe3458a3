"""The members' files in an evidence file, held against the registry's lists: whose keys are whose.

Step 5 of an examination; the lists were found to be signed by a threshold of administrators. Rules: a file is
the member's when a list names its path with its SHA-256. Sender and recipient have to be in the newest list.
Keys never leave the registry: one that stood in the list in force and is not in the newest is a forgery of
one of them. Of both ends the file that the list in force names has to be here too: without it nobody sees
that a key was not there yet. A file that no list names may not be here, unless the list in force does not
count: it may be from that one, and is left aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exchange.core import evidence_parts
from exchange.core.evidence import Evidence, member_of
from exchange.core.evidence_report import Step, StepName, Verdict
from exchange.core.evidence_signed import Known
from exchange.core.names import Digest, MemberId
from exchange.core.registry_view import Member
from exchange.core.schema import Schemas
from exchange.errors import Invalid

Listed = Mapping[str, Digest | None]
"""Path to SHA-256, as a verified list of the registry has it."""


@dataclass(frozen=True, slots=True)
class Found:
    """`known` is None when the step is broken."""

    step: Step
    known: Known | None


def members(schemas: Schemas, evidence: Evidence, newest: Listed, in_force: Listed | None) -> Found:
    """5: the members' files that the lists name; `in_force` is None where that list does not count."""
    lists = (newest,) if in_force is None else (newest, in_force)
    files: dict[str, Member] = {}
    aside: list[str] = []
    for name, member_id in evidence_parts.members(evidence.parts):
        listed = {evidence_parts.member(member_id, d) for d in _digests(member_id, *lists)}
        if Digest.of(evidence.parts[name]) not in name or (name not in listed and in_force is not None):
            return _broken(f"no list of the registry names this file of {member_id}", name)
        if name not in listed:
            aside.append(name)
            continue
        try:
            files[name] = member_of(schemas, member_id, evidence.parts[name])
        except Invalid as error:
            return _broken(error.message, name)
    last, then = _of(files, newest), _of(files, in_force or {})
    subject = evidence.statement.subject
    ends = (subject.sender, subject.recipient)
    for member_id in ends:
        if member_id not in last:
            return _broken(f"the file of {member_id} is not here as the newest list names it", "members")
    for member_id, member in then.items():
        if member_id not in last or not _keys(member) <= _keys(last[member_id]):
            return _broken(f"a key of {member_id} has left the registry, which keys never do", "members")
    missing = [one for one in ends if one not in then and _digests(one, in_force or {})]
    return Found(_step(last, missing, aside), Known(last, then))


def _step(last: Mapping[MemberId, Member], missing: list[MemberId], aside: list[str]) -> Step:
    if missing:
        says = f"the file of {', '.join(missing)} is not here as the list in force names it"
        return Step(
            StepName.MEMBERS, Verdict.DOUBTFUL, f"{says}: its keys of then cannot be seen", ("members",)
        )
    says = f"the files of {', '.join(sorted(last))} are those that the administrators signed for"
    if aside:
        says += f"; {len(aside)} that no list names which counts here were left aside"
    return Step(StepName.MEMBERS, Verdict.OK, says)


def _broken(says: str, part: str) -> Found:
    return Found(Step(StepName.MEMBERS, Verdict.BROKEN, says, (part,)), None)


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
