"""Brings a workspace to what a mirror shows: for an administrator who was away, or anybody who wants a copy.

Rules: everything is verified from the pinned root on, by the same code as in a node (client/registry_trust);
what the workspace knows already is laid before TUF first, so an older registry is refused, and another
content under the version we have is a split view and refused too. Older lists are brought along as far as the
mirror has them, each under the signatures of a root of the chain: they are the history. Written in the order
files, lists, snapshot, timestamp, so that dying anywhere leaves the old registry or the new one. A file of
peers/ follows only where it still is what was published; what somebody works on stays, and is named.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Root, Targets, Timestamp

from exchange.client import registry_chain
from exchange.client.registry_fetch import Fetcher
from exchange.client.registry_trust import Mirror, Seen, hashes_of
from exchange.core import limits
from exchange.errors import Refused
from exchange.registrar import published
from exchange.registrar.files import write_whole
from exchange.registrar.published import METADATA, TIMESTAMP_FILE, Published
from exchange.registrar.workspace import Workspace

OLDER: Final = 1000
"""Older lists that are asked for at most: some twenty years of one a week."""
_GONE: Final = frozenset({403, 404})
"""What a web server says of a file that it does not have."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came. `left` are files of peers/ that differ from what was published, and were not touched;
    `missing` are older lists that the mirror does not have, or not with good signatures.
    """

    root_version: int
    version: int
    timestamp_version: int
    expires_at: int
    written: tuple[str, ...]
    left: tuple[str, ...]
    older: tuple[int, ...]
    missing: tuple[int, ...]


def pull(space: Workspace, pinned: bytes, base: str, fetcher: Fetcher, now: int) -> Pulled:
    """Bring `space` to what lies under `base` (empty, or with a slash at its end); `now` in unix seconds.

    Raises `Refused` (`registry-...`; `registry-rollback`, `registry-split`), `Unavailable` and `Invalid`
    (`registry-damaged`).
    """
    before = published.load_from(space.repository, pinned)
    contents_before = before.contents()
    with tempfile.TemporaryDirectory(prefix="hotline-exchange-") as name:
        place = Path(name)
        _lay_before(place / METADATA, before)
        mirror = Mirror(place, place / "files", pinned, base, fetcher, now)
        seen = mirror.look()
        _check_not_back(mirror, seen, before)
        foreign = [path for path, digest in hashes_of(seen.targets).items() if digest is None]
        if foreign:
            raise Refused("registry-malformed", "the list names a file that is none of the registry's")
        contents = mirror.files()
        chain = _chain(place / METADATA, pinned, seen.root_version)
        _keep(space.repository, place / METADATA, seen, chain, contents)
    older, missing = _older(space.repository, seen.version, chain, base, fetcher)
    _finish(space, pinned)
    written, left = _follow(space.peers, contents_before, contents)
    return Pulled(
        seen.root_version,
        seen.version,
        seen.timestamp_version,
        seen.expires_at,
        written,
        left,
        older,
        missing,
    )


def _lay_before(metadata: Path, before: Published) -> None:
    """What the workspace knows, where TUF's client looks for what it knows."""
    source = before.repository / METADATA
    for root in before.chain[1:]:
        name = f"{root.signed.version}.root.json"
        write_whole(metadata / "root_history" / name, (source / name).read_bytes())
    if before.timestamp is None or before.snapshot is None:
        return
    write_whole(metadata / TIMESTAMP_FILE, (source / TIMESTAMP_FILE).read_bytes())
    snapshot = source / f"{before.snapshot.signed.version}.snapshot.json"
    write_whole(metadata / "snapshot.json", snapshot.read_bytes())
    write_whole(metadata / "targets.json", before.targets_data)


def _check_not_back(mirror: Mirror, seen: Seen, before: Published) -> None:
    """A list may go back, or be another one, only if the newest root no longer stands behind ours."""
    if before.targets is None or not mirror.vouches_for(before.targets_data):
        return
    if seen.version < before.version:
        raise Refused(
            "registry-rollback",
            "the mirror shows an older registry than this workspace",
            hint="what was published here may not have been copied to the mirror yet",
        )
    if seen.version == before.version and seen.targets != before.targets_data:
        raise Refused(
            "registry-split",
            f"targets.json: the mirror's version {seen.version} is another one than ours, both well signed",
            hint="ask the other administrators at once who signed both",
        )


