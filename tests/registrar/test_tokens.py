"""A key on a token: signs with its PIN alone, and whatever is wrong with token, library and PIN is named."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from support import tokens as support
from support.tokens import PIN, soft_token

from exchange import keystore
from exchange.errors import ExchangeError, Invalid, Unavailable
from exchange.registrar import admins, held
from exchange.registrar.admins import Part, generate
from exchange.registrar.sealing import Seal, Unlock
from exchange.registrar.tokens import Token, TokenSigner, find, parse_key, read_token

REASON = support.missing()
real = pytest.mark.skipif(REASON is not None, reason=REASON or "")
VARIABLE = "PYKCS11LIB"


def code_of(call: Callable[[], object], kind: type[ExchangeError] = Invalid) -> str:
    with pytest.raises(kind) as error:
        call()
    assert "canary" not in f"{error.value} {error.value.hint}"
    return error.value.code


def give(pin: str) -> Callable[[str], str]:
    return lambda _: pin


@pytest.fixture
def token() -> Token:
    return soft_token(f"hx-{uuid.uuid4().hex[:12]}")


@real
@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1"])
def test_an_administrator_may_have_one_key_on_a_token_and_one_in_a_file(tmp_path: Path, curve: str) -> None:
    token = soft_token(f"hx-{uuid.uuid4().hex[:12]}", curve=curve)
    identity, place = tmp_path / "id", tmp_path / "anna"
    keystore.make_identity(identity)
    admin = replace(generate("anna"), offline=find(token, give(PIN)))
    admins.save(admin, place, Seal(identity))
    assert sorted(path.name for path in place.iterdir()) == [
        "daily.age",
        "offline.token.json",
        "public.json",
    ]
    assert PIN not in (place / "offline.token.json").read_text()
    assert admins.load_public(place) == admin.public
    for part in Part:
        held.try_key(admins.load(place, part, Unlock(identity, give(PIN))))
    assert held.kind_of(held.held_at(place, Part.OFFLINE)) == f"token {token.label}, key 02"
    signer = admins.load(place, Part.OFFLINE, Unlock(identity))
    assert code_of(lambda: signer.sign(b"x")) == "passphrase-missing"


@real
def test_the_pin_is_asked_once_and_not_tried_again_after_it_was_wrong(token: Token) -> None:
    asked: list[str] = []
    pins = iter(["wrong", PIN])

    def ask(what: str) -> str:
        asked.append(what)
        return next(pins)

    signer = TokenSigner(token, find(token, give(PIN)).public_key, ask)
    assert code_of(lambda: signer.sign(b"x")) == "pin"
    signer.sign(b"x")
    signer.sign(b"y")
    assert asked == [f"PIN of token {token.label}"] * 2
    assert VARIABLE not in os.environ


@real
def test_the_environment_is_as_it_was(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "somebody else's")
    find(token, give(PIN)).sign(b"x")
    assert os.environ[VARIABLE] == "somebody else's"


@real
def test_another_key_than_that_of_the_card_is_noticed_before_anything_is_published(token: Token) -> None:
    other = soft_token(f"hx-{uuid.uuid4().hex[:12]}")
    swapped = TokenSigner(token, find(other, give(PIN)).public_key, give(PIN))
    assert code_of(lambda: swapped.sign(b"x")) == "token-key"
    ed25519 = TokenSigner(token, CryptoSigner.generate_ed25519().public_key, give(PIN))
    assert code_of(lambda: ed25519.sign(b"x")) == "token-key"


@real
@pytest.mark.parametrize(("pin", "code"), [("", "pin"), ("wrong", "pin"), ("x" * 300, "pin")])
def test_a_wrong_pin_is_said_to_be_wrong(token: Token, pin: str, code: str) -> None:
    public = find(token, give(PIN)).public_key
    assert code_of(lambda: TokenSigner(token, public, give(pin)).sign(b"x")) == code


@real
def test_a_token_that_is_not_plugged_in_may_come_later(token: Token) -> None:
    gone = replace(token, label="nobody")
    assert code_of(lambda: find(gone, give(PIN)), Unavailable) == "token-missing"
    signer = TokenSigner(gone, find(token, give(PIN)).public_key, give(PIN))
    assert code_of(lambda: signer.sign(b"x"), Unavailable) == "token-missing"


@real
def test_two_tokens_of_one_label_and_a_key_that_is_not_there_are_named(token: Token) -> None:
    assert code_of(lambda: find(replace(token, key=9), give(PIN))) == "token-key"
    soft_token(token.label, key=None)
    assert code_of(lambda: find(token, give(PIN))) == "token-twice"


@real
def test_a_key_of_a_curve_that_no_root_may_have_is_refused() -> None:
    token = soft_token(f"hx-{uuid.uuid4().hex[:12]}", curve="secp521r1")
    assert code_of(lambda: find(token, give(PIN))) == "token-key"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.write_bytes(b"no library"),
        lambda path: path.mkdir(),
    ],
    ids=["missing", "garbage", "directory"],
)
def test_a_library_that_is_none_is_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "token.so"
    make(path)
    assert code_of(lambda: find(Token(path, "x", 2), give(PIN))) == "token-module"
    assert VARIABLE not in os.environ


def test_without_the_package_for_tokens_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securesystemslib.signer._hsm_signer.PKCS11_IMPORT_ERROR", "'python-pkcs11' required")
    (tmp_path / "token.so").write_bytes(b"")
    with pytest.raises(Invalid) as error:
        find(Token(tmp_path / "token.so", "x", 2), give(PIN))
    assert (error.value.code, error.value.hint) == ("pkcs11-missing", "pip install hotline-exchange[pkcs11]")


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [("PinLocked", Invalid, "pin-locked"), ("DeviceRemoved", Unavailable, "token")],
)
def test_what_a_library_says_is_told_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[ExchangeError], code: str
) -> None:
    def fail(*_: object) -> None:
        raise type(name, (RuntimeError,), {})("canary")

    monkeypatch.setattr("exchange.registrar.tokens.HSMSigner.import_", fail)
    (tmp_path / "token.so").write_bytes(b"")
    assert code_of(lambda: find(Token(tmp_path / "token.so", "x", 2), give(PIN)), kind) == code


@pytest.mark.parametrize(("text", "key"), [("02", 2), ("2", 2), ("0x0a", 10), ("ff", 255), ("A1", 161)])
def test_the_id_of_a_key_is_read_as_token_tools_show_it(text: str, key: int) -> None:
    assert parse_key(text, "key") == key


@pytest.mark.parametrize("text", ["", "00", "0002", "-1", "1 ", "zz", "2\n", "1" * 40])
def test_what_is_no_id_of_a_key_is_refused(text: str) -> None:
    assert code_of(lambda: parse_key(text, "key")) == "token-key-id"


def test_a_token_file_holds_the_place_and_no_secret() -> None:
    token = Token(Path("/usr/lib/x.so"), "Anna's", 0x0A)
    assert token.to_bytes() == b'{"module":"/usr/lib/x.so","label":"Anna\'s","key":"0a"}\n'
    assert read_token(token.to_bytes(), "offline.token.json") == token
    for wrong in (
        b"",
        b"{}",
        b"[]",
        token.to_bytes().replace(b"}", b',"pin":"1"}'),
        b'{"module":1,"label":"","key":""}',
    ):
        assert code_of(lambda: read_token(wrong, "x")) == "token-file"  # noqa: B023
    with pytest.raises(Invalid):
        TokenSigner.from_priv_key_uri("hsm:2", CryptoSigner.generate_ed25519().public_key)
