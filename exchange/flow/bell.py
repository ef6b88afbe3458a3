"""Bells wake a loop that waits: a hint and never the truth, which is in the database.

Rules: a bell that rings while nobody waits is heard by the next who does. Every wait has a time-out, so a
lost ring costs time only.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


class Bell:
    """One thing to wake for; any number may wait."""

    __slots__ = ("_ring",)

    def __init__(self) -> None:
        self._ring = asyncio.Event()

    def ring(self) -> None:
        self._ring.set()

    async def wait(self, seconds: float, sleep: Callable[[float], Awaitable[None]]) -> bool:
        """Wait until it rings or `seconds` have passed; whether it rang."""
        timer = asyncio.ensure_future(sleep(max(seconds, 0.0)))
        ring = asyncio.ensure_future(self._ring.wait())
        try:
            await asyncio.wait({timer, ring}, return_when=asyncio.FIRST_COMPLETED)
            return self._ring.is_set()
        finally:
            timer.cancel()
            ring.cancel()
            self._ring.clear()


class Chime:
    """Wakes all who wait at this moment: for long polls, each of which looks at the database itself."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """Taken before looking, awaited after: nothing that happens between is missed."""
        return self._event


@dataclass(frozen=True, slots=True)
class Bells:
    """The bells of one node: something to deliver, to number, to refresh, in a mailbox (by owner), to
    read.
    """

    deliver: Bell = field(default_factory=Bell)
    journal: Bell = field(default_factory=Bell)
    refresh: Bell = field(default_factory=Bell)
    mailbox: defaultdict[str, Chime] = field(default_factory=lambda: defaultdict(Chime))
    feed: Chime = field(default_factory=Chime)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let every long poll answer with what there is, so that nobody holds up the end of the node."""
        self.stopping.set()
        for chime in (*self.mailbox.values(), self.feed):
            chime.ring()
