"""Before an administrator's keys sign: is DIR their registry, is it the present one, and is this clock right?

Rules: which registry it is, the keys say that have signed its first root; keys that do not know yet are told
by a person who compares the root's fingerprint with paper, on a terminal or by --root-fingerprint, and never
by `--yes`. A DIR whose timestamp has expired is probably a copy that was left behind: it is brought up to
date first, or somebody says --stale. This module signs nothing.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.show import Show
from exchange.client.registry_chain import root_fingerprint
from exchange.errors import Invalid, Refused
from exchange.registrar import anchor
from exchange.registrar.lives import expired
from exchange.registrar.published import Published
from exchange.registrar.reviews import plain

RootFingerprint = Annotated[
    str | None,
    typer.Option(
        "--root-fingerprint",
        help="Fingerprint of root.json as you have it on paper; asked once, before these keys first sign.",
        show_default=False,
    ),
]
Stale = Annotated[bool, typer.Option("--stale", help="Go on though what DIR has published has expired.")]
ClockIsRight = Annotated[
    bool, typer.Option("--clock-is-right", help="Sign though what is there expires later.")
]


def compared(keys: Path, root: bytes, said: str | None, as_json: bool) -> None:
    """Pass where `root`, a first root's file, is that of these keys, now or since this comparison.

    Raises `Refused` (`registry-other`), `Invalid` (`usage`) when nobody can be asked.
    """
    signed = anchor.signed_part(root)
    if said is not None and plain(said) != plain(root_fingerprint(root)):
        raise anchor.other(keys)
    if anchor.belongs(keys, signed):
        return
    if said is None:
        _ask(keys, root, as_json)
    anchor.keep(keys, signed)


def not_stale(show: Show, published: Published, now: int, stale: bool) -> None:
    """Pass where DIR is not known to be old; raises `Refused` (`registry-stale`)."""
    end = expired(published, now)
    if end is None or stale:
        return
    told = f"what DIR has published has expired on {datetime.fromtimestamp(end, UTC):%Y-%m-%d}: pull first"
    if show.json or not sys.stdin.isatty():
        raise Refused(
            "registry-stale",
            told,
            hint="hotline-exchange registry pull DIR --mirror URL; if nobody has renewed it: "
            "hotline-exchange registry renew DIR --keys K; else --stale",
        )
    sys.stderr.write(f"{told[0].upper()}{told[1:]}. DIR may lack what others have published since.\n")
    if not typer.confirm("Go on with it all the same?", err=True):
        raise typer.Abort


def _ask(keys: Path, root: bytes, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise Invalid(
            "usage",
            f"--root-fingerprint is missing: the keys in {keys} have signed nothing of this registry yet, "
            "and nobody is there to compare its root",
            hint="type what you have on paper since the founding, not what DIR says",
        )
    sys.stderr.write(f"First root of this registry: {root_fingerprint(root)}\n")
    if not typer.confirm("Is this what you have on paper?", err=True):
        raise typer.Abort
