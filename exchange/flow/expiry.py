"""Expiry: people are told before something of ours ends, or the registry does: signing entry, http key, card.

Rules: a warning at each stage (core.expiry), once: what was told is kept in the database, and the same end is
not told of again at a stage that is less urgent. A registered successor silences the key before it: of our
keys that are not revoked, the one that ends last counts. What no registry has does not expire. A warning is
an alarm in the feed, `<what>-expires-<stage>`, and `<what>-expired` at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from exchange.core import limits
from exchange.core.expiry import Stage, stage
from exchange.core.registry_view import RegistryView
from exchange.flow.bell import Bells
from exchange.flow.cards import Cards
from exchange.flow.identity import KeysInUse
from exchange.flow.world import World
from exchange.store import feed, meta
from exchange.store.port import Database

TOLD: Final = "expiry-"
"""Beginning of the names of the facts that say of what people were told."""
_ORDER: Final = tuple(Stage)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Something that lives from `begin` to `end` (unix seconds)."""

    what: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Expiry:
    """`registry` gives the view of this moment, None before there is one."""

    db: Database
    world: World
    bells: Bells
    keys: KeysInUse
    registry: Callable[[], RegistryView | None]
    cards: Cards

    async def run(self) -> None:
        """Tell of every stage that was reached since the last look."""
        now = int(self.world.now())
        for life in self.lifetimes():
            reached = stage(life.begin, life.end, now)
            if reached is not None:
                await self._tell(life, reached)

    def lifetimes(self) -> Iterator[Lifetime]:
        """What can expire now."""
        for what, begin, end in self.keys.lasting():
            yield Lifetime(f"{what}-key", begin, end)
        if self.cards.expires:
            end = self.cards.expires
            yield Lifetime("card", end - limits.CARD_LIFE_SECONDS, end)
        view = self.registry()
        if view is not None:
            end = view.expires_at
            yield Lifetime("registry", end - limits.REGISTRY_LIFE_SECONDS, end)

    async def _tell(self, life: Lifetime, reached: Stage) -> None:
        async with self.db.transaction() as tx:
            told = (await meta.get(tx, TOLD + life.what) or "").split()
            if told and int(told[0]) == life.end and _ORDER.index(Stage(told[1])) >= _ORDER.index(reached):
                return
            await meta.put(tx, TOLD + life.what, f"{life.end} {reached.value}")
            code = f"{life.what}-expired" if reached is Stage.OVER else f"{life.what}-expires-{reached.value}"
            await feed.add(tx, [feed.NewItem(self.world.now(), "alarm", code=code)])
        self.bells.feed.ring()
