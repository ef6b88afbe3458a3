"""The member API as a case system uses it, over a real database, from referral to outcome."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from support.documents import URL, outcome_request
from support.keys import NOW
from support.network import TestNode, send_body, settle
from support.node_parts import Answer, ServedMember

from exchange.core.times import format_time

Pair = tuple[TestNode, TestNode]
OCCURRED = format_time(NOW - 600)


async def submitted(
    local: ServedMember, *bodies: dict[str, Any], key: str = "first-key"
) -> list[dict[str, Any]]:
    lines = b"\n".join(json.dumps(body).encode() for body in bodies or (send_body(),))
    answer = await local.post("/v1/referrals", lines, key=key, Content_Type="application/x-ndjson")
    assert answer.status == 201, answer.body
    found: list[dict[str, Any]] = answer.body["submissions"]
    return found


def said(status: str, **changes: Any) -> dict[str, Any]:
    return outcome_request(status, occurred_at=OCCURRED, **changes)


async def test_the_same_request_under_one_key_is_answered_the_same_and_done_once(local: ServedMember) -> None:
    first = await local.post("/v1/referrals", send_body(), key="case-2026-1")
    again = await local.post("/v1/referrals", send_body(), key="case-2026-1")
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (
        None,
        "true",
    )
    assert len((await local.get("/v1/referrals")).body["referrals"]) == 1
    other = await local.post("/v1/referrals", send_body("http://192.0.2.99/x"), key="case-2026-1")
    assert (other.status, other.code) == (409, "idempotency-conflict")


async def test_every_problem_of_every_line_is_told_at_once_and_nothing_is_taken(local: ServedMember) -> None:
    good, bad = send_body(), send_body(handling={"tlp": "GREEN"}, assessment={"tier": "worst"})
    lines = b"\n".join(json.dumps(one).encode() for one in (good, bad, good)) + b"\nnot json\n"
    answer = await local.post("/v1/referrals", lines, key="many-lines", Content_Type="application/x-ndjson")
    assert (answer.status, answer.code) == (422, "submission-invalid")
    assert [(p["line"], p["pointer"]) for p in answer.body["problems"]] == [
        (2, "/assessment/tier"),
        (2, "/handling/tlp"),
        (4, ""),
    ]
    assert (await local.get("/v1/submissions")).body["submissions"] == []


async def test_a_list_is_read_to_its_end_by_its_cursor_and_filtered(local: ServedMember) -> None:
    bodies = [send_body(f"http://192.0.2.17/{i}") for i in range(7)]
    sent = [one["referral"] for one in await submitted(local, *bodies)]
    found: list[str] = []
    after = ""
    while after is not None:
        page = (await local.get(f"/v1/referrals?limit=3{after and '&after=' + after}")).body
        found += [one["id"] for one in page["referrals"]]
        after = page["next"]
    assert found == sent
    for query, count in {
        "direction=sent&state=sent&peer=nl-example&country=NL": 7,
        "direction=received": 0,
        "peer=at-guest": 0,
        "country=FR": 0,
        "state=removed": 0,
        "case=11111111-2222-4333-8444-555555555555": 0,
    }.items():
        assert len((await local.get(f"/v1/referrals?{query}")).body["referrals"]) == count, query


async def test_a_referral_is_shown_with_its_document_and_its_life_at_both_ends(
    pair: Pair, local: ServedMember, theirs: ServedMember
) -> None:
    [one] = await submitted(local)
    path = f"/v1/referrals/{one['referral']}"
    before = (await local.get(path)).body["referral"]
    assert (before["state"], before["document"]["resource"]["url"]) == ("sent", URL)
    assert before["delivery"] == {"state": "waiting", "at": format_time(NOW)}
    await settle(*pair)
    told = await theirs.post(f"{path}/outcomes", said("accepted"), key="accept-1")
    assert (told.status, told.body["state"]) == (201, "accepted")
    assert [o["recipient"] for o in told.body["outcomes"]] == ["de-example"]
    await settle(*pair)
    ours, other = [(await node.get(path)).body["referral"] for node in (local, theirs)]
    assert [ours["state"], other["state"]] == ["accepted", "accepted"]
    assert ours["document"] == other["document"]
    assert [event["kind"] for event in ours["timeline"]] == ["submitted", "received", "outcome"]
    assert (ours["delivery"]["state"], "receipt" in ours["delivery"]) == ("received", True)
    assert (other["delivery"]["state"], other["delivery"]["receipt_state"]) == ("received", "deposited")
    assert "case" in other


async def test_the_inbox_is_read_by_a_cursor_and_wakes_who_waits(
    pair: Pair, local: ServedMember, theirs: ServedMember
) -> None:
    start = (await theirs.get("/v1/inbox")).body
    assert start["items"] == []
    waiting = asyncio.create_task(theirs.get(f"/v1/inbox?wait=20&after={start['cursor']}"))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    [one] = await submitted(local)
    await settle(*pair)
    page = (await asyncio.wait_for(waiting, 5)).body
    assert [(item["kind"], item["referral"]) for item in page["items"]] == [("referral", one["referral"])]
    await theirs.post(f"/v1/referrals/{one['referral']}/outcomes", said("accepted"), key="accept-1")
    await settle(*pair)
    everything = (await local.get("/v1/inbox")).body["items"]
    assert [item["kind"] for item in everything] == ["receipt", "outcome"]
    outcomes = (await local.get("/v1/inbox?kind=outcome&limit=1")).body
    assert [item["code"] for item in outcomes["items"]] == ["accepted"]
    assert URL not in json.dumps(everything)
    beyond = outcomes["cursor"].partition(".")[0] + ".99"
    reset = await local.get(f"/v1/inbox?after={beyond}")
    assert (reset.status, reset.code) == (410, "cursor-reset")


async def test_a_referral_is_withdrawn_once_by_its_sender(
    pair: Pair, local: ServedMember, theirs: ServedMember
) -> None:
    [one] = await submitted(local)
    await settle(*pair)
    path = f"/v1/referrals/{one['referral']}/withdrawal"
    not_theirs = await theirs.post(path, {"reason": "duplicate"}, key="withdraw-0")
    assert (not_theirs.status, not_theirs.code) == (422, "not-the-sender")
    done = await local.post(path, {"reason": "sent_in_error"}, key="withdraw-1")
    assert (done.status, done.body["recipient"]) == (201, "nl-example")
    again = await local.post(path, {"reason": "duplicate"}, key="withdraw-2")
    assert (again.status, again.code) == (409, "state")


async def test_what_has_no_destination_waits_until_somebody_decides(local: ServedMember) -> None:
    first, second = await submitted(
        local, send_body("http://192.0.2.1/a", country="FR"), send_body("http://192.0.2.1/b", country="FR")
    )
    assert (first["state"], first["reason"]) == ("unroutable", "no-destination")
    listed = (await local.get("/v1/submissions?state=unroutable")).body["submissions"]
    assert [one["submission"] for one in listed] == [first["submission"], second["submission"]]
    shown = (await local.get(f"/v1/submissions/{first['submission']}")).body["submission"]
    assert shown["body"]["resource"]["url"] == "http://192.0.2.1/a"
    routed = await local.post(f"/v1/submissions/{first['submission']}/route", {"to": "nl-example"})
    assert (routed.status, routed.body["recipient"], routed.body["basis"]) == (200, "nl-example", "analyst")
    again = await local.post(f"/v1/submissions/{first['submission']}/route", {"to": "nl-example"})
    assert (again.status, again.code) == (409, "submission-not-open")
    dropped = await local.post(f"/v1/submissions/{second['submission']}/drop", {"reason": "stale"})
    assert (dropped.status, dropped.body["state"]) == (200, "dropped")
    states = [one["state"] for one in (await local.get("/v1/submissions")).body["submissions"]]
    assert states == ["routed", "dropped"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"country": "NL"}, {"member": "nl-example", "rule": "hotline", "country_source": "given"}),
        ({"country": "NL"}, {"order": "rank"}),
        ({"url": "http://192.0.2.17/x"}, {"member": "nl-example", "country": "NL", "country_source": "test"}),
        ({"url": "http://example.com/x"}, {"country": None, "rule": "none", "reason": "country-unknown"}),
        ({"country": "DE"}, {"rule": "none", "reason": "domestic"}),
        ({"country": "FR"}, {"rule": "none", "reason": "no-destination"}),
        (
            {"country": "FR", "to": "nl-example"},
            {"member": "nl-example", "rule": "choice", "basis": "analyst"},
        ),
        ({"url": "http://example.com/x", "to": "nl-example"}, {"member": "nl-example", "rule": "choice"}),
    ],
)
async def test_who_would_get_it_and_why(
    local: ServedMember, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = await local.post("/v1/route", body)
    assert answer.status == 200
    assert expected.items() <= answer.body.items()


async def test_the_node_tells_of_itself(pair: Pair, local: ServedMember) -> None:
    await submitted(local)
    await settle(*pair)
    status = (await local.get("/v1/status")).body
    assert (status["outbox"], status["referrals"]["sent"]) == ({"received": 1}, {"received": 1})
    peers = {one["member"]: one for one in (await local.get("/v1/peers")).body["peers"]}
    assert peers.keys() == {"at-guest", "nl-example"}
    assert (peers["nl-example"]["waiting"], peers["at-guest"]["waiting"]) == (0, 0)
    assert peers["nl-example"]["card"]["exp"] > format_time(NOW)
    registry = (await local.get("/v1/registry")).body
    assert (registry["state"], registry["members"], registry["split_view"]) == ("fresh", 3, False)
    assert (await local.post("/v1/registry/refresh")).status == 200
    assert local.asked.refreshed == 1
    verified = (await local.post("/v1/journal/verify")).body
    head = (await local.get("/v1/journal")).body
    assert (verified["ok"], verified["entries"], verified["anchors"]) == (True, head["entries"], 1)


async def test_a_new_key_is_made_and_the_old_ones_are_named(local: ServedMember) -> None:
    before = (await local.get("/v1/keys")).body
    after = (await local.post("/v1/keys/rotate", {"retire": False})).body
    assert len(after["seeds"]) == len(before["seeds"]) + 1
    assert after["card"]["kid"] != before["card"]["kid"]
    assert after["registered"]["http"][0]["key"]["kid"] == after["in_use"]["http"]
    assert (await local.post("/v1/keys/rotate")).status == 200


async def test_the_journal_names_the_token_of_each_act_and_never_a_url(
    pair: Pair, local: ServedMember
) -> None:
    [one] = await submitted(local, send_body("http://192.0.2.1/a", country="FR"))
    await local.post(f"/v1/submissions/{one['submission']}/drop", {"reason": "stale"})
    await local.post("/v1/keys/rotate")
    entries = [json.loads(row["entry"]) for row in await pair[0].rows("SELECT entry FROM journal_pending")]
    assert {"dropped", "key-rotation"} <= {e["what"] for e in entries if e.get("by_token") == "local"}
    assert "192.0.2.1" not in json.dumps(entries)


REFERRAL = "/v1/referrals/01890000-0000-7000-8000-000000000001"
LONG = {"key": "long-enough"}
BAD: list[tuple[str, str, Any, dict[str, str], int, str]] = [
    ("GET", "/v1/referrals?limit=0", None, {}, 400, "query"),
    ("GET", "/v1/referrals?limit=501", None, {}, 400, "query"),
    ("GET", "/v1/referrals?limit=-1", None, {}, 400, "query"),
    ("GET", "/v1/referrals?limit=1.5", None, {}, 400, "query"),
    ("GET", "/v1/referrals?direction=up", None, {}, 400, "query"),
    ("GET", "/v1/referrals?state=gone", None, {}, 400, "query"),
    ("GET", "/v1/referrals?peer=Somebody", None, {}, 400, "query"),
    ("GET", "/v1/referrals?country=UK", None, {}, 400, "query"),
    ("GET", "/v1/referrals?case=7", None, {}, 400, "query"),
    ("GET", "/v1/referrals?after=zzz", None, {}, 400, "cursor"),
    ("GET", "/v1/referrals?after=A%20B", None, {}, 400, "query"),
    ("GET", "/v1/referrals?colour=red", None, {}, 400, "query"),
    ("GET", "/v1/referrals?limit=1&limit=2", None, {}, 400, "target"),
    ("GET", "/v1/status?x=1", None, {}, 400, "query"),
    ("GET", "/v1/inbox?wait=26", None, {}, 400, "query"),
    ("GET", "/v1/inbox?kind=letter", None, {}, 400, "query"),
    ("GET", "/v1/inbox?after=7", None, {}, 410, "cursor-reset"),
    ("GET", "/v1/dead-letters?after=zz", None, {}, 400, "cursor"),
    ("GET", "/v1/submissions?state=lost", None, {}, 400, "query"),
    ("GET", REFERRAL, None, {}, 404, "referral-unknown"),
    ("GET", f"{REFERRAL}?sender=x", None, {}, 400, "query"),
    ("GET", "/v1/referrals/anything-at-all", None, {}, 404, "referral-unknown"),
    ("GET", "/v1/submissions/nothing", None, {}, 404, "submission-unknown"),
    ("POST", "/v1/submissions/nothing/route", {"to": "nl-example"}, {}, 404, "submission-unknown"),
    ("POST", "/v1/submissions/nothing/route", {"to": "NL"}, {}, 422, "member-id"),
    ("POST", "/v1/submissions/nothing/route", {}, {}, 422, "field"),
    ("POST", "/v1/submissions/nothing/drop", {"reason": "stale"}, {}, 404, "submission-unknown"),
    ("POST", "/v1/submissions/nothing/drop", {"reason": "bored"}, {}, 422, "reason"),
    ("POST", "/v1/dead-letters/nothing/retry", None, {}, 404, "document-unknown"),
    ("POST", "/v1/dead-letters/nothing/drop", {"a": 1}, {}, 422, "unknown-field"),
    ("POST", "/v1/quarantine/nothing/release", None, {}, 404, "quarantine-unknown"),
    ("DELETE", "/v1/tokens/nothing", None, {}, 404, "token-unknown"),
    ("POST", "/v1/tokens", {"name": "x", "scopes": []}, {}, 422, "field"),
    ("POST", "/v1/tokens", {"name": "x", "scopes": ["all"]}, {}, 422, "token-scopes"),
    ("POST", "/v1/tokens", {"name": "x\u0000", "scopes": ["read"]}, {}, 400, "json-control"),
    ("POST", "/v1/tokens", {"name": "", "scopes": ["read"]}, {}, 422, "token-name"),
    ("POST", "/v1/route", {}, {}, 422, "route-request"),
    ("POST", "/v1/route", {"country": "NL", "url": "http://a.example/"}, {}, 422, "route-request"),
    ("POST", "/v1/route", {"country": "EL"}, {}, 422, "country"),
    ("POST", "/v1/route", {"url": "javascript:1"}, {}, 422, "url-scheme"),
    ("POST", "/v1/route", {"url": 7}, {}, 422, "url-malformed"),
    ("POST", "/v1/route", b"[]", {}, 400, "json-object"),
    ("POST", "/v1/route", b'{"country":"NL","country":"DE"}', {}, 400, "json-duplicate-key"),
    ("POST", "/v1/route", b"\xff", {}, 400, "json-encoding"),
    ("POST", "/v1/route", b"country=NL", {"Content_Type": "text/plain"}, 415, "content-type"),
    ("POST", "/v1/keys/rotate", {"retire": "yes"}, {}, 422, "field"),
    ("POST", "/v1/referrals", {}, {}, 400, "idempotency-key"),
    ("POST", "/v1/referrals", {}, {"key": "short"}, 400, "idempotency-key-form"),
    ("POST", "/v1/referrals", {}, LONG, 422, "submission-invalid"),
    ("POST", "/v1/referrals", b"{}", {**LONG, "Content_Type": "text/csv"}, 415, "content-type"),
    ("POST", "/v1/referrals", b"\n" * 1001, {**LONG, "Content_Type": "application/x-ndjson"},
     413, "submission-lines"),
    ("POST", f"{REFERRAL}/outcomes", {"status": "accepted"}, LONG, 422, "outcome-invalid"),
    ("POST", f"{REFERRAL}/outcomes", said("removed"), LONG, 404, "referral-unknown"),
    ("POST", f"{REFERRAL}/withdrawal", {"reason": "bored"}, LONG, 422, "withdrawal-invalid"),
    ("POST", f"{REFERRAL}/withdrawal", {"reason": "duplicate"}, LONG, 404, "referral-unknown"),
    ("PUT", "/v1/referrals", {}, {}, 405, "method-not-allowed"),
    ("GET", "/v1/reports", None, {}, 404, "path-unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "fields", "status", "code"), BAD)
async def test_what_is_wrong_is_refused_with_its_code(
    local: ServedMember, method: str, path: str, body: Any, fields: dict[str, str], status: int, code: str
) -> None:
    answer: Answer = await local.call(method, path, body, **fields)
    assert (answer.status, answer.code) == (status, code)


async def test_a_parameter_that_is_wrong_is_named_and_not_repeated(local: ServedMember) -> None:
    told = (await local.get("/v1/referrals?country=SECRET")).body
    assert "country" in told["detail"]
    assert "SECRET" not in json.dumps(told)


async def test_readiness_is_told_with_its_reasons(local: ServedMember) -> None:
    class Reason:
        code, sentence = "registry-missing", "No registry is known yet."

    assert (await local.get("/readyz")).body == {"ready": True, "reasons": []}
    local.asked.reasons.append(Reason)
    answer = await local.get("/readyz")
    assert (answer.status, answer.body["ready"], answer.body["reasons"][0]["code"]) == (
        503,
        False,
        "registry-missing",
    )
    assert (await local.get("/healthz")).status == 200
    assert b"hotline_exchange_" in (await local.get("/metrics")).body
