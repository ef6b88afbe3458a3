"""A test exchange shows each step from the database, and what failed last with what to do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.membership import changed, learn, says
from support.network import TestNode, send_body, settle

from exchange.core import limits
from exchange.core.delivery import BY_STATUS, NAMED
from exchange.core.key_card import CardCode
from exchange.core.registry_view import MemberStatus
from exchange.errors import Invalid
from exchange.flow.deliver import WITHOUT_ROAD
from exchange.flow.probe import HINTS, THEIRS, hint_for
from exchange.flow.tokens import LOCAL

Pair = tuple[TestNode, TestNode]
DE, NL = "de-example", "nl-example"


async def begin(node: TestNode, peer: str) -> str:
    document, _ = await node.probe.start(peer, LOCAL)
    return document


def done(said: Any) -> list[str]:
    """The steps that are done; each of them says what and when, and no other does."""
    for step in said["steps"]:
        assert (step["at"] is None) is (step["detail"] is None)
    return [step["step"] for step in said["steps"] if step["detail"] is not None]


async def test_each_step_is_shown_as_it_happens(pair: Pair) -> None:
    a, b = pair
    a.network.clock.now += 0.7  # a test begins within a second, a card is read by whole ones
    document = await begin(a, NL)
    said = await a.probe.reading(document)
    assert (said["document"], said["peer"], said["state"]) == (document, NL, "waiting")
    assert done(said) == ["registry"]
    await a.deliver.peer(b.me)
    said = await a.probe.reading(document)
    assert said["state"] == "deposited"
    assert done(said) == ["registry", "card", "deposited"]
    await settle(a, b)
    said = await a.probe.reading(document)
    assert said["state"] == "received"
    assert done(said) == ["registry", "card", "deposited", "receipt"]
    assert "failed" not in said


async def test_the_registrys_entry_is_the_first_step(pair: Pair) -> None:
    a, _ = pair
    document = await begin(a, NL)
    async with a.db.transaction() as tx:
        await tx.execute("INSERT INTO registry_versions VALUES (1, 'x', 5)")
    first: Any = (await a.probe.reading(document))["steps"][0]  # type: ignore[index,call-overload]
    assert first == {"step": "registry", "at": "1970-01-01T00:00:05Z", "detail": "active in version 1"}


async def test_a_test_has_no_effect_and_is_written_down_at_both_ends(pair: Pair) -> None:
    a, b = pair
    document = await begin(a, NL)
    await settle(a, b)
    for table in ("referrals", "cases", "feed", "quarantine", "inbox_waiting"):
        assert await b.rows(f"SELECT * FROM {table}") == []
    assert await a.rows("SELECT * FROM feed WHERE kind <> 'receipt'") == []
    [row] = await b.rows("SELECT type, verdict FROM inbox")
    assert (row["type"], row["verdict"]) == ("test/1", "received")
    for node, words in ((a, ("sent", "tested", "receipted")), (b, ("received",))):
        entries = [bytes(row["entry"]).decode() for row in await node.rows("SELECT entry FROM journal")]
        assert {word for word in words if any(document in e and f'"{word}"' in e for e in entries)} == set(
            words
        )


async def test_one_test_to_a_member_is_under_way_at_a_time(pair: Pair) -> None:
    a, b = pair
    first, new = await a.probe.start(NL, LOCAL)
    assert new
    assert await a.probe.start(NL, LOCAL) == (first, False)
    await a.deliver.peer(b.me)
    assert await a.probe.start(NL, LOCAL) == (first, False)
    await settle(a, b)
    second, new = await a.probe.start(NL, LOCAL)
    assert (new, second != first) == (True, True)


async def test_the_card_is_fetched_anew_for_each_test(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body())
    await settle(a, b)
    a.network.clock.now += 5
    document = await begin(a, NL)
    assert "card" not in done(await a.probe.reading(document))
    a.network.calls.clear()
    await settle(a, b)
    assert a.network.calls[0] == "card"
    assert "card" in done(await a.probe.reading(document))


@pytest.mark.parametrize(("ours", "theirs"), [("pending", "active"), ("active", "pending")])
async def test_a_pending_member_tests_and_is_tested_and_nothing_else(
    pair: Pair, ours: str, theirs: str
) -> None:
    a, b = pair
    view = says(says(a.network.view, DE, MemberStatus(ours)), NL, MemberStatus(theirs))
    for node in pair:
        await learn(node, view)
    tests = [await begin(a, NL), await begin(b, DE)]
    [said] = await a.send(send_body())
    assert said["state"] == "unroutable"
    await settle(a, b)
    for node, document in zip(pair, tests, strict=True):
        assert (await node.probe.reading(document))["state"] == "received"
    assert await b.rows("SELECT * FROM referrals") == []


WHY_NOT = {
    "ourselves": (DE, {}, "self-addressed"),
    "nobody": ("xx-nobody", {}, "member-unknown"),
    "no id": ("NL", {}, "member-id"),
    "suspended": (NL, {NL: {"status": MemberStatus.SUSPENDED}}, "member-suspended"),
    "gone": (NL, {NL: {"status": MemberStatus.LEFT}}, "member-left"),
    "older program": (NL, {NL: {"accepts": ("referral/1", "receipt/1")}}, "takes-no-tests"),
    "we are suspended": (NL, {DE: {"status": MemberStatus.SUSPENDED}}, "not-active"),
    "we have left": (NL, {DE: {"status": MemberStatus.LEFT}}, "not-active"),
}


@pytest.mark.parametrize(("peer", "changes", "code"), WHY_NOT.values(), ids=WHY_NOT.keys())
async def test_what_cannot_work_is_said_before_anything_is_sent(
    pair: Pair, peer: str, changes: Any, code: str
) -> None:
    a, _ = pair
    view = a.network.view
    for name, fields in changes.items():
        view = changed(view, name, **fields)
    a.network.view = view
    with pytest.raises(Invalid) as error:
        await a.probe.start(peer, LOCAL)
    assert error.value.code == code
    assert error.value.hint or code == "member-id"
    assert await a.rows("SELECT * FROM outbox") == []


async def test_a_node_that_the_registry_does_not_have_tests_nobody(pair: Pair) -> None:
    a, _ = pair
    view = a.network.view
    a.network.view = replace(view, members={n: m for n, m in view.members.items() if n != DE})
    with pytest.raises(Invalid) as error:
        await a.probe.start(NL, LOCAL)
    assert error.value.code == "not-active"


FAULTS = {
    "no card": ([("card", "before")], "card-network"),
    "no deposit": ([("deposit", "before")], "network"),
    "the answer to the deposit is lost": ([("deposit", "after")], "network"),
}


@pytest.mark.parametrize(("faults", "code"), FAULTS.values(), ids=FAULTS.keys())
async def test_what_failed_last_is_shown_with_what_to_do_and_goes_when_it_works(
    pair: Pair, faults: list[tuple[str, str]], code: str
) -> None:
    a, b = pair
    a.network.faults = faults
    document = await begin(a, NL)
    await a.round()
    said: Any = await a.probe.reading(document)
    assert (said["state"], said["failed"]["code"]) == ("waiting", code)
    assert said["failed"]["hint"] == THEIRS
    a.network.clock.now += limits.MAX_RETRY_SECONDS + 1
    await settle(a, b)
    said = await a.probe.reading(document)
    assert (said["state"], "failed" in said) == ("received", False)


async def test_trouble_from_before_the_test_is_not_shown(pair: Pair) -> None:
    a, b = pair
    a.network.faults = [("card", "before")]
    await a.send(send_body())
    await a.round()
    a.network.clock.now += 1
    document = await begin(a, NL)
    assert "failed" not in await a.probe.reading(document)
    await settle(a, b)
    assert (await a.probe.reading(document))["state"] == "received"


async def test_a_member_that_leaves_meanwhile_ends_the_test_with_that_reason(pair: Pair) -> None:
    a, _ = pair
    document = await begin(a, NL)
    await learn(a, says(a.network.view, NL, MemberStatus.LEFT))
    await a.sweep.run()
    said: Any = await a.probe.reading(document)
    assert (said["state"], said["failed"]["code"]) == ("dead", "member-left")
    a.network.views.clear()
    assert await begin(a, NL) != document, "another one can be started"


async def test_a_member_that_is_gone_from_the_registry_has_no_first_step(pair: Pair) -> None:
    a, _ = pair
    document = await begin(a, NL)
    view = a.network.view
    a.network.view = replace(view, members={n: m for n, m in view.members.items() if n != NL})
    assert done(await a.probe.reading(document)) == []
    await a.round()
    said: Any = await a.probe.reading(document)
    assert said["failed"]["code"] == "member-unknown"


async def test_only_tests_are_read_as_tests(pair: Pair) -> None:
    a, _ = pair
    [sent] = await a.send(send_body())
    for document in (sent["referral"], "unknown"):
        with pytest.raises(Invalid) as error:
            await a.probe.reading(document)
        assert error.value.code == "test-unknown"


def test_every_code_that_a_delivery_may_end_with_has_its_own_way_out() -> None:
    named = {code for _, code in NAMED} | {*WITHOUT_ROAD.values()} | {code.value for code in CardCode}
    assert named <= set(HINTS)
    assert BY_STATUS[403]
    for code in ("not-a-member", "suspended", "mailbox-unknown", "envelope-refused", "refused-type"):
        assert hint_for(code) != THEIRS
    for code in ("timeout", "tls", "card-timeout", "card-unreachable", "never-heard-of"):
        assert hint_for(code) == THEIRS
