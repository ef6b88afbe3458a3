"""Every command that writes into a registry's directory has it to itself.

Rules: from before the first file is read until the command ends; a second one is told so. This module knows
which argument is the directory, and nothing else of a command.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from exchange.registrar.lock import alone


def locked(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, alone in its `directory`, or in the last of its `drafts`."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        directory = kwargs.get("directory") or kwargs["drafts"][-1]
        with alone(Path(directory)):
            command(*args, **kwargs)

    return run
