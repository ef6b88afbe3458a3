"""Options and arguments that several commands share, so that they read the same everywhere.

Rules: every command has `--json`; every command that talks to a node has `--config`. This module knows no
command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, errors as problem details.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="HOTLINE_EXCHANGE_CONFIG",
        help="Configuration of the node. Else ./hotline-exchange.toml, else "
        "/etc/hotline-exchange/config.toml.",
        show_default=False,
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="Show at most so many.")]
After = Annotated[str | None, typer.Option("--after", help="Go on behind this cursor.", show_default=False)]
ReferralId = Annotated[str, typer.Argument(metavar="ID", help="Id of the referral.", show_default=False)]
Sender = Annotated[
    str | None,
    typer.Option(
        "--sender", help="Whose referral is meant, if two members used this id.", show_default=False
    ),
]

Languages = Annotated[
    list[str] | None,
    typer.Option("--language", help="A language that you read (ISO 639); repeat.", show_default=False),
]
OfficeHours = Annotated[
    str | None,
    typer.Option("--office-hours", help='Such as "Mo-Fr 09:00-17:00 +01:00".', show_default=False),
]
Deputy = Annotated[
    str | None,
    typer.Option("--deputy", metavar="ID", help="The member that stands in for you.", show_default=False),
]


def group(what: str) -> typer.Typer:
    """A group of commands under one name; alone it shows what it has."""
    return typer.Typer(help=what, no_args_is_help=True, rich_markup_mode=None)
