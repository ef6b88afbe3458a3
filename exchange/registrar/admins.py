"""An administrator: two keys, the card that the others get, and where the keys rest.

Rules: the offline key signs root and targets, the daily key snapshot and timestamp; they are two keys by
their values. The card (public.json) is signed by both, so that nobody hands in a key that they do not hold. A
key rests in an age file (`offline.age`) or on a token (`offline.token.json`, which holds no secret); the
offline files may lie in a directory of their own. The card is written last: a directory without one holds no
administrator. Nothing is overwritten. This module knows no registry.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.exceptions import Error
from securesystemslib.signer import CryptoSigner, Key, Signature, Signer, SSlibKey

from exchange.core import strict_json
from exchange.core.registry_root import RootKey, RootRole, check_root
from exchange.errors import Invalid, Refused
from exchange.registrar.admin_names import NAME_CHARS, is_name
from exchange.registrar.files import write_whole
from exchange.registrar.held import age_file, held_at, lies_in, token_file
from exchange.registrar.sealing import (
    Seal,
    Unlock,
    check_directory,
    opened,
    read_private,
    sealed,
    write_private,
)
from exchange.registrar.tokens import Token, TokenSigner

PUBLIC: Final = "public.json"
CARD_BYTES: Final = 16 * 1024
"""Bytes of a card that are read at most: one has about 1 KiB."""
_PURPOSE: Final = b"hx-administrator\n"
"""Before the signed bytes of a card: no metadata of TUF begins so."""


class Part(StrEnum):
    """Which of the two keys. The names of its files begin with it."""

    OFFLINE = "offline"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class AdminPublic:
    """What the others know of an administrator."""

    name: str
    offline: Key
    daily: Key

    def key(self, part: Part) -> Key:
        return self.offline if part is Part.OFFLINE else self.daily


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator who signs. A key that is not at hand is None."""

    name: str
    offline: Signer | None
    daily: Signer | None

    @property
    def public(self) -> AdminPublic:
        """The public half; raises `Invalid` (`offline-key`, `daily-key`) if a key is not at hand."""
        return AdminPublic(
            self.name, self.signer(Part.OFFLINE).public_key, self.signer(Part.DAILY).public_key
        )

    def signer(self, part: Part) -> Signer:
        found = self.offline if part is Part.OFFLINE else self.daily
        if found is None:
            raise Invalid(f"{part}-key", f"administrator {self.name}: the {part} key is not at hand")
        return found


def generate(name: str) -> Admin:
    """Fresh keys in memory for administrator `name`; raises `Invalid` (`name`)."""
    _check_name(name)
    return Admin(name, CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519())


def public_bytes(admin: Admin) -> bytes:
    """The card of `admin`, signed by both keys; raises `Invalid` (`name`, `key-twice`, `key-form`)."""
    public = admin.public
    said = _said(public)
    _check_keys(public)
    return _card(said, {part.value: admin.signer(part).sign(_signed(said)).signature for part in Part})


def read_public(data: bytes) -> AdminPublic:
    """What a card says, if it has its one form and both keys have signed it.

    Raises `Invalid`: `key-form`, `key-id`, `key-twice`, `key-proof`, `name`.
    """
    try:
        value = json.loads(data[: CARD_BYTES + 1])
        proofs = {part.value: str(value["proofs"][part]) for part in Part}
        public = AdminPublic(str(value["name"]), *(_key(value[part]) for part in Part))
        said = _said(public)
        only = _card(said, proofs)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Invalid("key-form", f"{PUBLIC}: not the card of an administrator") from None
    if only != data:
        told = f"{PUBLIC}: not the one form of a card: an unknown field, or something written otherwise"
        raise Invalid("key-form", told)
    _check_keys(public)
    for part in Part:
        key = public.key(part)
        try:
            key.verify_signature(Signature(key.keyid, proofs[part]), _signed(said))
        except (Error, ValueError):
            told = f"{PUBLIC}: proofs: the {part} key has not signed this card"
            raise Invalid("key-proof", told, hint="ask its administrator for the card again") from None
    return public


def load_public(path: Path) -> AdminPublic:
    """The card at `path`, or in the directory `path`; raises as `read_public`, and `key-missing`."""
    place = path / PUBLIC if path.is_dir() else path
    try:
        with place.open("rb") as file:
            data = file.read(CARD_BYTES + 1)
    except OSError:
        hint = "make keys with: hotline-exchange registry keys new NAME --keys DIR"
        raise Invalid("key-missing", f"{place}: cannot be read", hint=hint) from None
    return read_public(data)


