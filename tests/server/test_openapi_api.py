"""The description of the member API is held against the API: the same routes, and answers as described."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.network import TestNode, send_body, settle
from support.node_parts import Answer, ServedMember, description, key_of, member_api, served_description

from exchange import resources
from exchange.core import registration
from exchange.core.registration_challenge import Challenge, write_challenge
from exchange.errors import Broken
from exchange.flow.tokens import Scope
from exchange.server.openapi import bundled

Pair = tuple[TestNode, TestNode]
SERVED: dict[str, Any] = json.loads(served_description())
OPERATIONS = {
    (method.upper(), path): operation
    for path, methods in SERVED["paths"].items()
    for method, operation in methods.items()
}


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner)


def closed(described: dict[str, Any]) -> dict[str, Any]:
    """The description with every object closed, so that a test sees what is not described."""
    strict = copy.deepcopy(described)
    for part in parts(strict["components"]["schemas"]):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
    return strict


STRICT = closed(SERVED)


def resolved(described: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part and len(part) == 1:
        found: Any = described
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def problems(method: str, path: str, answer: Answer) -> list[str]:
    """What is wrong with an answer by the description."""
    told = OPERATIONS[method, path]["responses"]
    known = told.get(str(answer.status), told.get("default") if answer.status >= 400 else None)
    if known is None:
        return [f"{answer.status} is not described"]
    content = resolved(STRICT, known).get("content")
    if content is None:
        return [] if answer.body == b"" else ["a body that is not described"]
    kind = answer.headers["Content-Type"].partition(";")[0]
    if kind not in content:
        return [f"{kind} is not described"]
    if "json" not in kind:
        return []
    schema = {**content[kind]["schema"], "components": STRICT["components"]}
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(answer.body)
    ]


def test_every_route_is_described_and_every_description_is_routed(pair: Pair) -> None:
    routed = {(e.method, e.path): e.scope for e in member_api(pair[0], None).endpoints()}  # type: ignore[arg-type]
    assert routed.keys() == OPERATIONS.keys()
    for key, operation in OPERATIONS.items():
        scope = None if "x-scope" not in operation else Scope(operation["x-scope"])
        assert scope == routed[key], key
        assert operation["security"] == ([] if scope is None else [{"token": []}])


def test_the_description_is_whole() -> None:
    assert SERVED["openapi"].startswith("3.1.")
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    for part in parts(SERVED):
        reference = part.get("$ref", "#/components")
        assert reference.startswith("#/"), reference
        found: Any = SERVED
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
    for (_, path), operation in OPERATIONS.items():
        given = [resolved(SERVED, one) for one in operation.get("parameters", ())]
        in_path = {one["name"] for one in given if one["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    for schema in SERVED["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_a_schema_that_is_not_there_is_noticed() -> None:
    spoken = {"paths": {}, "components": {"schemas": {"a": {"$ref": "urn:hotline-exchange:schema:gone-1"}}}}
    with pytest.raises(Broken, match="not there"):
        bundled(spoken, resources.schema_documents())


def test_the_file_is_left_as_it_is() -> None:
    before = copy.deepcopy(description())
    bundled(description(), resources.schema_documents())
    assert description() == before


async def walk(local: ServedMember, theirs: ServedMember, pair: Pair) -> list[tuple[str, str, Answer]]:
    """Calls of every route that is described, in an order in which each has something to show."""
    seen: list[tuple[str, str, Answer]] = []

    async def call(
        method: str,
        path: str,
        body: Any = None,
        *,
        node: ServedMember = local,
        query: str = "",
        **values: str,
    ) -> Any:
        key = f"key-of-{len(seen)}" if method == "POST" else None
        answer = await node.call(method, path.format(**values) + query, body, key=key)
        seen.append((method, path, answer))
        return answer.body

    sent = await call("POST", "/v1/referrals", send_body())
    lost = await call("POST", "/v1/referrals", send_body("http://192.0.2.1/b", country="FR"))
    late = await call("POST", "/v1/referrals", send_body("http://192.0.2.1/c", country="FR"))
    await call("POST", "/v1/referrals", {"resource": 1})
    one, two, three = (said["submissions"][0] for said in (sent, lost, late))
    path = "/v1/submissions/{id}/route"
    routed = (await call("POST", path, {"to": "nl-example"}, id=two["submission"]))["referral"]
    await call("POST", "/v1/submissions/{id}/drop", {"reason": "stale"}, id=three["submission"])
    for entry in (one, two, three):
        await call("GET", "/v1/submissions/{id}", id=entry["submission"])
    await call("GET", "/v1/submissions", query="?limit=1")
    await settle(*pair)
    for status in ({"status": "accepted"}, {"status": "removed"}, {"status": "nonsense"}):
        said = {"actor": "hotline", "occurred_at": "2026-02-01T00:00:00Z", **status}
        if status["status"] == "accepted":
            said["own_case"] = "NL-1"
        await call("POST", "/v1/referrals/{id}/outcomes", said, node=theirs, id=one["referral"])
    await call("POST", "/v1/referrals/{id}/withdrawal", {"reason": "duplicate"}, id=routed)
    await call("POST", "/v1/dead-letters/{document}/drop", document=routed)
    [row] = await pair[0].rows("SELECT document_id FROM outbox WHERE type = 'withdrawal/1'")
    await call("POST", "/v1/dead-letters/{document}/drop", document=row["document_id"])
    await call("POST", "/v1/dead-letters/{document}/retry", document=row["document_id"])
    async with pair[0].db.transaction() as tx:
        await tx.execute("UPDATE outbox SET state = 'dead', dead_code = 'expired' WHERE state = 'waiting'")
    await settle(*pair)
    for node in (local, theirs):
        await call("GET", "/v1/referrals", node=node, query="?limit=1")
        await call("GET", "/v1/referrals/{id}", node=node, id=one["referral"])
        await call("GET", "/v1/evidence/{id}", node=node, id=one["referral"])
        await call("GET", "/v1/inbox", node=node)
    for peer in ("nl-example", "nl-example", "at-guest", "de-example", "xx-nobody", "nonsense"):
        await call("POST", "/v1/peers/{id}/test", id=peer)
    tests = [made.body["document"] for _, path, made in seen if path.endswith("test") and made.status < 300]
    assert tests[0] == tests[1]
    for document in (*tests, "unknown"):
        await call("GET", "/v1/tests/{document}", document=document)
    await settle(*pair)
    for document in tests:
        await call("GET", "/v1/tests/{document}", document=document)
    token = await call("POST", "/v1/tokens", {"name": "x", "scopes": ["read"]})
    await call("DELETE", "/v1/tokens/{id}", id=token["id"])
    await call("POST", "/v1/route", {"country": "NL"})
    await call("POST", "/v1/route", {"url": "http://example.com/"})
    await call("POST", "/v1/quarantine/{id}/release", id="x")
    await call("POST", "/v1/registration", {"languages": ["de"], "rotate": ["signing"]})
    await call("POST", "/v1/registration", {"deputy": "nobody"})
    sealed = registration.challenge(key_of(pair[0]), bytes(32))
    challenge = Challenge(pair[0].me, pair[0].cards.kid, sealed)
    await call("POST", "/v1/registration/proof", json.loads(write_challenge(challenge)))
    for method, path in OPERATIONS:
        if "{" not in path:
            await call(method, path)
    return seen


async def test_every_answer_is_as_described(pair: Pair, local: ServedMember, theirs: ServedMember) -> None:
    seen = await walk(local, theirs, pair)
    wrong = [
        (method, path, answer.status, found)
        for method, path, answer in seen
        if (found := problems(method, path, answer))
    ]
    assert wrong == []
    good = {(method, path) for method, path, answer in seen if answer.status < 300}
    assert OPERATIONS.keys() - good == {("POST", "/v1/quarantine/{id}/release")}


def test_the_check_of_answers_can_fail() -> None:
    head = {"Content-Type": "application/json"}
    path = "/v1/journal"
    good = {"log": "11111111-2222-4333-8444-555555555555", "entries": 1, "head": "a" * 64, "pending": 0}
    assert problems("GET", path, Answer(200, good, head)) == []
    assert problems("GET", path, Answer(200, {**good, "more": 1}, head)) != []
    assert problems("GET", path, Answer(200, {**good, "head": "x"}, head)) != []
    assert problems("GET", path, Answer(201, good, head)) == ["201 is not described"]
