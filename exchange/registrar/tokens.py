"""A private key on a hardware token (PKCS#11): ECDSA over P-256 or P-384, by securesystemslib's HSMSigner.

Rules: what is kept of a token is where it is found and no secret; its PIN is asked for once and kept only
while the signer lives, and is never tried again after it was wrong, because a token locks itself. Each
signature is verified here, so that another token with the same label is noticed before anything is published.
HSMSigner reads its library's path from the environment: it is set in one place, around the call. The key is
made with the token's own tool.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from securesystemslib.exceptions import Error, UnsupportedLibraryError
from securesystemslib.signer import HSMSigner, Key, SecretsHandler, Signature, Signer, SSlibKey

from exchange.core import strict_json
from exchange.errors import ExchangeError, Invalid, Unavailable
from exchange.registrar.sealing import Ask

_MODULE: Final = "PYKCS11LIB"
"""Variable of the environment in which HSMSigner looks for the token's library."""
_FILE_BYTES: Final = 4096
_KEY: Final = re.compile(r"(?:0x)?0{0,1}[1-9a-f][0-9a-f]{0,31}", re.IGNORECASE)
_LOCKS: Final = "after a few wrong PINs a token locks itself"
_FAULTS: Final = {
    "PinIncorrect": ("pin", "the PIN is wrong", _LOCKS),
    "PinInvalid": ("pin", "the PIN has characters that a PIN cannot have", _LOCKS),
    "PinLenRange": ("pin", "the PIN is too short or too long", _LOCKS),
    "PinLocked": ("pin-locked", "its PIN is locked", "unlock it with the token's own tool and its PUK"),
    "PinExpired": ("pin", "its PIN has expired", "set a new one with the token's own tool"),
    "UserPinNotInitialized": ("pin", "it has no PIN yet", "set one with the token's own tool"),
}
"""Kinds of error of a PKCS#11 library that a person can do something about: code, sentence, hint."""


@dataclass(frozen=True, slots=True)
class Token:
    """Where a key is found: the path of the token's library, the token's label, the key's id (CKA_ID)."""

    module: Path
    label: str
    key: int

    @property
    def name(self) -> str:
        """As a person is asked about it."""
        return f"token {self.label}"

    def to_bytes(self) -> bytes:
        value = {"module": str(self.module), "label": self.label, "key": f"{self.key:02x}"}
        return strict_json.dump(value) + b"\n"


def read_token(data: bytes, name: str) -> Token:
    """The token that the file `name` describes; raises `Invalid` (`token-file`)."""
    try:
        value = strict_json.parse_object(data, limit=_FILE_BYTES, what=name)
        module, label, key = (value.pop(part) for part in ("module", "label", "key"))
    except (Invalid, KeyError):
        raise Invalid("token-file", f"{name}: not the description of a token") from None
    if value or not (isinstance(module, str) and isinstance(label, str) and isinstance(key, str)):
        raise Invalid("token-file", f"{name}: not exactly module, label and key")
    return Token(Path(module), label, parse_key(key, name))


def parse_key(text: str, field: str) -> int:
    """The id of a key on a token, in hex as `pkcs11-tool` shows it; raises `Invalid` (`token-key-id`)."""
    if _KEY.fullmatch(text) is None:
        told = f"{field}: not the id of a key in hex, such as 02, without bytes of zero before it"
        raise Invalid("token-key-id", told)
    return int(text, 16)


class TokenSigner(Signer):
    """Signs on `token` with the private key to `public`; `ask` is asked for the PIN, once."""

    def __init__(self, token: Token, public: Key, ask: Ask) -> None:
        self.token = token
        self._public = public
        self._ask = ask
        self._pin: str | None = None

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> TokenSigner:
        raise Invalid("token-file", "a token is described by a file, not by a URI")

    @property
    def public_key(self) -> Key:
        return self._public

    def sign(self, payload: bytes) -> Signature:
        """Raises `Invalid` (`pin`, `pin-locked`, `token-key`, `token-module`, `pkcs11-missing`) and
        `Unavailable` (`token-missing`, `token`).
        """
        try:
            with _library(self.token):
                signature = _signer(self.token, self._public, self._asked).sign(payload)
        except ExchangeError:
            self._pin = None
            raise
        try:
            self._public.verify_signature(signature, payload)
        except Error:
            told = f"{self.token.name}: its key is not the one of public.json"
            raise Invalid("token-key", told, hint="another token, or another key on it") from None
        return signature

    def _asked(self, _: str) -> str:
        if self._pin is None:
            self._pin = _pin(self._ask, self.token)
        return self._pin


def find(token: Token, ask: Ask) -> TokenSigner:
    """The signer for the key that lies on `token`; raises as `TokenSigner.sign` does."""
    with _library(token):
        _, public = HSMSigner.import_(token.key, token.label, lambda _: _pin(ask, token))
    return TokenSigner(token, public, ask)


def _signer(token: Token, public: Key, handler: SecretsHandler) -> HSMSigner:
    if not isinstance(public, SSlibKey):
        raise Invalid("token-key", f"{token.name}: a public key of another kind")
    return HSMSigner(token.key, public, handler, token.label)


def _pin(ask: Ask, token: Token) -> str:
    pin = ask(f"PIN of {token.name}")
    if not pin:
        raise Invalid("pin", f"{token.name}: no PIN was given")
    return pin


@contextmanager
def _library(token: Token) -> Iterator[None]:
    """Name the token's library to HSMSigner, and turn what the library says into our words."""
    if not token.module.is_file():
        hint = "SoftHSM: /usr/lib/softhsm/libsofthsm2.so; YubiKey: libykcs11.so; cards: opensc-pkcs11.so"
        raise Invalid("token-module", f"{token.module}: no such library of a token", hint=hint)
    before = os.environ.get(_MODULE)
    os.environ[_MODULE] = str(token.module)
    try:
        yield
    except UnsupportedLibraryError:
        hint = "pip install hotline-exchange[pkcs11]"
        raise Invalid("pkcs11-missing", "tokens need the package python-pkcs11", hint=hint) from None
    except ValueError as error:
        raise _not_found(token, str(error)) from None
    except RuntimeError as error:
        raise _fault(token, error) from None
    finally:
        if before is None:
            del os.environ[_MODULE]
        else:
            os.environ[_MODULE] = before


def _not_found(token: Token, said: str) -> ExchangeError:
    """HSMSigner has one kind of error for a token, a key and a curve; its first words say which."""
    if said.startswith("No PKCS#11 token"):
        return Unavailable("token-missing", f"{token.name}: not there", hint="plug it in; see its label")
    if said.startswith("Multiple PKCS#11"):
        return Invalid("token-twice", f"{token.name}: several tokens have this label", hint="plug in one")
    make = "pkcs11-tool --module MODULE --login --keypairgen --key-type EC:prime256v1 --id 02"
    return Invalid("token-key", f"{token.name}: not one ECDSA key of P-256 with this id", hint=make)


def _fault(token: Token, error: RuntimeError) -> ExchangeError:
    known = _FAULTS.get(type(error).__name__)
    if known is not None:
        return Invalid(known[0], f"{token.name}: {known[1]}", hint=known[2])
    if "while loading" in str(error):
        return Invalid("token-module", f"{token.module}: cannot be loaded as the library of a token")
    return Unavailable("token", f"{token.name}: it failed ({type(error).__name__})", hint="plug it in again")
