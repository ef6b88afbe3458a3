"""Collect: from our mailbox, on this node or hosted by another member, to the inbox.

Rules: every run starts at the beginning, since what was acknowledged is gone; there is no cursor of ours to
lose. The mailbox may forget only what T3 has committed. An envelope that we refuse is in quarantine by
then, so it never holds up the queue; a fault of our own stops the page before the acknowledgement, and the
page comes again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from exchange.client.answers import Collected
from exchange.core import limits
from exchange.core.delivery import Answer, clock_of_host
from exchange.core.names import DocumentId, MemberId
from exchange.flow.hosting import START, Hosting
from exchange.flow.receive import Arrived
from exchange.flow.world import World


@dataclass(frozen=True, slots=True)
class Page:
    """Some envelopes, and the cursor that stands behind the last."""

    envelopes: Sequence[Arrived]
    cursor: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The mailbox did not give a page, or did not acknowledge: a code, and the host's wish in seconds."""

    code: str
    retry_after: int | None = None


class Source(Protocol):
    """A mailbox of ours."""

    async def page(self, after: str, wait: int) -> Page | Failed: ...
    async def acknowledge(self, through: str) -> Failed | None: ...


@dataclass(frozen=True, slots=True)
class OwnMailbox:
    """The mailbox that this node hosts for its own member."""

    hosting: Hosting
    member: MemberId

    async def page(self, after: str, wait: int) -> Page | Failed:
        held = await self.hosting.page(self.member, after, wait)
        return Page(
            [Arrived(DocumentId(h.jti), MemberId(h.depositor), h.envelope) for h in held.envelopes],
            held.cursor,
        )

    async def acknowledge(self, through: str) -> Failed | None:
        await self.hosting.acknowledge(self.member, through)
        return None


class Host(Protocol):
    """What this verb needs of client.mailbox.PeerMailbox."""

    async def collect(self, base: str, me: MemberId, after: str, wait: int, now: int) -> Collected: ...
    async def acknowledge(self, base: str, me: MemberId, through: str, now: int) -> Answer: ...


@dataclass(frozen=True, slots=True)
class HostedMailbox:
    """The mailbox that another member hosts for us; `base` gives its URL of this moment."""

    host: Host
    world: World
    member: MemberId
    base: Callable[[], str]

    async def page(self, after: str, wait: int) -> Page | Failed:
        now = int(self.world.now())
        collected = await self.host.collect(self.base(), self.member, after, wait, now)
        if (theirs := clock_of_host(collected.answer)) is not None:
            collected = await self.host.collect(self.base(), self.member, after, wait, theirs)
        if collected.page is None:
            return _failed(collected.answer)
        held = collected.page.envelopes
        return Page([Arrived(h.jti, h.depositor, h.envelope) for h in held], collected.page.cursor)

    async def acknowledge(self, through: str) -> Failed | None:
        now = int(self.world.now())
        answer = await self.host.acknowledge(self.base(), self.member, through, now)
        if (theirs := clock_of_host(answer)) is not None:
            answer = await self.host.acknowledge(self.base(), self.member, through, theirs)
        return None if answer.ok else _failed(answer)


def _failed(answer: Answer) -> Failed:
    return Failed(answer.code or answer.kind.value, answer.retry_after)


@dataclass(frozen=True, slots=True)
class Collect:
    """`receive` takes one envelope and returns once it is on disk."""

    source: Source
    receive: Callable[[Arrived], Awaitable[str]]

    async def run(self, wait: int = limits.LONG_POLL_SECONDS) -> Failed | int:
        """One run: a page, waiting for it if there is none; how many envelopes it had, or why it failed."""
        page = await self.source.page(START, wait)
        if isinstance(page, Failed):
            return page
        if not page.envelopes:
            return 0
        for arrived in page.envelopes:
            await self.receive(arrived)  # T3
        failed = await self.source.acknowledge(page.cursor)
        return len(page.envelopes) if failed is None else failed
