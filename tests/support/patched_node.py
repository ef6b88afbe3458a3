"""The command line with a fault planted in it, to prove that a check can fail: `patched_node.py FAULT serve`.

Each fault is a mistake that somebody could make. It stands still inside its window for a moment, so that a
kill at a random moment has a chance to hit it. Three are no faults of ours: `slow` only stands still between
a commit and what follows it, `hurry` shortens two waits, and with `clock:SECONDS` the machine's clock is
wrong by so much.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from unittest import mock

from exchange.cli.main import main
from exchange.core import limits, strict_json
from exchange.core.names import DocumentId, MemberId
from exchange.flow import idempotency, identity
from exchange.flow.collect import Collect, Failed, HostedMailbox, OwnMailbox
from exchange.flow.deliver import Deliver
from exchange.flow.draft import entry_of
from exchange.flow.hosting import START, Deposited, Hosting
from exchange.flow.idempotency import Answered, Asked
from exchange.flow.packing import Packed
from exchange.flow.submit import Submit, _row
from exchange.flow.world import World
from exchange.node import service
from exchange.node.parts import real_world
from exchange.store import submissions

WINDOW_SECONDS = 0.5
GAP_SECONDS = 0.1
_tasks: set[asyncio.Task[None]] = set()


def acknowledge_before_t3() -> None:
    """The mailbox is told to forget before what it gave is on disk."""

    async def run(self: Collect, wait: int = limits.LONG_POLL_SECONDS) -> Failed | int:
        taken, after = 0, START
        while True:
            page = await self.source.page(after, wait if taken == 0 else 0)
            if isinstance(page, Failed):
                return page
            if not page.envelopes:
                return taken
            failed = await self.source.acknowledge(page.cursor)
            if failed is not None:
                return failed
            await asyncio.sleep(WINDOW_SECONDS)
            for arrived in page.envelopes:
                await self.receive(arrived)
            taken += len(page.envelopes)
            after = page.cursor

    Collect.run = run  # type: ignore[method-assign]


def answer_before_t1() -> None:
    """201 is said, and only then is it committed."""

    async def submit(self: Submit, lines: Sequence[bytes], asked: Asked) -> Answered:
        async with self.db.reading() as tx:
            before = await idempotency.known(tx, asked)
        if before is not None:
            return before
        ready = await self._ready(lines)
        entries = [
            entry_of(i, one.id, one.draft, one.referral.id if one.referral else None)
            for i, one in enumerate(ready, start=1)
        ]
        answer: strict_json.JsonObject = {"submissions": [*entries]}

        async def later() -> None:
            await asyncio.sleep(WINDOW_SECONDS)
            now = self.world.now()
            async with self.db.transaction() as tx:
                await submissions.add(tx, [_row(one, asked.token, now) for one in ready])
                await self.send(tx, [one.referral for one in ready if one.referral is not None], now)
                await idempotency.keep(tx, asked, 201, answer, now)
            self._ring()

        task = asyncio.create_task(later())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return Answered(201, strict_json.dump(answer), False)

    Submit.submit = submit  # type: ignore[method-assign]


def url_in_the_log() -> None:
    """Somebody prints what was handed in."""
    real = Submit.submit

    async def submit(self: Submit, lines: Sequence[bytes], asked: Asked) -> Answered:
        for line in lines:
            sys.stderr.write(f"submitted {line.decode()}\n")
        return await real(self, lines, asked)

    Submit.submit = submit  # type: ignore[method-assign]


def slow() -> None:
    """All in its right order, but a moment passes after T1, before T2, after T3 and after a deposit."""
    submit, t2, deposit = Submit.submit, Deliver._t2, Hosting.deposit
    acknowledge, acknowledge_at_host = OwnMailbox.acknowledge, HostedMailbox.acknowledge

    async def slow_submit(self: Submit, lines: Sequence[bytes], asked: Asked) -> Answered:
        answered = await submit(self, lines, asked)
        await asyncio.sleep(GAP_SECONDS)
        return answered

    async def slow_t2(self: Deliver, recipient: MemberId, packed: Packed) -> None:
        await asyncio.sleep(GAP_SECONDS)
        await t2(self, recipient, packed)

    async def slow_deposit(
        self: Hosting, owner: MemberId, depositor: MemberId, jti: DocumentId, data: bytes, *, trial: bool
    ) -> Deposited:
        done = await deposit(self, owner, depositor, jti, data, trial=trial)
        await asyncio.sleep(GAP_SECONDS)
        return done

    async def slow_acknowledge(self: OwnMailbox, through: str) -> Failed | None:
        await asyncio.sleep(GAP_SECONDS)
        return await acknowledge(self, through)

    async def slow_acknowledge_at_host(self: HostedMailbox, through: str) -> Failed | None:
        await asyncio.sleep(GAP_SECONDS)
        return await acknowledge_at_host(self, through)

    Submit.submit = slow_submit  # type: ignore[method-assign]
    Deliver._t2 = slow_t2  # type: ignore[method-assign]
    Hosting.deposit = slow_deposit  # type: ignore[method-assign]
    OwnMailbox.acknowledge = slow_acknowledge  # type: ignore[method-assign]
    HostedMailbox.acknowledge = slow_acknowledge_at_host  # type: ignore[method-assign]


def hurry() -> None:
    """A new key of ours is in use a second after the registry has it, and so is its card."""
    identity.SETTLE_SECONDS = 1  # type: ignore[misc]
    service.TEND_SECONDS = 1.0  # type: ignore[misc]


def clock(seconds: int) -> None:
    """The machine's clock is fast."""

    def world() -> World:
        return replace(real_world(), now=lambda: time.time() + seconds)

    mock.patch.object(service, "real_world", world).start()


FAULTS: Mapping[str, Callable[[], None]] = {
    "acknowledge-before-t3": acknowledge_before_t3,
    "answer-before-t1": answer_before_t1,
    "url-in-the-log": url_in_the_log,
    "slow": slow,
    "hurry": hurry,
}

if __name__ == "__main__":
    name, _, number = sys.argv[1].partition(":")
    if name == "clock":
        clock(int(number))
    else:
        FAULTS[name]()
    sys.exit(main(sys.argv[2:]))
