"""What the command line prints: plain lines and tables for people, one JSON value for programs.

Rules: a text of the node is never taken for markup, an emoji or a link, and cannot move the cursor: control
and direction characters, and those that nobody sees, are shown as `?`. A reported URL is shown defanged.
Colour only on a terminal, never under NO_COLOR. Results go to standard output, errors and progress to
standard error: under `--json` each of them is JSON. An error is one sentence, its code in parentheses, and a
hint. This module knows no command.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exchange.core.times import format_time
from exchange.core.urls import defang
from exchange.errors import ExchangeError, Problem

URN: Final = "urn:hotline-exchange:"
UNBOUNDED: Final = 4096
"""Columns when nobody watches: nothing is cut or wrapped."""
SHOWN_PROBLEMS: Final = 20
"""Problems of one error that a person is shown; JSON has them all."""

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-"
    "\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def clean(value: object) -> str:
    """`value` as text that does nothing to a terminal."""
    return "" if value is None else _UNPRINTABLE.sub("?", str(value))


def url(value: object) -> str:
    """A reported URL, defanged and clean."""
    return clean(defang(str(value)))


def moment(value: object) -> str:
    """A time of the node (unix seconds or RFC 3339) as `2026-01-31 23:59:59Z`; empty for None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = format_time(value)
    return clean(value).replace("T", " ")


def console(file: TextIO | None = None) -> Console:
    """A console that takes every text as it is."""
    out = sys.stdout if file is None else file
    width = None if out.isatty() else UNBOUNDED
    return Console(
        file=out, markup=False, emoji=False, highlight=False, soft_wrap=not out.isatty(), width=width
    )


def print_table(table: Table) -> None:
    """Print a table; where no person watches, without the blanks that fill its lines."""
    out = console()
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    sys.stdout.flush()


def problem_of(error: ExchangeError) -> dict[str, Any]:
    """`error` in the form of problem details (RFC 9457)."""
    said: dict[str, Any] = {
        "type": URN + error.code,
        "title": error.code.replace("-", " ").capitalize(),
        "detail": error.message,
    }
    if error.hint is not None:
        said["hint"] = error.hint
    if error.problems:
        said["problems"] = [_problem(each) for each in error.problems]
    return said


def _problem(each: Problem) -> dict[str, str | int]:
    said: dict[str, str | int] = {"pointer": each.pointer, "code": each.code, "message": each.message}
    return said if each.line is None else {**said, "line": each.line}


def error_text(error: ExchangeError) -> list[str]:
    """The lines that tell a person of `error`."""
    lines = [f"{error.message} ({error.code})"]
    for each in error.problems[:SHOWN_PROBLEMS]:
        place = ([] if each.line is None else [f"line {each.line}"]) + (
            [each.pointer] if each.pointer else []
        )
        lines.append(f"  {', '.join(place)}: {each.message} ({each.code})" if place else f"  {each.message}")
    if len(error.problems) > SHOWN_PROBLEMS:
        lines.append(f"  ... and {len(error.problems) - SHOWN_PROBLEMS} more; --json has them all")
    return [*lines, f"hint: {error.hint}"] if error.hint else lines


@dataclass(frozen=True, slots=True)
class Show:
    """Where one command's results go; `json` is what `--json` said."""

    json: bool

    def value(self, value: object) -> None:
        """One JSON value on one line."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def line(self, text: str = "") -> None:
        """A line for people; nothing under `--json`."""
        if not self.json:
            console().print(Text(clean(text)))

    def aside(self, text: str) -> None:
        """A line for people that is no result: on standard error."""
        if not self.json:
            console(sys.stderr).print(Text(clean(text)))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
        """A table for people, or the sentence `empty`."""
        texts = [[clean(cell) for cell in row] for row in rows]
        if self.json:
            return
        if not texts:
            self.line(empty)
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for number, name in enumerate(columns):
            # An id, which comes first, is copied into the next command: it is never broken.
            whole = number == 0 or not sys.stdout.isatty()
            table.add_column(Text(name), no_wrap=whole, overflow="fold")
        for text in texts:
            table.add_row(*(Text(cell) for cell in text))
        print_table(table)

    def more(self, page: Mapping[str, Any]) -> None:
        """How to go on behind a page, if there is more."""
        if page.get("next"):
            self.line(f"There is more: --after {page['next']}")

    def facts(self, facts: Mapping[str, object]) -> None:
        """Names and values, one a line; what is None or empty is left out."""
        shown = {name: clean(value) for name, value in facts.items() if value not in (None, "", [], ())}
        width = max(map(len, shown), default=0)
        for name, value in shown.items():
            self.line(f"{name:<{width}}  {value}")

    def error(self, error: ExchangeError) -> None:
        if self.json:
            sys.stderr.write(json.dumps(problem_of(error), ensure_ascii=False) + "\n")
            return
        out = console(sys.stderr)
        for number, text in enumerate(error_text(error)):
            out.print(Text(clean(text), style="bold red" if number == 0 else ""))
