"""`tokens`: the bearer tokens of a case system that talks to the node over TCP.

Rules: a token is shown once, when it is made; the node keeps only its digest.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from exchange.cli.connection import talk
from exchange.cli.options import AsJson, ConfigFile, group
from exchange.cli.show import Show, moment
from exchange.errors import Invalid

app = group("Tokens for programs that talk to the node over TCP.")


class Scope(StrEnum):
    SUBMIT = "submit"
    READ = "read"
    ANSWER = "answer"
    OPERATE = "operate"


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """List tokens."""
    show = Show(as_json)
    said = talk(config, lambda node: node.get("/v1/tokens"))
    if as_json:
        show.value(said)
        return
    show.table(
        ("id", "name", "scopes", "made", "revoked"),
        [
            (
                one["id"],
                one.get("name"),
                " ".join(one.get("scopes", ())),
                moment(one.get("created_at") or one.get("at")),
                moment(one.get("revoked_at")),
            )
            for one in said["tokens"]
        ],
        empty="There are no tokens.",
    )


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    scope: Annotated[
        list[Scope], typer.Option("--scope", help="What it may do; repeat.", show_default=False)
    ],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Make a token and show it, this once."""
    body = {"name": name, "scopes": [one.value for one in scope]}
    said = talk(config, lambda node: node.post("/v1/tokens", body))
    show = Show(as_json)
    if as_json:
        show.value(said)
        return
    show.line(str(said["token"]))
    show.aside("Keep it now: it is not shown again.")


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="Id in the list.", show_default=False)],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Revoke a token; it is refused from now on."""
    if not token.replace("-", "").isalnum() or not token.isascii():
        raise Invalid("token-id", "ID: not an id of the list", hint="hotline-exchange tokens list")
    said = talk(config, lambda node: node.delete(f"/v1/tokens/{token}"))
    show = Show(as_json)
    if as_json:
        show.value(said)
        return
    show.line("Revoked.")
