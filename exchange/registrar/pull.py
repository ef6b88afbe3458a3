"""Brings a workspace to what a mirror shows: for an administrator who was away, or anybody who wants a copy.

Rules: everything is verified from the pinned root on, by the same code as in a node (client/registry_trust);
an older registry than that of the workspace is refused, and another content under the version we have is a
split view and refused too. Older lists are brought along as far as the mirror has them, each under the
signatures of a root of the chain: they are the history. A file of peers/ follows only where it still is what
was published; what somebody works on stays, and is named. Roots and timestamp are written last: before them
the old registry stands, and the next pull finds all that came and goes on.
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
from exchange.errors import ExchangeError, Invalid, Refused
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
    before, contents_before = _known(space.repository, pinned)
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
        timestamp, snapshot = (
            (place / METADATA / name).read_bytes() for name in (TIMESTAMP_FILE, "snapshot.json")
        )
    if not space.root.exists():
        write_whole(space.root, pinned)
    _keep(space.repository, seen, timestamp, snapshot, contents)
    older, missing = _older(space.repository, seen.version, chain, base, fetcher)
    written, left = _follow(space.peers, contents_before, contents)
    for data in chain:
        version = Metadata[Root].from_bytes(data).signed.version
        write_whole(space.repository / METADATA / f"{version}.root.json", data)
    write_whole(space.repository / METADATA / TIMESTAMP_FILE, timestamp)
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


def _known(repository: Path, pinned: bytes) -> tuple[Published, dict[str, bytes]]:
    """What the workspace has, and its published files."""
    try:
        before = published.load_from(repository, pinned)
        return before, before.contents()
    except ExchangeError as error:
        hint = f"move {repository} away and pull again; it comes back from the mirror"
        raise Invalid(error.code, error.message, hint=hint) from error


def _lay_before(metadata: Path, before: Published) -> None:
    """The roots that we know, where TUF's client looks for those it knows. Nothing else: of two timestamps
    with one version it would take ours unseen, and a split view would go unnoticed.
    """
    for root in before.chain[1:]:
        name = f"{root.signed.version}.root.json"
        write_whole(metadata / "root_history" / name, (before.repository / METADATA / name).read_bytes())


def _check_not_back(mirror: Mirror, seen: Seen, before: Published) -> None:
    """Time does not go back; a list may, or be another one, only if the newest root no longer stands behind
    ours.
    """
    if before.timestamp is None:
        return
    known = (before.root.version, before.timestamp.signed.version)
    ours = mirror.vouches_for(before.targets_data)
    if seen.age < known or (seen.version < before.version and ours):
        raise Refused(
            "registry-rollback",
            "the mirror shows an older registry than this workspace",
            hint="what was published here may not have been copied to the mirror yet",
        )
    if not ours:
        return
    if not registry_chain.follows(before.targets_data, before.version, seen.targets, seen.version):
        raise Refused(
            "registry-split",
            f"targets.json: the mirror's version {seen.version} is another one than ours, or was made upon "
            "another one; both are well signed",
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
    repository: Path, seen: Seen, timestamp: bytes, snapshot: bytes, contents: Mapping[str, bytes]
) -> None:
    """Files, list and snapshot: under their own hashes and versions, so nothing of the old is touched."""
    for path, info in Metadata[Targets].from_bytes(seen.targets).signed.targets.items():
        write_whole(published.place(repository, path, info), contents[path])
    write_whole(repository / METADATA / f"{seen.version}.targets.json", seen.targets)
    number = Metadata[Timestamp].from_bytes(timestamp).signed.snapshot_meta.version
    write_whole(repository / METADATA / f"{number}.snapshot.json", snapshot)


def _older(
    repository: Path, version: int, chain: Sequence[bytes], base: str, fetcher: Fetcher
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The older lists that came now, and those that are still missing."""
    wanted = [
        number
        for number in range(version - 1, max(0, version - 1 - OLDER), -1)
        if not (repository / METADATA / f"{number}.targets.json").exists()
    ]
    roots = [Metadata[Root].from_bytes(data).signed for data in chain]
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
    _, metadata = registry_chain.verify_past(roots, data, number)
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