def save(admin: Admin, directory: Path, seal: Seal, offline_directory: Path | None = None) -> None:
    """Write the card and both keys, each sealed or, on a token, by where it is found.

    Raises `Invalid` (`exists`, `file-mode`, and what sealing and tokens raise).
    """
    places = check_free(directory, offline_directory)
    card = public_bytes(admin)
    files: dict[Path, bytes] = {}
    for part, place in places.items():
        signer = admin.signer(part)
        if isinstance(signer, TokenSigner):
            files[token_file(place, part)] = signer.token.to_bytes()
        elif isinstance(signer, CryptoSigner):
            path = age_file(place, part)
            files[path] = sealed(signer.private_bytes, seal, path.name)
        else:
            raise Invalid("key-form", f"{part}: a key that is neither in memory nor on a token")
    for place in places.values():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_directory(place)
    for path, data in files.items():
        write_private(path, data)
    write_whole(directory / PUBLIC, card)


def check_free(directory: Path, offline_directory: Path | None = None) -> dict[Part, Path]:
    """Where each key would go; raises `Invalid` (`exists`) if a card or a key is there already."""
    places = {part: place_of(directory, part, offline_directory) for part in Part}
    taken = [f"{place}: the {part} key" for part, place in places.items() if lies_in(place, part)]
    if taken or os.path.lexists(directory / PUBLIC):
        told = [*taken, f"{directory / PUBLIC}:"][0]
        raise Invalid("exists", f"{told} is there already", hint="choose another directory")
    return places


def load(directory: Path, part: Part, unlock: Unlock, offline_directory: Path | None = None) -> Signer:
    """The key `part` of the administrator in `directory`, ready to sign; a token is asked when it signs.

    Raises `Invalid`: as `load_public`; `key-link`, `file-mode`, `key-damaged`, `key-other`, `passphrase`,
    `identity-missing`, `identity`, `token-file`.
    """
    public = load_public(directory).key(part)
    held = held_at(place_of(directory, part, offline_directory), part)
    if isinstance(held, Token):
        return TokenSigner(held, public, unlock.asked)
    secret = opened(read_private(held), unlock, held.name)
    try:
        return CryptoSigner(load_pem_private_key(secret, None), public)  # type: ignore[arg-type]
    except (ValueError, TypeError, Error):
        told = f"{held}: not the private key of {PUBLIC}"
        raise Invalid("key-other", told, hint="perhaps it is another administrator's") from None


def place_of(directory: Path, part: Part, offline_directory: Path | None = None) -> Path:
    """The directory in which a key rests."""
    return offline_directory if part is Part.OFFLINE and offline_directory is not None else directory


def _check_name(name: str) -> None:
    if not is_name(name):
        told = f"name: not 1 to {NAME_CHARS} Latin letters, digits, single blanks and .'-"
        raise Invalid("name", told, hint="such as anna: the others have to read it in one way")


def _said(public: AdminPublic) -> dict[str, Any]:
    """What both keys sign, in one form; raises `Invalid` (`name`)."""
    _check_name(public.name)
    keys = {part.value: {"keyid": public.key(part).keyid, **public.key(part).to_dict()} for part in Part}
    return {"v": 1, "name": public.name, **keys}


def _signed(said: dict[str, Any]) -> bytes:
    return _PURPOSE + strict_json.dump(said)


def _card(said: dict[str, Any], proofs: dict[str, str]) -> bytes:
    """Python's JSON and not strict_json's: the public value of an ECDSA key is PEM, which has line breaks."""
    return json.dumps({**said, "proofs": proofs}, ensure_ascii=False, indent=2).encode() + b"\n"


def _key(value: dict[str, Any]) -> Key:
    return SSlibKey(value["keyid"], value["keytype"], value["scheme"], dict(value["keyval"]))


def _check_keys(public: AdminPublic) -> None:
    """Two key values, each under its own id, of a kind that a root may have."""
    keys = {}
    for part in Part:
        key = public.key(part)
        keys[key.keyid] = RootKey(key.keytype, key.scheme, dict(key.keyval))
    try:
        check_root(keys, {"administrator": RootRole(tuple(public.key(part).keyid for part in Part), 1)})
    except Refused as error:
        sentence = {
            "registry-key-id": "a key does not stand under its own id",
            "registry-key-twice": "the offline key and the daily key are one key",
        }.get(error.code, "a key is neither Ed25519 nor ECDSA of P-256 or P-384")
        raise Invalid(error.code.removeprefix("registry-"), f"{PUBLIC}: {sentence}") from None