def _chain(metadata: Path, pinned: bytes, newest: int) -> list[bytes]:
    """The roots that were verified, from the pinned one on."""
    first = Metadata[Root].from_bytes(pinned).signed.version
    history = metadata / "root_history"
    return [
        pinned,
        *((history / f"{version}.root.json").read_bytes() for version in range(first + 1, newest + 1)),
    ]


def _keep(
    repository: Path, verified: Path, seen: Seen, chain: Sequence[bytes], contents: Mapping[str, bytes]
) -> None:
    metadata = repository / METADATA
    for data in chain:
        write_whole(metadata / f"{Metadata[Root].from_bytes(data).signed.version}.root.json", data)
    listed = Metadata[Targets].from_bytes(seen.targets).signed.targets
    for path, info in listed.items():
        write_whole(published.place(repository, path, info), contents[path])
    write_whole(metadata / f"{seen.version}.targets.json", seen.targets)
    timestamp = (verified / TIMESTAMP_FILE).read_bytes()
    number = Metadata[Timestamp].from_bytes(timestamp).signed.snapshot_meta.version
    write_whole(metadata / f"{number}.snapshot.json", (verified / "snapshot.json").read_bytes())
    write_whole(metadata / TIMESTAMP_FILE, timestamp)


def _older(
    repository: Path, version: int, chain: Sequence[bytes], base: str, fetcher: Fetcher
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The older lists that came now, and those that are still missing."""
    wanted = [
        number
        for number in range(version - 1, max(0, version - 1 - OLDER), -1)
        if not (repository / METADATA / f"{number}.targets.json").exists()
    ]
    roots = [Metadata[Root].from_bytes(data).signed for data in reversed(chain)]
    came: list[int] = []
    for number in wanted:
        try:
            _older_list(repository, number, roots, base, fetcher)
        except DownloadHTTPError as error:
            if error.status_code not in _GONE:
                break
        except DownloadError:
            break
        except (Refused, RepositoryError):
            continue
        else:
            came.append(number)
    return tuple(sorted(came)), tuple(sorted(set(wanted) - set(came)))


def _older_list(repository: Path, number: int, roots: Sequence[Root], base: str, fetcher: Fetcher) -> None:
    """Fetch, verify and keep one older list and its files; the list is written last."""
    data = _fetched(fetcher, f"{base}{METADATA}/{number}.targets.json", limits.REGISTRY_FILE_BYTES)
    metadata = _verified(data, number, roots)
    digests = hashes_of(data)
    for path, info in metadata.signed.targets.items():
        where = published.place(repository, path, info)
        if digests[path] is None:
            raise Refused("registry-malformed", "the list names a file that is none of the registry's")
        if not where.exists():
            url = f"{base}{where.relative_to(repository).as_posix()}"
            content = _fetched(fetcher, url, info.length)
            info.verify_length_and_hashes(content)
            write_whole(where, content)
    write_whole(repository / METADATA / f"{number}.targets.json", data)


def _verified(data: bytes, number: int, roots: Sequence[Root]) -> Metadata[Targets]:
    for root in roots:
        try:
            metadata = registry_chain.verify_targets(root, data)
        except Refused as error:
            if error.code != "registry-signature":
                raise
            continue
        if metadata.signed.version == number:
            return metadata
    raise Refused("registry-signature", f"targets.json: version {number} is not signed by any root's quorum")


def _fetched(fetcher: Fetcher, url: str, most: int) -> bytes:
    """One file, under a deadline of its own."""
    return next(iter(fetcher.download_many([(url, most)])))


def _follow(
    peers: Path, before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which files of peers/ were brought along, and which were left because they differ."""
    written: list[str] = []
    left: list[str] = []
    for path in sorted(set(before) | set(after) | set(_present(peers))):
        place = peers / path
        now = place.read_bytes() if place.is_file() else None
        if now == after.get(path):
            continue
        if now != before.get(path):
            left.append(path)
        elif path in after:
            write_whole(place, after[path])
            written.append(path)
        else:
            place.unlink()
            written.append(path)
    return tuple(written), tuple(left)


def _present(peers: Path) -> Iterator[str]:
    for path in peers.rglob("*.json"):
        yield path.relative_to(peers).as_posix()


def _finish(space: Workspace, pinned: bytes) -> None:
    """The pinned root, in a workspace that is new."""
    if not space.root.exists():
        write_whole(space.root, pinned)
