"""The daily parts of a registry, snapshot and timestamp: their versions, their lives, and what signs them.

Rules: each version is the one after what is published. A snapshot that is there is never written over with
other bytes, because somebody may have published it: the next number is taken. Counting begins anew where a
stolen key has counted far and the root no longer names it. This module writes nothing.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Timestamp

from exchange.registrar.published import METADATA, TARGETS_FILE, TIMESTAMP_FILE, Published, stands
from exchange.registrar.roots import expiry

DAILY_DAYS: Final = 14
"""Days snapshot and timestamp are valid: one administrator renews weekly and may miss a week."""

_Role = TypeVar("_Role", Snapshot, Timestamp)
Write = tuple[Path, bytes | None]
"""A file and what it is to hold; None removes it."""
FAR: Final = 1_000_000
"""Versions of the daily parts that honest administrators never reach, at one a day in 2,700 years: whoever
counts beyond has a stolen key, and a root without that key lets readers begin anew.
"""


def dailies(
    published: Published, root: Root, version: int, data: bytes, signer: Signer, now: int
) -> list[Write]:
    """Snapshot and timestamp of the next versions under `root`, over the list in `data`."""
    folder = published.repository / METADATA
    listed = MetaFile.from_data(version, data, ["sha256"])
    path, snapshot_data, number = _snapshot(published, root, listed, signer, now)
    timestamp = Timestamp(
        version=_after(published.timestamp, root),
        expires=expiry(now, DAILY_DAYS),
        snapshot_meta=MetaFile.from_data(number, snapshot_data, ["sha256"]),
    )
    return [(path, snapshot_data), (folder / TIMESTAMP_FILE, _signed(timestamp, signer))]


def _snapshot(
    published: Published, root: Root, targets: MetaFile, signer: Signer, now: int
) -> tuple[Path, bytes, int]:
    """The next snapshot that is free, or is this one already: where it lies, its bytes and version."""
    for number in count(_after(published.snapshot, root)):
        wanted = Snapshot(version=number, expires=expiry(now, DAILY_DAYS), meta={TARGETS_FILE: targets})
        path = published.repository / METADATA / f"{number}.snapshot.json"
        if not path.exists():
            return path, _signed(wanted, signer), number
        try:
            there: Metadata[Snapshot] = Metadata.from_bytes(path.read_bytes())
        except RepositoryError:
            continue
        if there.signed_bytes == Metadata(wanted).signed_bytes and stands(root, there):
            return path, path.read_bytes(), number
    raise AssertionError  # numbers do not end


def _after(part: Metadata[_Role] | None, root: Root) -> int:
    """The version that follows; 1 where a stolen key has counted far, and `root` no longer names it."""
    if part is None or (part.signed.version > FAR and not stands(root, part)):
        return 1
    return int(part.signed.version) + 1


def _signed(signed: _Role, signer: Signer) -> bytes:
    metadata = Metadata(signed)
    made = signer.sign(metadata.signed_bytes)
    return Metadata(signed, {made.keyid: made}).to_bytes()
