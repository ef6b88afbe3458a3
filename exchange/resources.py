"""Finds the files that travel with the program: schemas, code tables, the network's example, demo.

Rules: an installed wheel carries them under `exchange/_data`; an editable install, which skips that, has
them in the checkout beside the package. They are read once and are part of the program: a file that cannot
be read or parsed is `Broken`. This module knows names and places, not what the files mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from exchange.errors import Broken

_PACKAGE: Final = Path(__file__).resolve().parent
_KINDS: Final = frozenset({"schemas", "peers", "examples"})


def data_path(kind: str, name: str = "") -> Path:
    """Path of `name` under `kind` (schemas, peers, examples); raises `Broken` (`resource`) if it is not
    there."""
    if kind not in _KINDS:
        raise ValueError("data_path knows schemas, peers and examples")
    for root in (_PACKAGE / "_data" / kind, _PACKAGE.parent / kind):
        if (root / name).exists():
            return root / name
    raise Broken("resource", f"resource {kind}/{name}: not found", hint="install the package again")


@cache
def schema_documents() -> Mapping[str, dict[str, Any]]:
    """All JSON Schemas by file stem, such as `referral-1`."""
    return _read_all("")


@cache
def code_tables() -> Mapping[str, dict[str, Any]]:
    """The tables of foreign codes by system: `iccam`, `xarf`."""
    return _read_all("codes")


@cache
def vocabularies() -> Mapping[str, dict[str, Any]]:
    """The vocabularies of legal classes by name, such as `xarf`."""
    return _read_all("vocabularies")


@cache
def api_description() -> Mapping[str, Any]:
    """The OpenAPI description of the member API."""
    return _read_all("openapi")["member-1"]


def _read_all(folder: str) -> Mapping[str, dict[str, Any]]:
    paths = sorted(data_path("schemas", folder).glob("*.json"))
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise Broken("resource", f"resource {path.name}: not readable as JSON") from None
    if not isinstance(value, dict):
        raise Broken("resource", f"resource {path.name}: not a JSON object")
    return value
