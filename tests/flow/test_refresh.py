"""What the node knows of the network, and what a change of it sets free."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from support.keys import NOW
from support.network import TestNode, network_member, send_body, settle

from exchange.client.registry import Known
from exchange.core import limits
from exchange.core.registry_view import MemberStatus, RegistryState, RegistryView
from exchange.errors import ExchangeError, Problem, Refused, Unavailable
from exchange.flow.receive import Arrived
from exchange.flow.refresh import Consequences, Watch

Pair = tuple[TestNode, TestNode]


@dataclass
class Mirrors:
    """Stands for the mirrors: a view to show, or an error."""

    known: RegistryView | None = None
    shows: RegistryView | ExchangeError | None = None
    split: bool = False
    left_out: tuple[Problem, ...] = ()

    def _known(self, now: int, changed: bool) -> Known | None:
        view = self.known
        return (
            None if view is None else Known(view, view.state_at(now), changed, self.split, (), self.left_out)
        )

    async def last_good(self, now: int) -> Known | None:
        return self._known(now, False)

    async def refresh(self, now: int) -> Known:
        if isinstance(self.shows, ExchangeError):
            raise self.shows
        changed, self.known = self.shows != self.known, self.shows
        found = self._known(now, changed)
        assert found is not None
        return found


def watch_of(node: TestNode, mirrors: Mirrors) -> Watch:
    return Watch(node.db, node.world, node.bells, mirrors)


async def codes(node: TestNode) -> list[str]:
    return [
        row["code"] for row in await node.rows("SELECT code FROM feed WHERE kind = 'alarm' ORDER BY position")
    ]


async def test_without_any_registry_the_node_says_what_to_do(pair: Pair) -> None:
    watch = watch_of(pair[0], Mirrors())
    await watch.load()
    assert watch.state() is None
    assert not watch.may_send(pair[1].me)
    with pytest.raises(Unavailable) as error:
        watch.view()
    assert error.value.hint


async def test_what_was_known_stays_when_no_mirror_answers_and_people_hear_of_it_once(pair: Pair) -> None:
    a, b = pair
    mirrors = Mirrors(a.network.view, Unavailable("registry-mirror", "no answer"))
    watch = watch_of(a, mirrors)
    await watch.load()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await watch.refresh()
    assert watch.view().member(b.me) is not None
    assert watch.failed == "registry-mirror"
    assert await codes(a) == ["registry-mirror"]
    mirrors.shows = Refused("registry-rollback", "older")
    with pytest.raises(Refused):
        await watch.refresh()
    assert await codes(a) == ["registry-mirror", "registry-rollback"]
    mirrors.shows = a.network.view
    assert not await watch.refresh()
    assert watch.failed is None


@pytest.mark.parametrize(
    ("later", "state", "sends"),
    [
        (0, RegistryState.FRESH, True),
        (14 * 86400, RegistryState.GRACE, True),
        (14 * 86400 + limits.REGISTRY_GRACE_SECONDS, RegistryState.EXPIRED, False),
    ],
)
async def test_an_expired_registry_lets_us_send_for_seven_more_days(
    pair: Pair, later: int, state: RegistryState, sends: bool
) -> None:
    a, b = pair
    watch = watch_of(a, Mirrors(a.network.view))
    await watch.load()
    a.network.clock.now = NOW + later
    assert watch.state() is state
    assert watch.may_send(b.me) is sends
    a.deliver = replace(a.deliver, may_send=watch.may_send)
    await a.send(send_body())
    await a.round()
    error = (await a.rows("SELECT last_error FROM peers"))[0]["last_error"]
    assert (error == "registry-expired") is not sends


async def test_one_version_with_two_contents_is_a_split_view(pair: Pair) -> None:
    a, _ = pair
    watch = watch_of(a, Mirrors(None, a.network.view))
    assert await watch.refresh()
    other = watch_of(a, Mirrors(None, replace(a.network.view, digest="ff" * 32)))
    assert await other.refresh()
    assert await codes(a) == ["registry-split-view"]


async def test_a_split_view_is_told_also_while_what_we_hold_stays(pair: Pair) -> None:
    a, _ = pair
    mirrors = Mirrors(None, a.network.view)
    watch = watch_of(a, mirrors)
    await watch.refresh()
    mirrors.split = True
    for _ in range(2):
        assert not await watch.refresh()
    assert await codes(a) == ["registry-split-view"]


async def test_a_file_of_the_registry_that_does_not_count_is_told(pair: Pair) -> None:
    a, _ = pair
    odd = Problem("members/gb-odd.json#/keys", "key-shared", "members/gb-odd.json: a key serves twice")
    watch = watch_of(a, Mirrors(None, a.network.view, left_out=(odd,)))
    assert watch.left_out() == ()
    assert await watch.refresh()
    assert await codes(a) == ["registry-left-out"]
    assert watch.left_out() == (odd,)


async def test_a_peer_that_goes_by_another_content_of_our_version_is_alarmed_not_refused(pair: Pair) -> None:
    a, b = pair
    await watch_of(b, Mirrors(None, replace(b.network.view, digest="ff" * 32))).refresh()
    await a.send(send_body())
    await settle(a, b)
    assert "registry-split-view" in await codes(b)
    assert len(await b.rows("SELECT id FROM referrals")) == 1


def consequences(node: TestNode) -> Consequences:
    async def released(arrived: Arrived) -> str:
        return await node.receive.envelope(arrived, released=True)

    view = lambda: node.network.view  # noqa: E731
    return Consequences(node.db, node.world, node.bells, view, node.submit.retry_unroutable, released)


async def test_a_new_member_gets_what_had_no_destination(pair: Pair) -> None:
    a, b = pair
    view = a.network.view
    a.network.view = replace(view, countries={})
    [said] = await a.send(send_body())
    assert said["state"] == "unroutable"
    await consequences(a).of_change()
    assert await a.rows("SELECT id FROM referrals") == []
    a.network.view = view
    await consequences(a).of_change()
    await settle(a, b)
    [row] = await a.rows("SELECT state, referral_id FROM submissions")
    assert row["state"] == "routed"
    assert [r["id"] for r in await b.rows("SELECT id FROM referrals")] == [row["referral_id"]]


async def test_a_member_that_is_active_again_is_delivered_to_at_once_and_released(pair: Pair) -> None:
    a, b = pair
    view = a.network.view
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    await b.send(send_body(country="DE"))
    held = network_member("de-example", status=MemberStatus.SUSPENDED)
    a.network.view = replace(view, members={**view.members, a.me: held})
    await b.round()
    assert (await b.rows("SELECT last_error FROM peers"))[0]["last_error"] == "member-suspended"
    await consequences(b).of_change()
    assert (await b.rows("SELECT released_at FROM quarantine"))[0]["released_at"] is None
    a.network.view = view
    await consequences(b).of_change()
    assert (await b.rows("SELECT released_at FROM quarantine"))[0]["released_at"] is not None
    await settle(a, b)
    assert [
        r["state"] for r in await a.rows("SELECT state FROM referrals WHERE id = ?", said["referral"])
    ] == ["received"]
    assert len(await a.rows("SELECT id FROM referrals WHERE direction = 'received'")) == 1


async def test_what_was_not_kept_is_passed_over(pair: Pair) -> None:
    a, b = pair
    view = a.network.view
    await a.send(send_body())
    await a.deliver.peer(b.me)
    held = network_member("de-example", status=MemberStatus.SUSPENDED)
    a.network.view = replace(view, members={**view.members, a.me: held})
    await b.collect.run(wait=0)
    async with b.db.transaction() as tx:
        await tx.execute("UPDATE quarantine SET data = NULL")
    a.network.view = view
    await consequences(b).run()
    assert (await b.rows("SELECT released_at FROM quarantine"))[0]["released_at"] is None


async def test_what_follows_from_a_registry_is_due_until_it_was_done(pair: Pair) -> None:
    """The node dies, or a step fails, between the new registry and its consequences."""
    a, b = pair
    view = a.network.view
    a.network.view = replace(view, countries={})
    await consequences(a).run()
    [said] = await a.send(send_body())
    assert said["state"] == "unroutable"
    a.network.view = replace(view, version=2)

    async def fail() -> int:
        raise Unavailable("disk-full", "the disk is full")

    with pytest.raises(Unavailable):
        await replace(consequences(a), retry_unroutable=fail).run()
    await consequences(a).run()
    await settle(a, b)
    assert len(await b.rows("SELECT id FROM referrals")) == 1
    await replace(consequences(a), retry_unroutable=fail).run()  # done: not again
