"""The registry as a node reads it: the newest that its mirrors can prove, and the last good one otherwise.

Rules: every mirror has a directory of its own and is looked at in a thread; the highest valid timestamp wins;
older than what we know is refused, whoever shows it, also under a newer root; a refresh that fails changes
nothing, so in the time after its expiry a node knows exactly the members that it knew. When nothing has
changed, a look costs two requests and the view is kept as it is, but for its expiry. Two contents under one
version are a split view: what we hold stays as long as the newest root stands behind it, the other is refused
and so is what was made upon it, and people are told. Nothing here decides what an expired registry still
allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from exchange.client import registry_chain, registry_copy
from exchange.client.guarded import GuardedClient
from exchange.client.registry_copy import Copy
from exchange.client.registry_fetch import DirectoryFetcher, Fetcher, GuardedFetcher, is_url
from exchange.client.registry_history import FILES, History
from exchange.client.registry_trust import Mirror, Seen, translated
from exchange.core.names import Digest
from exchange.core.registry_view import RegistryState, RegistryView
from exchange.core.schema import Schemas
from exchange.errors import ExchangeError, Problem, Refused, Unavailable

_NAME_CHARS: Final = 16
METADATA: Final = "metadata"
"""Where registry_trust.Mirror keeps the metadata of its mirror."""


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """How one mirror fared: `code` is None when its metadata verified."""

    mirror: str
    code: str | None
    timestamp_version: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the node knows now. `left_out` are files and entries that break a rule of the registry."""

    view: RegistryView
    state: RegistryState
    changed: bool
    split: bool
    mirrors: tuple[MirrorReport, ...]
    left_out: tuple[Problem, ...]


