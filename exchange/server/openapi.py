"""The description of the member API (OpenAPI 3.1) as it is served: one file that needs no other.

Rules: the file in schemas/ speaks of the JSON Schemas beside it by their names, so that nothing is said
twice; what is served carries every schema that it speaks of, under `components`, and refers to nothing
outside.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from exchange.core import strict_json
from exchange.errors import Broken

URN: Final = "urn:hotline-exchange:schema:"
_OF_A_FILE: Final = ("$schema", "$id")


def bundled(description: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The description with all schemas that it needs, as JSON; raises `Broken` (`openapi`) when it speaks of
    one that is not there.
    """
    whole = copy.deepcopy(dict(description))
    carried = whole.setdefault("components", {}).setdefault("schemas", {})
    missing = _names(whole)
    while missing:
        name = missing.pop()
        if name not in schemas:
            raise Broken("openapi", "the description of the member API speaks of a schema that is not there")
        part = copy.deepcopy({key: value for key, value in schemas[name].items() if key not in _OF_A_FILE})
        carried[name] = part
        missing |= _names(part) - carried.keys()
    for holder in _referring(whole):
        holder["$ref"] = _inside(holder["$ref"])
    return strict_json.dump(whole)


def _referring(value: Any) -> Iterator[dict[str, Any]]:
    """Every object that refers to one of our schemas."""
    if isinstance(value, dict):
        if str(value.get("$ref", "")).startswith(URN):
            yield value
        for inner in value.values():
            yield from _referring(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _referring(inner)


def _names(value: Any) -> set[str]:
    return {holder["$ref"].removeprefix(URN).partition("#")[0] for holder in _referring(value)}


def _inside(reference: str) -> str:
    name, _, place = reference.removeprefix(URN).partition("#")
    return f"#/components/schemas/{name}{place}"
