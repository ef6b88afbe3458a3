"""`dead-letters` and `quarantine`: what could not be delivered, and what could not be taken in.

Rules: nothing disappears here by itself; each thing has its reason, and a person decides.
"""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli.connection import talk
from exchange.cli.options import After, AsJson, ConfigFile, Limit, group
from exchange.cli.show import Show, moment
from exchange.core.names import DocumentId
from exchange.errors import Invalid

dead_letters = group("Documents that could not be delivered, with the reason.")
quarantine = group("What came in and was refused or held, with the reason.")

DocumentArgument = Annotated[
    str, typer.Argument(metavar="DOCUMENT", help="Id of the document.", show_default=False)
]


@dead_letters.command("list")
def list_dead(
    after: After = None, limit: Limit = 100, as_json: AsJson = False, config: ConfigFile = None
) -> None:
    """List dead letters."""
    show = Show(as_json)
    said = talk(config, lambda node: node.get("/v1/dead-letters", after=after, limit=limit))
    if as_json:
        show.value(said)
        return
    show.table(
        ("document", "type", "to", "since", "why"),
        [
            (
                one["document"],
                one.get("type"),
                one.get("recipient"),
                moment(one.get("at")),
                one.get("code"),
            )
            for one in said["dead_letters"]
        ],
        empty="There are no dead letters.",
    )
    show.more(said)


@dead_letters.command()
def retry(document: DocumentArgument, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Try again to deliver a dead letter."""
    _dead(document, "retry", "It is tried again.", Show(as_json), config)


@dead_letters.command()
def drop(document: DocumentArgument, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Give a dead letter up."""
    _dead(document, "drop", "Given up.", Show(as_json), config)


def _dead(document: str, verb: str, done: str, show: Show, config: ConfigFile) -> None:
    path = f"/v1/dead-letters/{DocumentId.parse(document, 'DOCUMENT')}/{verb}"
    said = talk(config, lambda node: node.post(path))
    if show.json:
        show.value(said)
        return
    show.line(done)


@quarantine.command("list")
def list_quarantine(
    after: After = None, limit: Limit = 100, as_json: AsJson = False, config: ConfigFile = None
) -> None:
    """List what lies in quarantine."""
    show = Show(as_json)
    said = talk(config, lambda node: node.get("/v1/quarantine", after=after, limit=limit))
    if as_json:
        show.value(said)
        return
    show.table(
        ("id", "at", "kind", "from", "why", "document", "released"),
        [
            (
                one["id"],
                moment(one.get("at")),
                one.get("kind"),
                one.get("depositor"),
                one.get("code"),
                one.get("document"),
                moment(one.get("released_at")),
            )
            for one in said["quarantine"]
        ],
        empty="Nothing lies in quarantine.",
    )
    show.more(said)


@quarantine.command()
def release(
    item: Annotated[str, typer.Argument(metavar="ID", help="Id in the list.", show_default=False)],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Let something be looked at again, as if it had just come."""
    if not item.replace("-", "").isalnum() or not item.isascii():
        raise Invalid("quarantine-id", "ID: not an id of the list", hint="hotline-exchange quarantine list")
    said = talk(config, lambda node: node.post(f"/v1/quarantine/{item}/release"))
    show = Show(as_json)
    if as_json:
        show.value(said)
        return
    show.line("Released.")
