"""Drafts on the command line: where they lie, how they are written, and what people are told of one.

Rules: what is told is told of the bytes that were checked. A draft that somebody has signed is not written
over by another one, and one that nobody has signed only by one that says the same, or under --force. Copies
of one draft are read as one. This module asks nobody and signs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.show import Show
from exchange.client.registry_chain import root_fingerprint
from exchange.core import limits
from exchange.core.schema import Schemas
from exchange.errors import Invalid
from exchange.registrar import draft, draft_check, files, published
from exchange.registrar.draft import Draft, Kind
from exchange.registrar.draft_check import Checked
from exchange.registrar.published import Published
from exchange.registrar.root_changes import warnings
from exchange.registrar.workspace import Workspace, open_workspace
from exchange.resources import schema_documents

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="Directory of the registry.", show_default=False)
]
Drafts = Annotated[
    list[Path],
    typer.Argument(
        metavar="DRAFT... DIR",
        help="A draft, or copies of it that were signed in parallel; and the directory of the registry.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the draft there.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Write over an unsigned draft that says otherwise.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def given(paths: Sequence[Path]) -> tuple[Workspace, list[Path], Draft]:
    """The directory, the drafts' files, and what they say together; raises `Invalid` or `Refused`."""
    places = [path for path in paths if path.is_dir()]
    names = [path for path in paths if path not in places]
    if len(places) != 1 or places[0] != paths[-1] or not names:
        told = "not one or several drafts, and then the directory of the registry"
        raise Invalid("usage", told, hint="hotline-exchange registry status DRAFT DIR")
    copies = []
    for name in names:
        try:
            with name.open("rb") as file:
                copies.append(draft.read(file.read(limits.DRAFT_BYTES + 1)))
        except FileNotFoundError:
            raise Invalid("draft-missing", f"{name}: is not there") from None
    return open_workspace(places[0]), names, draft.merge(copies)


def look(space: Workspace, one: Draft) -> Checked:
    """`one`, checked against what is published in `space`."""
    return draft_check.check(one, published.load(space), schemas(), now())


def keep(
    space: Workspace, one: Draft, before: Published, place: Path | None, *, force: bool = False
) -> tuple[Path, Checked]:
    """Check a new draft and write it; raises `Invalid` (`exists`) over one that is signed already, or that
    says otherwise.
    """
    checked = draft_check.check(one, before, schemas(), now())
    path = place or space.draft(one.kind.value, one.version)
    there = draft.read(path.read_bytes()) if path.exists() else None
    if there is not None and there.keyids:
        raise Invalid(
            "exists",
            f"{path}: is there, and signed by somebody already",
            hint=f"publish it first; or, if it is to be given up: rm {path}",
        )
    if there is not None and not force and not draft.alike(there, one):
        raise Invalid(
            "exists",
            f"{path}: is there, and says otherwise: what it would change would be lost",
            hint="sign and publish it first; or, if it is to be given up: --force",
        )
    files.write_whole(path, one.to_bytes())
    return path, checked


def drafted(show: Show, space: Workspace, path: Path, checked: Checked) -> None:
    """Tell what was drafted, and what comes next."""
    if show.json:
        show.value({"draft": str(path), **facts(checked)})
        return
    tell(show, checked)
    show.line()
    show.line(f"Wrote {path}. It goes from one to the next until enough have signed:")
    show.line(f"  hotline-exchange registry sign {path} {space.path} --keys KEYS")
    show.line(f"  hotline-exchange registry publish {path} {space.path} --keys KEYS")


def facts(checked: Checked) -> dict[str, Any]:
    """What is to be told, for programs."""
    return {
        "kind": checked.draft.kind.value,
        "version": checked.draft.version,
        "fingerprint": checked.draft.fingerprint,
        "published": checked.done,
        "changes": list(checked.changes),
        "list_expires": None
        if checked.list_expires is None
        else f"{checked.list_expires:%Y-%m-%dT%H:%M:%SZ}",
        "requests": [
            {"member": one.member, "fingerprint": one.fingerprint, "call": one.fresh}
            for one in checked.requests
        ],
        "signatures": [
            {"what": one.what, "needed": one.needed, "signed": list(one.signed), "absent": list(one.absent)}
            for one in checked.tallies
        ],
        "missing": checked.missing,
        "registry": root_fingerprint(checked.published.pinned) if checked.published.pinned else None,
    }


def tell(show: Show, checked: Checked) -> None:
    """What is to be told, for people."""
    one = checked.draft
    what = "the root" if one.kind is Kind.ROOT else "the list of files"
    show.line(f"Draft of version {one.version} of {what}")
    if checked.published.pinned:
        show.line(f"Registry:    {root_fingerprint(checked.published.pinned)} (its first root)")
    show.line(f"Fingerprint: {one.fingerprint}")
    for sentence in checked.changes:
        show.line(f"  {sentence}")
    for asked in checked.requests:
        show.line(f"{asked.member}: the member reads out {asked.fingerprint}")
        if asked.fresh:
            show.line("  call the member yourself before you sign")
    if checked.list_expires is not None:
        show.line(f"The list of files is valid until {checked.list_expires:%Y-%m-%d}.")
    for each in checked.tallies:
        by = ", ".join(each.signed) or "nobody yet"
        show.line(f"Signed for {each.what}: {len(each.signed)} of {each.needed} ({by})")
        if each.missing:
            show.line(f"  missing: {each.missing} of {', '.join(each.absent)}")
    if checked.done:
        show.line("This version is published already.")
    elif one.root is not None:
        for sentence in warnings(one.root.signed):
            show.line(f"Note: {sentence}")


def schemas() -> Schemas:
    return Schemas(schema_documents())


def now() -> int:
    """Unix seconds."""
    return int(time.time())
