"""Receipts are the only proof of delivery, and nobody can use them to undo one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.documents import document_id
from support.keys import NOW
from support.network import TestNode, send_body, settle

from exchange.core.documents import Document, make
from exchange.core.names import Digest, MemberId
from exchange.core.times import format_time
from exchange.flow.receipts import message_of

Pair = tuple[TestNode, TestNode]


def receipt(to: TestNode, by: TestNode, number: int, *entries: dict[str, Any]) -> Document:
    rules = to.receive.receipts
    head = {"type": "receipt/1", "id": document_id(number, NOW), "sender": by.me, "recipient": to.me}
    times = {"created_at": format_time(NOW), "received_at": format_time(NOW)}
    return make(rules.schemas, rules.rules, {**head, **times, "entries": list(entries)})


async def take(node: TestNode, document: Document) -> None:
    async with node.db.transaction() as tx:
        await node.receive.receipts.take(tx, document)


async def sent(a: TestNode) -> dict[str, Any]:
    [row] = await a.rows("SELECT document_id, digest, attempt, state FROM outbox WHERE wants_receipt = 1")
    return row


async def alarms(node: TestNode) -> list[str]:
    return [
        r["code"] for r in await node.rows("SELECT code FROM feed WHERE kind = 'alarm' ORDER BY position")
    ]


def entry(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "kind": "document",
        "id": row["document_id"],
        "sha256": row["digest"],
        "status": "received",
    } | changes


async def test_a_refusal_in_a_signed_receipt_is_a_dead_letter_with_its_reason(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    row = await sent(a)
    await take(a, receipt(a, b, 1, entry(row, status="refused", code="document-invalid")))
    [dead] = await a.rows("SELECT state, dead_code FROM outbox")
    assert (dead["state"], dead["dead_code"]) == ("dead", "refused-document-invalid")
    assert [r["state"] for r in await a.rows("SELECT state FROM referrals")] == ["refused"]
    assert await alarms(a) == ["refused-document-invalid"]


async def test_the_first_verdict_stands_and_a_contradicting_one_alarms(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await settle(a, b)
    row = await sent(a)
    await take(a, receipt(a, b, 2, entry(row, status="refused", code="document-invalid")))
    assert (await sent(a))["state"] == "received"
    assert await alarms(a) == ["receipt-contradicts"]
    await take(a, receipt(a, b, 3, entry(row)))
    assert await alarms(a) == ["receipt-contradicts"]


async def test_a_member_cannot_receipt_what_was_sent_to_another(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    row = await sent(a)
    stranger = receipt(a, b, 1, entry(row))
    body = {**stranger.body, "sender": "fr-example"}
    await take(a, make(a.receive.receipts.schemas, a.receive.receipts.rules, body))
    assert (await sent(a))["state"] == "waiting"
    assert await alarms(a) == ["receipt-unknown"]


@pytest.mark.parametrize("changes", [{"sha256": "ff" * 32}])
async def test_a_receipt_of_other_bytes_is_no_receipt(pair: Pair, changes: dict[str, str]) -> None:
    a, b = pair
    await a.send(send_body())
    await take(a, receipt(a, b, 1, entry(await sent(a), **changes)))
    assert (await sent(a))["state"] == "waiting"
    assert await alarms(a) == ["receipt-digest"]


async def test_a_receipt_after_thirty_days_is_shown_and_changes_nothing(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    row = await sent(a)
    a.network.clock.now += 31 * 86400
    await a.sweep.run()
    await take(a, receipt(a, b, 1, entry(row)))
    assert (await sent(a))["state"] == "dead"
    assert (await alarms(a))[-1] == "receipt-after-dead-letter"


def refused(row: dict[str, Any], digest: str) -> dict[str, Any]:
    return {
        "kind": "envelope",
        "id": row["attempt"],
        "sha256": digest,
        "status": "refused",
        "code": "cannot-open",
    }


async def test_a_refused_envelope_makes_its_documents_due_again_and_alarms_after_three(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    for number in range(1, 4):
        await a.deliver.peer(b.me)
        row = await sent(a)
        [attempt] = await a.rows("SELECT envelope_digest FROM attempts WHERE jti = ?", row["attempt"])
        await take(a, receipt(a, b, number, refused(row, attempt["envelope_digest"])))
        assert (await sent(a))["state"] == "waiting"
        assert await alarms(a) == (["envelope-refused"] if number == 3 else [])
    [peer] = await a.rows("SELECT card, refusals, due_at FROM peers")
    assert (peer["card"], peer["refusals"]) == (None, 3)
    a.network.clock.now += 3600
    await settle(a, b)
    assert (await sent(a))["state"] == "received"
    assert (await a.rows("SELECT refusals FROM peers"))[0]["refusals"] == 0


async def test_a_refusal_of_an_envelope_that_we_did_not_send_is_ignored(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await a.deliver.peer(b.me)
    row = await sent(a)
    await take(a, receipt(a, b, 1, refused(row, "ff" * 32)))
    await take(a, receipt(a, b, 2, refused({"attempt": document_id(77)}, "ff" * 32)))
    assert (await sent(a))["state"] == "deposited"
    assert await alarms(a) == []


async def receipts_of(node: TestNode) -> list[dict[str, Any]]:
    rows = await node.rows("SELECT data FROM outbox WHERE type = 'receipt/1' ORDER BY document_id")
    return [json.loads(row["data"]) for row in rows]


async def test_a_receipt_names_the_message_that_it_answers_by_what_was_signed(pair: Pair) -> None:
    """A head of a journal travels in a manifest: without this, nobody has signed for having seen it."""
    a, b = pair
    await a.send(send_body())
    await settle(a, b)
    [kept] = await a.rows("SELECT jti, jws FROM manifests WHERE sender = ?", a.me)
    [said] = await receipts_of(b)
    assert said["message"] == {"id": kept["jti"], "sha256": str(Digest.of(bytes(kept["jws"])))}


async def test_a_document_that_comes_again_gets_the_receipt_for_its_first_message(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await a.deliver.peer(b.me)
    [first] = await a.rows("SELECT jti FROM manifests WHERE sender = ?", a.me)
    await b.collect.run(wait=0)
    async with a.db.transaction() as tx:
        await tx.execute("UPDATE outbox SET state = 'waiting'")
    a.network.clock.now += 3700
    await settle(a, b)
    assert len(await b.rows("SELECT jti FROM manifests WHERE sender = ?", a.me)) == 2
    assert [said["message"]["id"] for said in await receipts_of(b)] == [first["jti"]]


async def test_receipts_between_the_longest_names_fit_and_each_names_the_message(pair: Pair) -> None:
    _, b = pair
    to = MemberId("xx-" + "n" * 40)
    long = replace(b.receive.receipts, identity=replace(b.answer.identity, member=MemberId("yy-" + "n" * 40)))
    message = message_of(document_id(1), Digest.of(b"signed"))
    said = [entry({"document_id": document_id(n), "digest": "ff" * 32}) for n in range(1, 101)]
    async with b.db.transaction() as tx:
        named = await long.send(tx, to, said, message)
    made = await receipts_of(b)
    assert len(named) == 100
    assert sum(len(one["entries"]) for one in made) == 100
    assert [one["message"] for one in made] == [message] * 2


async def test_a_refused_envelope_has_shown_no_message(pair: Pair) -> None:
    a, b = pair
    await b.receive.refusals.envelope(document_id(1), a.me, b"x", "envelope-seal")
    [said] = await receipts_of(b)
    assert "message" not in said
