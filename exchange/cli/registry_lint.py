"""`registry lint`: what is wrong or odd with the registry's files, before anybody signs them.

Rules: errors fail, warnings pass. Findings of one kind stand together, and a person is shown ten of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.cli.options import AsJson
from exchange.cli.show import Show
from exchange.core import registry_lint
from exchange.core.registry_lint import Finding, Severity
from exchange.core.schema import Schemas
from exchange.registrar import countries, sources
from exchange.registrar.workspace import open_workspace
from exchange.resources import schema_documents

FAILED: Final = 1
SHOWN_ALIKE: Final = 10
"""Findings of one kind that a person is shown; JSON has them all."""


def lint(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the registry.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong or odd before anybody signs."""
    space, schemas = open_workspace(directory), Schemas(schema_documents())
    files = sources.read_files(space.peers)
    findings = registry_lint.lint(schemas, files, countries.shipped(schemas), int(time.time()))
    count = {one.value: sum(found.severity is one for found in findings) for one in Severity}
    show = Show(as_json)
    if as_json:
        show.value({"findings": [_finding(one) for one in findings], **count})
    else:
        for one in _some_of_each(findings):
            show.line(one)
        told = ", ".join(f"{one} {number}" for one, number in count.items())
        show.line(f"Files looked at: {len(files)}. Found: {told}.")
    if count[Severity.ERROR.value]:
        raise typer.Exit(FAILED)
    show.line(f"Next: hotline-exchange registry draft {directory}")


def _finding(one: Finding) -> dict[str, str]:
    return {
        "severity": one.severity.value,
        "file": one.file,
        "field": one.field,
        "code": one.code,
        "sentence": one.sentence,
    }


def _some_of_each(findings: Iterable[Finding]) -> Iterator[str]:
    kinds = sorted(findings, key=lambda one: (list(Severity).index(one.severity), one.code))
    for (severity, code), alike in groupby(kinds, lambda one: (one.severity, one.code)):
        group = list(alike)
        for one in group[:SHOWN_ALIKE]:
            yield f"{severity.value:<8}{one.file}{one.field and '#' + one.field}  {one.sentence} ({code})"
        if len(group) > SHOWN_ALIKE:
            more = f"... and {len(group) - SHOWN_ALIKE} more of these; --json has them all"
            yield f"{severity.value:<8}{more} ({code})"
