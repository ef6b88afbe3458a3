"""One command at a time works in a registry's directory: from what it reads to the last that it writes.

Rules: an exclusive lock on DIR/.lock, not waited for; the system takes it away when the command ends, however
it ends. Where no registry is, nothing is made. This module knows no command.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from exchange.errors import Invalid, Unavailable
from exchange.registrar.workspace import NETWORK, Workspace

LOCK: Final = ".lock"
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Be the only command in `directory`; raises `Unavailable` (`registry-busy`), `Invalid` (`lock`)."""
    if not (Workspace(directory).peers / NETWORK).is_file():
        yield
        return
    path = directory / LOCK
    try:
        number = os.open(path, _OPEN, 0o600)
    except OSError as error:
        told = f"{path}: cannot be opened to lock the directory"
        raise Invalid("lock", told, hint=f"is {directory} writable, and {path} no link?") from error
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = f"{directory}: another command works in DIR"
            raise Unavailable("registry-busy", told, hint="say it again when that one has ended") from None
        yield
    finally:
        os.close(number)
