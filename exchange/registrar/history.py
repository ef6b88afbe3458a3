"""Every past state of a registry: each root and each list of files, who signed it, and what it changed.

Rules: nothing published is ever removed, so any past state can be shown. Roots are verified as one chain from
the pinned one; a list by the newest root that stands behind it. A signature is told by its key's name in the
root (`x-hx-name`). What does not verify is shown as that and never as a state. TUF metadata says until when
it is valid and not when it was made: nor does this module. It reads no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root, Targets

from exchange.client import registry_chain
from exchange.core.registry_differences import differences
from exchange.core.schema import Schemas
from exchange.errors import ExchangeError, Invalid
from exchange.registrar import published
from exchange.registrar.draft import NAME_FIELD, Kind
from exchange.registrar.files import write_whole
from exchange.registrar.published import METADATA, Published
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
    """Roots first, then lists, oldest first; raises `Invalid` (`root-missing`, `registry-damaged`) and
    `Refused` (`registry-...`) when the roots, or what is published now, do not verify.
    """
    now = _published(space)
    states: list[Past] = []
    before: Root | None = None
    for metadata in now.chain:
        changes = tuple(root_changes(before, metadata.signed, relisted=False))
        states.append(_past(Kind.ROOT, metadata.signed, metadata, changes, before))
        before = metadata.signed
    known: Files = {}
    for number in _lists(now):
        try:
            root, listed = _list(now, number)
            files = _files(now, listed)
        except ExchangeError as error:
            states.append(Past(Kind.TARGETS, number, 0, (), 0, 0, (), error.code))
            continue
        sentences = tuple(change.sentence for change in differences(schemas, known, files))
        states.append(_past(Kind.TARGETS, root, listed, sentences))
        known = files
    return tuple(states)


def state(space: Workspace, version: int) -> dict[str, bytes]:
    """All files of the list `version`, verified; raises `Invalid` (`registry-version`, `registry-damaged`)
    and `Refused` (`registry-...`).
    """
    now = _published(space)
    numbers = _lists(now)
    if version not in numbers:
        known = f"versions {numbers[0]} to {numbers[-1]}" if numbers else "no version yet"
        hint = "hotline-exchange registry pull brings along what a mirror has"
        raise Invalid("registry-version", f"--version: not here; there are {known}", hint=hint)
    _, listed = _list(now, version)
    return _files(now, listed)


def write_state(files: Files, directory: Path) -> None:
    """The files of a state in a directory that is new or empty; raises `Invalid` (`exists`)."""
    if directory.exists() and any(directory.iterdir()):
        raise Invalid("exists", f"{directory}: is there already, and not empty", hint="name another --out")
    for path, data in files.items():
        write_whole(directory / path, data)


def _published(space: Workspace) -> Published:
    """What is published now, verified; raises `Invalid` (`root-missing`)."""
    space.pinned()
    return published.load(space)


def _lists(now: Published) -> list[int]:
    """The versions of lists that are there and were published: one above the newest died unpublished."""
    names = (path.name.partition(".")[0] for path in (now.repository / METADATA).glob("*.targets.json"))
    return sorted(int(name) for name in names if name.isdecimal() and int(name) <= now.version)


def _list(now: Published, number: int) -> tuple[Root, Metadata[Targets]]:
    """The list `number` and the newest root behind it."""
    data = (now.repository / METADATA / f"{number}.targets.json").read_bytes()
    return registry_chain.verify_past([metadata.signed for metadata in now.chain], data, number)


def _files(now: Published, listed: Metadata[Targets]) -> dict[str, bytes]:
    return Published(now.repository, targets=listed).contents()


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
