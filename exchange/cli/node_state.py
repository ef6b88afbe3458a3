"""`status` and `journal`: how the node is, and whether its journal is whole.

Rules: the exit code answers too: `status` ends with 1 when the node says that it is not ready, and `journal
verify` with 1 when the chain is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from exchange.cli.connection import Answer, Node, talk
from exchange.cli.options import AsJson, ConfigFile, group
from exchange.cli.show import Show, moment

FAILED = 1
journal = group("The journal of what was sent, received and done.")


def status(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Show how the node is, in figures."""
    show = Show(as_json)
    said, ready = talk(config, _status)
    if as_json:
        show.value({**said, "ready": ready["ready"], "reasons": ready.get("reasons", [])})
    else:
        show.facts({"ready": "yes" if ready["ready"] else "no", **flat(said)})
        for reason in ready.get("reasons", ()):
            show.line(f"  {reason['sentence']} ({reason['code']})")
    if not ready["ready"]:
        raise typer.Exit(FAILED)


async def readiness(node: Node) -> Answer:
    """Whether the node is ready, and the reasons why not."""
    return await node.get("/readyz")


async def _status(node: Node) -> tuple[Answer, Answer]:
    return await node.get("/v1/status"), await readiness(node)


def flat(value: Mapping[str, Any], before: str = "") -> dict[str, object]:
    """Nested values as one list of names and values."""
    found: dict[str, object] = {}
    for name, inner in value.items():
        shown = f"{before}{name.replace('_', ' ')}"
        if isinstance(inner, Mapping):
            found |= flat(inner, f"{shown} ")
        elif name.endswith("_at"):
            found[shown] = moment(inner)
        else:
            found[shown] = ", ".join(map(str, inner)) if isinstance(inner, list) else inner
    return found


@journal.command()
def verify(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Compute the whole chain again, and compare it with what other members hold of it."""
    show = Show(as_json)
    said = talk(config, lambda node: node.post("/v1/journal/verify"))
    if as_json:
        show.value(said)
    elif said["ok"]:
        show.line(f"The journal is whole: {said['entries']} entries in log {said['log']}.")
    else:
        show.line(f"The journal is broken at entry {said.get('broken_at', '?')} of {said['entries']}.")
    if not said["ok"]:
        raise typer.Exit(FAILED)


@journal.command()
def head(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Show the head of the journal: what the manifests that we send carry."""
    show = Show(as_json)
    said = talk(config, lambda node: node.get("/v1/journal"))
    if as_json:
        show.value(said)
        return
    show.facts(flat(said))
