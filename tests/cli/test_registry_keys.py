"""`registry keys` as an administrator types it: keys made, shown, tried, and put under another passphrase."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import tokens as support
from support.cli import Ran, run
from support.tokens import PIN, soft_token

from exchange.cli.unlocking import ask_new
from exchange.errors import Invalid
from exchange.registrar.admins import load_public

REASON = support.missing()
WORDS = b"canary words of a passphrase\n"


def keys(command: str, *options: str | Path, given: bytes = b"") -> Ran:
    ran = run("registry", "keys", command, *options, given=given)
    assert "canary" not in ran.out + ran.err
    assert "Traceback" not in ran.err
    return ran


@pytest.fixture
def made(tmp_path: Path) -> Path:
    ran = keys("new", "anna", "--keys", tmp_path / "keys", "--identity", tmp_path / "id", "--json")
    assert ran.code == 0
    return tmp_path


def code_of(ran: Ran) -> tuple[int, str]:
    return ran.code, str(ran.problem["title"]).lower().replace(" ", "-")


def test_keys_are_made_shown_and_tried(tmp_path: Path) -> None:
    where = ("--keys", tmp_path / "keys", "--offline", tmp_path / "stick")
    ran = keys("new", "anna", *where, "--identity", tmp_path / "id")
    assert ran.code == 0
    assert (
        f"registry keys check --keys {tmp_path / 'keys'} --offline {tmp_path / 'stick'} "
        f"--identity {tmp_path / 'id'}" in ran.out
    )
    shown = keys("show", *where, "--json").value
    public = load_public(tmp_path / "keys")
    assert shown["name"] == "anna"
    for part, key in (("offline", public.offline), ("daily", public.daily)):
        assert shown[part]["keyid"] == key.keyid
        assert shown[part]["kind"] == "age file for an identity file"
        assert shown[part]["fingerprint"] in ran.out
    assert "not here" in keys("show", "--keys", tmp_path / "keys").out
    tried = keys("check", *where, "--identity", tmp_path / "id")
    assert tried.out == (
        "The offline key of anna signs: age file for an identity file.\n"
        "The daily key of anna signs: age file for an identity file.\n"
    )
    only = keys(
        "check", "--keys", tmp_path / "keys", "--part", "daily", "--identity", tmp_path / "id", "--json"
    )
    assert only.value == {"name": "anna", "signs": ["daily"]}


def test_a_passphrase_comes_from_standard_input_and_may_be_changed(made: Path) -> None:
    """One of the two tests of keys that pay for scrypt."""
    where = ("--keys", made / "keys", "--part", "daily")
    opens = ("--identity", made / "id")
    assert keys("passphrase", *where, *opens, given=b"short\n").code == 2
    assert keys("check", *where, *opens).code == 0
    assert keys("passphrase", *where, *opens, given=WORDS).code == 0
    assert keys("check", *where, given=WORDS).code == 0
    assert code_of(keys("check", *where, "--json", given=b"canary\n")) == (2, "passphrase")
    assert code_of(keys("check", *where, "--json")) == (2, "passphrase-missing")
    ran = keys("passphrase", *where, "--to-identity", made / "other", "--json", given=WORDS)
    assert ran.value == {"file": str(made / "keys/daily.age")}
    assert keys("check", *where, "--identity", made / "other").code == 0
    assert code_of(keys("check", *where, *opens, "--json")) == (2, "identity")


def test_nothing_is_overwritten_and_no_question_comes_before_that_is_known(made: Path) -> None:
    before = {path: path.read_bytes() for path in (made / "keys").iterdir()}
    again = ("--keys", made / "keys", "--json")
    assert code_of(keys("new", "ben", *again)) == (2, "exists")
    assert code_of(keys("new", "ben", *again, "--identity", made / "never")) == (2, "exists")
    assert not (made / "never").exists()
    assert {path: path.read_bytes() for path in (made / "keys").iterdir()} == before


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("show",), "key-missing"),
        (("check",), "key-missing"),
        (("passphrase", "--part", "daily"), "key-missing"),
        (("new", "anna"), "passphrase-missing"),
        (("new", "an\x1bna", "--identity", "id"), "name"),
        (("new", "anna", "--token-offline", "x.so"), "usage"),
        (("new", "anna", "--token-daily", "x.so", "--token-daily-label", "x"), "usage"),
        (("new", "anna", "--token-label", "x", "--token-key", "02"), "usage"),
        (
            ("new", "anna", "--token-offline", "x.so", "--token-label", "x", "--token-key", "zz"),
            "token-key-id",
        ),
        (
            ("new", "anna", "--token-offline", "x.so", "--token-label", "x", "--token-key", "2"),
            "token-module",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code_of(keys(options[0], *options[1:], "--keys", "keys", "--json")) == (2, code)
    assert list(tmp_path.iterdir()) == []


def test_a_person_types_a_new_passphrase_twice_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    words = iter(["canary words of a passphrase", "canary other words", "short"])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("exchange.cli.unlocking.getpass", lambda prompt, stream: next(words))
    for code in ("passphrase-differs", "passphrase-short"):
        with pytest.raises(Invalid) as error:
            ask_new("New passphrase for daily.age")
        assert error.value.code == code


@pytest.mark.skipif(REASON is not None, reason=REASON or "")
def test_both_keys_may_be_on_a_token(tmp_path: Path) -> None:
    token = soft_token(f"hx-{uuid.uuid4().hex[:12]}")
    support.make_key(token.module, token.label, 3)
    place = ("--keys", tmp_path / "keys")
    pins = f"{PIN}\n{PIN}\n".encode()
    on_token = (
        *("--token-offline", token.module, "--token-label", token.label, "--token-key", "02"),
        *("--token-daily", token.module, "--token-daily-label", token.label, "--token-daily-key", "03"),
    )
    ran = keys("new", "anna", *place, *on_token, given=pins)
    assert ran.code == 0
    assert "Lock the token away" in ran.out
    assert json.loads((tmp_path / "keys/daily.token.json").read_text())["key"] == "03"
    assert keys("show", *place, "--json").value["daily"]["kind"] == f"token {token.label}, key 03"
    assert keys("check", *place, given=pins).code == 0
    assert code_of(keys("check", *place, "--json", given=b"canary wrong\n")) == (2, "pin")
    assert code_of(keys("passphrase", *place, "--part", "daily", "--json")) == (2, "token-pin")
    same = ("--token-daily", token.module, "--token-daily-label", token.label, "--token-daily-key", "02")
    twice = keys("new", "ben", "--keys", tmp_path / "ben", *on_token[:6], *same, "--json", given=pins)
    assert code_of(twice) == (2, "key-twice")
