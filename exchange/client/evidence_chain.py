"""The registry inside an evidence file: its chain of roots and its two lists, verified as TUF has them.

Steps 2 to 4 of an examination. Rules: roots are contiguous and each is signed by a threshold of the one
before; with a root that the reader has pinned, only what comes from it on counts. A list is good when one of
those roots stands behind it; the newest list needs the newest root. What has expired is no fault here: a
list is shown for what it was at its time. Bytes in, verdict out: no network, no disk, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuf.api.metadata import Metadata, Targets

from exchange.client.registry_chain import verify_roots, verify_targets
from exchange.client.registry_trust import hashes_of
from exchange.core import evidence_parts
from exchange.core.evidence import Evidence
from exchange.core.evidence_members import Listed
from exchange.core.evidence_report import Step, StepName, Verdict
from exchange.core.jwk import fingerprint
from exchange.core.manifest import RegistryMark
from exchange.core.names import Digest
from exchange.core.times import format_time
from exchange.errors import Refused


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
    """One list of the registry; `files` is empty when the step is broken."""

    step: Step
    files: Listed


def roots(parts: Mapping[str, bytes], pinned: bytes | None) -> Chain:
    """2: the administrators, from the pinned root (or the first in the file) to the newest."""
    names = evidence_parts.roots(parts)
    chain = [parts[name] for name in names]
    if pinned is not None:
        if pinned not in chain:
            says = "the root that you gave is not in the file: it is of another network, or older or newer"
            return Chain(Step(StepName.ROOTS, Verdict.BROKEN, says, tuple(names[:1])))
        chain = chain[chain.index(pinned) :]
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
    told = fingerprint(chain[0])
    compare = "it is the one that you gave" if pinned is not None else f"compare its fingerprint: {told}"
    says = f"{says}; root {first}: {compare}"
    return Chain(Step(StepName.ROOTS, Verdict.OK, says), tuple(chain), told, len(chain) < len(names))


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
        return Listing(Step(StepName.IN_FORCE, verdict, says, (name,)), {})
    if mark is None:
        says = "what list the sender went by is not to be had from its manifest"
        return Listing(Step(StepName.IN_FORCE, Verdict.BROKEN, says, (evidence_parts.MANIFEST,)), {})
    if signed.version < mark.version:
        says = f"version {signed.version} is older than version {mark.version}, by which the sender went"
        return Listing(Step(StepName.IN_FORCE, Verdict.BROKEN, says, (name,)), {})
    if Digest.of(data) == mark.sha256:
        says = f"version {signed.version}, by which the sender went, is signed by enough administrators"
        return Listing(Step(StepName.IN_FORCE, Verdict.OK, says), files)
    if signed.version == mark.version:
        says = (
            f"the sender went by another version {mark.version} than the one here: two registries were shown"
        )
        return Listing(Step(StepName.IN_FORCE, Verdict.DOUBTFUL, says, (name,)), files)
    says = (
        f"version {mark.version}, by which the sender went, is not in the file; version {signed.version}, a "
        "later one that is signed by enough administrators, stands for it: keys never leave the registry"
    )
    return Listing(Step(StepName.IN_FORCE, Verdict.OK, says), files)


def newest(evidence: Evidence, chain: Sequence[bytes]) -> Listing:
    """4: the newest list that the maker of the file had: what was revoked by then."""
    name, made_at = evidence_parts.NEWEST, evidence.statement.made_at
    try:
        data = evidence.parts.get(name, b"")
        signed = verify_targets(verify_roots(chain).signed, data).signed
        files = hashes_of(data)
    except Refused as error:
        return Listing(Step(StepName.NEWEST, Verdict.BROKEN, error.message, (name,)), {})
    until = int(signed.expires.timestamp())
    says = (
        f"version {signed.version}, valid until {format_time(until)}, is signed by enough administrators; a "
        f"key that was revoked after {format_time(made_at)} does not show here"
    )
    if until < made_at:
        says = f"version {signed.version} had expired at {format_time(until)}, before the file was made"
        return Listing(Step(StepName.NEWEST, Verdict.DOUBTFUL, says, (name,)), files)
    return Listing(Step(StepName.NEWEST, Verdict.OK, says), files)
