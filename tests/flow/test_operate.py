"""What an operator may decide, and what nobody may decide against a signature."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from support.network import TestNode, send_body, settle

from exchange.core.names import MemberId
from exchange.core.registry_view import MemberStatus
from exchange.errors import Invalid
from exchange.flow import operate
from exchange.flow.operate import Operate
from exchange.flow.reading import Reading
from exchange.flow.reading_node import ReadingNode
from exchange.flow.tokens import Caller

Pair = tuple[TestNode, TestNode]
BY = Caller("0123456789abcdef", frozenset())


def operator(node: TestNode) -> Operate:
    receive = partial(node.receive.envelope, released=True)
    return Operate(node.db, node.world, node.bells, node.answer.identity, receive)


def reading(node: TestNode) -> ReadingNode:
    return ReadingNode(node.db, node.world, node.answer.identity, lambda: node.network.view, (), lambda: ())


async def refusal(work: Any) -> str:
    with pytest.raises(Invalid) as refused:
        await work
    return refused.value.code


async def dead(node: TestNode, document: str, code: str) -> None:
    async with node.db.transaction() as tx:
        await tx.execute(
            "UPDATE outbox SET state = 'dead', dead_code = ? WHERE document_id = ?", (code, document)
        )


async def listed(node: TestNode) -> list[Any]:
    return [one["document"] for one in (await reading(node).dead_letters(None, 100))["dead_letters"]]  # type: ignore[index,union-attr]


async def journalled(node: TestNode) -> list[dict[str, Any]]:
    """What was written of this operator, numbered or not."""
    rows = await node.rows("SELECT entry FROM journal UNION ALL SELECT entry FROM journal_pending")
    return [entry for row in rows if (entry := json.loads(row["entry"])).get("by_token") == BY.token]


async def test_a_dead_letter_that_is_tried_again_arrives(pair: Pair) -> None:
    a, b = pair
    [one] = await a.send(send_body())
    document = one["referral"]
    await dead(a, document, "expired")
    assert await listed(a) == [document]
    async with a.db.transaction() as tx:
        await tx.execute("UPDATE peers SET due_at = 9e15, failures = 9")
    await operator(a).retry(document, BY)
    await settle(a, b)
    assert [row["state"] for row in await a.rows("SELECT state FROM outbox WHERE wants_receipt = 1")] == [
        "received"
    ]
    assert [entry["what"] for entry in await journalled(a)] == ["retried"]
    shown: Any = await Reading(a.db).referral(document, None)
    assert [event["kind"] for event in shown["timeline"]] == ["submitted", "retried", "received"]


async def test_a_refusal_that_the_recipient_signed_is_not_sent_again(pair: Pair) -> None:
    [one] = await pair[0].send(send_body())
    await dead(pair[0], one["referral"], "refused-document-invalid")
    with pytest.raises(Invalid) as refused:
        await operator(pair[0]).retry(one["referral"], BY)
    assert (refused.value.code, "new referral" in (refused.value.hint or "")) == (
        "refused-by-recipient",
        True,
    )


async def test_what_was_refused_and_put_away_is_still_not_sent_again(pair: Pair) -> None:
    [one] = await pair[0].send(send_body())
    async with pair[0].db.transaction() as tx:
        await tx.execute("UPDATE outbox SET state = 'dead', dead_code = 'refused-x', receipt_id = 'r'")
    await operator(pair[0]).drop(one["referral"], BY)
    assert await refusal(operator(pair[0]).retry(one["referral"], BY)) == "refused-by-recipient"


async def test_what_is_dropped_is_neither_sent_nor_listed_and_can_be_taken_back(pair: Pair) -> None:
    a, b = pair
    [one] = await a.send(send_body())
    await operator(a).drop(one["referral"], BY)
    await settle(a, b)
    assert await b.rows("SELECT id FROM referrals") == []
    assert await listed(a) == []
    assert await refusal(operator(a).drop(one["referral"], BY)) == "not-to-be-dropped"
    await operator(a).retry(one["referral"], BY)
    await settle(a, b)
    assert len(await b.rows("SELECT id FROM referrals")) == 1
    assert [entry["what"] for entry in await journalled(a)] == ["dropped", "retried"]


async def test_what_the_recipient_has_is_not_dropped_and_what_is_under_way_is_not_retried(pair: Pair) -> None:
    a, b = pair
    [one] = await a.send(send_body())
    assert await refusal(operator(a).retry(one["referral"], BY)) == "not-a-dead-letter"
    await settle(a, b)
    assert await refusal(operator(a).drop(one["referral"], BY)) == "not-to-be-dropped"
    [receipt] = await b.rows("SELECT document_id FROM outbox WHERE wants_receipt = 0")
    assert await refusal(operator(b).drop(receipt["document_id"], BY)) == "document-unknown"
    assert await refusal(operator(b).drop(one["referral"], BY)) == "document-unknown"


async def test_a_dead_letter_without_its_bytes_is_not_tried(pair: Pair) -> None:
    [one] = await pair[0].send(send_body())
    await dead(pair[0], one["referral"], "expired")
    async with pair[0].db.transaction() as tx:
        await tx.execute("UPDATE outbox SET data = NULL")
    assert await refusal(operator(pair[0]).retry(one["referral"], BY)) == "document-erased"


def suspend(node: TestNode, name: str) -> None:
    view = node.network.view
    member = replace(view.members[MemberId(name)], status=MemberStatus.SUSPENDED)
    node.network.view = replace(view, members={**view.members, member.id: member})


async def test_an_envelope_of_a_suspended_member_is_released_once(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await a.deliver.peer(b.me)
    suspend(b, "de-example")
    await b.collect.run(wait=0)
    [held] = (await reading(b).quarantine(None, 100))["quarantine"]  # type: ignore[misc,union-attr]
    assert (held["code"], held["kept"]) == ("sender-suspended", True)  # type: ignore[index,call-overload]
    assert await b.rows("SELECT id FROM referrals") == []
    item = held["id"]  # type: ignore[index,call-overload]
    assert (await operator(b).release(item, BY))["verdict"] == "received"
    assert len(await b.rows("SELECT id FROM referrals")) == 1
    assert await refusal(operator(b).release(item, BY)) == "not-releasable"
    assert [entry["what"] for entry in await journalled(b)] == ["released"]


@pytest.mark.parametrize(
    "change",
    ["code = 'signature'", "kind = 'document'", "data = NULL", "data = x'00'", "released_at = 1"],
)
async def test_nothing_else_leaves_quarantine(pair: Pair, change: str) -> None:
    a, b = pair
    await a.send(send_body())
    await a.deliver.peer(b.me)
    suspend(b, "de-example")
    await b.collect.run(wait=0)
    async with b.db.transaction() as tx:
        await tx.execute(f"UPDATE quarantine SET {change}")
    [row] = await b.rows("SELECT id FROM quarantine")
    assert await refusal(operator(b).release(row["id"], BY)) == "not-releasable"
    assert await b.rows("SELECT id FROM referrals") == []


async def numbered(node: TestNode, monkeypatch: pytest.MonkeyPatch, count: int = 7) -> Operate:
    """A journal that is read in three pages."""
    monkeypatch.setattr(operate, "VERIFIED_AT_ONCE", 3)
    for i in range(count):
        await operator(node).note(f"thing-{i}", BY)
    while await node.sequencer.number():
        pass
    return operator(node)


async def test_a_long_journal_is_verified_page_by_page(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    said = await (await numbered(pair[0], monkeypatch)).verify_journal()
    [row] = await pair[0].rows("SELECT max(n) AS n FROM journal")
    assert (said["ok"], said["entries"], "broken_at" in said) == (True, row["n"], False)
    async with pair[0].db.transaction() as tx:
        await tx.execute("UPDATE journal SET entry = NULL WHERE n = 5")
    said = await operator(pair[0]).verify_journal()
    assert (said["ok"], said["erased"]) == (True, 1)


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ("UPDATE journal SET entry = x'7b7d' WHERE n = 5", 5),
        ("UPDATE journal SET leaf = zeroblob(32) WHERE n = 4", 4),
        ("UPDATE journal SET link = zeroblob(32) WHERE n = 3", 3),
        ("DELETE FROM journal WHERE n = 4", 4),
        ("DELETE FROM journal WHERE n = 1", 1),
    ],
)
async def test_a_changed_journal_is_broken_where_it_was_changed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, change: str, at: int
) -> None:
    verb = await numbered(pair[0], monkeypatch)
    async with pair[0].db.transaction() as tx:
        await tx.execute(change)
    said = await verb.verify_journal()
    assert (said["ok"], said["broken_at"]) == (False, at)
