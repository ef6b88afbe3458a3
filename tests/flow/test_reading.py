"""What people and systems see of what is stored, also when a peer is hostile or time has passed."""

from __future__ import annotations

from typing import Any

import pytest
from support.network import TestNode, send_body, settle

from exchange.errors import Invalid, Refused
from exchange.flow.hosting import EPOCH
from exchange.flow.reading import Filter, Reading
from exchange.flow.reading_feed import ReadingFeed
from exchange.store import meta

Pair = tuple[TestNode, TestNode]


async def all_of(node: TestNode, limit: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    after: Any = None
    while True:
        page: Any = await Reading(node.db).referrals(Filter(), after, limit)
        found += [(one["id"], one["sender"]) for one in page["referrals"]]
        after = page["next"]
        if after is None:
            return found


async def add_twin(node: TestNode, referral: str, sender: str) -> None:
    """A referral of another sender under an id that is in use."""
    async with node.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO referrals SELECT ?, id, recipient, direction, digest, state, state_at, created_at, "
            "country, case_id, sender_case, priority, tlp FROM referrals WHERE id = ?",
            (sender, referral),
        )


async def test_a_referral_under_anothers_id_hides_nothing(pair: Pair) -> None:
    a, b = pair
    sent = await a.send(*(send_body(f"http://192.0.2.17/{i}") for i in range(3)))
    await settle(a, b)
    for one in sent:
        await add_twin(b, one["referral"], "zz-twin")
    wanted = [(one["referral"], sender) for one in sent for sender in ("de-example", "zz-twin")]
    for limit in (1, 2, 3, 5, 6, 100):
        assert await all_of(b, limit) == wanted
    with pytest.raises(Invalid) as refused:
        await Reading(b.db).referral(sent[0]["referral"], None)
    assert refused.value.code == "referral-ambiguous"
    assert (await Reading(b.db).referral(sent[0]["referral"], "de-example"))["sender"] == "de-example"


async def test_what_retention_erased_is_shown_as_erased(pair: Pair) -> None:
    a, b = pair
    [one] = await a.send(send_body())
    await settle(a, b)
    for node, table in ((a, "outbox"), (b, "inbox")):
        async with node.db.transaction() as tx:
            await tx.execute(f"UPDATE {table} SET data = NULL")
        shown: Any = await Reading(node.db).referral(one["referral"], None)
        assert shown["document"] is None
        assert shown["delivery"]["state"] == "received"
        assert shown["state"] == "received"


async def test_a_reader_of_a_database_that_was_set_back_is_told_to_start_again(pair: Pair) -> None:
    a, b = pair
    feed = ReadingFeed(b.db, b.world, b.bells)
    await a.send(send_body())
    await settle(a, b)
    page: Any = await feed.page(None, 100, None, 0)
    assert len(page["items"]) == 1
    assert (await feed.page(page["cursor"], 100, None, 0))["items"] == []
    async with b.db.transaction() as tx:
        await meta.put(tx, EPOCH, "another")
    with pytest.raises(Refused) as refused:
        await feed.page(page["cursor"], 100, None, 0)
    assert refused.value.code == "cursor-reset"
    again: Any = await feed.page("0", 100, None, 0)
    assert again["items"] == page["items"]


@pytest.mark.parametrize("after", ["x", "0", "11111111-2222-4333-8444-555555555555", "a.b", "\n"])
async def test_a_cursor_that_was_not_given_out_is_refused(pair: Pair, after: str) -> None:
    with pytest.raises(Invalid) as refused:
        await Reading(pair[0].db).referrals(Filter(), after, 10)
    assert refused.value.code == "cursor"
