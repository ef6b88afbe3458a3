"""Who may do what over TCP, and that neither log nor answer gives anything away."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from support.network import TestNode, send_body
from support.node_parts import ServedMember, member_api

from exchange.flow.tokens import Scope
from exchange.server.calls import Endpoint

Pair = tuple[TestNode, TestNode]


async def token(local: ServedMember, *scopes: str) -> str:
    made = await local.post("/v1/tokens", {"name": "case system", "scopes": list(scopes)})
    assert made.status == 201
    return str(made.body["token"])


def endpoints(pair: Pair) -> list[Endpoint]:
    return member_api(pair[0], None).endpoints()  # type: ignore[arg-type]


def concrete(endpoint: Endpoint) -> str:
    return re.sub(r"\{[a-z]+\}", "x", endpoint.path)


async def test_a_caller_without_a_token_learns_nothing(pair: Pair, remote: ServedMember) -> None:
    for endpoint in endpoints(pair):
        answer = await remote.call(endpoint.method, concrete(endpoint))
        if endpoint.scope is None:
            assert answer.status == 200
        else:
            assert (answer.status, answer.code) == (401, "token-missing"), endpoint.path


async def test_each_route_wants_its_own_scope_and_no_other(
    pair: Pair, local: ServedMember, remote: ServedMember
) -> None:
    tokens = {scope: await token(local, scope.value) for scope in Scope}
    for endpoint in endpoints(pair):
        if endpoint.scope is None:
            continue
        for scope, text in tokens.items():
            if scope is not endpoint.scope:
                answer = await remote.call(
                    endpoint.method, concrete(endpoint), Authorization=f"Bearer {text}"
                )
                assert (answer.status, answer.code) == (403, "scope"), endpoint.path
    answer = await remote.get("/v1/status", Authorization=f"Bearer {tokens[Scope.READ]}")
    assert answer.status == 200


def test_reading_is_all_that_a_get_may_do_and_all_that_read_may_do(pair: Pair) -> None:
    harmless = {"/v1/route", "/v1/journal/verify"}
    for endpoint in endpoints(pair):
        if endpoint.method == "GET":
            assert endpoint.scope in (Scope.READ, None) or endpoint.path == "/v1/tokens"
        elif endpoint.path not in harmless:
            assert endpoint.scope not in (Scope.READ, None)


async def test_a_get_changes_nothing(pair: Pair, local: ServedMember) -> None:
    await local.post("/v1/referrals", send_body(), key="first-key")
    async with pair[0].db.reading() as tx:
        tables = [
            row["name"] for row in await tx.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]

    async def everything() -> list[Any]:
        return [await pair[0].rows(f"SELECT * FROM {name}") for name in tables]

    before = await everything()
    for endpoint in endpoints(pair):
        if endpoint.method == "GET":
            await local.get(concrete(endpoint))
    assert await everything() == before


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "token-missing"),
        ("Basic aHg6eA==", "token-missing"),
        ("Bearer", "token-missing"),
        ("Bearer  two", "token-missing"),
        ("Bearer " + "x" * 300, "token-missing"),
        ("Bearer hx_0000000000000000_" + "A" * 43, "token-unknown"),
        ("Bearer hx_nobody", "token-unknown"),
        ("Bearer SECRET", "token-unknown"),
    ],
)
async def test_an_odd_token_is_refused_and_not_repeated(
    remote: ServedMember, capfd: pytest.CaptureFixture[str], value: str, code: str
) -> None:
    answer = await remote.get("/v1/status", Authorization=value)
    assert (answer.status, answer.code) == (401, code)
    assert "SECRET" not in json.dumps(answer.body)
    assert "SECRET" not in capfd.readouterr().err


async def test_a_token_ends_when_it_is_revoked(local: ServedMember, remote: ServedMember) -> None:
    text = await token(local, "read")
    bearer = f"Bearer {text}"
    assert (await remote.get("/v1/status", Authorization=bearer)).status == 200
    wrong = bearer[:-1] + ("A" if bearer[-1] != "A" else "Q")
    assert (await remote.get("/v1/status", Authorization=wrong)).status == 401
    listed = (await local.get("/v1/tokens")).body["tokens"]
    assert [one["scopes"] for one in listed] == [["read"]]
    assert text.rpartition("_")[2] not in json.dumps(listed)
    assert (await local.call("DELETE", f"/v1/tokens/{listed[0]['id']}")).status == 204
    assert (await remote.get("/v1/status", Authorization=bearer)).code == "token-unknown"
    assert (await local.call("DELETE", f"/v1/tokens/{listed[0]['id']}")).status == 404
    assert "revoked_at" in (await local.get("/v1/tokens")).body["tokens"][0]


async def test_two_tokens_may_use_the_same_idempotency_key(local: ServedMember, remote: ServedMember) -> None:
    bearer = f"Bearer {await token(local, 'submit')}"
    ours = await local.post("/v1/referrals", send_body("http://192.0.2.17/1"), key="the-same-key")
    theirs = await remote.post(
        "/v1/referrals", send_body("http://192.0.2.17/2"), key="the-same-key", Authorization=bearer
    )
    assert (ours.status, theirs.status) == (201, 201)
    assert ours.body != theirs.body


async def test_no_log_line_holds_what_a_request_said(
    local: ServedMember, remote: ServedMember, capfd: pytest.CaptureFixture[str]
) -> None:
    text = await token(local, "operate", "submit")
    bearer = f"Bearer {text}"
    canary = "http://192.0.2.17/CANARY"
    await local.post("/v1/referrals", send_body(canary), key="CANARY-1")
    await local.post("/v1/referrals", send_body(canary, handling={"tlp": "CANARY"}), key="CANARY-2")
    await local.post("/v1/route", {"url": canary, "CANARY": 1})
    await local.get("/v1/referrals?peer=CANARY")
    await local.get("/v1/referrals/CANARY")
    await remote.get("/v1/CANARY", Authorization=bearer)
    await remote.get("/v1/status", Authorization=bearer)
    told = capfd.readouterr().err
    assert told.count("request refused") == 6
    assert "CANARY" not in told
    assert "192.0.2.17" not in told
    assert text.rpartition("_")[2] not in told
