"""Every past state of a registry: each root and each list of files, who signed it, and what it changed.

Rules: nothing published is ever removed, so any past state can be shown. Roots are verified as one chain from
the pinned one; a list by the newest root that stands behind it. A signature is told by its key's name in the
root (`x-hx-name`). What does not verify is shown as that and never as a state. TUF metadata says until when
it is valid and not when it was made: nor does this module. It reads no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeAlias

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from exchange.client import registry_chain
from exchange.core.registry_differences import differences
from exchange.core.schema import Schemas
from exchange.errors import ExchangeError, Invalid, Refused
from exchange.registrar import published
from exchange.registrar.draft import NAME_FIELD, Kind
from exchange.registrar.files import write_whole
from exchange.registrar.published import METADATA
from exchange.registrar.root_changes import root_changes
from exchange.registrar.workspace import Workspace

_UNNAMED_CHARS: Final = 16
"""Characters of a key's id that stand for a key without a name."""

Files: TypeAlias = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Past:
    """One published version. `signed_by` are names whose signatures verify, of `needed`; `root_version` is
    the root behind it. `expires_at` is in unix seconds; `changes` are sentences, against the version before.
    `problem` is the code of what is wrong with it, or None.
    """

    kind: Kind
    version: int
    root_version: int
    signed_by: tuple[str, ...]
    needed: int
    expires_at: int
    changes: tuple[str, ...]
    problem: str | None = None


def history(space: Workspace, schemas: Schemas) -> tuple[Past, ...]:
    """Roots first, then lists, oldest first; raises `Invalid` (`root-missing`) and `Refused` (`registry-...`)
    when the chain of roots itself is broken.
    """
    chain = _chain(space)
    roots = [metadata.signed for metadata in chain]
    states: list[Past] = []
    for number, metadata in enumerate(chain):
        before = roots[number - 1] if number else None
        states.append(_past_root(before, metadata))
    known: Files = {}
    for number in _lists(space):
        try:
            root, listed = _list(space, number, roots)
            files = _files(space, listed)
        except ExchangeError as error:
            states.append(Past(Kind.TARGETS, number, 0, (), 0, 0, (), error.code))
            continue
        changes = tuple(change.sentence for change in differences(schemas, known, files))
        states.append(_past(Kind.TARGETS, root, listed, changes))
        known = files
    return tuple(states)


def state(space: Workspace, version: int) -> dict[str, bytes]:
    """All files of the list `version`, verified; raises `Invalid` (`registry-version`, `registry-damaged`)
    and `Refused` (`registry-...`).
    """
    numbers = _lists(space)
    if version not in numbers:
        known = f"versions {numbers[0]} to {numbers[-1]}" if numbers else "no version yet"
        hint = "hotline-exchange registry pull brings along what a mirror has"
        raise Invalid("registry-version", f"--version: not here; there are {known}", hint=hint)
    _, listed = _list(space, version, [metadata.signed for metadata in _chain(space)])
    return _files(space, listed)


def write_state(files: Files, directory: Path) -> None:
    """The files of a state in a directory that is new or empty; raises `Invalid` (`exists`)."""
    if directory.exists() and any(directory.iterdir()):
        raise Invalid("exists", f"{directory}: is there already, and not empty", hint="name another --out")
    for path, data in files.items():
        write_whole(directory / path, data)


def _chain(space: Workspace) -> list[Metadata[Root]]:
    """The verified roots from the pinned one on."""
    datas = [space.pinned()]
    first = _metadata(datas[0], "root.json").signed.version
    for number in count(first + 1):
        path = space.repository / METADATA / f"{number}.root.json"
        if not path.exists():
            break
        datas.append(path.read_bytes())
    registry_chain.verify_roots(datas)
    return [_metadata(data, "root.json") for data in datas]


def _lists(space: Workspace) -> list[int]:
    """The versions of lists that are there and were published: one above the newest died unpublished."""
    newest = published.load(space).version
    names = (path.name.partition(".")[0] for path in (space.repository / METADATA).glob("*.targets.json"))
    return sorted(int(name) for name in names if name.isdecimal() and int(name) <= newest)


def _list(space: Workspace, number: int, roots: Sequence[Root]) -> tuple[Root, Metadata[Targets]]:
    """The list `number` and the newest root behind it."""
    data = (space.repository / METADATA / f"{number}.targets.json").read_bytes()
    listed: Metadata[Targets] = _metadata(data, "targets.json")
    for root in reversed(roots):
        try:
            registry_chain.verify_targets(root, data)
        except Refused as error:
            if error.code != "registry-signature":
                raise
            continue
        if listed.signed.version == number:
            return root, listed
    raise Refused("registry-signature", f"targets.json: version {number} is not signed by any root's quorum")


def _files(space: Workspace, listed: Metadata[Targets]) -> dict[str, bytes]:
    return published.Published(space.repository, targets=listed).contents()


def _past_root(before: Root | None, metadata: Metadata[Root]) -> Past:
    root = metadata.signed
    return _past(Kind.ROOT, root, metadata, tuple(root_changes(before, root, relisted=False)), before)


def _past(
    kind: Kind, root: Root, metadata: Metadata[Any], changes: tuple[str, ...], before: Root | None = None
) -> Past:
    """Who signed, by name: those of the root behind it, and for a root those of the one before too."""
    keys: dict[str, Key] = {}
    for one in [root] if before is None else [before, root]:
        keys |= one.get_verification_result(kind.value, metadata.signed_bytes, metadata.signatures).signed
    names = [
        str(key.unrecognized_fields.get(NAME_FIELD, keyid[:_UNNAMED_CHARS])) for keyid, key in keys.items()
    ]
    return Past(
        kind,
        metadata.signed.version,
        root.version,
        tuple(sorted(set(names))),
        root.roles[kind.value].threshold,
        int(metadata.signed.expires.timestamp()),
        changes,
    )


def _metadata(data: bytes, name: str) -> Metadata[Any]:
    try:
        return Metadata.from_bytes(data)
    except RepositoryError:
        raise Refused("registry-malformed", f"{name}: not metadata of the registry") from None
