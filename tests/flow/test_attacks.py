"""What a member that signs validly, or the host of a mailbox, can do to a node by what it sends."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import documents as bodies
from support.keys import NOW, member_keys
from support.messages import compact, new_id
from support.network import TestNode, make_node, network_of, send_body, settle

from exchange.core import base64url, envelope, key_card, limits, message, strict_json
from exchange.core.jwk import Algorithm, public_jwk
from exchange.core.keys import EncryptionKey
from exchange.core.manifest import Entry, JournalMark, Manifest, RegistryMark
from exchange.core.names import AnyUuid, Digest, DocumentId, MemberId
from exchange.errors import Broken, Unavailable
from exchange.flow.arrivals import Arrivals
from exchange.flow.deliver import Deliver
from exchange.flow.receive import Arrived
from exchange.node.loops import Delivery
from exchange.observe import Metrics
from exchange.store import outbox, referrals

Pair = tuple[TestNode, TestNode]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    network = network_of(["de-example", "nl-example"])
    a = await make_node(network, "de-example", tmp_path / "a.db", seed=1)
    b = await make_node(network, "nl-example", tmp_path / "b.db", seed=2)
    yield a, b
    await a.close()
    await b.close()


def crafted(a: TestNode, b: TestNode, lines: list[bytes], jti: str = "crafted", kind: str = "") -> Arrived:
    """A message from `a` to `b` of any lines, whole and well signed; its manifest says what the lines say."""
    entries = []
    for i, line in enumerate(lines):
        said = strict_json.parse_object(line, limit=limits.DOCUMENT_BYTES)
        named = DocumentId(str(said.get("id", new_id(f"{jti} {i}"))))
        entries.append(Entry(kind or str(said.get("type", "referral/1")), named, Digest.of(line)))
    now = int(a.world.now())
    content = Manifest(
        jti=new_id(jti),
        iss=a.me,
        aud=b.me,
        aud_kid=b.cards.kid,
        iat=now,
        exp=now + limits.MESSAGE_LIFE_SECONDS,
        documents=tuple(entries),
        registry=RegistryMark(2**53 - 1, Digest.of(b"registry")),
        journal=JournalMark(AnyUuid(new_id("log")), 2**53 - 1, Digest.of(b"head")),
    )
    built = message.build(content, member_keys(a.me).signing, lines)
    seed = b.cards.seed_for(b.cards.kid)
    assert seed is not None
    sealed = envelope.seal(built.text, EncryptionKey.from_seed(seed).jwk, content.jti)
    return Arrived(content.jti, a.me, sealed)


def referral(number: int, **changes: object) -> bytes:
    url = {"url": f"http://192.0.2.17/{number}"}
    return compact(bodies.referral_body(number=number, now=NOW - 100, resource=url, **changes))


def junk(number: int) -> bytes:
    return compact({"number": number})


REFUSED: dict[str, tuple[Callable[[int], bytes], str]] = {
    "of no form": (junk, ""),
    "of a type that is not taken": (junk, "resync/1"),
    "not what the manifest says": (referral, "outcome/1"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_message_of_a_hundred_refused_documents_is_answered_and_stops_nobody(
    pair: Pair, what: str
) -> None:
    a, b = pair
    make, kind = REFUSED[what]
    assert await b.receive.envelope(crafted(a, b, [make(i) for i in range(100)], kind=kind)) == "received"
    receipts = await b.rows("SELECT document_id, data FROM outbox WHERE type = 'receipt/1'")
    entries = [entry for row in receipts for entry in json.loads(row["data"])["entries"]]
    assert len(entries) == 100
    assert {e["status"] for e in entries} == {"refused"}
    told = {row["document_id"] for row in receipts}
    assert {r["receipt_id"] for r in await b.rows("SELECT receipt_id FROM inbox")} == told
    await settle(a, b)
    assert await b.rows("SELECT * FROM outbox WHERE state <> 'deposited'") == []


async def test_a_hundred_ids_used_again_for_other_documents_are_refused(
    pair: Pair,
) -> None:
    a, b = pair
    await b.receive.envelope(crafted(a, b, [referral(i) for i in range(100)]))
    assert len(await b.rows("SELECT * FROM outbox")) == 1, "a hundred *received* fit one receipt"
    others = [referral(i, sender_case="another") for i in range(100)]
    assert await b.receive.envelope(crafted(a, b, others, "second")) == "received"
    assert len(await b.rows("SELECT * FROM referrals")) == 100
    kept = {row["digest"] for row in await b.rows("SELECT digest FROM inbox")}
    assert kept == {hashlib.sha256(referral(i)).hexdigest() for i in range(100)}


async def test_a_dead_letter_that_is_tried_again_ends_by_the_receipt_that_came_too_late(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    async with a.db.transaction() as tx:
        await outbox.dead(tx, [(said["referral"], "expired", None)], NOW)
    await settle(a, b)
    assert "receipt-after-dead-letter" in [r["code"] for r in await a.rows("SELECT code FROM feed")]
    a.network.clock.now += limits.RECEIPT_PAUSE_SECONDS + 1
    async with a.db.transaction() as tx:
        assert await outbox.retry_dead(tx, said["referral"], a.network.clock.now)
    await settle(a, b)
    assert [r["state"] for r in await a.rows("SELECT state FROM outbox WHERE wants_receipt = 1")] == [
        "received"
    ]
    assert len(await a.rows("SELECT * FROM feed WHERE code = 'receipt-after-dead-letter'")) == 1
    assert len(await b.rows("SELECT * FROM referrals")) == 1


async def test_a_host_that_shows_an_envelope_for_ever_does_not_make_us_flood_its_sender(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await a.deliver.peer(b.me)
    held = (await b.hosting.page(b.me, "0", 0)).envelopes[0]
    for _ in range(5):
        await b.receive.envelope(Arrived(DocumentId(held.jti), a.me, held.envelope))
        await b.deliver.peer(a.me)
    assert len(b.network.wire) == 2, "the referral, and one receipt"
    b.network.clock.now += limits.RECEIPT_PAUSE_SECONDS + 1
    await b.receive.envelope(Arrived(DocumentId(held.jti), a.me, held.envelope))
    assert [r["state"] for r in await b.rows("SELECT state FROM outbox")] == ["waiting"]


async def test_an_envelope_over_which_we_trip_is_set_aside_unanswered_and_the_next_goes_on(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    with monkeypatch.context() as patch:
        patch.setattr(Arrivals, "plan", lambda *_: {}["planted"])
        await b.collect.run(wait=0)
    assert await b.rows("SELECT * FROM envelopes") == []
    assert [r["code"] for r in await b.rows("SELECT code FROM quarantine")] == ["our-fault"]
    assert await b.rows("SELECT * FROM outbox") == [], "to answer would be to say that the sender is at fault"
    await a.send(send_body("http://192.0.2.18/"))
    await settle(a, b)
    assert len(await b.rows("SELECT * FROM referrals")) == 1
    a.network.clock.now += limits.ASK_AFTER_SECONDS + 1
    await a.sweep.run()
    await settle(a, b)
    assert said["referral"] in [r["id"] for r in await b.rows("SELECT id FROM referrals")]


@pytest.mark.parametrize("error", [Unavailable("disk-full", ""), Broken("disk-io", "")])
async def test_a_fault_of_the_disk_sets_nothing_aside(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    a, b = pair
    await a.send(send_body())
    await a.deliver.peer(b.me)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Arrivals, "plan", fail)
    with pytest.raises(type(error)):
        await b.collect.run(wait=0)
    assert await b.rows("SELECT * FROM quarantine") == []
    assert len(await b.rows("SELECT * FROM envelopes")) == 1


async def test_another_message_under_a_known_jti_has_no_effect_without_its_manifest(pair: Pair) -> None:
    a, b = pair
    assert await b.receive.envelope(crafted(a, b, [referral(1)])) == "received"
    assert await b.receive.envelope(crafted(a, b, [referral(2)])) == "jti-reused"
    assert len(await b.rows("SELECT * FROM referrals")) == 1
    assert [r["code"] for r in await b.rows("SELECT code FROM quarantine")] == ["jti-reused"]


async def test_a_host_that_names_us_as_depositor_is_not_answered(pair: Pair) -> None:
    _, b = pair
    assert await b.receive.envelope(Arrived(DocumentId(new_id("x")), b.me, b"a.b.c.d.e")) == "envelope-parts"
    assert await b.rows("SELECT * FROM outbox") == []


async def test_what_waits_for_a_referral_is_bounded_and_its_timeline_too(pair: Pair) -> None:
    a, b = pair
    first = referral(1)
    about = {"referral_id": new_id("r"), "referral_digest": Digest.of(first)}

    def disputed(number: int) -> bytes:
        body = bodies.outcome_body("disputed", number=number, now=NOW - 100)
        named = {"sender": a.me, "recipient": b.me, "referral_id": json.loads(first)["id"]}
        return compact({**body, **about, **named})

    early = [disputed(1000 + i) for i in range(100)]
    await b.receive.envelope(crafted(a, b, early, "early"))
    codes = [r["code"] for r in await b.rows("SELECT code FROM inbox ORDER BY document_id")]
    assert codes == [None] * limits.WAITING_DOCUMENTS + ["too-many-wait"] * (100 - limits.WAITING_DOCUMENTS)
    await b.receive.envelope(crafted(a, b, [first], "first"))
    assert await b.rows("SELECT * FROM inbox_waiting") == []
    for i in range(3):
        many = [disputed(2000 + 100 * i + j) for j in range(100)]
        await b.receive.envelope(crafted(a, b, many, f"many {i}"))
    assert len(await b.rows("SELECT * FROM referral_events")) == limits.TIMELINE_EVENTS + 1
    assert "timeline-full" in {r["code"] for r in await b.rows("SELECT code FROM inbox")}


async def test_a_card_whose_key_cannot_be_sealed_to_delays_its_member_alone(pair: Pair) -> None:
    a, b = pair
    good = b.cards.card
    pub = base64url.decode(member_keys(b.me).encryption.jwk["pub"], "pub")
    bad = public_jwk(Algorithm.X_WING, pub[:-32] + bytes(32))  # X25519's part is of small order
    b.cards._card = key_card.issue(b.me, member_keys(b.me).signing, bad, serial=NOW + 1, iat=NOW)
    await a.send(send_body())
    assert await a.deliver.peer(b.me) is False
    [peer] = await a.rows("SELECT last_error, failures, card FROM peers")
    assert (peer["last_error"], peer["failures"], peer["card"]) == ("recipient-key", 1, None)
    assert "delivery-recipient-key" in [r["code"] for r in await a.rows("SELECT code FROM feed")]
    async with a.db.transaction() as tx:
        await tx.execute("UPDATE peers SET due_at = 0, card_serial = NULL")
    b.cards._card = good
    await settle(a, b)
    assert len(await b.rows("SELECT * FROM referrals")) == 1


async def test_delivery_that_trips_over_one_peer_goes_on_with_the_others(tmp_path: Path) -> None:
    names = ["de-example", "nl-example", "fr-example"]
    network = network_of(names)
    nodes = [await make_node(network, name, tmp_path / name, seed=i) for i, name in enumerate(names)]
    a, b, c = nodes
    await a.send(send_body(), send_body(country="FR"))
    peer = a.deliver.peer

    async def tripping(recipient: MemberId) -> bool:
        if recipient == b.me:
            raise UnicodeError("planted")
        return await peer(recipient)

    deliver = Tripping(a.deliver, tripping)
    delivery = Delivery(a.db, a.world, a.bells, Metrics(), deliver)  # type: ignore[arg-type]
    for _ in range(5):
        await delivery.step()
    await delivery.stop()
    await settle(c)
    assert len(await c.rows("SELECT * FROM referrals")) == 1
    [held] = await a.rows("SELECT last_error, failures FROM peers WHERE member = ?", b.me)
    assert (held["last_error"], held["failures"]) == ("internal", 1)
    for node in nodes:
        await node.close()


@dataclass(frozen=True)
class Tripping:
    """A delivery that goes wrong as no delivery is meant to."""

    inner: Deliver
    peer: Callable[[MemberId], Awaitable[bool]]

    async def due(self) -> Sequence[str]:
        return await self.inner.due()

    async def hold_back(self, recipient: MemberId, code: str) -> None:
        await self.inner.hold_back(recipient, code)


async def test_a_clock_that_was_ahead_for_a_while_leaves_a_card_that_peers_take(pair: Pair) -> None:
    a, b = pair
    b.network.clock.now += 40 * 86400
    assert await b.cards.tend()
    b.network.clock.now = NOW + 120
    assert await b.cards.tend(), "nobody takes a card of the future"
    assert not await b.cards.tend()
    [said] = await a.send(send_body())
    await settle(a, b)
    assert [r["id"] for r in await b.rows("SELECT id FROM referrals")] == [said["referral"]]
    b.network.clock.now += limits.CARD_ROTATE_SECONDS + 1
    assert await b.cards.tend(), "its serial is of the future, its age is not"


async def test_a_reader_that_is_cancelled_while_it_ends_is_not_lost(pair: Pair) -> None:
    a, _ = pair

    async def read() -> None:
        async with a.db.reading() as tx:
            await tx.fetch("SELECT 1")

    for turns in range(60):
        task = asyncio.create_task(read())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5):
        await asyncio.gather(*(read() for _ in range(4)))


async def test_a_case_of_more_referrals_than_a_statement_has_arguments_is_read(pair: Pair) -> None:
    a, _ = pair
    async with a.db.reading() as tx:
        keys = [("fr-c", str(i)) for i in range(300_000)]
        assert len(await referrals.events(tx, keys)) == 300_000


async def test_many_unreceipted_envelopes_for_one_peer_do_not_hide_those_for_others(pair: Pair) -> None:
    a, _ = pair
    async with a.db.transaction() as tx:
        for i in range(3):
            row = outbox.NewOutbound(f"d{i}", "fr-c" if i == 2 else "nl-b", "referral/1", "", b"x", True, NOW)
            await outbox.add(tx, [row])
            await outbox.deposited(tx, [f"d{i}"], f"j{i}", NOW + i)
        for now in (NOW + 10, NOW + 20, NOW + 30):
            [first] = await outbox.attempts_to_ask(tx, now, 1)
            await outbox.asked(tx, first["attempt"], now - 1)
        assert first["recipient"] == "fr-c"
