"""The rules that our JSON Schemas themselves obey, as a lint: what a validator would let us get wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ALLOWED = {
    "$schema", "$id", "$ref", "$defs", "title", "description",
    "type", "properties", "required", "additionalProperties", "propertyNames", "maxProperties",
    "items", "minItems", "maxItems", "uniqueItems",
    "pattern", "minLength", "maxLength", "minimum", "maximum", "enum", "const",
    "oneOf", "allOf", "if", "then", "else", "not",
}  # fmt: skip
UNIQUE_ITEMS_MAX = 16
CONDITIONS = ("if", "then", "else")


def lint(name: str, schema: dict[str, Any]) -> list[str]:
    """Codes of every rule that `schema` breaks."""
    found = list(_file(name, schema))
    for part in _parts(schema, condition=False):
        found += _rules_of(*part)
    return found


def _file(name: str, schema: dict[str, Any]) -> Iterator[str]:
    if schema.get("$schema") != "https://json-schema.org/draft/2020-12/schema":
        yield "draft"
    if schema.get("$id") != f"urn:hotline-exchange:schema:{name}":
        yield "id"


def _parts(schema: Any, *, condition: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every subschema, and whether it only narrows another one."""
    if not isinstance(schema, dict):
        return
    yield schema, condition
    for keyword in ("properties", "$defs"):
        for inner in schema.get(keyword, {}).values():
            yield from _parts(inner, condition=condition)
    for keyword in ("items", "propertyNames", "additionalProperties"):
        yield from _parts(schema.get(keyword), condition=condition)
    for keyword in CONDITIONS:
        yield from _parts(schema.get(keyword), condition=True)
    for inner in (*schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _parts(inner, condition=True)


def _rules_of(part: dict[str, Any], condition: bool) -> Iterator[str]:
    if unknown := part.keys() - ALLOWED:
        yield "format" if "format" in unknown else "keyword"
    if part.get("not", {}) != {}:
        yield "not"
    kind = part.get("type")
    if not condition and not part.keys() & {"type", "$ref", "const", "$defs", "oneOf"}:
        yield "untyped"
    if isinstance(kind, list):
        yield "several-types"
    if "$ref" in part and not re.fullmatch(
        r"urn:hotline-exchange:schema:[a-z0-9-]+(#/\$defs/[a-z0-9_]+)?", part["$ref"]
    ):
        yield "ref"
    if kind == "object":
        yield from _object_rules(part)
    if kind == "array":
        if "maxItems" not in part or "items" not in part:
            yield "array-unbounded"
        if part.get("uniqueItems") and part.get("maxItems", UNIQUE_ITEMS_MAX + 1) > UNIQUE_ITEMS_MAX:
            yield "unique-items-of-many"
    if kind == "string" and not part.keys() & {"maxLength", "enum"}:
        yield "string-unbounded"
    if kind in ("integer", "number") and not {"minimum", "maximum"} <= part.keys():
        yield "number-unbounded"
    if kind == "number":
        yield "number-not-integer"
    if "pattern" in part:
        yield from _pattern_rules(part["pattern"])


def _object_rules(part: dict[str, Any]) -> Iterator[str]:
    closed = part.get("additionalProperties") is False
    keyed = (
        isinstance(part.get("additionalProperties"), dict)
        and {"propertyNames", "maxProperties"} <= part.keys()
    )
    if not closed and not keyed:
        yield "object-open"
    if set(part.get("required", ())) - part.get("properties", {}).keys():
        yield "required-unknown"


def _pattern_rules(pattern: str) -> Iterator[str]:
    if not (pattern.startswith("^") and pattern.endswith("$")):
        yield "pattern-unanchored"
    if re.search(r"\\[dDwWsSbBpP]", pattern):
        yield "pattern-class"
    if "(?" in pattern:
        yield "pattern-look-around"
    if re.search(r"\\[0-9]", pattern):
        yield "pattern-back-reference"
    if re.search(r"(?<!\\)\.(?![^\[]*\])", pattern):
        yield "pattern-any-character"
    bare = re.sub(r"\[[^\]]*\]", "C", re.sub(r"\\.", "E", pattern))
    if _repeats_a_repetition(bare):
        yield "pattern-nested-quantifier"


def _repeats_a_repetition(bare: str) -> bool:
    """Whether a group that holds a quantifier is itself repeated. `?` repeats nothing."""
    holds: list[bool] = []
    for place, char in enumerate(bare):
        if char == "(":
            holds.append(False)
        elif char == ")":
            held = holds.pop()
            repeated = bare[place + 1 : place + 2] in ("*", "+", "{")
            if held and repeated:
                return True
            if holds and (held or repeated):
                holds[-1] = True
        elif char in "*+{" and holds:
            holds[-1] = True
    return False
