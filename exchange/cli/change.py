"""`change`: asks the administrators to change this member's entry in the registry, or its keys.

Rules: the running node makes and signs the request, because it has the registry's present entry and the keys;
here it is written to a file that travels. Nothing takes effect before the administrators have published it:
until then the present entry and keys stay in use, and the same command may be given again.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.cli.connection import load_config, talk
from exchange.cli.joining import write_new
from exchange.cli.options import AsJson, ConfigFile, Deputy, Languages, OfficeHours
from exchange.cli.prove import check_unused
from exchange.cli.show import Show

NONE: Final = "none"
"""What takes a field away."""


class Rotate(StrEnum):
    SIGNING = "signing"
    HTTP = "http"


def change(
    name: Annotated[str | None, typer.Option(help="Name of the organisation.", show_default=False)] = None,
    site: Annotated[str | None, typer.Option(help="Its web site, https://...", show_default=False)] = None,
    mailbox: Annotated[
        str | None, typer.Option(metavar="URL", help="Base URL of the mailbox.", show_default=False)
    ] = None,
    deputy: Deputy = None,
    language: Languages = None,
    office_hours: OfficeHours = None,
    rotate: Annotated[
        list[Rotate] | None, typer.Option(help="Make a new key of this kind; repeat.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to make; else <id>.change.json."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Ask the administrators to change this member's entry.

    "none" takes a deputy, the languages or the office hours away.
    """
    show = Show(as_json)
    path = output or Path(f"{load_config(config).member}.change.json")
    check_unused(path, force)
    said = {"name": name, "site": site, "mailbox": mailbox and mailbox.rstrip("/"), "deputy": deputy}
    said |= {"office_hours": office_hours}
    body: dict[str, object] = {key: _or_none(value) for key, value in said.items() if value is not None}
    if language:
        body["languages"] = None if language == [NONE] else language
    body["rotate"] = [kind.value for kind in rotate or ()]
    made = talk(config, lambda node: node.post("/v1/registration", body))
    write_new(path, str(made["registration"]).encode(), replace=force)
    if as_json:
        told = {key: made[key] for key in ("member", "fingerprint", "new_keys")}
        show.value({**told, "request": str(path)})
        return
    show.line(f"Send {path} to an administrator of the network. On a call, read out:")
    show.line(f"     {made['fingerprint']}")
    if rotate:
        show.line("The new keys are kept here and used as soon as the registry has them.")


def _or_none(value: str) -> str | None:
    return None if value == NONE else value
