"""What holds for every test: the gate of the log is strict, whatever an earlier test has configured; and no
test writes into the state of the user who runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import observe


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Also for the processes that tests start."""
    place = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(place))
        yield place


@pytest.fixture(autouse=True)
def _strict_log() -> None:
    observe._set_up("info", "json", observe._StandardError(), observe.Gate(strict=True))
