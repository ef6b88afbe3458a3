"""`registry history`: every root and every list of files that was published, and any past state as files.

Rules: what does not verify is told first and ends with exit code 1; a past state is written only when its
signatures and hashes hold, and into a directory that is new or empty.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.options import AsJson
from exchange.cli.show import Show, moment
from exchange.core.schema import Schemas
from exchange.core.times import format_time
from exchange.errors import Invalid, Refused
from exchange.registrar.history import Past, state, write_state
from exchange.registrar.history import history as past_of
from exchange.registrar.workspace import Workspace, open_workspace
from exchange.resources import schema_documents


def history(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the registry.", show_default=False)
    ],
    version: Annotated[
        int | None, typer.Option(min=1, help="Show the files of this version.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the files of --version here.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what was published: who signed it, what it changed; or write a past state as files."""
    space = open_workspace(directory)
    show = Show(as_json)
    if version is None and out is not None:
        raise Invalid("usage", "--version is missing", hint="--version 3 --out DIR2")
    if version is not None:
        _state(show, space, version, out)
        return
    states = past_of(space, Schemas(schema_documents()))
    if as_json:
        show.value({"history": [_facts(one) for one in states]})
    for one in states:
        _tell(show, one)
    wrong = [one for one in states if one.problem is not None]
    if wrong:
        names = ", ".join(f"{one.kind} {one.version}" for one in wrong)
        raise Refused("registry-history", f"not as it was published: {names}")


def _state(show: Show, space: Workspace, version: int, out: Path | None) -> None:
    files = state(space, version)
    if out is not None:
        write_state(files, out)
    if show.json:
        show.value({"version": version, "files": sorted(files), "out": None if out is None else str(out)})
        return
    for path in sorted(files):
        show.line(path)
    if out is None:
        show.line(f"{len(files)} files; --out DIR2 writes them.")
    else:
        show.line(f"{len(files)} files of version {version} written to {out}.")


def _tell(show: Show, one: Past) -> None:
    if one.problem is not None:
        show.line(f"{one.kind} {one.version}  NOT AS IT WAS PUBLISHED ({one.problem})")
        return
    who = ", ".join(one.signed_by)
    show.line(f"{one.kind} {one.version}  signed by {who} ({one.needed} needed)")
    show.line(f"    valid until {moment(one.expires_at)}, under root {one.root_version}")
    for sentence in one.changes or ("nothing changed: signed anew",):
        show.line(f"    {sentence}")


def _facts(one: Past) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "version": one.version,
        "root_version": one.root_version,
        "signed_by": list(one.signed_by),
        "needed": one.needed,
        "expires_at": None if one.problem else format_time(one.expires_at),
        "changes": list(one.changes),
        "problem": one.problem,
    }
