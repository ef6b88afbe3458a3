"""The keystore: a member's private keys at rest, as two age files in one directory.

`identity.age` is an age X25519 identity under a passphrase; `keys.age` is a JWK Set (signing entries, http
keys, the HMAC key for URLs) encrypted to that identity. The identity may also come ready from a file (one
AGE-SECRET-KEY line) or a systemd credential: nodes that start unattended have no identity.age.

Rules:

* Files are 0600 and the directory is nobody else's to write, or `Invalid` (`file-mode`) with the command
  to run.
* Written whole or not at all: a new file, synced, renamed, the directory synced. keys.age is written last and
  makes the keystore exist: if we die before it, `create` simply runs again.
* Encryption seeds are not kept here: they are rows of the database, sealed to the identity (`seal_seed`).
  That is one X25519 each (0.1 ms), not the scrypt of a passphrase (1.5 s, 500 MB), which runs once.
* No error and no repr shows a secret. No secret comes from the environment.

Which key is valid now, the registry says. X25519 at rest is not post-quantum: the files do not travel.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyrage

from exchange.core import base64url, strict_json
from exchange.core.keys import HttpKey, SigningKeys
from exchange.errors import Broken, Invalid

IDENTITY: Final = "identity.age"
KEYS: Final = "keys.age"
CREDENTIAL: Final = "identity"
"""Name of the systemd credential (`LoadCredential=identity:...`)."""
_KEYS_BYTES: Final = 1024 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_CREDENTIAL_OTHERS: Final = stat.S_IWGRP | stat.S_IRWXO
"""systemd lets the service in by an ACL, which shows as a readable group."""


@dataclass(frozen=True, slots=True)
class Keystore:
    """An opened keystore. `signing` and `http` start with the newest; `url_key` keys the digests of URLs."""

    signing: tuple[SigningKeys, ...]
    http: tuple[HttpKey, ...]
    url_key: bytes = field(repr=False)
    _identity: pyrage.x25519.Identity = field(repr=False)

    def seal_seed(self, seed: bytes) -> bytes:
        """An encryption seed as it may stand in the database."""
        return bytes(pyrage.encrypt(seed, [self._identity.to_public()]))

    def open_seed(self, sealed: bytes) -> bytes:
        """The seed again; raises `Broken` (`seed-unreadable`) when it was sealed to another identity."""
        try:
            return bytes(pyrage.decrypt(sealed, [self._identity]))
        except pyrage.DecryptError:
            raise Broken("seed-unreadable", "a sealed encryption seed: not sealed to this identity") from None


def create(directory: Path, passphrase: str | None = None, identity_file: Path | None = None) -> Keystore:
    """Make a keystore with new keys in `directory`; raises `Invalid` (`keystore-exists`) if there is one.

    Either a passphrase, or the path of an identity file: used if it is there, made otherwise.
    """
    if (directory / KEYS).exists():
        raise Invalid("keystore-exists", f"{directory / KEYS}: there already")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_directory(directory)
    if identity_file is not None:
        identity = read_identity(identity_file) if identity_file.exists() else make_identity(identity_file)
    elif passphrase:
        identity = pyrage.x25519.Identity.generate()
        line = f"{identity}\n".encode("ascii")
        _write(directory / IDENTITY, pyrage.passphrase.encrypt(line, passphrase))
    else:
        raise Invalid("identity-missing", "a keystore needs a passphrase or an identity file")
    store = Keystore((SigningKeys.generate(),), (HttpKey.generate(),), secrets.token_bytes(32), identity)
    _save(directory, store)
    return store


def open(
    directory: Path,
    passphrase: str | None = None,
    identity_file: Path | None = None,
    credentials: Path | None = None,
) -> Keystore:
    """The keystore in `directory`, by the first of: identity file, systemd credentials directory, passphrase.

    Raises `Invalid`: keystore-missing, keystore-unreadable, file-mode, identity-missing, identity,
    passphrase, keystore.
    """
    _check_directory(directory)
    if identity_file is not None:
        identity = read_identity(identity_file)
    elif credentials is not None and (credentials / CREDENTIAL).exists():
        path = credentials / CREDENTIAL
        identity = _identity(_read(path, _CREDENTIAL_OTHERS), str(path))
    elif passphrase is not None:
        identity = _unlocked(directory / IDENTITY, passphrase)
    else:
        hint = "give the passphrase, an identity file, or a systemd credential named identity"
        raise Invalid("identity-missing", "nothing to open the keystore with", hint=hint)
    sealed = _read(directory / KEYS, _OTHERS)
    try:
        return _loaded(pyrage.decrypt(sealed, [identity]), identity)
    except pyrage.DecryptError:
        raise Invalid("identity", f"{directory / KEYS}: not encrypted to this identity") from None
    except Invalid as error:
        raise Invalid("keystore", f"{directory / KEYS}: {error.message}") from None


def read_identity(path: Path) -> pyrage.x25519.Identity:
    """The age identity in a file of mode 0600; raises `Invalid` as `open` does."""
    return _identity(_read(path, _OTHERS), str(path))


def make_identity(path: Path) -> pyrage.x25519.Identity:
    """A fresh age identity, written to `path`."""
    identity = pyrage.x25519.Identity.generate()
    _write(path, f"{identity}\n".encode("ascii"))
    return identity


def renew(directory: Path, store: Keystore, *, signing: bool = False, http: bool = False) -> Keystore:
    """The keystore with a new signing entry or http key in front; the old ones stay."""
    renewed = Keystore(
        (*([SigningKeys.generate()] if signing else []), *store.signing),
        (*([HttpKey.generate()] if http else []), *store.http),
        store.url_key,
        store._identity,
    )
    _check_directory(directory)
    _save(directory, renewed)
    return renewed


def _unlocked(path: Path, passphrase: str) -> pyrage.x25519.Identity:
    sealed = _read(path, _OTHERS)
    try:
        return _identity(pyrage.passphrase.decrypt(sealed, passphrase), str(path))
    except pyrage.DecryptError:
        raise Invalid("passphrase", f"{path}: wrong passphrase, or a damaged file") from None


def _identity(text: bytes, name: str) -> pyrage.x25519.Identity:
    """The identity in an age key file: one secret line; lines that start with # are comments."""
    try:
        lines = [line.strip() for line in text.decode("ascii").splitlines()]
        (line,) = [line for line in lines if line and not line.startswith("#")]
        return pyrage.x25519.Identity.from_str(line)
    except (ValueError, pyrage.IdentityError):
        raise Invalid(
            "identity", f"{name}: not one age identity", hint="one line AGE-SECRET-KEY-1..."
        ) from None


