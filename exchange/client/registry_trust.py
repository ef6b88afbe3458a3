"""One look at one mirror: what python-tuf verifies, and what it does not.

Rules: `tuf.ngclient.Updater`, one-shot, on a directory that belongs to this mirror, with the bootstrap root
pinned. Its clock is set to `now`. Beyond TUF: every root of the chain, from the pinned one on, passes
core/registry_root (a chain with one bad link is refused for good: whoever fooled it may have signed the
next). Errors: `Unavailable` when the mirror or the disk does not answer, `Refused` with a code that names
what was wrong with the metadata. Synchronous: it runs in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import FetcherInterface, Updater

from exchange.core.names import Digest
from exchange.core.registry_root import RootKey, RootRole, check_root
from exchange.errors import ExchangeError, Refused, Unavailable

_CODES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ExpiredMetadataError, "registry-expired"),
    (BadVersionNumberError, "registry-rollback"),
    (UnsignedMetadataError, "registry-signature"),
    (LengthOrHashMismatchError, "registry-hash"),
    (DownloadLengthMismatchError, "registry-length"),
    (RepositoryError, "registry-malformed"),
)
"""The first that fits. `registry-malformed` is everything else that TUF refuses."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a mirror shows, verified. `targets` is the metadata as it came, `digest` its SHA-256."""

    root_version: int
    timestamp_version: int
    version: int
    digest: Digest
    expires_at: int
    targets: bytes

    @property
    def age(self) -> tuple[int, int]:
        """Orders what mirrors show: a new root may start the timestamps anew."""
        return (self.root_version, self.timestamp_version)


class Mirror:
    """One look. `targets/` of `shared` is shared with other looks: its files are named by their hashes."""

    def __init__(
        self, directory: Path, shared: Path, bootstrap: bytes, base: str, fetcher: FetcherInterface, now: int
    ) -> None:
        metadata = directory / "metadata"
        try:
            metadata.mkdir(parents=True, exist_ok=True)
            self._updater = Updater(
                str(metadata),
                f"{base}metadata/",
                target_dir=str(shared),
                target_base_url=f"{base}targets/",
                fetcher=fetcher,
                bootstrap=bootstrap,
            )
        except (OSError, RepositoryError) as error:
            raise translated(error) from error
        # python-tuf offers no clock: one private line, its version pinned, and a test that notices.
        self._updater._trusted_set.reference_time = datetime.fromtimestamp(now, UTC)
        self._metadata = metadata
        self._shared = shared
        self._first = self._updater._trusted_set.root.version

    def look(self) -> Seen:
        """Refresh and say what is there: two requests when nothing has changed."""
        try:
            self._updater.refresh()
            self._check_roots()
            targets = (self._metadata / "targets.json").read_bytes()
        except (OSError, RepositoryError, DownloadError) as error:
            raise translated(error) from error
        trusted = self._updater._trusted_set
        signed = (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets)
        return Seen(
            trusted.root.version,
            trusted.timestamp.version,
            trusted.targets.version,
            Digest.of(targets),
            min(int(one.expires.timestamp()) for one in signed),
            targets,
        )

    def files(self, wanted: Mapping[str, Digest]) -> None:
        """Fetch the files of `wanted` (path to hash) that `shared` does not hold, each verified."""
        try:
            self._shared.mkdir(parents=True, exist_ok=True)
            for path, digest in wanted.items():
                info = self._updater.get_targetinfo(path)
                place = str(self._shared / digest)
                if info is not None and self._updater.find_cached_target(info, place) is None:
                    self._updater.download_target(info, place)
        except (OSError, RepositoryError, DownloadError) as error:
            raise translated(error) from error

    def _check_roots(self) -> None:
        history = self._metadata / "root_history"
        for version in range(self._first, self._updater._trusted_set.root.version + 1):
            root: Root = Metadata[Root].from_bytes((history / f"{version}.root.json").read_bytes()).signed
            check_root(
                {
                    keyid: RootKey(key.keytype, key.scheme, dict(key.keyval))
                    for keyid, key in root.keys.items()
                },
                {name: RootRole(tuple(role.keyids), role.threshold) for name, role in root.roles.items()},
            )


def hashes_of(targets: bytes) -> dict[str, Digest]:
    """Path to SHA-256 of each file that verified targets metadata lists; raises `Refused`."""
    try:
        listed = Metadata[Targets].from_bytes(targets).signed.targets
    except RepositoryError as error:
        raise translated(error) from error
    try:
        return {path: Digest.parse(info.hashes.get("sha256"), path) for path, info in listed.items()}
    except ExchangeError as error:
        raise Refused("registry-malformed", f"{error.message}: no SHA-256") from None


def translated(error: Exception) -> ExchangeError:
    """Our word for an error of TUF or of the disk; what a mirror says is not repeated."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Refused(code, f"the registry's metadata is refused: {code}")
    if isinstance(error, DownloadError):
        return Unavailable("registry-mirror", "the mirror of the registry gave no answer")
    return Unavailable("registry-disk", "the registry's directory cannot be read or written")
