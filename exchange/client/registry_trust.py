"""One look at one mirror: what python-tuf verifies, and what it does not.

Rules: `tuf.ngclient.Updater`, one-shot, on a directory that belongs to this mirror, with the bootstrap root
pinned. Its clock is set to `now`. Beyond TUF: every root of the chain, from the pinned one on, passes
core/registry_root (a chain with one bad link is refused: whoever fooled it may have signed the next), and no
version is too large to be written down; snapshot and timestamp live no longer from now than honest ones do,
so that what a stolen daily key has signed ahead is soon over. What is refused beyond TUF is forgotten: once
the administrators have put a sound file in its place, the mirror is believed again. Files of the registry are
those that the list itself names by a path that the registry knows: delegations are not followed, other paths
not fetched. Errors: `Unavailable` when the mirror or the disk does not answer, `Refused` with a code that
names what was wrong with the metadata. Synchronous: it runs in a thread.
"""

from __future__ import annotations

import shutil
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
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.ngclient import Updater

from exchange.client import registry_chain
from exchange.client.registry_fetch import Fetcher
from exchange.core import limits
from exchange.core.names import Digest
from exchange.core.registry_documents import schema_of
from exchange.core.strict_json import INTEGER_MAX
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
LONG_AGO: Final = 0
"""A time (unix seconds) at which nothing has expired, for who wants the newest though it has: no length of
life is looked at.
"""


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
        self, directory: Path, shared: Path, bootstrap: bytes, base: str, fetcher: Fetcher, now: int
    ) -> None:
        metadata = directory / "metadata"
        try:
            metadata.mkdir(parents=True, exist_ok=True)
            self._updater = Updater(
                str(metadata),
                f"{base}metadata/",
                fetcher=fetcher,
                bootstrap=bootstrap,
            )
        except (OSError, RepositoryError) as error:
            raise translated(error) from error
        # python-tuf offers no clock: one private line, its version pinned, and a test that notices.
        self._updater._trusted_set.reference_time = datetime.fromtimestamp(now, UTC)
        self._now = now
        self._metadata = metadata
        self._shared = shared
        self._base = f"{base}targets/"
        self._fetcher = fetcher
        self._first = self._updater._trusted_set.root.version

    def look(self) -> Seen:
        """Refresh and say what is there: two requests when nothing has changed."""
        try:
            self._refresh()
            targets = (self._metadata / "targets.json").read_bytes()
        except Refused:
            shutil.rmtree(self._metadata, ignore_errors=True)
            raise
        except (OSError, RepositoryError, DownloadError) as error:
            raise translated(error) from error
        trusted = self._updater._trusted_set
        signed = (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets)
        return Seen(
            trusted.root.version,
            int(trusted.timestamp.version),  # a thief of the daily key may sign `true`
            trusted.targets.version,
            Digest.of(targets),
            min(int(one.expires.timestamp()) for one in signed),
            targets,
        )

    def vouches_for(self, targets: bytes) -> bool:
        """Whether the root that was seen still stands behind this list, of whatever version."""
        try:
            metadata = Metadata[Targets].from_bytes(targets)
            root = self._updater._trusted_set.root
            root.verify_delegate(Targets.type, metadata.signed_bytes, metadata.signatures)
        except RepositoryError:
            return False
        return True

    def files(self) -> dict[str, bytes]:
        """Every file of the list that was seen, each verified: from `shared`, or fetched into it. A path that
        the registry does not know has no content.
        """
        listed = self._updater._trusted_set.targets.targets
        wanted = {path: digest for path, digest in _digests(listed).items() if digest is not None}
        found = {path: held(self._shared, digest) for path, digest in wanted.items()}
        missing = [path for path, data in found.items() if data is None]
        fetched = self._fetcher.download_many(
            (self._base + _consistent(path, wanted[path]), listed[path].length) for path in missing
        )
        try:
            self._shared.mkdir(parents=True, exist_ok=True)
            for path, data in zip(missing, fetched, strict=True):
                listed[path].verify_length_and_hashes(data)
                (self._shared / wanted[path]).write_bytes(data)
                found[path] = data
        except (OSError, RepositoryError, DownloadError) as error:
            raise translated(error) from error
        return {path: found.get(path) or b"" for path in listed}

    def _refresh(self) -> None:
        """What TUF checks, and what it does not; the roots are checked whatever else is wrong."""
        trusted = self._updater._trusted_set
        try:
            self._updater.refresh()
        finally:
            self._check_roots(trusted.root.version)
        signed = (trusted.timestamp, trusted.snapshot, trusted.targets)
        if any(one.version > INTEGER_MAX for one in signed):
            raise Refused("registry-malformed", "the registry's metadata has a version beyond 2^53 - 1")
        longest = self._now + limits.REGISTRY_LIFE_SECONDS + limits.REGISTRY_LIFE_SPARE_SECONDS
        if self._now != LONG_AGO and any(one.expires.timestamp() > longest for one in signed[:2]):
            told = "the registry's daily part is valid for longer than is allowed, or this clock is behind"
            raise Refused("registry-life", told)

    def _check_roots(self, last: int) -> None:
        history = self._metadata / "root_history"
        for version in range(self._first, last + 1):
            root: Root = Metadata[Root].from_bytes((history / f"{version}.root.json").read_bytes()).signed
            registry_chain.check(root)


def hashes_of(targets: bytes) -> dict[str, Digest | None]:
    """Path to SHA-256 of each file that verified targets metadata lists, None for a file that is none of the
    registry's by its path or length; raises `Refused`.
    """
    try:
        return _digests(Metadata[Targets].from_bytes(targets).signed.targets)
    except RepositoryError as error:
        raise translated(error) from error


def _digests(listed: Mapping[str, TargetFile]) -> dict[str, Digest | None]:
    try:
        return {
            path: Digest.parse(info.hashes.get("sha256"), "sha256") if _is_file(path, info) else None
            for path, info in listed.items()
        }
    except ExchangeError:
        raise Refused("registry-malformed", "the registry's list names a file without its SHA-256") from None


def held(shared: Path, digest: Digest) -> bytes | None:
    """The file of this hash, if it is there undamaged."""
    try:
        data = (shared / digest).read_bytes()
    except OSError:
        return None
    return data if Digest.of(data) == digest else None


def _is_file(path: str, info: TargetFile) -> bool:
    return schema_of(path) is not None and info.length <= limits.REGISTRY_FILE_BYTES


def _consistent(path: str, digest: Digest) -> str:
    """Where a file lies in a repository of consistent snapshots (TUF specification 6.2)."""
    folder, separator, name = path.rpartition("/")
    return f"{folder}{separator}{digest}.{name}"


def translated(error: Exception) -> ExchangeError:
    """Our word for an error of TUF or of the disk; what a mirror says is not repeated."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Refused(code, f"the registry's metadata is refused: {code}")
    if isinstance(error, DownloadError):
        return Unavailable("registry-mirror", "the mirror of the registry gave no answer")
    return Unavailable("registry-disk", "the registry's directory cannot be read or written")
