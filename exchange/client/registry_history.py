"""The registry's past on our own disk: every root and every list that this node has gone by, and what a
mirror of it shows.

Rules: only what was verified is written here, each file whole or not at all, the timestamp last, so that
whoever reads along always finds what it leads to. A list is kept under its version *and* its digest: two
contents of one version are both kept. Files of the registry lie beside under their hashes and are checked
whenever they are read. Nothing is ever taken away: evidence is asked for years later. Signatures are not
verified again: whoever can write here has the node.

Which lists are here, and what they name, is read once and kept in memory: strangers ask a mirror, and a
request costs the same however long the history is. So one `History` serves a directory and keeps all in it.
"""

from __future__ import annotations

import bisect
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tuf.api.metadata import Metadata, Snapshot

from exchange.client.registry_trust import Seen, hashes_of, held
from exchange.core.names import Digest
from exchange.errors import ExchangeError

FILES: Final = "targets"
HISTORY: Final = "history"
TIMESTAMP: Final = "timestamp.json"
_LIST: Final = re.compile(r"([1-9][0-9]{0,15})\.([0-9a-f]{64})\.targets\.json")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class History:
    """`directory` is the node's own for one pinned root. Synchronous: it runs in a thread."""

    def __init__(self, directory: Path) -> None:
        self._past = directory / HISTORY
        self._files = directory / FILES
        self._known: list[tuple[int, Digest]] | None = None
        self._reading = threading.Lock()
        self._listed: dict[str, set[Digest]] = {}
        self._unindexed: list[tuple[int, Digest]] | None = None
        self._indexing = threading.Lock()

    def holds(self, seen: Seen) -> bool:
        """Whether what was seen is here already."""
        names = (_list(seen.version, seen.digest), f"{seen.root_version}.root.json", TIMESTAMP)
        return all((self._past / name).is_file() for name in names)

    def keep(self, shown: Path, seen: Seen) -> None:
        """Take over what lies in `shown`, where python-tuf keeps the metadata of a mirror that was verified
        and gave `seen`; raises OSError.
        """
        self._past.mkdir(parents=True, exist_ok=True)
        for version in range(seen.root_version, 0, -1):
            root = shown / "root_history" / f"{version}.root.json"
            if not root.is_file():
                break
            self._put(root.name, root.read_bytes())
        self.keep_list(seen.version, seen.targets)
        snapshot = (shown / "snapshot.json").read_bytes()
        self._put(f"{Metadata[Snapshot].from_bytes(snapshot).signed.version}.snapshot.json", snapshot)
        self._put(TIMESTAMP, (shown / TIMESTAMP).read_bytes())

    def keep_list(self, version: int, data: bytes) -> None:
        """Keep a list that was verified; raises OSError."""
        digest = Digest.of(data)
        self._put(_list(version, digest), data)
        with self._reading:
            if self._known is not None and (version, digest) not in self._known:
                bisect.insort(self._known, (version, digest))
                if self._unindexed is not None:
                    self._unindexed.append((version, digest))

    def keep_file(self, data: bytes) -> None:
        """Keep a file that a verified list names; raises OSError."""
        self._files.mkdir(parents=True, exist_ok=True)
        write_whole(self._files / Digest.of(data), data)

    def roots(self) -> dict[int, bytes]:
        """Every root from the pinned one on by its version, rising and without a gap."""
        names = {path.name.partition(".")[0]: path for path in self._past.glob("*.root.json")}
        found = {int(version): path for version, path in names.items() if version.isdigit()}
        return {version: found[version].read_bytes() for version in sorted(found)}

    def versions(self) -> list[tuple[int, Digest]]:
        """Version and digest of every list that is here, the oldest first."""
        with self._reading:
            if self._known is None:
                names = (_LIST.fullmatch(path.name) for path in self._past.glob("*.targets.json"))
                self._known = sorted(
                    (int(match[1]), Digest(match[2])) for match in names if match is not None
                )
                self._unindexed = [*self._known]
            return [*self._known]

    def digests(self, version: int) -> Sequence[Digest]:
        """Digests of the lists of one version that are here."""
        if self._known is None:
            self.versions()
        with self._reading:
            known = self._known or []
            first = bisect.bisect_left(known, (version, Digest("")))
            last = bisect.bisect_left(known, (version + 1, Digest("")))
            return [digest for _, digest in known[first:last]]

    def list(self, version: int, digest: Digest) -> bytes | None:
        """One list, if it is here undamaged."""
        data = self.metadata(_list(version, digest))
        return data if data is not None and Digest.of(data) == digest else None

    def metadata(self, name: str) -> bytes | None:
        """A file of the history by its name, which the caller has checked."""
        try:
            return (self._past / name).read_bytes()
        except OSError:
            return None

    def file(self, digest: Digest) -> bytes | None:
        """A file of the registry, if it is here undamaged."""
        return held(self._files, digest)

    def has(self, digest: Digest) -> bool:
        """Whether there is a file of the registry under this digest."""
        return (self._files / digest).is_file()

    def lists(self, path: str, digest: Digest) -> bool:
        """Whether a list that is here names this path with this digest."""
        if self._unindexed is None:
            self.versions()
        with self._indexing:
            while digest not in self._listed.get(path, ()):
                if not self._unindexed:
                    return False
                self._index(*self._unindexed.pop())  # the newest first: most ask for what is in it
            return True

    def _index(self, version: int, digest: Digest) -> None:
        data = self.list(version, digest)
        try:
            listed = {} if data is None else hashes_of(data)
        except ExchangeError:
            listed = {}
        for path, one in listed.items():
            if one is not None:
                self._listed.setdefault(path, set()).add(one)

    def _put(self, name: str, data: bytes) -> None:
        if self.metadata(name) != data:
            self._past.mkdir(parents=True, exist_ok=True)
            write_whole(self._past / name, data)


def _list(version: int, digest: Digest) -> str:
    return f"{version}.{digest}.targets.json"
