"""Whether a value has the form of a document, and if not, everything that is wrong with it.

Rules:

* two engines: jsonschema_rs decides (some 10 us), jsonschema explains (1 ms) and is asked only about what
  was refused. If it finds nothing wrong there, the value stays refused: `schema-disagreement`;
* every problem at once, each with its JSON Pointer, a stable code and one sentence that names the field and
  never quotes what stood there. A pointer ends above a name that the sender made up and that is no plain
  word;
* the schemas are handed in and refer to each other by `$id`; nothing is ever fetched.

This module knows no document: rules that a schema cannot say are elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from exchange.core import countries
from exchange.core.strict_json import JsonValue
from exchange.errors import Problem

PROBLEMS_MAX: Final = 100
"""Problems told about one value: enough to mend it, too few to fill a log with."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CODES: Final = {
    "type": ("type", "not of the right type"),
    "required": ("missing", "missing"),
    "additionalProperties": ("unknown-field", "a field that is not known here"),
    "enum": ("unknown-code", "not one of the known codes"),
    "const": ("unknown-code", "not the value that must stand here"),
    "pattern": ("form", "not of the right form"),
    "propertyNames": ("form", "a name in it is not of the right form"),
    "maxLength": ("too-long", "too long"),
    "minLength": ("too-short", "too short"),
    "maxItems": ("too-many", "too many entries"),
    "minItems": ("too-few", "too few entries"),
    "maxProperties": ("too-many", "too many entries"),
    "maximum": ("out-of-range", "larger than is allowed"),
    "minimum": ("out-of-range", "smaller than is allowed"),
    "uniqueItems": ("duplicate", "an entry stands twice"),
    "oneOf": ("form", "none of the allowed forms"),
    "not": ("not-allowed", "not allowed beside the other values"),
}
"""Keyword that failed -> code, sentence."""


class Schemas:
    """All schemas of the program, compiled. `documents` maps a file stem such as `referral-1` to its
    schema."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        by_id = [(schema["$id"], dict(schema)) for schema in documents.values()]
        fast = jsonschema_rs.Registry(by_id)
        slow: Registry[Any] = Registry().with_resources(
            (name, DRAFT202012.create_resource(schema)) for name, schema in by_id
        )
        self._fast = {
            name: jsonschema_rs.Draft202012Validator(dict(schema), registry=fast)
            for name, schema in documents.items()
        }
        self._slow = {name: Draft202012Validator(schema, registry=slow) for name, schema in documents.items()}

    def accepts(self, name: str, value: JsonValue) -> bool:
        """Whether `value`, of plain JSON types, has the form of schema `name`."""
        return self._fast[name].is_valid(value)

    def problems(self, name: str, value: JsonValue) -> tuple[Problem, ...]:
        """Everything that is wrong with the form of `value`, by pointer; empty if it is accepted."""
        if self.accepts(name, value):
            return ()
        found = {
            (problem.pointer, problem.code): problem
            for error in self._slow[name].iter_errors(value)
            for problem in _explain(error)
        }
        if not found:
            return (Problem("", "schema-disagreement", "the document: refused by one of two validators"),)
        return tuple(found[key] for key in sorted(found))[:PROBLEMS_MAX]


def field_name(pointer: str) -> str:
    """How a sentence names what `pointer` points at: `hosting.0.country`."""
    return pointer[1:].replace("/", ".") or "the document"


def problem(pointer: str, code: str, sentence: str) -> Problem:
    """A problem whose sentence starts with the name of the field."""
    return Problem(pointer, code, f"{field_name(pointer)}: {sentence}")


def _explain(error: ValidationError) -> Iterator[Problem]:
    pointer = _pointer(error)
    code, sentence = _CODES[error.validator]
    if error.validator == "required":
        names = [name for name in error.validator_value if name not in error.instance]
    elif error.validator == "additionalProperties":
        names = [name for name in error.instance if name not in error.schema["properties"]]
    else:
        hint = countries.hint(error.instance) if _is_country(error) else None
        yield problem(pointer, code, f"{sentence} ({hint})" if hint else sentence)
        return
    for name in names:
        yield problem(f"{pointer}/{name}" if _PLAIN_NAME.fullmatch(name) else pointer, code, sentence)


def _pointer(error: ValidationError) -> str:
    parts: list[str] = []
    for part in error.absolute_path:
        if isinstance(part, str) and _PLAIN_NAME.fullmatch(part) is None:
            break
        parts.append(str(part))
    return "".join(f"/{part}" for part in parts)


def _is_country(error: ValidationError) -> bool:
    return error.validator == "enum" and frozenset(error.validator_value) == countries.ALL
