"""What is published in a workspace, verified from the pinned root on: what every draft is compared with.

Rules: the chain of roots from root.json on, then timestamp, snapshot and targets, each by signature, length
and hash, every file by its hash. Nothing here expires: an expired registry must still be read to be renewed.
The daily parts and the list may stand under the root before the newest, where a publish of a root died;
`Published.sound` says whether all stands under the newest. This module writes nothing and reads no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from exchange.client.registry_chain import identity, verify_roots
from exchange.errors import ExchangeError, Invalid, Refused
from exchange.registrar.workspace import Workspace

METADATA: Final = "metadata"
TARGETS: Final = "targets"
TIMESTAMP_FILE: Final = "timestamp.json"
TARGETS_FILE: Final = "targets.json"

_Role = TypeVar("_Role", Snapshot, Targets, Timestamp)


@dataclass(frozen=True, slots=True)
class Published:
    """`chain` and `pinned`, the file of the first root, are empty before that is published; the rest is None
    before the first publish.
    """

    repository: Path
    chain: tuple[Metadata[Root], ...] = ()
    timestamp: Metadata[Timestamp] | None = None
    snapshot: Metadata[Snapshot] | None = None
    targets: Metadata[Targets] | None = None
    targets_data: bytes = b""
    pinned: bytes = b""

    @property
    def root(self) -> Root:
        """The newest; raises `Invalid` (`root-missing`)."""
        if not self.chain:
            place = self.repository.parent
            way = f"hotline-exchange registry status {place / 'root-1.draft.json'} {place}"
            raise Invalid(
                "root-missing", "root.json: the registry has no published root yet", hint=_FOUND + way
            )
        return self.chain[-1].signed

    @property
    def version(self) -> int:
        """Of the list of files; 0 before the first."""
        return 0 if self.targets is None else int(self.targets.signed.version)

    @property
    def identity(self) -> str:
        """What the next list names as the one before it; "" before the first."""
        return identity(self.targets_data) if self.targets_data else ""

    @property
    def listed(self) -> Mapping[str, TargetFile]:
        return {} if self.targets is None else self.targets.signed.targets

    @property
    def sound(self) -> bool:
        """Whether all that is published stands under the newest root."""
        return all(stands(self.root, part) for part in self.parts)

    @property
    def parts(self) -> tuple[Metadata[Any], ...]:
        """Targets, snapshot and timestamp, as far as they are there."""
        return tuple(part for part in (self.targets, self.snapshot, self.timestamp) if part is not None)

    def contents(self) -> dict[str, bytes]:
        """Every published file by its path, each with the hash that is listed."""
        return {path: self.content(path) for path in self.listed}

    def content(self, path: str) -> bytes:
        """One published file; raises `Invalid` (`registry-damaged`)."""
        info = self.listed[path]
        try:
            data = place(self.repository, path, info).read_bytes()
            info.verify_length_and_hashes(data)
        except (OSError, RepositoryError):
            raise _damaged(path) from None
        return data


def load(space: Workspace) -> Published:
    """The published registry of `space`; raises `Invalid` or `Refused` (`registry-...`) if it is damaged."""
    if not space.root.exists():
        return Published(space.repository)
    return load_from(space.repository, space.pinned())


def load_from(repository: Path, pinned: bytes) -> Published:
    """As `load`, with the pinned root at hand."""
    folder = repository / METADATA
    chain = _chain(folder, pinned)
    if not (folder / TIMESTAMP_FILE).exists():
        return Published(repository, chain, pinned=pinned)
    trusted = [metadata.signed for metadata in chain[-2:]]
    timestamp, _ = _read(folder / TIMESTAMP_FILE, Timestamp, trusted)
    meta = timestamp.signed.snapshot_meta
    snapshot, data = _read(folder / f"{meta.version}.snapshot.json", Snapshot, trusted)
    _fits(meta, data, "snapshot.json")
    meta = snapshot.signed.meta[TARGETS_FILE]
    targets, data = _read(folder / f"{meta.version}.targets.json", Targets, trusted)
    _fits(meta, data, TARGETS_FILE)
    return Published(repository, chain, timestamp, snapshot, targets, data, pinned)


def place(repository: Path, path: str, info: TargetFile) -> Path:
    """Where a published file stands: under its hash, so that an old one is never replaced."""
    folder, _, name = path.rpartition("/")
    return repository / TARGETS / folder / f"{info.hashes['sha256']}.{name}"


def stands(root: Root, metadata: Metadata[Any]) -> bool:
    """Whether `metadata` has the signatures that `root` asks for."""
    result = root.get_verification_result(metadata.signed.type, metadata.signed_bytes, metadata.signatures)
    return bool(result)


def _chain(folder: Path, pinned: bytes) -> tuple[Metadata[Root], ...]:
    later: list[bytes] = []
    try:
        first: Metadata[Root] = Metadata.from_bytes(pinned)
        for version in count(first.signed.version + 1):
            if not (folder / f"{version}.root.json").exists():
                break
            later.append((folder / f"{version}.root.json").read_bytes())
        verify_roots([pinned, *later])
    except RepositoryError:
        raise _damaged("root.json") from None
    return (first, *(Metadata.from_bytes(data) for data in later))


def _read(path: Path, role: type[_Role], trusted: list[Root]) -> tuple[Metadata[_Role], bytes]:
    try:
        data = path.read_bytes()
        metadata: Metadata[_Role] = Metadata.from_bytes(data)
    except (OSError, RepositoryError):
        raise _damaged(path.name) from None
    if metadata.signed.type != role.type:
        raise _damaged(path.name)
    if not any(stands(root, metadata) for root in reversed(trusted)):
        raise Refused("registry-signature", f"{path.name}: not signed by whom the root names", hint=_MEND)
    return metadata, data


def _fits(meta: Any, data: bytes, name: str) -> None:
    try:
        meta.verify_length_and_hashes(data)
    except RepositoryError:
        raise _damaged(name) from None


def _damaged(name: str) -> ExchangeError:
    return Invalid("registry-damaged", f"{name}: not as it was published", hint=_MEND)


_FOUND: Final = "sign and publish its first root: "
_MEND: Final = "bring the repository again: hotline-exchange registry pull DIR --mirror URL"
