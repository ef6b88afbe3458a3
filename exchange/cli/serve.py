"""`serve`: runs the node until it is told to stop.

Rules: the passphrase is asked for on the terminal, or read as one line from standard input when that is none;
never from the environment or an argument. With an identity file or a systemd credential there is none to ask
for. Where a node cannot start it says so in one sentence and an exit code.
"""

from __future__ import annotations

import asyncio
import os
import sys
from getpass import getpass

import typer

from exchange import node
from exchange.cli.connection import load_config
from exchange.cli.options import AsJson, ConfigFile
from exchange.cli.show import Show
from exchange.config import Config
from exchange.errors import Invalid


def serve(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Run the node. SIGTERM or Ctrl-C stops it."""
    show = Show(as_json)
    settings = load_config(config)
    for warning in settings.warnings:
        show.aside(f"warning: {warning.message}")

    def announce(text: str) -> None:
        if as_json:
            show.value({"announce": text})
        else:
            show.line(text)

    code = asyncio.run(node.run(settings, passphrase=passphrase_for(settings), announce=announce))
    raise typer.Exit(code)


def passphrase_for(config: Config) -> str | None:
    """The passphrase of the keys, if they have one."""
    if config.identity.file is not None or "CREDENTIALS_DIRECTORY" in os.environ:
        return None
    if sys.stdin.isatty():
        return getpass("Passphrase: ")
    line = sys.stdin.readline()
    if not line:
        raise Invalid(
            "passphrase-missing",
            "there is no terminal to ask for the passphrase on, and standard input is empty",
            hint="name an identity file in [identity] file, or give systemd a credential named identity",
        )
    return line.rstrip("\n")
