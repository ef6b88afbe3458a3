"""Which registry an administrator's keys belong to: the identity of its first root, kept beside the keys.

Rules: a directory that is handed round brings its own root.json, so it cannot vouch for itself. The identity
is the SHA-256 of the root's signed part, the same whoever has signed; it is kept once the administrator has
signed that root or compared its fingerprint, and never replaced. This module asks nobody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from exchange.core import strict_json
from exchange.core.names import Digest
from exchange.errors import ExchangeError, Invalid, Refused
from exchange.registrar.sealing import read_private, replace_private

FILE: Final = "registry.json"
VERSION: Final = 1
FILE_BYTES: Final = 1024
"""Bytes of the file that are read at most: one has about 100."""


def signed_part(root: bytes) -> bytes:
    """What administrators sign of the root file `root`; raises `Invalid` (`registry-damaged`)."""
    try:
        return bytes(Metadata[Root].from_bytes(root).signed_bytes)
    except RepositoryError:
        raise Invalid("registry-damaged", "root.json: not a root of a registry") from None


def known(keys: Path) -> Digest | None:
    """The identity that is kept in `keys`, None before the first time; raises `Invalid` (`registry-file`)."""
    path = keys / FILE
    if not path.exists() and not path.is_symlink():
        return None
    try:
        value = strict_json.parse_object(read_private(path), limit=FILE_BYTES, what=FILE)
        if value.keys() != {"v", "root"} or value["v"] is True or value["v"] != VERSION:
            raise Invalid("registry-file", f"{path}: not of version {VERSION}")
        return Digest.parse(value["root"], "root")
    except ExchangeError as error:
        hint = f"compare the root once more with what is on paper: rm {path}"
        raise Invalid("registry-file", f"{FILE}: {error.message}", hint=error.hint or hint) from None


def belongs(keys: Path, signed: bytes) -> bool:
    """Whether `signed`, a first root's signed part, is that of these keys; False before the first time.

    Raises `Refused` (`registry-other`) when it is another.
    """
    kept = known(keys)
    if kept is None:
        return False
    if kept != Digest.of(signed):
        raise other(keys)
    return True


def keep(keys: Path, signed: bytes) -> None:
    """Bind these keys to the registry of this first root."""
    if not belongs(keys, signed):
        value: strict_json.JsonObject = {"v": VERSION, "root": Digest.of(signed)}
        replace_private(keys / FILE, strict_json.dump(value) + b"\n")


def other(keys: Path) -> Refused:
    return Refused(
        "registry-other",
        "root.json: not the first root of the registry that these keys belong to; nothing was signed",
        hint="ask where this DIR came from, and bring your own: hotline-exchange registry pull DIR "
        f"--mirror URL --root FILE; only if the founding of that registry was given up: rm {keys / FILE}",
    )
