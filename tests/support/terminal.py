"""Somebody at a terminal: what they type, as standard input of a command."""

from __future__ import annotations

import io


class Terminal(io.TextIOWrapper):
    """Somebody who types."""

    def __init__(self, typed: str) -> None:
        super().__init__(io.BytesIO(typed.encode()), encoding="utf-8")

    def isatty(self) -> bool:
        return True
