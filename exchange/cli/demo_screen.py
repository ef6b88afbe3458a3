"""What the demo shows while it runs, and at the end.

Rules: a live table when a person watches a terminal, plain lines of progress otherwise, nothing under
`--json`. No URL is shown at all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

from exchange.cli.demo_tally import Row, Tally
from exchange.cli.show import Show, console, print_table

ROWS: Final = 16
"""Countries shown one by one; the others share a line."""
EVERY_SECONDS: Final = 2.0
"""Seconds between lines of progress."""
_COLUMNS: Final = ("hosted in", "goes to", "why", "sent", "receipted", "answered", "not sent, because")
_REASONS: Final = {
    "country-unknown": "with a name and no address",
    "no-destination": "nobody answers there",
}


class Screen:
    """Shows a tally as it grows; a context, for the terminal's sake."""

    def __init__(self, show: Show, tally: Tally) -> None:
        self._show = show
        self._tally = tally
        self._told = 0.0
        watched = sys.stdout.isatty() and not show.json
        self._live = (
            Live(get_renderable=self._table, console=console(), refresh_per_second=4) if watched else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif kind is None and not self._show.json:
            self._progress()
            print_table(self._table())

    def changed(self) -> None:
        """Something was counted: say so, now and then."""
        if self._live is None and time.monotonic() - self._told >= EVERY_SECONDS:
            self._told = time.monotonic()
            self._progress()

    def _progress(self) -> None:
        tally = self._tally
        self._show.line(
            f"  routed {tally.routed}, receipted {tally.receipted}, opened {tally.received}, "
            f"answered {tally.answered}; unroutable {tally.unroutable}, domestic {tally.domestic}"
        )

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in _COLUMNS:
            right = name in ("sent", "receipted", "answered")
            last = name == _COLUMNS[-1]
            table.add_column(Text(name), justify="right" if right else "left", no_wrap=not last)
        for name, row in _shown(self._tally.rows()).items():
            cells = (name, row.to, row.basis, *_figures(row), _why(row))
            table.add_row(*(Text(cell) for cell in cells))
        return table


def _shown(rows: Mapping[str, Row]) -> dict[str, Row]:
    """The first rows as they are, the others added up."""
    names = list(rows)
    shown = {name: rows[name] for name in names[:ROWS]}
    others = Row()
    for name in names[ROWS:]:
        row = rows[name]
        others.sent += row.sent
        others.receipted += row.receipted
        others.answered += row.answered
        others.domestic += row.domestic
        others.reasons += row.reasons
    return shown if len(names) <= ROWS else {**shown, f"{len(names) - ROWS} more": others}


def _figures(row: Row) -> tuple[str, str, str]:
    if not row.sent:
        return ("", "", "")
    return (str(row.sent), str(row.receipted), str(row.answered))


def _why(row: Row) -> str:
    said = [f"{row.domestic} hosted at home"] if row.domestic else []
    said += [f"{count} {_REASONS.get(code, code)}" for code, count in sorted(row.reasons.items())]
    return "; ".join(said)
