"""A referral there, a receipt and the answers back, between two nodes on real databases."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.network import TestNode, send_body, settle

from exchange.errors import Invalid

Pair = tuple[TestNode, TestNode]


async def states(node: TestNode) -> list[str]:
    return [row["state"] for row in await node.rows("SELECT state FROM referrals ORDER BY id")]


async def test_a_referral_reaches_the_member_of_the_hosting_country_and_is_receipted(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    assert (said["state"], said["recipient"], said["basis"]) == ("routed", "nl-example", "hotline")
    await settle(a, b)
    assert await states(a) == ["received"]
    assert await states(b) == ["received"]
    [row] = await a.rows("SELECT state, receipt_id FROM outbox WHERE wants_receipt = 1")
    assert row["state"] == "received"
    assert row["receipt_id"]
    [kept] = await b.rows("SELECT data FROM inbox WHERE type = 'referral/1'")
    [sent] = await a.rows("SELECT data FROM outbox WHERE type = 'referral/1'")
    assert kept["data"] == sent["data"]


async def test_answers_come_back_and_both_ends_agree(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await settle(a, b)
    await b.say(said["referral"], "accepted", own_case="NL-1")
    await b.say(said["referral"], "provider_notified")
    await b.say(said["referral"], "removed")
    await settle(a, b)
    assert await states(a) == await states(b) == ["removed"]
    kinds = await a.rows("SELECT status, note FROM referral_events WHERE status IS NOT NULL ORDER BY n")
    assert [(k["status"], k["note"]) for k in kinds] == [
        ("accepted", None),
        ("provider_notified", None),
        ("removed", None),
    ]
    feed = await a.rows("SELECT kind, code, count FROM feed ORDER BY position")
    assert [f["kind"] for f in feed] == ["receipt", "outcome", "outcome", "outcome"]


async def test_one_url_from_two_referrers_is_one_case_and_both_hear_every_event(pair: Pair) -> None:
    a, b = pair
    said = await a.send(
        send_body("http://192.0.2.17/a#x"),
        send_body("https://192.0.2.17/a"),
        send_body("http://192.0.2.17/b"),
    )
    await settle(a, b)
    assert len(await b.rows("SELECT id FROM cases")) == 2
    told = await b.say(said[0]["referral"], "removed")
    assert {o["referral"] for o in told["outcomes"]} == {said[0]["referral"], said[1]["referral"]}
    await settle(a, b)
    assert await states(a) == ["removed", "removed", "received"]
    events = await a.rows("SELECT DISTINCT event FROM referral_events WHERE status = 'removed'")
    assert [e["event"] for e in events] == [told["event"]]


async def test_a_declined_leg_ends_alone(pair: Pair) -> None:
    a, b = pair
    said = await a.send(send_body("http://192.0.2.17/a"), send_body("http://192.0.2.17/a"))
    await settle(a, b)
    await b.say(said[1]["referral"], "declined", reason="duplicate")
    await b.say(said[0]["referral"], "removed")
    await settle(a, b)
    assert await states(a) == await states(b) == ["removed", "declined"]


async def test_only_the_holder_acts(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await settle(a, b)
    with pytest.raises(Invalid) as error:
        await a.say(said["referral"], "removed")
    assert error.value.code == "not-the-holder"


async def test_an_event_out_of_place_is_refused_with_what_is_possible(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await settle(a, b)
    await b.say(said["referral"], "removed")
    with pytest.raises(Invalid) as error:
        await b.say(said["referral"], "accepted", own_case="x")
    assert error.value.code == "state"
    assert "reappeared" in error.value.message


async def test_content_that_reappears_opens_the_referral_again(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await settle(a, b)
    await b.say(said["referral"], "removed")
    await settle(a, b)
    await a.say(said["referral"], "reappeared")
    await settle(a, b)
    assert await states(a) == await states(b) == ["reappeared"]


async def test_what_has_no_destination_is_kept_for_an_operator(pair: Pair) -> None:
    a, b = pair
    body = send_body(country="BR")
    home = send_body(country="DE")
    said = await a.send(body, home)
    assert [(s["state"], s["reason"]) for s in said] == [
        ("unroutable", "no-destination"),
        ("domestic", "domestic"),
    ]
    kept = await a.rows("SELECT state, body FROM submissions ORDER BY id")
    assert [json.loads(k["body"])["resource"]["url"] for k in kept] == [body["resource"]["url"]] * 2
    routed = await a.submit.reroute(str(said[0]["submission"]), b.me)
    assert routed["basis"] == "analyst"
    await settle(a, b)
    assert await states(b) == ["received"]


async def test_a_submission_is_all_or_nothing_and_names_every_bad_line(pair: Pair) -> None:
    a, _ = pair
    bad = send_body(country="UK")
    worse = send_body(assessment={"tier": "gravest"})
    with pytest.raises(Invalid) as error:
        await a.send(send_body(), bad, worse)
    assert error.value.code == "submission-invalid"
    assert [(p.line, p.pointer) for p in error.value.problems] == [
        (2, "/hosting/0/country"),
        (3, "/assessment/tier"),
    ]
    assert "GB" in error.value.problems[0].message
    assert await a.rows("SELECT id FROM submissions") == []


async def test_the_same_key_gives_the_same_answer_and_sends_once(pair: Pair) -> None:
    a, b = pair
    first = await a.send(send_body(), key="the-same-key")
    again = await a.send(send_body(), key="the-same-key")
    assert first == again
    with pytest.raises(Invalid) as error:
        await a.send(send_body("http://192.0.2.18/"), key="the-same-key")
    assert error.value.code == "idempotency-conflict"
    await settle(a, b)
    assert len(await b.rows("SELECT id FROM referrals")) == 1


async def test_a_stop_lets_long_polls_answer_at_once(pair: Pair) -> None:
    a, _ = pair
    waiting = asyncio.create_task(a.hosting.page(a.me, "0", 25))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    a.bells.stop()
    assert (await asyncio.wait_for(waiting, 5)).envelopes == ()
