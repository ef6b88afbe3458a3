"""The registry inside an evidence file: its chain of roots and its two lists, verified as TUF has them.

Steps 2 to 4 of an examination. Rules: roots are contiguous and each is signed by a threshold of the one
before; with a root that the reader has pinned, only what comes from it on counts. It is found by its signed
part, not by its bytes. When it is not in the file, the first root there counts that a quorum of its
administrators has signed themselves; never one that merely names them, for whoever invents a root can do so.
A list is good when one of those roots stands behind it; the newest list needs the newest root. What has
expired is no fault here: a list is shown for what it was at its time. A sender that names a list which is not
to be had cannot spoil what it signed: that is held against the newest list. Bytes in, verdict out: no
network, no disk, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuf.api.metadata import Metadata, Root, Targets

from exchange.client.registry_chain import (
    is_signed_by,
    read_root,
    root_fingerprint,
    signed_part,
    verify_roots,
    verify_targets,
)
from exchange.client.registry_trust import hashes_of
from exchange.core import evidence_parts
from exchange.core.evidence import Evidence
from exchange.core.evidence_members import Listed
from exchange.core.evidence_report import Step, StepName, Verdict
from exchange.core.manifest import RegistryMark
from exchange.core.names import Digest
from exchange.core.times import format_time
from exchange.errors import Invalid, Refused


@dataclass(frozen=True, slots=True)
class Pinned:
    """The root that the reader has, and what of it is signed."""

    metadata: Metadata[Root]
    signed: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """The roots that count, oldest first; none when the step is broken. `first` is the fingerprint to
    compare; `cut` says that the file has older roots, which do not count.
    """

    step: Step
    roots: tuple[bytes, ...] = ()
    first: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of the registry; `files` is None when it does not count."""

    step: Step
    files: Listed | None


@dataclass(frozen=True, slots=True)
class _Place:
    """The number of the root from which on the file counts, and why; a step where there is none."""

    start: int
    says: str
    ends: Step | None = None


def pinned_root(data: bytes) -> Pinned:
    """The root that the reader gives; raises `Invalid` (`usage`)."""
    try:
        metadata = read_root(data)
        return Pinned(metadata, signed_part(metadata))
    except Refused as error:
        raise Invalid(
            "usage",
            f"--root: it is no root of a registry ({error.code})",
            hint="give the file root.json, as an administrator or another member has it",
        ) from None


def roots(parts: Mapping[str, bytes], pinned: Pinned | None) -> Chain:
    """2: the administrators, from the pinned root (or the first in the file) to the newest."""
    names = evidence_parts.roots(parts)
    chain = [parts[name] for name in names]
    place = _Place(0, "") if pinned is None or not chain else _place(chain, pinned)
    if place.ends is not None:
        return Chain(place.ends)
    chain = chain[place.start :]
    counting = names[len(names) - len(chain) :]
    try:
        newest = verify_roots(chain).signed
        if counting != [evidence_parts.root(newest.version - n) for n in reversed(range(len(chain)))]:
            raise Refused("evidence-roots", "a root does not stand under its own version")
    except Refused as error:
        return Chain(Step(StepName.ROOTS, Verdict.BROKEN, error.message, tuple(names) or ("root",)))
    first = newest.version - len(chain) + 1
    says = (
        f"root {newest.version} of the registry follows from root {first}, each signed as the one before asks"
    )
    if newest.version == first:
        says = f"the registry has root {first}, and no later one"
    told = root_fingerprint(chain[0])
    says = f"{says}; root {first}: {place.says or f'compare its fingerprint: {told}'}"
    return Chain(Step(StepName.ROOTS, Verdict.OK, says), tuple(chain), told, len(chain) < len(names))


