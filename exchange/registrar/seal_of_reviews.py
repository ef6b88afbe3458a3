"""Whether a review's state was written by this user, or came with a directory that somebody else made.

Rules: each state carries an HMAC-SHA-256 under a secret of this user that lies outside of DIR, 0600, made on
first use: $XDG_STATE_HOME/hotline-exchange/reviews.key, else under ~/.local/state. Without it a DIR that is
handed round could say that a member's proof and call were had. This module knows no review.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from exchange.core import strict_json
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid
from exchange.registrar.sealing import read_private, write_private

KEY_BYTES: Final = 32
"""Bytes of the secret: the strength of the hash."""
STATE_HOME: Final = "XDG_STATE_HOME"
"""Names the directory of a user's state, by the XDG Base Directory Specification."""
_FILE: Final = Path("hotline-exchange/reviews.key")
_PURPOSE: Final = b"hx-review\n"


def mark(value: JsonObject) -> str:
    """The mark of `value` by this user; raises `Invalid` (`state-directory`, `file-mode`, `key-link`)."""
    return hmac.new(_key(), _PURPOSE + strict_json.dump(value), hashlib.sha256).hexdigest()


def is_own(value: JsonObject, given: object) -> bool:
    """Whether `given` is this user's mark of `value`."""
    return isinstance(given, str) and hmac.compare_digest(mark(value).encode(), given.encode())


def place() -> Path:
    """Where the secret lies."""
    named = os.environ.get(STATE_HOME, "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".local/state") / _FILE


def _key() -> bytes:
    path = place()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.path.lexists(path):
            _make(path)
        key = read_private(path)
    except (OSError, RuntimeError) as error:
        told = f"{path.parent}: cannot be made or written"
        raise Invalid("state-directory", told, hint=f"set {STATE_HOME} to a directory of your own") from error
    if len(key) != KEY_BYTES:
        told = f"{path}: not {KEY_BYTES} bytes"
        raise Invalid("state-directory", told, hint=f"rm {path}; open reviews are begun anew")
    return key


def _make(path: Path) -> None:
    """The first of two commands at once wins: nothing is written over."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    write_private(beside, secrets.token_bytes(KEY_BYTES))
    try:
        os.link(beside, path)
    except FileExistsError:
        return
    finally:
        beside.unlink()
