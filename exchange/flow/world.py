"""Time and chance of a node, as arguments: the only place above core that hands them out.

Rules: nothing else reads a clock or draws a random byte. Ids of one node rise strictly, so that its
documents can be ordered by their ids whatever order they arrive in (RFC 9562 section 6.2, method 1: a
counter beside the time).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from exchange.core.names import UUID7_RANDOM_BYTES, DocumentId, uuid7

_COUNTER_LIMIT = 1 << 12


class Ids:
    """Rising UUIDv7s: at most 4,096 a millisecond; beyond, the time part runs ahead by a millisecond."""

    __slots__ = ("_count", "_millisecond")

    def __init__(self) -> None:
        self._millisecond = 0
        self._count = 0

    def next(self, now: float, random: bytes) -> DocumentId:
        millisecond = int(now * 1000)
        if millisecond > self._millisecond:
            self._millisecond, self._count = millisecond, 0
        else:
            self._count += 1
            if self._count == _COUNTER_LIMIT:
                self._millisecond, self._count = self._millisecond + 1, 0
        # Half a millisecond keeps the division by 1000 from falling back by one.
        return uuid7((self._millisecond + 0.5) / 1000, self._count.to_bytes(2, "big") + random[2:])


@dataclass(frozen=True, slots=True)
class World:
    """`now` in unix seconds, `sleep` in seconds, `random` bytes of chance, `uniform` in [0, 1)."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[int], bytes]
    uniform: Callable[[], float]
    ids: Ids = field(default_factory=Ids)

    def new_id(self) -> DocumentId:
        return self.ids.next(self.now(), self.random(UUID7_RANDOM_BYTES))
