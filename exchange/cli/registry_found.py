"""`registry create`: a directory for a new network, and the draft of its first root.

Rules: nothing is written over. The draft is written before network.json, which is what makes the directory a
registry: whoever was interrupted in between says `create` again. Nobody's private key is needed: each
administrator hands in a card, and signs the draft like any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import AsJson
from exchange.cli.registry_paper import Directory, drafted, keep, now, schemas
from exchange.cli.show import Show
from exchange.errors import Invalid
from exchange.registrar import admins, drafting, roots, sources
from exchange.registrar.published import Published
from exchange.registrar.roots import Thresholds
from exchange.registrar.workspace import NETWORK, Workspace


def create(
    directory: Directory,
    network: Annotated[str, typer.Option(help="Name of the network.", show_default=False)],
    admin: Annotated[
        list[Path],
        typer.Option(help="Card of an administrator (public.json); repeat.", show_default=False),
    ],
    root_threshold: Annotated[
        int | None,
        typer.Option(min=1, help="Who must sign a root; else 3 of 5, or the majority.", show_default=False),
    ] = None,
    threshold: Annotated[
        int | None,
        typer.Option(min=1, help="Who must sign a change; else 2 of 5, or the majority.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Begin a registry: its directory, and a first root for its administrators to sign."""
    space = Workspace(directory)
    if any(path.exists() for path in (space.peers / NETWORK, space.root, space.repository)):
        raise Invalid("exists", f"{directory}: holds a registry already", hint="choose another directory")
    people = [admins.load_public(path) for path in admin]
    usual = roots.usual_thresholds(len(people))
    wanted = Thresholds(root_threshold or usual.root, threshold or usual.targets)
    value = {"v": 1, "name": network, "orphan_mandates": {}, "agencies": [], "escalation": []}
    sources.check(schemas(), "network", value)
    root = roots.first(people, wanted, now())
    before = Published(space.repository)
    made = keep(space, drafting.root_draft(before, root, now()), before, None)
    sources.add(space.peers, schemas(), "network", value)
    drafted(Show(as_json), space, *made)
