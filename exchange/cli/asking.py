"""Questions to a person at the terminal, for what no option of a command says.

Rules: an answer is checked when it is given; one that is wrong is told and asked for again, an option that is
wrong ends the command. Questions go to standard error. Where there is no terminal, what has no default is
missing, and is named by its option. This module knows no command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import typer

from exchange.cli.show import Show
from exchange.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asking:
    """`command` is what `--help` is asked of."""

    show: Show
    command: str

    def ask(
        self,
        option: str,
        given: str | None,
        question: str,
        check: Callable[[str], T],
        default: str | None = None,
    ) -> T:
        """What `check` makes of the option, or of an answer; it raises `Invalid` for what it refuses."""
        if given is not None:
            return check(given)
        if not sys.stdin.isatty():
            if default is not None:
                return check(default)
            raise Invalid("usage", f"{option} is missing", hint=f"{self.command} --help")
        while True:
            said = _read(f"{question} [{default}]: " if default else f"{question}: ")
            try:
                return check(said or default or "")
            except Invalid as error:
                self.show.error(error)


def _read(question: str) -> str:
    """One line from the terminal; nothing of it goes to standard output, which may be read by a program."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise typer.Abort
    return line.strip()
