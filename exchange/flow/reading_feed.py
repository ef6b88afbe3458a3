"""Reading the inbox: what came in and what has to be known, in the order in which it was committed.

Rules: the reader keeps the cursor, `<epoch>.<position>`; a cursor of a database that was set back since is
refused (`cursor-reset`) rather than passing over what is new. Whoever waits is woken by a bell and looks at
the database again; nothing that happens between looking and waiting is missed. Items name ids and codes,
never a URL.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from exchange.core.strict_json import JsonObject
from exchange.flow.bell import Bells
from exchange.flow.hosting import EPOCH, START, parse_cursor
from exchange.flow.reading import moment, shown
from exchange.flow.world import World
from exchange.store import feed, meta
from exchange.store.port import Database, Row

KINDS: Final = ("referral", "outcome", "withdrawal", "receipt", "alarm")


@dataclass(frozen=True, slots=True)
class ReadingFeed:
    """Looking at the inbox of the member's people."""

    db: Database
    world: World
    bells: Bells

    async def page(self, after: str | None, limit: int, kind: str | None, wait: float) -> JsonObject:
        """What stands behind a cursor; when there is nothing, hold on for up to `wait` seconds.

        Raises `Refused` (`cursor-reset`).
        """
        deadline = self.world.now() + wait
        while True:
            listening = self.bells.feed.listen()
            async with self.db.reading() as tx:
                epoch = await meta.get(tx, EPOCH) or START
                last = await meta.last_position(tx, meta.FEED)
                position = parse_cursor(after or START, epoch, last)
                rows = await feed.page(tx, position, limit, kind)
            left = deadline - self.world.now()
            if rows or left <= 0 or self.bells.stopping.is_set():
                reached = rows[-1]["position"] if rows else position
                return {"items": [_item(row) for row in rows], "cursor": f"{epoch}.{reached}"}
            try:
                await asyncio.wait_for(listening.wait(), left)
            except TimeoutError:
                continue


def _item(row: Row) -> JsonObject:
    return shown(
        position=row["position"],
        at=moment(row["at"]),
        kind=row["kind"],
        member=row["member"],
        sender=row["sender"],
        referral=row["referral_id"],
        document=row["document_id"],
        code=row["code"],
        count=row["count"],
    )
