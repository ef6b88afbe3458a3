"""The engine: both validators, every problem at once, nothing fetched, nothing quoted."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.documents import outcome_body, receipt_body, referral_body, schemas

from exchange import resources
from exchange.core.schema import PROBLEMS_MAX, Schemas

HEAD = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def engine(**documents: dict[str, Any]) -> Schemas:
    return Schemas({name: {**HEAD, "$id": f"urn:x:{name}", **body} for name, body in documents.items()})


def test_every_problem_is_told_at_once_in_the_order_of_pointers() -> None:
    body = referral_body(resource={"kind": "movie", "url": 3}, memo="x")
    del body["times"]
    found = schemas().problems("referral-1", body)
    assert [(problem.pointer, problem.code) for problem in found] == [
        ("/memo", "unknown-field"),
        ("/resource/kind", "unknown-code"),
        ("/resource/url", "type"),
        ("/times", "missing"),
    ]
    assert found[1].message == "resource.kind: not one of the known codes"


@pytest.mark.parametrize(
    ("given_code", "hint"),
    [("UK", "use GB"), ("EL", "use GR"), ("uk", "use GB"), ("nl", "use NL"), ("XX", None), ("", None)],
)
def test_mistaken_country_gets_a_hint_and_is_still_refused(given_code: str, hint: str | None) -> None:
    body = referral_body()
    body["hosting"][0]["country"] = given_code
    (found,) = schemas().problems("referral-1", body)
    sentence = "hosting.0.country: not one of the known codes"
    assert found.message == (f"{sentence} ({hint})" if hint else sentence)


@pytest.mark.parametrize("name", ["Jane Doe, 3 Main Street", "a/b", "a~b", "", "x" * 41, "ключ", "\u202e"])
def test_a_made_up_name_that_is_no_plain_word_is_not_repeated(name: str) -> None:
    body = referral_body()
    body["handling"][name] = 1
    (found,) = schemas().problems("referral-1", body)
    assert (found.pointer, found.code) == ("/handling", "unknown-field")
    assert name == "" or name not in found.message


def test_a_pointer_stops_above_a_name_that_the_sender_made_up() -> None:
    value: Any = {"v": 1, "name": "N", "orphan_mandates": {"Jane Doe": 7}, "agencies": [], "escalation": []}
    found = schemas().problems("network-1", value)
    assert {problem.pointer for problem in found} == {"/orphan_mandates"}
    assert not any("Jane" in problem.message for problem in found)


@pytest.mark.parametrize("value", [None, True, 1, "x", [], [{}]])
def test_what_is_no_object_is_refused(value: Any) -> None:
    (found,) = schemas().problems("referral-1", value)
    assert (found.pointer, found.code, found.message) == ("", "type", "the document: not of the right type")


def test_a_disagreement_of_the_two_engines_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schemas, "accepts", lambda self, name, value: False)
    (found,) = schemas().problems("referral-1", referral_body())
    assert found.code == "schema-disagreement"


def test_the_explaining_engine_is_never_asked_about_what_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Draft202012Validator, "iter_errors", fail)
    assert schemas().problems("referral-1", referral_body()) == ()


def test_problems_are_capped() -> None:
    many = engine(a={"type": "object", "properties": {}, "additionalProperties": False})
    assert len(many.problems("a", {f"f{number}": 1 for number in range(1000)})) == PROBLEMS_MAX


def test_a_reference_to_another_file_is_followed_and_one_that_is_not_there_fetches_nothing() -> None:
    both = engine(a={"$ref": "urn:x:b#/$defs/n"}, b={"$defs": {"n": {"const": 1}}})
    assert both.accepts("a", 1)
    assert [problem.code for problem in both.problems("a", 2)] == ["unknown-code"]
    with pytest.raises(Exception, match=r"unresolvable|not.*found|retriev|resolv|scheme"):
        engine(a={"$ref": "urn:x:nowhere"})


def test_every_keyword_that_our_schemas_use_has_a_code_of_its_own() -> None:
    cases: list[tuple[dict[str, Any], Any, str]] = [
        ({"type": "string"}, 1, "type"),
        ({"enum": ["a"]}, "b", "unknown-code"),
        ({"const": "a"}, "b", "unknown-code"),
        ({"pattern": "^a$"}, "b", "form"),
        ({"maxLength": 1}, "bb", "too-long"),
        ({"minLength": 1}, "", "too-short"),
        ({"maxItems": 1}, [1, 2], "too-many"),
        ({"minItems": 1}, [], "too-few"),
        ({"maxProperties": 0}, {"a": 1}, "too-many"),
        ({"maximum": 1}, 2, "out-of-range"),
        ({"minimum": 1}, 0, "out-of-range"),
        ({"uniqueItems": True}, [1, 1], "duplicate"),
        ({"propertyNames": {"pattern": "^a$"}}, {"b": 1}, "form"),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, 3, "form"),
        ({"properties": {"a": {"not": {}}}}, {"a": 1}, "not-allowed"),
        ({"required": ["a"]}, {}, "missing"),
        ({"properties": {}, "additionalProperties": False}, {"a": 1}, "unknown-field"),
    ]
    for schema, value, code in cases:
        assert [problem.code for problem in engine(a=schema).problems("a", value)] == [code], schema


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.sampled_from(
        [
            "",
            "UK",
            "NL",
            "2026-01-01T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "RED",
            "٢",
            "a" * 5000,
            "http://192.0.2.1/",
        ]
    ),
    st.text(max_size=8),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
BODIES = [
    ("referral-1", referral_body()),
    ("outcome-1", outcome_body("moved")),
    ("receipt-1", receipt_body()),
]


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [path for key, inner in items for path in paths(inner, (*at, key))]


@given(which=st.sampled_from(BODIES), data=st.data(), value=VALUES)
def test_both_engines_agree_on_documents_with_one_value_replaced(which: Any, data: Any, value: Any) -> None:
    name, body = which[0], copy.deepcopy(which[1])
    path = data.draw(st.sampled_from(paths(body)))
    holder = body
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    found = schemas().problems(name, body)
    assert bool(found) is not schemas().accepts(name, body)
    assert "schema-disagreement" not in {problem.code for problem in found}
    assert schemas()._slow[name].is_valid(body) is schemas().accepts(name, body)


def test_all_shipped_schemas_compile_and_are_schemas_of_draft_2020_12() -> None:
    for schema in resources.schema_documents().values():
        Draft202012Validator.check_schema(schema)
