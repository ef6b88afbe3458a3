"""`registry admin add|replace|remove`, `threshold` and `renew-root`: each drafts the next root.

Rules: nothing changes until the quorum of the present root has signed the draft, and the quorum of the new
one. One root is under way at a time. What would lock everybody out is refused; what merely comes close is
said; what would change nothing is refused. This module signs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import AsJson, group
from exchange.cli.registry_lock import locked
from exchange.cli.registry_paper import Directory, Force, Output, drafted, keep, now
from exchange.cli.show import Show
from exchange.errors import Invalid
from exchange.registrar import admins, drafting, published, roots
from exchange.registrar.roots import RootChange, Thresholds
from exchange.registrar.workspace import open_workspace

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the administrator.", show_default=False)]
Card = Annotated[
    Path, typer.Argument(metavar="FILE", help="Their new card (public.json).", show_default=False)
]

admin = group("The administrators: each command drafts a new root.")


@admin.command()
@locked
def add(
    directory: Directory,
    cards: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Cards of new administrators.", show_default=False),
    ],
    output: Output = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Let new administrators in."""
    new = [admins.load_public(card) for card in cards]
    _draft(directory, lambda root: roots.with_added(root, new, now()), output, force, as_json)


@admin.command()
@locked
def replace(
    directory: Directory,
    name: Name,
    card: Card,
    output: Output = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give an administrator new keys, after a loss or a theft, or their place to somebody else.

    A card that keeps one of the two keys replaces the other, and the draft says which stays.
    """
    new = admins.load_public(card)
    _draft(directory, lambda root: roots.with_replaced(root, name, new, now()), output, force, as_json)


@admin.command()
@locked
def remove(
    directory: Directory, name: Name, output: Output = None, force: Force = False, as_json: AsJson = False
) -> None:
    """Let an administrator go; their keys sign nothing from then on."""
    _draft(directory, lambda root: roots.without(root, name, now()), output, force, as_json)


def threshold(
    directory: Directory,
    root: Annotated[
        int | None, typer.Option("--root", help="How many sign a root.", show_default=False)
    ] = None,
    targets: Annotated[
        int | None,
        typer.Option("--targets", help="How many sign a change of members or countries.", show_default=False),
    ] = None,
    output: Output = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Change how many administrators have to sign."""
    if root is None and targets is None:
        raise Invalid("usage", "name --root N, --targets N or both")

    _draft(
        directory,
        lambda present: roots.with_thresholds(
            present, _wanted(roots.thresholds_of(present), root, targets), now()
        ),
        output,
        force,
        as_json,
    )


def renew_root(
    directory: Directory, output: Output = None, force: Force = False, as_json: AsJson = False
) -> None:
    """Give the root another 400 days."""
    _draft(directory, lambda root: roots.renewed(root, now()), output, force, as_json)


def _wanted(present: Thresholds, root: int | None, targets: int | None) -> Thresholds:
    """The thresholds that are named, and the present ones otherwise."""
    return Thresholds(present.root if root is None else root, present.targets if targets is None else targets)


def _draft(directory: Path, change: RootChange, output: Path | None, force: bool, as_json: bool) -> None:
    space = open_workspace(directory)
    before = published.load(space)
    one = drafting.root_draft(before, change(before.root), now())
    drafted(Show(as_json), space, *keep(space, one, before, output, force=force))
