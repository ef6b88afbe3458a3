"""`doctor`: says what is wrong with a node and how to mend it, one line a check.

Rules: it changes nothing. It works whether the node runs or not; with `--offline` it reaches for no network
and no node, and looks into the database, which a running node holds. It ends with 1 when something is bad;
warnings alone end with 0. Each finding that is not well has a hint that says what to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from exchange.cli import doctor_online
from exchange.cli.connection import load_config
from exchange.cli.doctor_offline import database_checks, local_checks
from exchange.cli.findings import Finding, State, bad
from exchange.cli.options import AsJson, ConfigFile
from exchange.cli.show import Show
from exchange.errors import ExchangeError

FAILED: Final = 1


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="No network and no node; looks into the database.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Say what is wrong, and how to mend it."""
    show = Show(as_json)
    found = _examine(config, offline)
    worst = State.BAD if any(each.state is State.BAD for each in found) else State.WELL
    if as_json:
        show.value({"ok": worst is State.WELL, "findings": [each.to_json() for each in found]})
    for each in found:
        show.line(f"{each.state.value:<8}{each.check}: {each.sentence}")
        if each.hint:
            show.line(f"        -> {each.hint}")
    if worst is State.BAD:
        raise typer.Exit(FAILED)


def _examine(config: ConfigFile, offline: bool) -> Sequence[Finding]:
    try:
        settings = load_config(config)
    except ExchangeError as error:
        wrong = error.problems or ()
        first = bad("configuration", f"{error.message} ({error.code})", error.hint or "mend the file")
        return [first, *(bad("configuration", each.message, "mend the file") for each in wrong)]
    found = list(local_checks(settings))
    if offline:
        return [*found, *database_checks(settings)]
    return [*found, *asyncio.run(doctor_online.checks(settings, int(time.time())))]
