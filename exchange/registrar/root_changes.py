"""What a new root changes, in sentences that an administrator can read before signing.

Rules: every administrator who comes or goes, every key that is new by its fingerprint, every one that stays
while the rest of a person changes, every threshold, and what a loss would cost. This module decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from securesystemslib.signer import Key
from tuf.api.metadata import Root

from exchange.core.jwk import fingerprint
from exchange.registrar.admins import AdminPublic, Part
from exchange.registrar.roots import people, thresholds_of


def root_changes(before: Root | None, after: Root, *, relisted: bool) -> Iterator[str]:
    """Sentences; `before` is None for the first root, `relisted` says that the list is signed again."""
    was = {} if before is None else {person.name: person for person in people(before)}
    said = {person.name: person for person in people(after)}
    owners = {person.key(part).keyid: person.name for person in was.values() for part in Part}
    for name in sorted(was.keys() | said.keys()):
        if name not in said:
            yield f"administrator {name} goes, and the keys with them"
            continue
        person, there = said[name], was.get(name)
        if there is None:
            yield f"administrator {name} comes"
        if there is None or _keyids(there) != _keyids(person):
            yield from _keys(person, owners)
    old, new = None if before is None else thresholds_of(before), thresholds_of(after)
    for what, number, earlier in (
        ("root", new.root, old and old.root),
        ("targets", new.targets, old and old.targets),
    ):
        if earlier is None:
            yield f"{what}: {number} of {len(said)} sign"
        elif number != earlier or len(was) != len(said):
            yield f"{what}: {earlier} of {len(was)} sign -> {number} of {len(said)}"
    yield f"the root is valid until {after.expires:%Y-%m-%d}"
    if relisted:
        yield "the list of files does not change, but is signed again by those whom the new root names"


def _keys(person: AdminPublic, owners: Mapping[str, str]) -> Iterator[str]:
    """Of a person whose keys are not all what they were; `owners` had their keys before, by key id."""
    for part in Part:
        key = person.key(part)
        if key.keyid not in owners:
            yield f"{person.name}: new {part} key, fingerprint {key_fingerprint(key)}"
        elif owners[key.keyid] == person.name:
            yield f"{person.name}: the {part} key stays"
        else:
            yield f"{person.name}: has the {part} key that was the one of {owners[key.keyid]}"


def _keyids(person: AdminPublic) -> tuple[str, ...]:
    return tuple(person.key(part).keyid for part in Part)


def warnings(root: Root) -> Iterator[str]:
    """What is allowed, and should be known before it is signed."""
    number = len(people(root))
    for what, needed in (("root", thresholds_of(root).root), ("targets", thresholds_of(root).targets)):
        if needed == 1 and number > 1:
            yield f"{what}: one administrator alone can change it"
        if needed == number > 1:
            yield f"{what}: all {number} have to sign: one lost key cannot be replaced any more"
        if number == 1:
            yield f"{what}: there is one administrator: their lost key cannot be replaced"


def key_fingerprint(key: Key) -> str:
    """Of a key's id, which covers all of the key: to be compared by voice."""
    return fingerprint(bytes.fromhex(key.keyid))
