"""Member API, our own keys: what is wrong with a request is named, and nothing private is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.network import TestNode
from support.node_parts import ServedMember

from exchange.core import base64url

Pair = tuple[TestNode, TestNode]
WRONG: dict[str, tuple[Any, str]] = {
    "rotate is a text": ({"rotate": "signing"}, "field"),
    "a kind that is none": ({"rotate": ["encryption"]}, "field"),
    "a list in the list": ({"rotate": [["signing"]]}, "field"),
    "a field more": ({"status": "active"}, "unknown-field"),
    "its keys": ({"keys": {}}, "unknown-field"),
    "nothing": ({}, "change-nothing"),
    "a number for a name": ({"name": 1}, "member-file"),
}


@pytest.mark.parametrize(("body", "code"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_change_is_named_and_makes_nothing(
    body: Any, code: str, pair: Pair, local: ServedMember
) -> None:
    answer = await local.post("/v1/registration", body)
    assert (answer.status in (400, 422), answer.code) == (True, code)
    assert len(pair[0].ring.signing) == 1


async def test_what_waits_for_the_registry_is_shown_until_it_is_there(
    pair: Pair, local: ServedMember
) -> None:
    before = (await local.get("/v1/keys")).body
    made = (await local.post("/v1/registration", {"rotate": ["signing", "http"]})).body
    after = (await local.get("/v1/keys")).body
    assert (before["waiting"], after["waiting"]) == ([], made["new_keys"])
    assert after["in_use"] == before["in_use"]


async def test_no_answer_holds_a_private_key(pair: Pair, local: ServedMember) -> None:
    made = await local.post("/v1/registration", {"rotate": ["signing", "http"]})
    shown = json.dumps(made.body) + json.dumps((await local.get("/v1/keys")).body)
    secrets = [
        jwk[name]
        for entry in pair[0].ring.signing
        for jwk in entry.to_jwks()
        for name in ("d", "priv")
        if name in jwk
    ]
    secrets += [key.to_jwk()["d"] for key in pair[0].ring.http]
    seeds = [base64url.encode(seed) for seed in pair[0].cards._open.values()]
    assert len(secrets) == 6
    assert not [secret for secret in (*secrets, *seeds) if secret in shown]
