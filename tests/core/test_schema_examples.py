"""Every example that ships is what its place says: accepted, or refused at these pointers with these codes.

`schemas/examples/<schema>/valid/*.json` and `invalid/<why>.json`; `expected.json` has the problems of each
invalid one. A name that starts with `rule-` is of the form that the schema wants and breaks a rule beyond it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from support.documents import rules, schemas

from exchange import resources
from exchange.core import documents, strict_json
from exchange.errors import Invalid, Problem

ROOT = resources.data_path("schemas", "examples")
EXPECTED = json.loads((ROOT / "expected.json").read_bytes())
VALID = sorted(ROOT.glob("*/valid/*.json"))
INVALID = sorted(ROOT.glob("*/invalid/*.json"))
DOCUMENTS = {kind.replace("/", "-") for kind in documents.DocumentType}
SIZE = 2**20


def name_of(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


def load(path: Path) -> tuple[str, Any]:
    return path.parent.parent.name, strict_json.parse(path.read_bytes(), limit=SIZE)


def everything_wrong_with(schema: str, value: Any) -> tuple[Problem, ...]:
    """As the program asks: documents are read, requests are checked with their rules, the rest by schema."""
    if schema in DOCUMENTS and value.get("type") in set(documents.DocumentType):
        try:
            documents.make(schemas(), rules(), value)
        except Invalid as error:
            return error.problems
        return ()
    if schema == "submission-1":
        return documents.submission_problems(schemas(), rules(), value)
    if schema == "outcome-request-1":
        return documents.outcome_request_problems(schemas(), rules(), value)
    if schema == "withdrawal-request-1":
        return documents.withdrawal_request_problems(schemas(), value)
    return schemas().problems(schema, value)


@pytest.fixture(scope="module")
def explaining() -> dict[str, Draft202012Validator]:
    """jsonschema alone, set up here and not by the program."""
    shipped = resources.schema_documents()
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], DRAFT202012.create_resource(schema)) for schema in shipped.values()
    )
    return {name: Draft202012Validator(schema, registry=registry) for name, schema in shipped.items()}


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_valid_example_is_accepted_by_both_engines(path: Path, explaining: Any) -> None:
    schema, value = load(path)
    assert everything_wrong_with(schema, value) == ()
    assert schemas().accepts(schema, value)
    assert explaining[schema].is_valid(value)


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_invalid_example_is_refused_with_its_pointers_and_codes(path: Path, explaining: Any) -> None:
    schema, value = load(path)
    found = everything_wrong_with(schema, value)
    told = [{"pointer": problem.pointer, "code": problem.code} for problem in found]
    assert told == EXPECTED[schema][path.stem]
    of_right_form = path.stem.startswith("rule-")
    assert schemas().accepts(schema, value) is of_right_form
    assert explaining[schema].is_valid(value) is of_right_form


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_no_message_repeats_what_stood_in_the_document(path: Path) -> None:
    schema, value = load(path)
    for problem in everything_wrong_with(schema, value):
        refused: Any = value
        for part in problem.pointer.split("/")[1:]:
            refused = refused[int(part)] if isinstance(refused, list) else refused.get(part)
            if refused is None:
                break
        if isinstance(refused, str) and len(refused) > 2:
            assert refused not in problem.message


def test_every_schema_has_examples_of_both_kinds_and_every_invalid_one_is_expected() -> None:
    named = set(resources.schema_documents()) - {"common-1"}
    assert {path.parent.parent.name for path in VALID} == named
    assert {path.parent.parent.name for path in INVALID} == named
    listed = {f"{schema}/{why}" for schema, cases in EXPECTED.items() for why in cases}
    assert listed == {name_of(path) for path in INVALID}
