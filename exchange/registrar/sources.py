"""The registry in reviewable form: one JSON file per member and country, and network.json.

Rules: what is added has its schema's form. What the files say of each other is checked when all are read to
be drafted: nothing is drafted that a reading node would leave out. Files are written whole or not at all. Who
may change what is core/registry_changes'. This module knows no signatures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exchange.core import strict_json
from exchange.core.registry_build import build_view
from exchange.core.registry_documents import NETWORK, read_target
from exchange.core.schema import Schemas
from exchange.errors import Invalid, Problem, Refused
from exchange.registrar import files


def path_of(kind: str, value: Mapping[str, Any]) -> str:
    """Where a file of `kind` stands, by what it says of itself; raises `Invalid` (`kind`)."""
    if kind == "member":
        return f"members/{value.get('id')}.json"
    if kind == "country":
        return f"countries/{value.get('country')}.json"
    if kind == "network":
        return NETWORK
    raise Invalid("kind", "kind: not member, country or network")


def check(schemas: Schemas, kind: str, value: Mapping[str, Any]) -> None:
    """Pass, or raise `Invalid` (`registry-file`) with all that is wrong with the form of one file."""
    read_target(schemas, path_of(kind, value), strict_json.dump(value))


def add(sources: Path, schemas: Schemas, kind: str, value: Mapping[str, Any]) -> Path:
    """Check one file by itself and write it into `sources`; raises `Invalid` with all its problems."""
    name = path_of(kind, value)
    data = json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
    read_target(schemas, name, data)
    files.write_whole(sources / name, data)
    return sources / name


def read_files(sources: Path) -> dict[str, bytes]:
    """All files by target path, as they stand; raises `Invalid` (`not-a-file`) for a link or a device."""
    return {path.relative_to(sources).as_posix(): files.read_regular(path) for path in _files(sources)}


def read_all(sources: Path, schemas: Schemas) -> dict[str, bytes]:
    """All files by target path, fit to be published; raises `Invalid` (`registry-sources`) with problems."""
    targets = read_files(sources)
    try:
        problems = build_view(schemas, targets, version=0, digest="", expires_at=0).problems
    except Refused as error:
        problems = (*error.problems, Problem(NETWORK, error.code, error.message))
    if problems:
        raise Invalid(
            "registry-sources", f"the registry's files: {len(problems)} problems", problems=problems
        )
    return targets


def _files(sources: Path) -> Iterator[Path]:
    if (sources / NETWORK).exists():
        yield sources / NETWORK
    for folder in ("countries", "members"):
        yield from sorted((sources / folder).glob("*.json"))