def _place(chain: Sequence[bytes], pinned: Pinned) -> _Place:
    version = pinned.metadata.signed.version
    readable, linked = False, None
    for number, data in enumerate(chain):
        try:
            root = read_root(data)
            signed = signed_part(root)
        except Refused:
            continue  # whoever verifies the chain says so
        readable = True
        if signed == pinned.signed:
            return _Place(number, "it is the one that you gave")
        if root.signed.version == version:
            says = f"root {version} in the file is not root {version} that you gave: it is of another network"
            return _Place(0, "", Step(StepName.ROOTS, Verdict.BROKEN, says, (evidence_parts.root(version),)))
        if linked is None and is_signed_by(pinned.metadata.signed, root):
            linked = _Place(number, f"enough administrators of root {version} that you gave have signed it")
    if linked is not None or not readable:
        return linked or _Place(0, "")
    says = (
        f"root {version} that you gave is not in the file, and its administrators have signed none that is: "
        "they cannot be compared; get the root of that time, or the chain of roots between them"
    )
    return _Place(0, "", Step(StepName.ROOTS, Verdict.NOT_COMPARED, says, ("root",)))


def signed_under(chain: Sequence[bytes], data: bytes) -> Metadata[Targets]:
    """The list in `data`, by the newest root that stands behind it of a chain that was verified; raises
    `Refused`.
    """
    for root in reversed(chain[1:]):
        try:
            return verify_targets(verify_roots([root]).signed, data)
        except Refused:
            continue
    return verify_targets(verify_roots(chain[:1]).signed, data)


def in_force(evidence: Evidence, chain: Chain, mark: RegistryMark | None) -> Listing:
    """3: the list that the sender's manifest names (`mark`, not yet verified), or a later one for it."""
    name = evidence_parts.IN_FORCE
    data = evidence.parts.get(name)
    if data is None:
        name = evidence_parts.NEWEST
        data = evidence.parts.get(name, b"")
    try:
        signed = signed_under(chain.roots, data).signed
        files = hashes_of(data)
    except Refused as error:
        verdict, says = Verdict.BROKEN, error.message
        if chain.cut and name == evidence_parts.IN_FORCE:
            verdict, says = Verdict.DOUBTFUL, "no root from yours on stands behind it: it may be older"
        return Listing(Step(StepName.IN_FORCE, verdict, says, (name,)), None)
    if mark is None:
        says = "what list the sender went by is not to be had from its manifest"
        return Listing(Step(StepName.IN_FORCE, Verdict.BROKEN, says, (evidence_parts.MANIFEST,)), None)
    if Digest.of(data) == mark.sha256:
        says = f"version {signed.version}, by which the sender went, is signed by enough administrators"
        return Listing(Step(StepName.IN_FORCE, Verdict.OK, says), files)
    if signed.version <= mark.version:
        return Listing(Step(StepName.IN_FORCE, Verdict.NOT_SHOWN, _other(signed.version, mark.version)), None)
    says = (
        f"version {mark.version}, by which the sender went, is not in the file; version {signed.version}, a "
        "later one that is signed by enough administrators, stands for it: keys never leave the registry"
    )
    return Listing(Step(StepName.IN_FORCE, Verdict.NOT_SHOWN, says), files)


def _other(here: int, named: int) -> str:
    if here == named:
        return (
            f"the sender names another version {named} than the one here: it says so falsely, or two "
            "registries were shown; what it signed is held against the newest list"
        )
    return (
        f"the sender names version {named}, of which nothing is here but the older version {here}: what it "
        "signed is held against the newest list"
    )


def newest(evidence: Evidence, chain: Sequence[bytes]) -> Listing:
    """4: the newest list that the maker of the file had: what was revoked by then."""
    name, made_at = evidence_parts.NEWEST, evidence.statement.made_at
    try:
        data = evidence.parts.get(name, b"")
        signed = verify_targets(verify_roots(chain).signed, data).signed
        files = hashes_of(data)
    except Refused as error:
        return Listing(Step(StepName.NEWEST, Verdict.BROKEN, error.message, (name,)), None)
    until = int(signed.expires.timestamp())
    says = (
        f"version {signed.version}, valid until {format_time(until)}, is signed by enough administrators; a "
        f"key that was revoked after {format_time(made_at)} does not show here"
    )
    if until < made_at:
        says = f"version {signed.version} had expired at {format_time(until)}, before the file was made"
        return Listing(Step(StepName.NEWEST, Verdict.DOUBTFUL, says, (name,)), files)
    return Listing(Step(StepName.NEWEST, Verdict.OK, says), files)
