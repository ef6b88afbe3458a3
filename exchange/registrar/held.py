"""Where a key of an administrator lies: an age file of that name in a directory, or a token.

Rules: `<name>.age`, or `<name>.token.json`; one of them, and never both. This module knows neither whose
key it is nor what for.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from securesystemslib.exceptions import Error
from securesystemslib.signer import Signer

from exchange.errors import Broken, Invalid
from exchange.registrar.sealing import (
    Seal,
    Unlock,
    by_passphrase,
    opened,
    read_private,
    replace_private,
    sealed,
)
from exchange.registrar.tokens import Token, read_token

_TRIED: Final = b"hx-try\n"
"""Before the random bytes that are signed to try a key: no metadata and no card begins so."""


def age_file(place: Path, name: str) -> Path:
    return place / f"{name}.age"


def token_file(place: Path, name: str) -> Path:
    return place / f"{name}.token.json"


def lies_in(place: Path, name: str) -> bool:
    """Whether key `name` is in `place`, in one way or the other."""
    return any(os.path.lexists(file(place, name)) for file in (age_file, token_file))


def held_at(place: Path, name: str) -> Path | Token:
    """The age file of key `name` in `place`, or its token; raises `Invalid` (`key-missing`, `key-twice`,
    `token-file`, `file-mode`, `key-link`).
    """
    age, token = age_file(place, name), token_file(place, name)
    if os.path.lexists(token):
        if os.path.lexists(age):
            raise Invalid("key-twice", f"{place}: {age.name} and {token.name}: which one is meant?")
        return read_token(read_private(token), token.name)
    if not os.path.lexists(age):
        hint = "--offline DIR says where the offline key lies" if name == "offline" else None
        raise Invalid("key-missing", f"{place}: the {name} key is not here", hint=hint)
    return age


def kind_of(held: Path | Token) -> str:
    """How a key rests, in words: no secret and no question; raises `Invalid`."""
    if isinstance(held, Token):
        return f"{held.name}, key {held.key:02x}"
    way = "with a passphrase" if by_passphrase(read_private(held), held.name) else "for an identity file"
    return f"age file {way}"


def reseal(path: Path, unlock: Unlock, seal: Seal) -> None:
    """Put the age file `path` under another passphrase or identity, whole or not at all."""
    replace_private(path, sealed(opened(read_private(path), unlock, path.name), seal, path.name))


def try_key(signer: Signer) -> None:
    """Sign random bytes and verify that; raises `Broken` (`key-signature`), and what a token raises."""
    data = _TRIED + secrets.token_bytes(32)
    try:
        signer.public_key.verify_signature(signer.sign(data), data)
    except Error as error:
        raise Broken("key-signature", "what the key signed does not verify") from error
