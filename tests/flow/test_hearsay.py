"""What a sender says of the registry is held against what our mirrors show, and does not make us run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.keys import NOW
from support.membership import says
from support.network import TestNode, send_body, settle

from exchange.client.registry import Known
from exchange.core import limits
from exchange.core.names import MemberId
from exchange.core.registry_view import MemberStatus, RegistryView
from exchange.flow.refresh import Watch
from exchange.flow.submit import queue

Pair = tuple[TestNode, TestNode]
DAY = 86400


async def alarms(node: TestNode) -> list[tuple[str, str]]:
    rows = await node.rows("SELECT member, code FROM feed WHERE kind = 'alarm' ORDER BY position")
    return [(row["member"], row["code"]) for row in rows]


async def rang(node: TestNode) -> bool:
    return await node.bells.refresh.wait(0, node.world.sleep)


class Mirrors:
    """Mirrors that show the registry that their node goes by."""

    def __init__(self, node: TestNode) -> None:
        self._node = node

    async def refresh(self, now: int) -> Known:
        view = self._node.network.seen_by(self._node.me)
        return Known(view, view.state_at(now), True, False, (), ())

    async def last_good(self, now: int) -> Known:
        return await self.refresh(now)


async def look(node: TestNode) -> None:
    await Watch(node.db, node.world, node.bells, Mirrors(node)).refresh()


async def said(pair: Pair, view: RegistryView) -> None:
    """The first node goes by `view`, and sends a referral."""
    a, b = pair
    a.network.views[a.me] = view
    await a.send(send_body(f"http://192.0.2.1/{a.world.new_id()}"))
    await settle(a, b)
    assert {row["state"] for row in await a.rows("SELECT state FROM outbox")} == {"received"}


async def test_a_registry_that_no_mirror_shows_is_told_once(pair: Pair) -> None:
    a, b = pair
    await said(pair, replace(a.network.view, version=10**9, digest="a" * 64))
    assert await rang(b), "it is looked for at once"
    await look(b)
    assert await alarms(b) == [], "ours may be late"
    b.network.clock.now += limits.REGISTRY_UNSEEN_SECONDS
    assert await alarms(b) == [], "only a look that succeeds shows that it is not there"
    for _ in range(2):
        await look(b)
        assert await alarms(b) == [(a.me, "registry-from-future")]


async def test_a_registry_that_reaches_us_later_is_nothing_to_tell(pair: Pair) -> None:
    a, b = pair
    later = says(a.network.view, b.me, MemberStatus.ACTIVE)
    await said(pair, later)
    b.network.views[b.me] = later
    b.network.clock.now += DAY
    await look(b)
    assert await alarms(b) == []
    assert await b.rows("SELECT member FROM registry_claims") == []


async def test_a_registry_that_turns_out_another_is_a_split_view(pair: Pair) -> None:
    a, b = pair
    later = says(a.network.view, b.me, MemberStatus.ACTIVE)
    await said(pair, replace(later, digest="b" * 64))
    b.network.views[b.me] = later
    await look(b)
    assert await alarms(b) == [(a.me, "registry-split-view")]


async def test_a_registry_of_our_version_with_another_digest_is_told_at_once(pair: Pair) -> None:
    a, b = pair
    await look(b)
    await said(pair, replace(a.network.view, digest="c" * 64))
    assert await alarms(b) == [(a.me, "registry-split-view")]


async def test_one_depositor_makes_us_look_once_in_a_minute(pair: Pair) -> None:
    a, b = pair
    ahead = replace(a.network.view, version=10**9, digest="a" * 64)
    await said(pair, ahead)
    assert await rang(b)
    await said(pair, ahead)
    assert not await rang(b)
    b.receive.prompts.look("fr-example")
    assert await rang(b), "another is heard"
    b.network.clock.now += limits.REGISTRY_REFRESH_SECONDS
    await said(pair, ahead)
    assert await rang(b)


# What a pending member can make us store.


async def let_tests_wait(node: TestNode, peer: TestNode, count: int) -> None:
    made = [node.probe._document(MemberId(peer.me), node.world.now()) for _ in range(count)]
    async with node.db.transaction() as tx:
        await queue(tx, node.world, made, node.world.now())


def pending(pair: Pair) -> None:
    a, b = pair
    view = says(a.network.view, a.me, MemberStatus.PENDING)
    a.network.views[a.me] = b.network.views[b.me] = view


async def count(node: TestNode, table: str) -> int:
    return int((await node.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"])


async def test_a_pending_member_has_its_tests_of_a_day_and_no_more(pair: Pair) -> None:
    a, b = pair
    pending(pair)
    await let_tests_wait(a, b, limits.PENDING_TESTS_PER_DAY)
    await settle(a, b)
    await let_tests_wait(a, b, 1)
    await settle(a, b)
    assert await count(b, "inbox WHERE type = 'test/1'") == limits.PENDING_TESTS_PER_DAY
    assert [row["code"] for row in await b.rows("SELECT code FROM quarantine")] == ["too-many-tests"]
    b.network.clock.now += DAY + 1
    await a.sweep.run()
    await settle(a, b)
    assert {row["state"] for row in await a.rows("SELECT state FROM outbox")} == {"received"}, "none is lost"


async def test_two_thousand_tests_of_a_pending_member_leave_little(pair: Pair) -> None:
    a, b = pair
    pending(pair)
    await let_tests_wait(a, b, 2000)
    for _ in range(3):
        await settle(a, b)
    assert await count(b, "inbox") == 0
    assert await count(b, "quarantine") == 20, "a hundred in each envelope"


async def test_an_active_member_tests_as_often_as_it_likes(pair: Pair) -> None:
    a, b = pair
    await let_tests_wait(a, b, 2 * limits.PENDING_TESTS_PER_DAY)
    await settle(a, b)
    assert {row["state"] for row in await a.rows("SELECT state FROM outbox")} == {"received"}


async def test_a_pending_members_envelopes_of_a_day_are_bounded_at_the_door(pair: Pair) -> None:
    a, b = pair
    pending(pair)
    for number in range(limits.PENDING_ENVELOPES_PER_DAY + 1):
        await let_tests_wait(a, b, 1)
        async with a.db.transaction() as tx:
            await tx.execute("UPDATE peers SET due_at = 0", ())
        await a.deliver.peer(b.me)
        if number == 10:
            await b.collect.run(wait=0)
    [row] = await a.rows("SELECT last_error FROM peers")
    assert row["last_error"] == "rate"
    assert await count(a, "outbox WHERE state = 'waiting'") == 1
    assert await count(b, "tombstones") + await count(b, "envelopes") == limits.PENDING_ENVELOPES_PER_DAY
    a.network.clock.now = NOW + DAY + 1
    await a.deliver.peer(b.me)
    assert await count(a, "outbox WHERE state = 'waiting'") == 0


@pytest.mark.parametrize("status", [MemberStatus.PENDING, MemberStatus.ACTIVE])
async def test_old_tests_go_and_the_journal_goes_on_to_tell_of_them(pair: Pair, status: MemberStatus) -> None:
    a, b = pair
    if status is MemberStatus.PENDING:
        pending(pair)
    await let_tests_wait(a, b, 2)
    if status is MemberStatus.ACTIVE:
        await a.send(send_body())
    await settle(a, b)
    before = [await count(node, "journal") for node in pair]
    a.network.clock.now += limits.TEST_KEEP_SECONDS + 1
    for node in pair:
        await node.sweep.run()
    assert await count(a, "outbox WHERE type = 'test/1'") == 0
    assert await count(b, "inbox WHERE type = 'test/1'") == 0
    assert await count(b, "inbox WHERE type = 'referral/1'") == int(status is MemberStatus.ACTIVE)
    assert [await count(node, "journal") for node in pair] == before
