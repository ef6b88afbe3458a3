"""Publish: our key card at the host of our mailbox, where the registry says that senders find it.

Rules: a card is published after it was committed, and again until the host has said yes; which serial the
host has is kept in the database. A node that hosts its own mailbox serves its card itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from exchange.core.delivery import Answer, clock_of_host
from exchange.core.names import MemberId
from exchange.flow.cards import Cards
from exchange.flow.world import World
from exchange.store import meta
from exchange.store.port import Database

PUBLISHED: Final = "card_published"


class Host(Protocol):
    """What this verb needs of client.mailbox.PeerMailbox."""

    async def put_card(self, base: str, me: MemberId, card: bytes, now: int) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Publish:
    """`base` gives the URL of the host of this moment, None when it is this node."""

    db: Database
    world: World
    host: Host
    member: MemberId
    base: Callable[[], str | None]
    cards: Cards

    async def run(self) -> str | None:
        """Publish the newest card if its host does not have it; a code of why not."""
        base = self.base()
        if base is None:
            return None
        mark = f"{base} {self.cards.serial}"
        async with self.db.reading() as tx:
            if await meta.get(tx, PUBLISHED) == mark:
                return None
        answer = await self.host.put_card(base, self.member, self.cards.card, int(self.world.now()))
        if (theirs := clock_of_host(answer)) is not None:
            answer = await self.host.put_card(base, self.member, self.cards.card, theirs)
        if not answer.ok:
            return answer.code or answer.kind.value
        async with self.db.transaction() as tx:
            await meta.put(tx, PUBLISHED, mark)
        return None
