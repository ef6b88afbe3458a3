"""`inbox`: what came in, in the order in which it came, and with `--follow` what comes.

Rules: reading changes nothing; whoever reads keeps the cursor, which is told at the end. `--follow` ends with
Ctrl-C, and goes on when the node was restarted meanwhile.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange.cli.connection import Answer, Node, talk
from exchange.cli.options import After, AsJson, ConfigFile, Limit
from exchange.cli.show import Show, moment
from exchange.errors import Unavailable

WAIT_SECONDS: Final = 25
"""Seconds of one long poll: what the node allows."""
PAUSE_SECONDS: Final = 2.0
"""Seconds before a node that is being restarted is asked again."""
COLUMNS: Final = ("position", "at", "kind", "from", "referral", "what")


class Kind(StrEnum):
    REFERRAL = "referral"
    OUTCOME = "outcome"
    WITHDRAWAL = "withdrawal"
    RECEIPT = "receipt"
    ALARM = "alarm"


def inbox(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only this kind.", show_default=False)] = None,
    after: After = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show what came in, and with --follow what comes."""
    show = Show(as_json)
    if follow:
        _follow(show, config, kind, after)
        return
    page = talk(config, lambda node: read(node, after=after, kind=kind, limit=limit))
    if as_json:
        show.value(page)
        return
    show.table(COLUMNS, [row(item) for item in page["items"]], empty="Nothing came in.")
    if len(page["items"]) == limit:
        show.line(f"There may be more: --after {page['cursor']}")


async def read(
    node: Node, *, after: str | None, kind: str | None = None, wait: int | None = None, limit: int = 100
) -> Answer:
    """One page of the inbox."""
    return await node.get("/v1/inbox", after=after, kind=kind, wait=wait, limit=limit)


def _follow(show: Show, config: Path | None, kind: Kind | None, after: str | None) -> None:
    async def work(node: Node) -> None:
        cursor, reached = after, False
        while True:
            try:
                page = await read(node, after=cursor, kind=kind, wait=WAIT_SECONDS)
            except Unavailable:
                if not reached:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            reached, cursor = True, page["cursor"]
            for item in page["items"]:
                if show.json:
                    show.value(item)
                else:
                    show.line("  ".join(str(cell) for cell in row(item) if cell not in (None, "")))

    talk(config, work)


def row(item: dict[str, Any]) -> tuple[object, ...]:
    """One item as the cells of a table."""
    what = [str(item["code"])] if item.get("code") else []
    if item.get("count") is not None:
        what.append(f"{item['count']} documents" if item["count"] != 1 else "1 document")
    member = item.get("member")
    return (item["position"], moment(item["at"]), item["kind"], member, item.get("referral"), ", ".join(what))
