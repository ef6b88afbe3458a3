"""The keys of one administrator: an offline key (root, targets) and a daily key (snapshot, timestamp).

Rules: Ed25519, PKCS#8 PEM without a passphrase, one file each, mode 0600 or refused; the offline file belongs
on a medium of its own, and whoever only renews loads the daily key alone. public.json is what the others
need. Nothing of a key goes into a message. This module knows no registry.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from securesystemslib.exceptions import Error
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from exchange.errors import Invalid
from exchange.registrar.files import write_whole

PRIVATE: Final = 0o600
OFFLINE: Final = "offline.pem"
DAILY: Final = "daily.pem"
PUBLIC: Final = "public.json"


@dataclass(frozen=True, slots=True)
class AdminPublic:
    """What the others know of an administrator."""

    name: str
    offline: Key
    daily: Key


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator who signs. `offline` is None when only the daily key is at hand."""

    name: str
    offline: CryptoSigner | None
    daily: CryptoSigner

    @property
    def public(self) -> AdminPublic:
        """The public half; needs the offline key (`Invalid`, `offline-key`)."""
        if self.offline is None:
            raise Invalid("offline-key", f"administrator {self.name}: the offline key is not at hand")
        return AdminPublic(self.name, self.offline.public_key, self.daily.public_key)


def generate(name: str) -> Admin:
    """Fresh keys for administrator `name`."""
    return Admin(name, CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519())


def save(admin: Admin, directory: Path) -> None:
    """Write all of `admin` into `directory`, made 0700; raises overwrites nothing (`Invalid`, `exists`)."""
    public = admin.public
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, signer in ((OFFLINE, admin.offline), (DAILY, admin.daily)):
        if signer is not None:
            _write_private(directory / name, signer.private_bytes)
    value = {
        "name": public.name,
        "offline": {"keyid": public.offline.keyid, **public.offline.to_dict()},
        "daily": {"keyid": public.daily.keyid, **public.daily.to_dict()},
    }
    write_whole(directory / PUBLIC, json.dumps(value, indent=2).encode() + b"\n")


def load_public(directory: Path) -> AdminPublic:
    """The public half from `directory`; raises `Invalid` (`key-missing`, `key-form`)."""
    try:
        value = json.loads((directory / PUBLIC).read_bytes())
        keys = [SSlibKey.from_dict(value[part].pop("keyid"), value[part]) for part in ("offline", "daily")]
        return AdminPublic(str(value["name"]), *keys)
    except OSError:
        raise Invalid("key-missing", f"{PUBLIC}: cannot be read") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("key-form", f"{PUBLIC}: not the public keys of an administrator") from None


def load(directory: Path) -> Admin:
    """The keys in `directory`, the offline one only if it is there; raises `Invalid` (`key-missing`,
    `file-mode`, `key-form`).
    """
    public = load_public(directory)
    offline = directory / OFFLINE
    return Admin(
        public.name,
        _read_private(offline, public.offline) if offline.exists() else None,
        _read_private(directory / DAILY, public.daily),
    )


def _write_private(path: Path, data: bytes) -> None:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except FileExistsError:
        raise Invalid("exists", f"{path.name}: is there already", hint="choose another directory") from None
    with os.fdopen(number, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read_private(path: Path, public: Key) -> CryptoSigner:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & ~PRIVATE:
            raise Invalid("file-mode", f"{path.name}: others may read it", hint=f"chmod 600 {path.name}")
        return CryptoSigner.from_priv_key_uri(f"file2:{path.resolve()}", public)
    except OSError:
        raise Invalid("key-missing", f"{path.name}: cannot be read") from None
    except (ValueError, TypeError, Error):
        raise Invalid("key-form", f"{path.name}: not the private key of {PUBLIC}") from None
