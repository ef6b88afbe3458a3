"""What a row may never be, the database refuses, whatever the program does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exchange.errors import Broken
from exchange.store import (
    access,
    feed,
    inbox,
    mailboxes,
    nonces,
    outbox,
    peers,
    quarantine,
    seeds,
    submissions,
)
from exchange.store.mailboxes import NewEnvelope
from exchange.store.outbox import NewOutbound
from exchange.store.sqlite import SqliteDatabase

SHA = "aa" * 32
IMPOSSIBLE = {
    "a routed submission without its referral": (
        "INSERT INTO submissions (id, token, received_at, state, state_at, body) "
        "VALUES ('s', 't', 0, 'routed', 0, x'7b7d')"
    ),
    "an unroutable submission without its body": (
        "INSERT INTO submissions (id, token, received_at, state, state_at) VALUES ('s', 't', 0, "
        "'unroutable', 0)"
    ),
    "a received referral without a case": (
        "INSERT INTO referrals (sender, id, recipient, direction, digest, state, state_at, created_at, "
        "priority, "
        "tlp) VALUES ('a', 'i', 'b', 'received', 'd', 'received', 0, 0, 'routine', 'AMBER')"
    ),
    "a state that the table does not know": (
        "INSERT INTO referrals (sender, id, recipient, direction, digest, state, state_at, created_at, "
        "priority, "
        "tlp) VALUES ('a', 'i', 'b', 'sent', 'd', 'lost', 0, 0, 'routine', 'AMBER')"
    ),
    "a document that waits without bytes": (
        "INSERT INTO outbox (document_id, recipient, type, digest, size, wants_receipt, state, state_at, "
        "created_at)"
        " VALUES ('d', 'b', 't', 'd', 1, 1, 'waiting', 0, 0)"
    ),
    "received without a receipt": (
        "INSERT INTO outbox (document_id, recipient, type, digest, size, wants_receipt, state, state_at, "
        "created_at)"
        " VALUES ('d', 'b', 't', 'd', 1, 1, 'received', 0, 0)"
    ),
    "a dead letter without a reason": (
        "INSERT INTO outbox (document_id, recipient, type, digest, size, wants_receipt, state, state_at, "
        "created_at)"
        " VALUES ('d', 'b', 't', 'd', 1, 1, 'dead', 0, 0)"
    ),
    "a refusal without a code": (
        "INSERT INTO inbox (sender, document_id, digest, type, manifest, received_at, verdict) "
        "VALUES ('a', 'd', 'd', 't', 'm', 0, 'refused')"
    ),
    "a seed that is neither there nor destroyed": (
        "INSERT INTO seeds (kid, serial, card, created_at, card_exp) VALUES ('k', 1, x'00', 0, 0)"
    ),
    "a journal link of odd length": "INSERT INTO journal (log, n, leaf, link) VALUES ('l', 1, x'00', x'00')",
    "an event of a referral that is not there": (
        "INSERT INTO referral_events (sender, referral_id, n, at, kind, actor, state) "
        "VALUES ('a', 'i', 1, 0, 'k', 'a', 'sent')"
    ),
    "an envelope in no mailbox": (
        "INSERT INTO envelopes (owner, position, depositor, jti, digest, received_at, size, data) "
        "VALUES ('nobody', 1, 'a', 'j', 'd', 0, 1, x'00')"
    ),
    "a counter below zero": "INSERT INTO counters (name, value) VALUES ('c', -1)",
}


@pytest.mark.parametrize("sql", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
async def test_the_database_refuses(db: SqliteDatabase, sql: str) -> None:
    with pytest.raises(Broken) as error:
        async with db.transaction() as tx:
            await tx.execute(sql)
    assert error.value.code == "invariant"


def outbound(number: int, recipient: str = "nl-example", receipt: bool = True) -> NewOutbound:
    return NewOutbound(f"d{number}", recipient, "referral/1", SHA, b"{}", receipt, float(number))


async def test_an_outbox_row_only_moves_forward(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await outbox.add(tx, [outbound(1), outbound(2), outbound(3, receipt=False)])
        assert [r["document_id"] for r in await outbox.waiting(tx, "nl-example", 10)] == ["d1", "d2", "d3"]
        assert await outbox.received(tx, ["d1"], "r1", 1.0) == 1
        assert await outbox.deposited(tx, ["d1", "d2", "d3"], "j1", 2.0) == 2, (
            "a receipt overtook the deposit"
        )
        assert await outbox.received(tx, ["d3"], "r1", 3.0) == 0, "a receipt is not receipted"
        assert await outbox.dead(tx, [("d1", "expired", None)], 3.0) == 0, "received stays received"
        assert await outbox.dead(tx, [("d2", "expired", None)], 3.0) == 1
        assert await outbox.received(tx, ["d2"], "r2", 4.0) == 0, "dead stays dead"
        assert not await outbox.retry_dead(tx, "d1", 5.0)
        assert await outbox.retry_dead(tx, "d2", 5.0)
        assert await outbox.counts(tx) == {"received": 1, "waiting": 1}


async def test_peers_are_due_only_when_something_waits(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await peers.known(tx, "fr-example")
        await outbox.add(tx, [outbound(1)])
        assert await peers.due(tx, 10.0) == ["nl-example"]
        await peers.delay(tx, "nl-example", peers.Delay(20.0, 1, "network"), 10.0)
        assert await peers.due(tx, 10.0) == []
        assert await peers.next_due(tx, 10.0) == 20.0
        assert await peers.backing_off(tx, 10.0) == 1
        await peers.due_again(tx)
        assert await peers.due(tx, 10.0) == ["nl-example"]


async def test_what_may_not_pass_makes_nobody_due_and_what_may_goes_past_it(db: SqliteDatabase) -> None:
    limited = {"limited": ["nl-example"], "types": ["test/1", "receipt/1"]}
    async with db.transaction() as tx:
        await outbox.add(tx, [outbound(1)])
        assert await peers.due(tx, 10.0, **limited) == []
        assert await peers.due(tx, 10.0, ["fr-example"], ["test/1"]) == ["nl-example"]
        await outbox.add(tx, [replace(outbound(2), type="test/1")])
        assert await peers.due(tx, 10.0, **limited) == ["nl-example"]
        rows = await outbox.waiting(tx, "nl-example", 10, ["test/1"])
        assert [row["document_id"] for row in rows] == ["d2"]


async def test_a_clock_that_was_wrong_holds_no_peer_back(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await outbox.add(tx, [outbound(1)])
        await peers.delay(tx, "nl-example", peers.Delay(30 * 86400.0, 1, "network"), 30 * 86400.0)
        assert await peers.due(tx, 10.0) == ["nl-example"]


async def test_the_highest_card_is_never_forgotten(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await peers.keep_card(tx, "nl-example", 5, b"five", 1.0)
        await peers.keep_card(tx, "nl-example", 4, b"four", 2.0)
        row = await peers.one(tx, "nl-example")
        assert row is not None
        assert (row["card_serial"], row["card"], row["card_at"]) == (5, b"five", 1.0)
        await peers.forget_card(tx, "nl-example")
        row = await peers.one(tx, "nl-example")
        assert row is not None
        assert (row["card_serial"], row["card"]) == (5, None)


def envelope(jti: str, data: bytes = b"sealed", owner: str = "fr-example") -> NewEnvelope:
    return NewEnvelope(owner, "de-example", jti, SHA, 0.0, data)


async def test_a_mailbox_numbers_without_gap_and_remembers_what_was_acknowledged(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await mailboxes.ensure(tx, [("fr-example", "e1")])
        for jti in ("a", "b", "c"):
            assert await mailboxes.deposit(tx, envelope(jti), 100)
        assert [r["position"] for r in await mailboxes.page(tx, "fr-example", 0, 2, 100)] == [1, 2]
        assert await mailboxes.acknowledge(tx, "fr-example", 2, 50.0) == 2
        assert await mailboxes.digest_of(tx, "fr-example", "de-example", "a") == ("acknowledged", SHA)
        assert await mailboxes.digest_of(tx, "fr-example", "de-example", "c") == ("waiting", SHA)
        assert await mailboxes.digest_of(tx, "fr-example", "de-example", "x") is None
        row = await mailboxes.one(tx, "fr-example")
        assert row is not None
        assert (row["position"], row["bytes"]) == (3, 6)
        assert await mailboxes.prune_tombstones(tx, 51.0) == 2
        assert await mailboxes.waiting(tx) == {"fr-example": 1}


async def test_a_page_is_bounded_in_bytes_but_never_empty_while_something_waits(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await mailboxes.ensure(tx, [("fr-example", "e1")])
        for jti in ("a", "b", "c"):
            await mailboxes.deposit(tx, envelope(jti, b"x" * 60), 1000)
        assert len(await mailboxes.page(tx, "fr-example", 0, 10, 130)) == 2
        assert len(await mailboxes.page(tx, "fr-example", 0, 10, 10)) == 1
        assert len(await mailboxes.page(tx, "fr-example", 3, 10, 10)) == 0


async def test_a_full_mailbox_takes_no_more_until_it_is_collected(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await mailboxes.ensure(tx, [("fr-example", "e1")])
        assert await mailboxes.deposit(tx, envelope("a", b"x" * 60), 100)
        assert not await mailboxes.deposit(tx, envelope("b", b"x" * 60), 100)
        await mailboxes.acknowledge(tx, "fr-example", 1, 0.0)
        assert await mailboxes.deposit(tx, envelope("b", b"x" * 60), 100)


async def test_a_card_of_a_guest_is_not_rolled_back(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        assert await mailboxes.keep_card(tx, "fr-example", 2, b"two")
        assert not await mailboxes.keep_card(tx, "fr-example", 1, b"one")
        row = await mailboxes.card(tx, "fr-example")
        assert row is not None
        assert row["card"] == b"two"


async def test_a_nonce_is_used_once(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        assert await nonces.use(tx, "k", "n", 10.0)
        assert not await nonces.use(tx, "k", "n", 10.0)
        assert await nonces.use(tx, "other", "n", 10.0)
        assert await nonces.prune(tx, 11.0) == 2


async def test_a_destroyed_seed_leaves_its_row(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await seeds.add(tx, seeds.NewSeed("k1", 1, b"sealed", b"card", 0.0, 1.0))
        assert await seeds.destroy(tx, "k1", 5.0)
        assert not await seeds.destroy(tx, "k1", 6.0)
        [row] = await seeds.every(tx)
        assert (row["sealed"], row["destroyed_at"]) == (None, 5.0)


async def test_quarantine_is_capped_per_depositor_and_says_what_it_left_out(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        for i in range(3):
            item = quarantine.NewItem(f"q{i}", "envelope", "de-example", "j", None, SHA, "seal", 0.0, b"x")
            assert await quarantine.add(tx, item, 2)
        assert not await quarantine.add(tx, item, 2), "the same thing is kept once"
        assert [row["kept"] for row in await quarantine.page(tx, "", 10)] == [1, 1, 0]
        for i in (3, 4):
            item = quarantine.NewItem(f"q{i}", "envelope", "de-example", "j", None, SHA, "seal", 0.0, b"x")
            assert await quarantine.add(tx, item, 2) is (i == 3), "and beyond twice the cap nothing is"


async def test_the_same_document_of_a_sender_is_one_row(db: SqliteDatabase) -> None:
    row = inbox.NewInbound("a", "d", SHA, "referral/1", b"{}", "m", 0.0, "received", None, "r")
    async with db.transaction() as tx:
        await inbox.add(tx, [row])
        assert set(await inbox.seen(tx, "a", ["d", "e"])) == {"d"}
        assert await inbox.seen(tx, "b", ["d"]) == {}
    with pytest.raises(Broken):
        async with db.transaction() as tx:
            await inbox.add(tx, [row])


async def test_a_key_keeps_its_first_answer_until_it_is_pruned(db: SqliteDatabase) -> None:
    new = access.NewAnswer("t", "key", SHA, 201, b"{}", 0.0)
    async with db.transaction() as tx:
        assert await access.keep_answer(tx, new)
        assert not await access.keep_answer(tx, new)
        assert await access.prune_answers(tx, 1.0) == 1


async def test_the_feed_counts_without_gap(db: SqliteDatabase) -> None:
    async with db.transaction() as tx:
        await feed.add(tx, [])
        await feed.add(tx, [feed.NewItem(0.0, "alarm", code="a"), feed.NewItem(0.0, "receipt", count=3)])
        await feed.add(tx, [feed.NewItem(0.0, "alarm", code="b")])
        assert [r["position"] for r in await feed.page(tx, 0, 10, None)] == [1, 2, 3]
        assert [r["code"] for r in await feed.page(tx, 1, 10, "alarm")] == ["b"]


async def test_an_open_submission_is_routed_or_dropped_once(db: SqliteDatabase) -> None:
    row = submissions.NewSubmission("s1", "t", 0.0, "unroutable", "onion", None, None, b"{}")
    async with db.transaction() as tx:
        await submissions.add(tx, [row])
        assert await submissions.routed(tx, "s1", "r1", "NL", 1.0)
        assert not await submissions.dropped(tx, "s1", "stale", 2.0)
        assert await submissions.counts(tx) == {"routed": 1}
