"""What holds for every test: the gate of the log is strict, whatever an earlier test has configured."""

from __future__ import annotations

import pytest

from exchange import observe


@pytest.fixture(autouse=True)
def _strict_log() -> None:
    observe._set_up("info", "json", observe._StandardError(), observe.Gate(strict=True))
