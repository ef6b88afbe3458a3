"""Refresh: what the node knows of the network, and what follows when that changes.

Rules: what was known last is known at once after a start, and stays when no mirror answers or what it shows
is refused. While the registry is fresh, or for seven days after its expiry, we send to the members that we
know; after that we send to nobody and say so; we go on receiving. A change lets what had no destination
find one, lets peers that were held back be tried again, and releases what lies in quarantine for a member
that is active again. One version with two contents is a split view: people are told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from exchange.client.registry import Known
from exchange.core.names import DocumentId, MemberId
from exchange.core.opening import OpeningCode
from exchange.core.registry_view import MemberStatus, RegistryState, RegistryView
from exchange.errors import ExchangeError, Problem, Unavailable
from exchange.flow import hearsay, journal
from exchange.flow.bell import Bells
from exchange.flow.receive import Arrived
from exchange.flow.world import World
from exchange.store import feed, meta, peers, quarantine, registry_versions
from exchange.store.port import Database

DONE: Final = "registry_consequences"
"""Name of the fact that says for which registry the consequences are drawn."""


class Source(Protocol):
    """What this verb needs of client.registry.Registry."""

    async def last_good(self, now: int) -> Known | None: ...
    async def refresh(self, now: int) -> Known: ...


@dataclass(slots=True)
class Watch:
    """The registry of this moment, for everybody in the node who asks."""

    db: Database
    world: World
    bells: Bells
    source: Source
    known: Known | None = None
    failed: str | None = None
    split: bool = False

    def view(self) -> RegistryView:
        """The view; raises `Unavailable` before a first registry was had."""
        if self.known is None:
            raise Unavailable(
                "registry-missing",
                "no registry is known yet",
                hint="check [registry] mirrors, and that one of them answers",
            )
        return self.known.view

    def state(self) -> RegistryState | None:
        """How old the view is now; None when there is none."""
        return None if self.known is None else self.known.view.state_at(int(self.world.now()))

    def left_out(self) -> Sequence[Problem]:
        """Files and entries of the registry that break a rule and do not count here."""
        return () if self.known is None else self.known.left_out

    def may_send(self, _member: MemberId) -> bool:
        """Whether the registry's age allows sending; whom we know is a question of the view."""
        return self.state() in (RegistryState.FRESH, RegistryState.GRACE)

    async def load(self) -> None:
        """Know again what was known before the last stop."""
        self.known = await self.source.last_good(int(self.world.now()))

    async def refresh(self) -> bool:
        """Look at the mirrors once; whether the registry has changed. A failure is kept in `failed`."""
        try:
            known = await self.source.refresh(int(self.world.now()))
        except ExchangeError as error:
            told, self.failed = self.failed, error.code
            if told != error.code:
                await self._tell("registry-" + error.code.removeprefix("registry-"))
            raise
        changed = self.known is None or known.changed
        tell_split = known.split and not self.split
        self.known, self.failed, self.split = known, None, known.split
        if changed:
            view = known.view
            async with self.db.transaction() as tx:
                differs = await registry_versions.differs(tx, view.version, view.digest)
                await registry_versions.keep(tx, view.version, view.digest, self.world.now())
                await journal.write(tx, self.world, "registry", version=view.version, sha256=view.digest)
            tell_split = tell_split or differs
            if known.left_out:
                await self._tell("registry-left-out")
            self.bells.journal.ring()
        if tell_split:
            await self._tell(hearsay.SPLIT)
        await hearsay.settle(self.db, self.world, self.bells, known.view)
        return changed

    async def _tell(self, code: str) -> None:
        async with self.db.transaction() as tx:
            await feed.add(tx, [feed.NewItem(self.world.now(), "alarm", code=code)])
        self.bells.feed.ring()


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a changed registry sets free. `receive` takes one envelope as released."""

    db: Database
    world: World
    bells: Bells
    registry: Callable[[], RegistryView]
    retry_unroutable: Callable[[], Awaitable[int]]
    receive: Callable[[Arrived], Awaitable[str]]

    async def run(self) -> None:
        """Draw them for the registry that we go by, unless that is done: they are due until then, also when a
        step fails or the node dies.
        """
        view = self.registry()
        mark = f"{view.version} {view.digest}"
        async with self.db.reading() as tx:
            if await meta.get(tx, DONE) == mark:
                return
        await self.of_change()
        async with self.db.transaction() as tx:
            await meta.put(tx, DONE, mark)

    async def of_change(self) -> None:
        await self.retry_unroutable()
        async with self.db.transaction() as tx:
            await peers.due_again(tx)
        await self._release()
        self.bells.deliver.ring()

    async def _release(self) -> None:
        """Take envelopes of members that are active again out of quarantine."""
        async with self.db.reading() as tx:
            held = await quarantine.depositors(tx, OpeningCode.SUSPENDED.value)
        for depositor in held:
            member = self.registry().member(depositor)
            if member is None or member.status is not MemberStatus.ACTIVE:
                continue
            async with self.db.reading() as tx:
                items = await quarantine.of_depositor(tx, depositor, OpeningCode.SUSPENDED.value)
            for item in items:
                await self._release_one(item)

    async def _release_one(self, item: str) -> None:
        """Receive one envelope out of quarantine, unless somebody was faster."""
        async with self.db.reading() as tx:
            row = await quarantine.one(tx, item)
        if row is None or row["data"] is None or row["released_at"] is not None:
            return
        arrived = Arrived(DocumentId(row["jti"]), MemberId(row["depositor"]), bytes(row["data"]))
        if await self.receive(arrived) == "received":
            async with self.db.transaction() as tx:
                await quarantine.released(tx, item, self.world.now())