class Registry:
    """`directory` is this node's own; `mirrors` are https URLs or paths of directories."""

    def __init__(
        self,
        directory: Path,
        bootstrap: bytes,
        mirrors: Sequence[str],
        schemas: Schemas,
        client: GuardedClient | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._pinned = Digest.of(bootstrap)
        # A new bootstrap starts from nothing: what the old one led to is not trusted.
        self._directory = registry_copy.own(directory, self._pinned)
        self._history = History(self._directory)
        self._mirrors = tuple(mirrors)
        self._schemas = schemas
        self._client = client
        self._held: Copy | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def history(self) -> History:
        """The registry's past, as this node has gone by it: what is kept there is kept through this."""
        return self._history

    async def last_good(self, now: int) -> Known | None:
        """What this node knew last, from its own disk; None when it never knew a registry."""
        if self._held is None:
            self._held = await asyncio.to_thread(
                registry_copy.load, self._directory, self._pinned, self._schemas
            )
        return None if self._held is None else _known(self._held, now, changed=False)

    async def refresh(self, now: int) -> Known:
        """Look at every mirror. Raises `Unavailable` when none answers, `Refused` when what answers is bad;
        in both cases what was known stays. `last_good` comes first.
        """
        async with self._one_at_a_time:
            await self.last_good(now)
            loop = asyncio.get_running_loop()
            looks = await asyncio.gather(
                *(asyncio.to_thread(self._look, mirror, now, loop) for mirror in self._mirrors)
            )
            return await asyncio.to_thread(self._take, looks, now)

    def _look(self, mirror: str, now: int, loop: asyncio.AbstractEventLoop) -> _Look:
        """In a thread: what one mirror shows, or why it shows nothing."""
        own = self._directory / f"mirror-{Digest.of(mirror.encode())[:_NAME_CHARS]}"
        try:
            base, fetcher = way(mirror, self._client, loop)
            trust = Mirror(own, self._directory / FILES, self._bootstrap, base, fetcher, now)
            return _Look(mirror, own / METADATA, trust, trust.look(), None)
        except ExchangeError as error:
            return _Look(mirror, own / METADATA, None, None, error)

    def _take(self, looks: Sequence[_Look], now: int) -> Known:
        """In a thread: the newest that can be had in full, kept on disk."""
        failed = [look.error for look in looks if look.error is not None]
        good = [look for look in looks if look.seen is not None]
        forked = [look for look in good if self._is_fork(look)]
        split = bool(forked) or self._is_split([one.seen for one in good if one.seen is not None])
        for look in sorted(good, key=lambda look: look.seen.age if look.seen else (0, 0), reverse=True):
            try:
                copy, changed = self._copy_of(look)
            except ExchangeError as error:
                failed.append(error)
                continue
            self._held = copy
            return _known(copy, now, changed=changed, split=split, mirrors=tuple(map(_report, looks)))
        refused = [error for error in failed if isinstance(error, Refused)]
        none = Unavailable("registry-mirror", "no mirror of the registry is configured")
        raise (refused or failed or [none])[0]

    def _copy_of(self, look: _Look) -> tuple[Copy, bool]:
        """What `look` shows as a copy on disk, and whether its files differ from what was known."""
        if look.seen is None or look.trust is None:
            raise Unavailable("registry-mirror", "the mirror of the registry showed nothing")
        seen, held = look.seen, self._held
        if held is not None and _older(look.trust, seen, held.seen):
            raise Refused("registry-rollback", "the mirror shows an older registry than this node knows")
        if self._is_fork(look):
            try:
                self._history.keep_list(seen.version, seen.targets)  # it shows who signed both
            except OSError as error:
                raise translated(error) from error
            raise Refused("registry-split", "the mirror shows another registry than this node knows")
        if held is not None and (seen.version, seen.digest) == (held.seen.version, held.seen.digest):
            if seen == held.seen and self._history.holds(seen):
                return held, False
            built = replace(held.built, view=replace(held.built.view, expires_at=seen.expires_at))
            changed = False
        else:
            built = registry_copy.build(self._schemas, seen, look.trust.files())
            changed = True
        try:
            self._history.keep(look.metadata, seen)
            registry_copy.keep(self._directory, self._pinned, seen)
        except OSError as error:
            raise translated(error) from error
        return Copy(seen, built), changed

    def _is_fork(self, look: _Look) -> bool:
        """Whether a mirror shows another list than ours, or one made upon another, while the root that it
        shows stands behind ours.
        """
        held, seen, trust = self._held, look.seen, look.trust
        if held is None or seen is None or trust is None:
            return False
        ours = held.seen
        if registry_chain.follows(ours.targets, ours.version, seen.targets, seen.version):
            return False
        return trust.vouches_for(ours.targets)

    def _is_split(self, shown: Sequence[Seen]) -> bool:
        known = [*shown, *([] if self._held is None else [self._held.seen])]
        if len({one.targets for one in known}) == 1:
            return False
        lists = {(one.version, registry_chain.identity(one.targets)) for one in known}
        return len(lists) > len({version for version, _ in lists})


def way(mirror: str, client: GuardedClient | None, loop: asyncio.AbstractEventLoop) -> tuple[str, Fetcher]:
    """What stands before a name at this mirror, and what fetches it; raises `Unavailable`."""
    if not is_url(mirror):
        return "", DirectoryFetcher(Path(mirror))
    if client is None:
        raise Unavailable("registry-mirror", "a mirror on the network, and no client to reach it")
    return f"{mirror.rstrip('/')}/", GuardedFetcher(client, loop)


@dataclass(frozen=True, slots=True)
class _Look:
    """Either `trust` and `seen`, or `error`. `metadata` is where what was seen lies."""

    mirror: str
    metadata: Path
    trust: Mirror | None
    seen: Seen | None
    error: ExchangeError | None


def _older(trust: Mirror, seen: Seen, held: Seen) -> bool:
    """A list may go back only when the root no longer stands behind the one we know: a new root alone is no
    leave to bring a suspended member back.
    """
    return seen.age < held.age or (seen.version < held.version and trust.vouches_for(held.targets))


def _report(look: _Look) -> MirrorReport:
    code = None if look.error is None else look.error.code
    return MirrorReport(look.mirror, code, None if look.seen is None else look.seen.timestamp_version)


def _known(
    copy: Copy, now: int, *, changed: bool, split: bool = False, mirrors: tuple[MirrorReport, ...] = ()
) -> Known:
    view = copy.built.view
    return Known(view, view.state_at(now), changed, split, mirrors, copy.built.problems)
