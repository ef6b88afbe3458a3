"""What is lost on the way is repaired by the normal path, and nothing has its effect twice."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.documents import document_id
from support.keys import NOW, member_keys, signing_record
from support.network import Network, TestNode, make_node, network_member, network_of, send_body, settle

from exchange.core import limits
from exchange.core.names import DocumentId
from exchange.core.registry_view import MemberStatus
from exchange.flow import idempotency
from exchange.flow.receive import Arrived
from exchange.store import inbox, outbox, quarantine

Pair = tuple[TestNode, TestNode]
FAULTS = [(call, when) for call in ("card", "deposit") for when in ("before", "after")]
DAY = 86400


async def exactly_once(a: TestNode, b: TestNode, referral: str) -> None:
    assert [r["id"] for r in await b.rows("SELECT id FROM referrals")] == [referral]
    assert len(await b.rows("SELECT id FROM cases")) == 1
    assert await b.rows("SELECT * FROM envelopes") == []
    assert [r["state"] for r in await a.rows("SELECT state FROM outbox WHERE wants_receipt = 1")] == [
        "received"
    ]
    assert [r["state"] for r in await a.rows("SELECT state FROM referrals")] == ["received"]


async def settle_with_time(a: TestNode, b: TestNode, rounds: int = 8) -> None:
    for _ in range(rounds):
        await settle(a, b, rounds=1)
        a.network.clock.now += limits.MAX_RETRY_SECONDS + 1


@pytest.mark.parametrize("faults", [*[[f] for f in FAULTS], *map(list, itertools.product(FAULTS, FAULTS))])
async def test_any_lost_request_or_answer_ends_in_one_case(pair: Pair, faults: list[tuple[str, str]]) -> None:
    a, b = pair
    a.network.faults = faults
    [said] = await a.send(send_body())
    await settle_with_time(a, b)
    await exactly_once(a, b, said["referral"])


async def test_lost_receipt_does_not_make_a_second_case(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.round()
    await b.collect.run(wait=0)
    async with b.db.transaction() as tx:  # the receipt is deposited, and its envelope vanishes at the host
        [receipt] = await tx.fetch("SELECT document_id FROM outbox")
        await outbox.deposited(tx, [receipt["document_id"]], document_id(9), NOW)
    a.network.clock.now += limits.ASK_AFTER_SECONDS + 1
    await a.sweep.run()
    await settle(a, b)
    await exactly_once(a, b, said["referral"])


async def test_an_envelope_that_its_host_lost_is_sent_again_after_an_hour(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    async with b.db.transaction() as tx:
        await tx.execute("DELETE FROM envelopes")
    await settle(a, b)
    assert await b.rows("SELECT id FROM referrals") == []
    a.network.clock.now += limits.ASK_AFTER_SECONDS + 1
    await a.sweep.run()
    await settle(a, b)
    await exactly_once(a, b, said["referral"])


async def test_an_envelope_that_still_waits_is_not_sent_twice_but_alarmed_after_a_day(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await a.deliver.peer(b.me)
    a.network.clock.now += DAY + 1
    await a.sweep.run()
    assert [r["state"] for r in await a.rows("SELECT state FROM outbox")] == ["deposited"]
    assert [r["code"] for r in await a.rows("SELECT code FROM feed")] == ["no-receipt"]
    await a.sweep.run()
    assert len(await a.rows("SELECT code FROM feed")) == 1


async def test_after_thirty_days_a_document_is_a_dead_letter_with_its_reason(pair: Pair) -> None:
    a, _ = pair
    [said] = await a.send(send_body())
    a.network.clock.now += limits.MESSAGE_LIFE_SECONDS + 1
    await a.sweep.run()
    [row] = await a.rows("SELECT state, dead_code FROM outbox")
    assert (row["state"], row["dead_code"]) == ("dead", "expired")
    assert "dead-letter-expired" in [r["code"] for r in await a.rows("SELECT code FROM feed")]
    async with a.db.transaction() as tx:
        assert await outbox.retry_dead(tx, said["referral"], a.network.clock.now)


async def test_crash_between_t3_and_acknowledge_collects_again_without_effect(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.round()
    held = await b.hosting.page(b.me, "0", 0)
    for _ in range(3):
        for h in held.envelopes:
            arrived = Arrived(DocumentId(h.jti), a.me, h.envelope)
            assert await b.receive.envelope(arrived) == "received"
    await settle(a, b)
    await exactly_once(a, b, said["referral"])


async def test_restart_on_the_same_file_goes_on_where_it_died(tmp_path: Path) -> None:
    network = network_of(["de-example", "nl-example"])
    a = await make_node(network, "de-example", tmp_path / "a.db", seed=1)
    b = await make_node(network, "nl-example", tmp_path / "b.db", seed=2)
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    await a.close()
    await b.close()
    a = await make_node(network, "de-example", tmp_path / "a.db", seed=3)
    b = await make_node(network, "nl-example", tmp_path / "b.db", seed=4)
    await settle(a, b)
    await exactly_once(a, b, said["referral"])
    await a.close()
    await b.close()


async def test_an_outcome_before_its_referral_waits_for_it(pair: Pair) -> None:
    """The receiver loses the referral's row as a restore would; the answer is there first."""
    a, b = pair
    [said] = await a.send(send_body())
    await settle(a, b)
    await b.say(said["referral"], "removed")
    await b.deliver.peer(a.me)
    async with a.db.transaction() as tx:
        saved = [dict(r) for r in await tx.fetch("SELECT * FROM referrals")]  # type: ignore[call-overload]
        await tx.execute("DELETE FROM referral_events")
        await tx.execute("DELETE FROM referrals")
    await a.collect.run(wait=0)
    assert len(await a.rows("SELECT * FROM inbox_waiting")) == 1
    async with a.db.reading() as tx:
        assert [r["document_id"] for r in await inbox.waiting_for(tx, b.me, [said["referral"]])]
    assert saved[0]["id"] == said["referral"]


