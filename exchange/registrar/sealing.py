"""A private key at rest: an age file in armor, which can be printed on paper and typed in again.

Rules: sealed to a passphrase (scrypt) or to the age X25519 identity of a file; the file itself says
which. Files are 0600, regular and no links, in a directory that nobody else may write to, or refused; nothing
is written over another, but for a new passphrase, which replaces the file whole or not at all. However a
typist broke the lines, the text is read. No error shows a secret. This module knows no registry and asks
nobody by itself: `Ask` is given by the command line.
"""

from __future__ import annotations

import base64
import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pyrage

from exchange.errors import Invalid
from exchange.keystore import read_identity
from exchange.registrar.files import sync_directory

Ask: TypeAlias = Callable[[str], str]
"""Asks a person for a secret: what for in, the secret out."""

PRIVATE: Final = 0o600
FILE_BYTES: Final = 64 * 1024
"""Bytes of a sealed key that are read at most: one has less than 1 KiB."""
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_BEGIN: Final = "-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = "-----END AGE ENCRYPTED FILE-----"
_ARMOR: Final = re.compile(rf"\s*{_BEGIN}(?P<body>[A-Za-z0-9+/=\s]*){_END}\s*")
_LINE_CHARS: Final = 64
"""Characters of a line of armor (RFC 7468 section 2)."""
_BY_PASSPHRASE: Final = b"age-encryption.org/v1\n-> scrypt "


@dataclass(frozen=True, slots=True)
class Seal:
    """What a key is sealed to: the identity of a file, else a new passphrase that `ask` gives."""

    identity: Path | None = None
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Unlock:
    """What opens a key: the identity of a file, or a passphrase (or a token's PIN) that `ask` gives."""

    identity: Path | None = None
    ask: Ask | None = None

    def asked(self, what: str) -> str:
        """The secret `what`, from a person; raises `Invalid` (`passphrase-missing`)."""
        return _asked(self.ask, what)


def sealed(secret: bytes, seal: Seal, name: str) -> bytes:
    """`secret` as the content of the age file `name`; raises `Invalid`."""
    if seal.identity is not None:
        return bytes(pyrage.encrypt(secret, [read_identity(seal.identity).to_public()], armored=True))
    passphrase = _asked(seal.ask, f"New passphrase for {name}")
    return bytes(pyrage.passphrase.encrypt(secret, passphrase, armored=True))


def opened(data: bytes, unlock: Unlock, name: str) -> bytes:
    """What is in an age file; raises `Invalid` (`key-damaged`, `identity-missing`, `identity`, `passphrase`,
    `passphrase-missing`).
    """
    armor = _armor(data, name)
    if by_passphrase(data, name):
        passphrase = unlock.asked(f"Passphrase of {name}")
        try:
            return bytes(pyrage.passphrase.decrypt(armor, passphrase))
        except pyrage.DecryptError:
            raise Invalid("passphrase", f"{name}: wrong passphrase, or a damaged file") from None
    if unlock.identity is None:
        told = f"{name}: sealed to an age identity, and none is given"
        raise Invalid("identity-missing", told, hint="--identity FILE")
    identity = read_identity(unlock.identity)
    try:
        return bytes(pyrage.decrypt(armor, [identity]))
    except pyrage.DecryptError:
        raise Invalid("identity", f"{name}: not sealed to this identity, or a damaged file") from None


def by_passphrase(data: bytes, name: str) -> bool:
    """Whether an age file is sealed to a passphrase; raises `Invalid` (`key-damaged`)."""
    body = b"".join(_armor(data, name).splitlines()[1:-1])
    return base64.b64decode(body).startswith(_BY_PASSPHRASE)


def read_private(path: Path) -> bytes:
    """The bytes of a private file, checked on what was opened; raises `Invalid` (`key-missing`, `key-link`,
    `file-mode`, `key-damaged`).
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            told = f"{path}: a link; a key is read from the file itself"
            raise Invalid("key-link", told) from None
        raise Invalid("key-missing", f"{path}: cannot be read") from None
    try:
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode):
            raise Invalid("key-missing", f"{path}: not a file")
        _check_private(path, mode)
        check_directory(path.parent)
        data = os.read(number, FILE_BYTES + 1)
    finally:
        os.close(number)
    if len(data) > FILE_BYTES:
        raise Invalid("key-damaged", f"{path.name}: longer than a sealed key")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Make the private file `path`; raises `Invalid` (`exists`, `file-mode`). Dying here leaves part of a
    file, which nothing overwrites: it is removed by hand.
    """
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    except FileExistsError:
        raise Invalid("exists", f"{path}: is there already", hint="choose another directory") from None
    with os.fdopen(number, "wb") as file:
        try:
            _check_private(path, os.fstat(number).st_mode)
        except Invalid:
            path.unlink()
            raise
        file.write(data)
        file.flush()
        os.fsync(number)
    sync_directory(path.parent)


def replace_private(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`: before the rename the old file stands, after it the new one."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    write_private(beside, data)
    beside.replace(path)
    sync_directory(path.parent)


def check_directory(directory: Path) -> None:
    """Pass, or raise `Invalid` (`file-mode`): who may write there may put other keys in place of ours."""
    if directory.stat().st_mode & _OTHERS_WRITE:
        told = f"{directory}: others may write there"
        raise Invalid("file-mode", told, hint=f"chmod 700 {directory}")


def _check_private(path: Path, mode: int) -> None:
    if stat.S_IMODE(mode) & ~PRIVATE:
        hint = f"chmod 600 {path}; a stick without file modes is mounted with umask=077"
        raise Invalid("file-mode", f"{path}: others may read it", hint=hint)


def _asked(ask: Ask | None, what: str) -> str:
    if ask is None:
        told = f"{what}: there is nobody to ask for it"
        raise Invalid("passphrase-missing", told, hint="--identity FILE needs no passphrase")
    return ask(what)


def _armor(data: bytes, name: str) -> bytes:
    """The armor in its one form, whatever lines it was typed in."""
    found = _ARMOR.fullmatch(data.decode("ascii", "replace"))
    body = "".join(found["body"].split()) if found else ""
    try:
        base64.b64decode(body, validate=True)
    except ValueError:
        body = ""
    if not body:
        hint = "an armored age file, from BEGIN to END; a letter may be missing or wrong"
        raise Invalid("key-damaged", f"{name}: not whole", hint=hint)
    lines = [body[start : start + _LINE_CHARS] for start in range(0, len(body), _LINE_CHARS)]
    return "\n".join([_BEGIN, *lines, _END, ""]).encode()
