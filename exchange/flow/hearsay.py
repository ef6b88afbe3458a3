"""Hearsay: what a message says beside its documents, its sender's journal and the registry that it went by.

Rules: neither refuses a message. Both are held against what we know, and people are told where they do not
fit. A version of the registry beyond ours makes us look at once, one depositor's word once in a minute. What
our mirrors do not show a quarter of an hour later, though they answer, is told: its sender goes by a registry
that was shown to it alone, or says so. When we come to have the version, its digest is compared. One such
word is kept for each member, the oldest that is open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from exchange.core import limits
from exchange.core.opening import OpenedMessage
from exchange.core.registry_view import RegistryView
from exchange.flow.bell import Bells
from exchange.flow.world import World
from exchange.store import feed, registry_versions
from exchange.store import journal as journal_rows
from exchange.store.port import Database, Transaction

SPLIT: Final = "registry-split-view"
FROM_FUTURE: Final = "registry-from-future"


@dataclass(slots=True)
class Prompts:
    """Who made us look at the registry, and when: each may once in a minute."""

    bells: Bells
    world: World
    _at: dict[str, float] = field(default_factory=dict)

    def look(self, depositor: str) -> None:
        """Have the registry looked at, unless `depositor` did so a moment ago."""
        now, pause = self.world.now(), limits.REGISTRY_REFRESH_SECONDS
        self._at = {who: at for who, at in self._at.items() if abs(now - at) < pause}
        if depositor not in self._at:
            self._at[depositor] = now
            self.bells.refresh.ring()


async def heard(tx: Transaction, opened: OpenedMessage, view: RegistryView, now: float) -> None:
    """Keep the sender's journal head, and alarm when it or the registry it went by contradicts ours."""
    mark, registry = opened.manifest.journal, opened.manifest.registry
    alarms = []
    if await journal_rows.anchor(tx, opened.sender, mark.log, mark.n, mark.head, now) is not None:
        alarms.append("journal-contradicts")
    if registry.version > view.version:
        await registry_versions.claim(tx, opened.sender, registry.version, registry.sha256, now)
    elif await registry_versions.differs(tx, registry.version, registry.sha256):
        alarms.append(SPLIT)
    await feed.add(tx, [feed.NewItem(now, "alarm", member=opened.sender, code=code) for code in alarms])


async def settle(db: Database, world: World, bells: Bells, view: RegistryView) -> None:
    """Hold what members said of versions beyond ours against what the mirrors have shown just now."""
    async with db.reading() as tx:
        claims = await registry_versions.claims(tx)
    now = world.now()
    here = [row for row in claims if row["version"] <= view.version]
    late = [
        row
        for row in claims
        if row["version"] > view.version
        and row["told_at"] is None
        and abs(now - row["since"]) >= limits.REGISTRY_UNSEEN_SECONDS
    ]
    if not here and not late:
        return
    async with db.transaction() as tx:
        split = [row for row in here if await registry_versions.differs(tx, row["version"], row["digest"])]
        await registry_versions.forget_claims(tx, [row["member"] for row in here])
        await registry_versions.claims_told(tx, [row["member"] for row in late], now)
        told = [(row["member"], SPLIT) for row in split] + [(row["member"], FROM_FUTURE) for row in late]
        await feed.add(tx, [feed.NewItem(now, "alarm", member=who, code=code) for who, code in told])
    bells.feed.ring()