async def test_a_withdrawal_reaches_the_holder(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await settle(a, b)
    asked = idempotency.asked("local", "12345678", "w", b"")
    await a.answer.withdraw(said["referral"], {"reason": "sent_in_error"}, asked)
    await settle(a, b)
    states = [(await n.rows("SELECT state FROM referrals"))[0]["state"] for n in (a, b)]
    assert states == ["withdrawn", "withdrawn"]
    assert [r["kind"] for r in await b.rows("SELECT kind FROM feed")] == ["referral", "withdrawal"]


async def test_a_suspended_member_is_quarantined_and_released_when_active_again(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    view = b.network.view
    suspended = replace(view.members[a.me], status=MemberStatus.SUSPENDED)
    b.network.view = replace(view, members={**view.members, a.me: suspended})
    await b.collect.run(wait=0)
    [item] = await b.rows("SELECT id, code, depositor, data FROM quarantine")
    assert item["code"] == "sender-suspended"
    assert await b.rows("SELECT * FROM outbox") == []
    b.network.view = view
    held = await b.rows("SELECT jti FROM quarantine")
    verdict = await b.receive.envelope(Arrived(DocumentId(held[0]["jti"]), a.me, item["data"]), released=True)
    assert verdict == "received"
    async with b.db.transaction() as tx:
        await quarantine.released(tx, item["id"], NOW)
    await settle(a, b)
    await exactly_once(a, b, said["referral"])


async def test_a_revoked_key_is_refused_and_the_new_one_delivers(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    view = a.network.view
    fresh = member_keys("de-example", "2").signing
    a.network.view = replace(
        view, members={**view.members, a.me: replace(view.members[a.me], signing=(signing_record(fresh),))}
    )
    b.network.view = a.network.view
    await b.collect.run(wait=0)
    assert [r["code"] for r in await b.rows("SELECT code FROM quarantine")] == ["signature"]
    assert len(await b.rows("SELECT document_id FROM outbox WHERE type = 'receipt/1'")) == 1
    renewed = replace(a.deliver, identity=replace(a.deliver.identity, keys=lambda: fresh))
    a.deliver = renewed
    a.cards.identity = renewed.identity
    assert await a.cards.tend(), "a card signed by a key that is gone is replaced at once"
    await settle_with_time(a, b)
    await exactly_once(a, b, said["referral"])


async def test_a_host_that_refuses_our_key_makes_us_fetch_the_card_again(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await settle(a, b)
    before = len([c for c in a.network.calls if c == "card"])
    await b.cards.rotate(retire=True)
    async with a.db.transaction() as tx:
        await tx.execute("UPDATE peers SET card = NULL")
    await a.send(send_body("http://192.0.2.18/"))
    await settle(a, b)
    assert len([c for c in a.network.calls if c == "card"]) == before + 1
    assert len(await b.rows("SELECT id FROM referrals")) == 2


@asynccontextmanager
async def hosted(tmp_path: Path) -> AsyncIterator[tuple[Network, TestNode, TestNode, TestNode]]:
    network = network_of(["de-example", "nl-example", "fr-example"], hosted={"fr-example": "nl-example"})
    a = await make_node(network, "de-example", tmp_path / "a.db", seed=1)
    b = await make_node(network, "nl-example", tmp_path / "b.db", seed=2)
    c = await make_node(network, "fr-example", tmp_path / "c.db", host=b, seed=3)
    yield network, a, b, c
    for node in (a, b, c):
        await node.close()


async def test_a_hosted_mailbox_serves_a_member_without_a_port(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (network, a, b, c):
        [said] = await a.send(send_body(country="FR"))
        network.faults = [("collect", "after"), ("acknowledge", "after")]
        await settle(a, b, c, rounds=8)
        await exactly_once(a, c, said["referral"])
        assert await b.rows("SELECT id FROM referrals") == []


async def test_a_mailbox_host_sees_nothing_of_what_it_hosts(tmp_path: Path) -> None:
    async with hosted(tmp_path) as (network, a, b, c):
        await a.send(send_body("http://192.0.2.17/canary-path", country="FR"))
        await a.round()
        assert len(await b.rows("SELECT data FROM envelopes")) == 1
        for blob in [*network.wire, *[r["data"] for r in await b.rows("SELECT data FROM envelopes")]]:
            assert b"canary" not in blob
        await settle(a, b, c)


async def test_members_that_left_get_dead_letters(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    view = a.network.view
    gone = network_member("nl-example", status=MemberStatus.LEFT)
    a.network.view = replace(view, members={**view.members, b.me: gone})
    await a.round()
    assert (await a.rows("SELECT last_error FROM peers"))[0]["last_error"] == "member-left"
    await a.sweep.run()
    assert [r["dead_code"] for r in await a.rows("SELECT dead_code FROM outbox")] == ["member-left"]


async def test_a_document_that_is_tried_again_after_its_receipt_was_buried_is_receipted_anew(
    pair: Pair,
) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.round()
    await b.collect.run(wait=0)  # the receipt waits at b, and a is out of reach for 30 days
    a.network.clock.now += limits.MESSAGE_LIFE_SECONDS + 1
    await a.sweep.run()
    await b.sweep.run()
    assert [r["state"] for r in await b.rows("SELECT state FROM outbox")] == ["dead"]
    await b.cards.tend()
    async with a.db.transaction() as tx:
        assert await outbox.retry_dead(tx, said["referral"], a.network.clock.now)
    await settle(a, b)
    await exactly_once(a, b, said["referral"])
