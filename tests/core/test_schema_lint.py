"""Our schemas are closed, bounded and read in the same way by every validator; and the lint can fail."""

from __future__ import annotations

from typing import Any

import pytest
from support.schemas import lint

from exchange import resources
from exchange.core import countries, limits
from exchange.core.documents import DocumentType
from exchange.core.outcome import FIELDS, RULES, Reason, Status
from exchange.core.registry_view import Basis, MemberStatus

SHIPPED = resources.schema_documents()
COMMON = SHIPPED["common-1"]["$defs"]


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_schema_obeys_the_lint(name: str) -> None:
    assert lint(name, SHIPPED[name]) == []


STRING = {"type": "string", "maxLength": 9}
PLANTED: list[tuple[str, dict[str, Any]]] = [
    ("format", {**STRING, "format": "date-time"}),
    ("keyword", {**STRING, "contentEncoding": "base64"}),
    ("keyword", {"type": "object", "properties": {}, "patternProperties": {}, "additionalProperties": False}),
    ("object-open", {"type": "object", "properties": {"a": STRING}}),
    ("object-open", {"type": "object", "properties": {"a": STRING}, "additionalProperties": True}),
    ("object-open", {"type": "object", "properties": {}, "additionalProperties": STRING}),
    (
        "required-unknown",
        {"type": "object", "properties": {}, "required": ["a"], "additionalProperties": False},
    ),
    ("array-unbounded", {"type": "array", "items": STRING}),
    ("array-unbounded", {"type": "array", "maxItems": 3}),
    ("unique-items-of-many", {"type": "array", "items": STRING, "maxItems": 100, "uniqueItems": True}),
    ("string-unbounded", {"type": "string"}),
    ("string-unbounded", {"type": "string", "pattern": "^a*$"}),
    ("number-unbounded", {"type": "integer", "minimum": 0}),
    ("number-not-integer", {"type": "number", "minimum": 0, "maximum": 1}),
    ("untyped", {"maxLength": 9}),
    ("several-types", {"type": ["string", "null"], "maxLength": 9}),
    ("ref", {"$ref": "https://example.com/schema.json"}),
    ("ref", {"$ref": "#/properties/a"}),
    ("not", {**STRING, "not": {"const": "a"}}),
    ("pattern-unanchored", {**STRING, "pattern": "[0-9]"}),
    ("pattern-unanchored", {**STRING, "pattern": "^[0-9]"}),
    ("pattern-class", {**STRING, "pattern": r"^\d$"}),
    ("pattern-class", {**STRING, "pattern": r"^\w$"}),
    ("pattern-look-around", {**STRING, "pattern": "^(?!a)[a-z]$"}),
    ("pattern-look-around", {**STRING, "pattern": "^(?=a)[a-z]$"}),
    ("pattern-back-reference", {**STRING, "pattern": r"^(a)\1$"}),
    ("pattern-any-character", {**STRING, "pattern": "^a.$"}),
    ("pattern-nested-quantifier", {**STRING, "pattern": "^(a+)+$"}),
    ("pattern-nested-quantifier", {**STRING, "pattern": "^((a{1,3})?b)*$"}),
    ("pattern-nested-quantifier", {**STRING, "pattern": r"^([^\]]{2}x){1,9}$"}),
]


@pytest.mark.parametrize(("code", "part"), PLANTED)
@pytest.mark.parametrize("where", ["property", "items", "definition"])
def test_lint_finds_a_planted_fault(code: str, part: dict[str, Any], where: str) -> None:
    placed = {
        "property": {"type": "object", "properties": {"x": part}, "additionalProperties": False},
        "items": {"type": "array", "items": part, "maxItems": 2},
        "definition": {"$defs": {"x": part}},
    }[where]
    assert lint("planted-1", {**head("planted-1"), **placed}) == [code]


def test_lint_finds_a_wrong_name_and_draft() -> None:
    assert lint("planted-2", {**head("planted-1"), **STRING}) == ["id"]
    assert lint(
        "planted-1", {**head("planted-1"), "$schema": "http://json-schema.org/draft-07/schema#", **STRING}
    ) == ["draft"]


def head(name: str) -> dict[str, str]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hotline-exchange:schema:{name}",
    }


def test_schema_and_code_name_the_same_values() -> None:
    assert set(COMMON["country"]["enum"]) == countries.ALL
    assert COMMON["status"]["enum"] == list(Status) == list(RULES)
    assert COMMON["reason"]["enum"] == list(Reason)
    assert SHIPPED["referral-1"]["properties"]["routing"]["properties"]["basis"]["enum"] == list(Basis)
    assert SHIPPED["member-1"]["properties"]["status"]["enum"] == list(MemberStatus)
    assert {f"{kind.replace('/', '-')}" for kind in DocumentType} <= SHIPPED.keys()
    of_every_status = {"occurred_at", "actor", "status"}
    assert SHIPPED["outcome-request-1"]["properties"].keys() == FIELDS | of_every_status


def test_schema_and_code_have_the_same_limits() -> None:
    page = SHIPPED["collect-page-1"]["properties"]["envelopes"]
    assert COMMON["url"]["maxLength"] == limits.URL_CHARS
    assert SHIPPED["receipt-1"]["properties"]["entries"]["maxItems"] == limits.RECEIPT_ENTRIES
    assert SHIPPED["manifest-1"]["properties"]["documents"]["maxItems"] == limits.MESSAGE_DOCUMENTS
    assert page["maxItems"] == limits.PAGE_ENVELOPES
    assert page["items"]["properties"]["envelope"]["maxLength"] == limits.ENVELOPE_BYTES
    chain = SHIPPED["referral-1"]["properties"]["routing"]["properties"]["previous_holders"]
    assert chain["maxItems"] == limits.CHAIN_MEMBERS


FREE_TEXT = set(
    "memo note comment text title description tags reporter email phone image media hash screenshot".split()
)


@pytest.mark.parametrize("kind", [*DocumentType])
def test_a_document_has_no_field_for_text_media_or_a_person(kind: DocumentType) -> None:
    """Every string is a code, an id, a time, a number or a URL: by enumeration or pattern."""
    names: set[str] = set()
    loose: list[str] = []

    def walk(part: Any, at: str) -> None:
        if not isinstance(part, dict):
            return
        if "$ref" in part:
            walk(COMMON[part["$ref"].rpartition("/")[2]], at)
        if part.get("type") == "string" and not part.keys() & {"enum", "pattern"}:
            loose.append(at)
        for name, inner in part.get("properties", {}).items():
            names.add(name)
            walk(inner, name)
        walk(part.get("items"), at)

    walk(SHIPPED[kind.replace("/", "-")], "")
    assert not names & FREE_TEXT
    assert set(loose) <= {"url", "referrer_url"}
