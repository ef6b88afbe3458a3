"""How an administrator's keys are named and opened on the command line: options, passphrases, PINs.

Rules: a secret is asked for on the terminal; without one it is a line of standard input, one for each that is
asked, in the order in which they are asked; never an argument, never from the environment. Questions go to
standard error. A new passphrase is asked twice and is long enough. This module opens nothing.
"""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.join import PASSPHRASE_CHARS
from exchange.errors import Invalid
from exchange.registrar.sealing import Seal, Unlock

Keys = Annotated[
    Path,
    typer.Option("--keys", help="Directory of an administrator's own keys.", show_default=False),
]
Offline = Annotated[
    Path | None,
    typer.Option(
        "--offline", help="Directory of the offline key, such as a stick; else --keys.", show_default=False
    ),
]
Identity = Annotated[
    Path | None,
    typer.Option(
        "--identity",
        help="File with the age identity that opens the keys; no passphrase.",
        show_default=False,
    ),
]


def unlock(identity: Path | None) -> Unlock:
    """What opens keys: the identity of a file, and a person for passphrases and PINs."""
    return Unlock(identity, ask)


def seal(identity: Path | None) -> Seal:
    """What keys are sealed to: the identity of a file, else a new passphrase."""
    return Seal(identity, ask_new)


def ask(what: str) -> str:
    """The secret `what`; raises `Invalid` (`passphrase-missing`)."""
    if sys.stdin.isatty():
        return getpass(f"{what}: ", stream=sys.stderr)
    line = sys.stdin.readline()
    if not line:
        raise Invalid(
            "passphrase-missing",
            f"{what}: there is no terminal to ask on, and standard input has no more lines",
            hint="--identity FILE needs no passphrase",
        )
    return line.rstrip("\r\n")


def ask_new(what: str) -> str:
    """A new secret; raises `Invalid` (`passphrase-short`, `passphrase-differs`)."""
    text = ask(what)
    if len(text) < PASSPHRASE_CHARS:
        told = f"{what}: fewer than {PASSPHRASE_CHARS} characters"
        raise Invalid("passphrase-short", told, hint="several words that nobody else would put together")
    if sys.stdin.isatty() and ask("The same again") != text:
        raise Invalid("passphrase-differs", f"{what}: the second time it was another")
    return text