def _save(directory: Path, store: Keystore) -> None:
    keys: list[Mapping[str, str]] = []
    for number, entry in enumerate(store.signing):
        keys += [{**jwk, "hx_role": f"signing-{number}"} for jwk in entry.to_jwks()]
    keys += [{**key.to_jwk(), "hx_role": "http"} for key in store.http]
    keys.append({"kty": "oct", "k": base64url.encode(store.url_key), "hx_role": "url"})
    data = strict_json.dump({"keys": [dict(key) for key in keys]})
    _write(directory / KEYS, pyrage.encrypt(data, [store._identity.to_public()]))


def _loaded(data: bytes, identity: pyrage.x25519.Identity) -> Keystore:
    value = strict_json.parse(data, limit=_KEYS_BYTES, what="keys")
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise Invalid("keystore", "not a JWK Set")
    roles: dict[str, list[dict[str, object]]] = {}
    for jwk in listed:
        bare = {name: part for name, part in jwk.items() if name != "hx_role"}  # type: ignore[union-attr]
        roles.setdefault(str(jwk.get("hx_role")), []).append(bare)  # type: ignore[union-attr]
    signing = tuple(SigningKeys.from_jwks(pair) for pair in _pairs(roles))
    http = tuple(HttpKey.from_jwk(jwk) for jwk in roles.get("http", []))
    url = roles.get("url", [])
    if not signing or not http or len(url) != 1:
        raise Invalid("keystore", "a kind of key is missing")
    return Keystore(signing, http, base64url.decode(url[0].get("k"), "url key"), identity)


def _pairs(roles: Mapping[str, Sequence[dict[str, object]]]) -> Iterable[Sequence[dict[str, object]]]:
    for number in range(len(roles)):
        if f"signing-{number}" in roles:
            yield roles[f"signing-{number}"]


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise Invalid("keystore-missing", f"{directory}: no such directory")
    if directory.stat().st_mode & _OTHERS_WRITE:
        hint = f"chmod 700 {directory}"
        raise Invalid("file-mode", f"{directory}: others may write there", hint=hint)


def _read(path: Path, forbidden: int) -> bytes:
    """The bytes of a secret file, its mode checked on what was opened and not on what a name points to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_mode & forbidden:
                raise Invalid("file-mode", f"{path}: others may read or write it", hint=f"chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        raise Invalid("keystore-missing", f"{path}: no such file") from None
    except OSError as error:
        raise Invalid("keystore-unreadable", f"{path}: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 whole or not at all; dying before the rename leaves only a .new file."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
