"""Who has signed a draft, and how many are missing: by people, and by nothing that may count twice.

Rules: a signature counts for the keys of the role that the root names, each once; the values of those keys
are distinct (roots.check_form). A new root is signed by the quorum of the present root and by its own. A
signature of anybody else, or one that does not verify, does not merely fail to count: it is refused and
named, because somebody meant something by it. This module decides nothing else about a draft.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from securesystemslib.exceptions import Error
from securesystemslib.signer import Key, Signature
from tuf.api.metadata import Metadata, Root

from exchange.errors import Refused
from exchange.registrar.draft import Draft
from exchange.registrar.roots import name_of


@dataclass(frozen=True, slots=True)
class Tally:
    """`what` is signed under the keys of which root; names of administrators, in order."""

    what: str
    needed: int
    signed: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def missing(self) -> int:
        return max(0, self.needed - len(self.signed))


@dataclass(frozen=True, slots=True)
class _Asked:
    what: str
    part: Metadata[Any]
    root: Root
    counts: bool = True

    @property
    def keys(self) -> dict[str, Key]:
        return {keyid: self.root.keys[keyid] for keyid in self.root.roles[self.part.signed.type].keyids}


def count(draft: Draft, chain: Sequence[Metadata[Root]]) -> tuple[Tally, ...]:
    """The tallies of `draft` under the published roots; raises `Refused` (`signature-unknown`, `-revoked`,
    `-wrong`).
    """
    tallies = []
    for part in draft.parts:
        asked = [one for one in _asked(draft, chain) if one.part is part]
        payload = part.signed_bytes
        good: set[str] = set()
        for keyid, signature in part.signatures.items():
            keys = [one.keys[keyid] for one in asked if keyid in one.keys]
            if not keys:
                raise _stranger(keyid, chain)
            _verify(keys[0], signature, payload)
            good.add(keyid)
        for one in (one for one in asked if one.counts):
            names = {keyid: name_of(key) for keyid, key in one.keys.items()}
            needed = one.root.roles[part.signed.type].threshold
            signed = sorted(names[keyid] for keyid in names.keys() & good)
            absent = sorted(names[keyid] for keyid in names.keys() - good)
            tallies.append(Tally(one.what, needed, tuple(signed), tuple(absent)))
    return tuple(tallies)


def may_sign(draft: Draft, chain: Sequence[Metadata[Root]], keyid: str) -> bool:
    """Whether a signature by this key would count for anything in `draft`."""
    return any(keyid in one.keys for one in _asked(draft, chain))


def _asked(draft: Draft, chain: Sequence[Metadata[Root]]) -> Iterator[_Asked]:
    """Which quorums `draft` needs: `chain` may hold the root of the draft already."""
    if draft.root is None:
        if draft.targets is not None and chain:
            yield _Asked("the list of files", draft.targets, chain[-1].signed)
        return
    new = draft.root.signed
    present = [metadata.signed for metadata in chain if metadata.signed.version == new.version - 1]
    for root in present:
        yield _Asked("the present root", draft.root, root)
    yield _Asked("the new root", draft.root, new)
    if draft.targets is not None:
        yield _Asked("the list of files", draft.targets, new)
        # Whoever goes signs the list too: so it stands under both roots while nodes learn of the new one.
        for root in present:
            yield _Asked("", draft.targets, root, counts=False)


def _verify(key: Key, signature: Signature, payload: bytes) -> None:
    try:
        key.verify_signature(signature, payload)
    except (Error, ValueError):
        raise Refused(
            "signature-wrong",
            f"the signature of {name_of(key)} is not over these bytes",
            hint="ask for their copy again; if it stays so, somebody has changed the draft",
        ) from None


def _stranger(keyid: str, chain: Sequence[Metadata[Root]]) -> Refused:
    for metadata in reversed(chain):
        key = metadata.signed.keys.get(keyid)
        if key is not None:
            return Refused(
                "signature-revoked",
                f"signed by {name_of(key)} with a key that may not sign this, or no longer",
                hint="draft again; the root names who signs",
            )
    return Refused(
        "signature-unknown",
        f"signed by a key that the root does not name: {keyid[:16]}",
        hint="draft again, and ask where this file came from",
    )
