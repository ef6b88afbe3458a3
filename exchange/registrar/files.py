"""Files that are there whole or not at all, and still there after the power failed.

Rules: written beside, flushed, renamed, and the directory flushed; before the rename the old file stands,
after it the new one. A directory may come from somebody else: the name beside is not to be guessed and never
one that is there, and what is read is a file itself and no link. This module knows no content.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from exchange.errors import Invalid

NAME_BYTES: Final = 8
"""Random bytes in the name of a file that is being written: nobody lays a link there beforehand."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` by `data`; directories are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(NAME_BYTES)}.new")
    try:
        with os.fdopen(os.open(beside, _NEW, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def read_regular(path: Path) -> bytes:
    """The bytes of a file; raises `Invalid` (`not-a-file`) for a link and what else is none, and OSError."""
    check_regular(path)
    number = os.open(path, _READ)
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise _none(path)
        return file.read()


def check_regular(path: Path) -> None:
    """Pass a file; raises `Invalid` (`not-a-file`), and OSError if nothing is there."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _none(path)


def check_tree(directory: Path) -> None:
    """Pass a directory of files and directories, or nothing; raises `Invalid` (`not-a-file`) naming what is
    neither. What begins with a dot is not ours, and not looked at.
    """
    if not os.path.lexists(directory):
        return
    if not stat.S_ISDIR(directory.lstat().st_mode):
        raise _none(directory)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                check_tree(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                raise _none(Path(entry.path))


def remove(path: Path) -> None:
    """Take `path` away, if it is there."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """What was made or renamed in `directory` is on disk when this returns."""
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _none(path: Path) -> Invalid:
    told = f"{path}: a link, or no plain file"
    return Invalid("not-a-file", told, hint=f"look where it came from; then rm {path}")
