"""A real PKCS#11 token without hardware: SoftHSM, with a directory of its own for each test session.

`missing()` says why there is none. SoftHSM reads its configuration once in a process, so every test of one
process shares the directory, and each takes a label of its own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pkcs11
from pkcs11.util.ec import encode_named_curve_parameters

from exchange.registrar.tokens import Token

PIN = "canary-4711"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


def missing() -> str | None:
    """Why there is no soft token on this machine; None when there is one."""
    if shutil.which("softhsm2-util") is None or _module() is None:
        return "SoftHSM is not installed (Debian: apt-get install softhsm2)"
    return None


def _module() -> Path | None:
    return next((Path(path) for path in _MODULES if Path(path).exists()), None)


@cache
def _configured() -> Path:
    place = Path(tempfile.mkdtemp(prefix="hotline-exchange-softhsm-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    (place / "tokens").mkdir()
    text = f"directories.tokendir = {place / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    (place / "softhsm2.conf").write_text(text)
    os.environ["SOFTHSM2_CONF"] = str(place / "softhsm2.conf")
    return place


def soft_token(label: str, *, key: int | None = 2, curve: str = "secp256r1") -> Token:
    """A fresh token `label` that holds one key pair, or none; its PIN is `PIN`."""
    module = _module()
    assert module is not None
    _configured()
    command = [
        "softhsm2-util",
        "--init-token",
        "--free",
        "--label",
        label,
        "--pin",
        PIN,
        "--so-pin",
        "so-canary",
    ]
    subprocess.run(command, check=True, capture_output=True)
    library = pkcs11.lib(str(module))
    library.reinitialize()
    if key is not None:
        make_key(module, label, key, curve)
    return Token(module, label, key or 2)


def make_key(module: Path, label: str, key: int, curve: str = "secp256r1") -> None:
    found = pkcs11.lib(str(module)).get_token(token_label=label)
    with found.open(user_pin=PIN, rw=True) as session:
        parameters = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
        made = session.create_domain_parameters(pkcs11.KeyType.EC, parameters, local=True)
        made.generate_keypair(store=True, id=bytes([key]), label=f"key {key}")
