"""Past states of the registry, and the registry as a mirror of it shows it.

Rules: what was is taken from our own history; a list that is not there is asked of the mirrors by version,
and counts when it has the digest that was asked for and one of the roots that we know stands behind it. A
file counts when it has the hash that its list names. What a mirror of ours gives out is exactly what was
verified here, under the names of a TUF repository of consistent snapshots; any other name is not there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError

from exchange.client import registry_copy
from exchange.client.evidence_chain import signed_under
from exchange.client.guarded import GuardedClient
from exchange.client.registry import way
from exchange.client.registry_history import TIMESTAMP, History
from exchange.client.registry_trust import hashes_of
from exchange.core import limits
from exchange.core.names import Digest
from exchange.core.registry_documents import schema_of
from exchange.errors import ExchangeError, Unavailable

_METADATA: Final = re.compile(r"metadata/([1-9][0-9]{0,15})\.(root|snapshot|targets)\.json")
_TARGET: Final = re.compile(r"targets/((?:members/|countries/)?)([0-9a-f]{64})\.([A-Za-z0-9-]{1,43}\.json)")


@dataclass(frozen=True, slots=True)
class Past:
    """The registry as it was: its list, those of its files that were asked for, and by version every root
    from the pinned one to the newest that is known.
    """

    version: int
    digest: Digest
    targets: bytes
    files: Mapping[str, bytes]
    roots: Mapping[int, bytes]


class Archive:
    """`directory`, `bootstrap` and `mirrors` as for registry.Registry, whose `history` it reads: without one,
    what others keep later is not seen by all of it.
    """

    def __init__(
        self,
        directory: Path,
        bootstrap: bytes,
        mirrors: Sequence[str],
        client: GuardedClient | None = None,
        history: History | None = None,
    ) -> None:
        self._pinned = Digest.of(bootstrap)
        self._directory = registry_copy.own(directory, self._pinned)
        self._history = history or History(self._directory)
        self._mirrors = tuple(mirrors)
        self._client = client

    async def newest(self, wanted: Collection[str]) -> Past:
        """The registry that this node goes by; raises `Unavailable` (`registry-missing`)."""
        return await asyncio.to_thread(self._newest, wanted, asyncio.get_running_loop())

    async def past(self, version: int, digest: Digest, wanted: Collection[str]) -> Past | None:
        """The registry of this version and digest, None when nobody has it any more."""
        return await asyncio.to_thread(self._past, version, digest, wanted, asyncio.get_running_loop())

    async def after(self, version: int, wanted: Collection[str]) -> Past | None:
        """The nearest that we went by from this version on."""
        return await asyncio.to_thread(self._after, version, wanted, asyncio.get_running_loop())

    async def published(self, path: str) -> bytes | None:
        """A file as a mirror shows it, `metadata/...` or `targets/...`; None for whatever is not there."""
        return await asyncio.to_thread(self._published, path)

    def _newest(self, wanted: Collection[str], loop: asyncio.AbstractEventLoop) -> Past:
        seen = registry_copy.load_seen(self._directory, self._pinned)
        if seen is None:
            raise Unavailable("registry-missing", "no registry is known yet", hint="hotline-exchange doctor")
        return self._state(seen.version, seen.targets, wanted, loop)

    def _past(
        self, version: int, digest: Digest, wanted: Collection[str], loop: asyncio.AbstractEventLoop
    ) -> Past | None:
        data = self._history.list(version, digest)
        if data is None:
            name, roots = f"metadata/{version}.targets.json", tuple(self._history.roots().values())

            def good(found: bytes) -> bool:
                return Digest.of(found) == digest and signed_under(roots, found).signed.version == version

            data = self._asked(name, good, loop)
            if data is None:
                return None
            self._history.keep_list(version, data)
        return self._state(version, data, wanted, loop)

    def _after(self, version: int, wanted: Collection[str], loop: asyncio.AbstractEventLoop) -> Past | None:
        for known, digest in self._history.versions():
            data = self._history.list(known, digest) if known >= version else None
            if data is not None:
                return self._state(known, data, wanted, loop)
        return None

    def _state(
        self, version: int, targets: bytes, wanted: Collection[str], loop: asyncio.AbstractEventLoop
    ) -> Past:
        listed = hashes_of(targets)
        files = {}
        for path in wanted:
            digest = listed.get(path)
            data = None if digest is None else self._file(path, digest, loop)
            if data is not None:
                files[path] = data
        return Past(version, Digest.of(targets), targets, files, self._history.roots())

    def _file(self, path: str, digest: Digest, loop: asyncio.AbstractEventLoop) -> bytes | None:
        data = self._history.file(digest)
        if data is None:
            folder, separator, name = path.rpartition("/")
            place = f"targets/{folder}{separator}{digest}.{name}"
            data = self._asked(place, lambda found: Digest.of(found) == digest, loop)
            if data is not None:
                self._history.keep_file(data)
        return data

    def _asked(
        self, name: str, good: Callable[[bytes], bool], loop: asyncio.AbstractEventLoop
    ) -> bytes | None:
        """The first good file under this name that a mirror gives."""
        for mirror in self._mirrors:
            try:
                base, fetcher = way(mirror, self._client, loop)
                data = fetcher.download_bytes(f"{base}{name}", limits.REGISTRY_FILE_BYTES)
                if good(data):
                    return data
            except (DownloadError, ExchangeError):
                continue
        return None

    def _published(self, path: str) -> bytes | None:
        if path == f"metadata/{TIMESTAMP}":
            return self._history.metadata(TIMESTAMP)
        metadata, target = _METADATA.fullmatch(path), _TARGET.fullmatch(path)
        if metadata is not None and metadata[2] == "targets":
            return self._list(int(metadata[1]))
        if metadata is not None:
            return self._history.metadata(f"{metadata[1]}.{metadata[2]}.json")
        if target is None or schema_of(target[1] + target[3]) is None:
            return None
        digest = Digest(target[2])
        known = self._history.has(digest) and self._history.lists(target[1] + target[3], digest)
        return self._history.file(digest) if known else None

    def _list(self, version: int) -> bytes | None:
        """The list of this version; of two, the one that we went by last."""
        digests = self._history.digests(version)
        seen = registry_copy.load_seen(self._directory, self._pinned) if len(digests) > 1 else None
        if seen is not None and seen.digest in digests and seen.version == version:
            digests = [seen.digest]
        return self._history.list(version, digests[0]) if digests else None
