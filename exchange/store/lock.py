"""The lock on a data directory: one process owns a SQLite file.

Rules: whoever opens the database holds it: `serve`, and the commands that work offline. The operating
system lets go of it when the process ends, however it ends, so a file that is left behind means nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from exchange.errors import Invalid

LOCK: Final = "lock"


@contextmanager
def data_lock(directory: Path) -> Iterator[None]:
    """Hold the lock of `directory`; raises `Invalid` (`data-locked`, `data-directory`)."""
    path = directory / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(
            "data-directory",
            f"{directory}: cannot be written ({error.strerror})",
            hint="make it with hotline-exchange join, or mend its owner and mode",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Invalid(
                "data-locked",
                f"{directory}: another process works on it",
                hint="a node is running there already; stop it first, or talk to it",
            ) from None
        yield
    finally:
        os.close(handle)
