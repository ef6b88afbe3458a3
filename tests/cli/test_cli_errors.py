"""Each mistake of a user is one sentence with a code and a hint, an exit code, and never a traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.cli import fake_node, problem, run, write_config
from typer.main import get_command

from exchange import keystore
from exchange.cli.main import app
from exchange.cli.show import clean
from exchange.registrar import admins, files

ID = "019b76da-a800-7000-8000-000000000001"

INPUT = [
    ("nothing", "", 2, "", ""),
    ("an unknown command", "sned", 2, "No such command", "hotline-exchange --help"),
    ("an unknown option", "inbox --all", 2, "No such option", "hotline-exchange inbox --help"),
    ("an unknown status", f"outcome {ID} gone", 2, "gone", "--help"),
    ("a status without its reason", f"outcome {ID} unavailable", 2, "(outcome-invalid)", ""),
    ("a reason of another status", f"outcome {ID} accepted --own-case 1 --reason stale", 2, "/reason", ""),
    ("no id", "show nonsense", 2, "ID: not a UUID of version 7 in lower case (document-id)", ""),
    ("a time that is none", f"outcome {ID} removed --at yesterday", 2, "/occurred_at", ""),
    ("UK", "route --country UK", 2, "--country: not a country code", "use GB"),
    ("EL", "list --country EL", 2, "(country)", "use GR"),
    ("neither country nor URL", "route", 2, "either --country or --url", "route --country NL"),
    ("a member that is none", "list --peer Iwf", 2, "--peer: not a member id", ""),
    ("a token's id with a path in it", "tokens revoke ../x", 2, "(token-id)", "tokens list"),
    ("a quarantine id with a path in it", "quarantine release a/b", 2, "(quarantine-id)", "quarantine list"),
    ("no file", "send", 2, "no FILE was named (file-missing)", "--template"),
    ("a file that is not there", "send nothing.json", 2, "nothing.json: no such file", ""),
    ("a node that does not run", "inbox", 3, "(node-not-running)", "hotline-exchange serve"),
    ("the same for a list", "submissions list", 3, "(node-not-running)", "hotline-exchange serve"),
]


@pytest.mark.parametrize(
    ("command", "code", "words", "hint"), [case[1:] for case in INPUT], ids=[case[0] for case in INPUT]
)
def test_a_mistake_is_a_sentence_and_a_code(
    command: str, code: int, words: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path)
    ran = run(*command.split())
    assert ran.code == code
    assert words in ran.err
    assert hint in ran.err
    assert "Traceback" not in ran.err
    if words:
        assert ran.out == ""
        told = run(*command.split(), "--json")
        assert told.code == code
        assert told.problem["type"].startswith("urn:hotline-exchange:")


CONFIGS = [
    ("none at all", None, "(config-file)", "hotline-exchange join"),
    ("not TOML", "member =\n", "not TOML: look at line 1", ""),
    ("two mistakes", 'member = "uk"\nworld = 1\n', "world: is no setting", ""),
]


@pytest.mark.parametrize(
    ("text", "words", "hint"), [case[1:] for case in CONFIGS], ids=[case[0] for case in CONFIGS]
)
def test_a_configuration_that_cannot_be_used(
    text: str | None, words: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOTLINE_EXCHANGE_CONFIG", raising=False)
    if text is not None:
        (tmp_path / "hotline-exchange.toml").write_text(text)
    for command in ("inbox", "serve"):
        ran = run(command)
        assert ran.code == 2
        assert words in ran.err
        assert hint in ran.err


def test_a_configuration_is_named_by_option_or_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    with fake_node(tmp_path, {"GET /v1/peers": (200, {"peers": []})}) as node:
        assert run("peers", "--config", node.config).out == "The registry names no other member.\n"
        monkeypatch.setenv("HOTLINE_EXCHANGE_CONFIG", str(node.config))
        assert run("peers").code == 0
    ran = run("peers", "--config", "nowhere.toml")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "nowhere.toml: there is no such file (config-file)")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_that_is_closed_to_us(tmp_path: Path) -> None:
    with fake_node(tmp_path, {}) as node:
        (tmp_path / "data/member.sock").chmod(0)
        ran = run("peers", "--config", node.config)
    assert (ran.code, "(socket-permission)" in ran.err) == (3, True)


def test_a_socket_path_that_no_system_takes(tmp_path: Path) -> None:
    config = write_config(tmp_path, member_api__socket="x" * 200)
    ran = run("peers", "--config", config)
    assert (ran.code, "member_api.socket" in ran.err) == (2, True)


def test_an_unknown_member_is_told_as_the_node_tells_it(tmp_path: Path) -> None:
    said = problem(422, "choice-unknown", "The chosen member nl-nobody is not in the registry.")
    with fake_node(tmp_path, {f"POST /v1/submissions/{ID}/route": (422, said)}) as node:
        ran = run("submissions", "route", ID, "--to", "nl-nobody", "--config", node.config)
    assert ran.code == 2
    assert ran.err == "The chosen member nl-nobody is not in the registry. (choice-unknown)\n"


def test_what_is_no_answer_of_a_node_is_not_taken_for_one(tmp_path: Path) -> None:
    with fake_node(tmp_path, {"GET /v1/peers": (200, ["a list"])}) as node:
        ran = run("peers", "--config", node.config)
    assert (ran.code, "(node-answer)" in ran.err) == (70, True)


def test_a_fault_of_the_program_tells_its_place_and_nothing_else(tmp_path: Path) -> None:
    with fake_node(tmp_path, {"GET /v1/peers": (200, {"pairs": "secret"})}) as node:
        ran = run("peers", "--config", node.config)
    assert ran.code == 70
    assert "KeyError at exchange.cli.peers:" in ran.err
    assert "secret" not in ran.err


SERVE = {
    "no keys": (None, "(keystore-missing)"),
    "keys that others may read": ("data/keys.age", "(file-mode)"),
    "an identity that others may read": ("identity.txt", "(file-mode)"),
}


@pytest.mark.parametrize(("loose", "code"), SERVE.values(), ids=SERVE.keys())
def test_a_node_that_cannot_start_says_why(loose: str | None, code: str, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    if loose is not None:
        keystore.create(tmp_path / "data", identity_file=tmp_path / "identity.txt")
        (tmp_path / loose).chmod(0o644)
    ran = run("serve", "--config", config)
    assert (ran.code, code in ran.err) == (2, True)
    assert "Traceback" not in ran.err
    if loose is not None:
        assert f"hint: chmod 600 {tmp_path / loose}" in ran.err


def test_a_wrong_passphrase_is_one_sentence(tmp_path: Path) -> None:
    config = write_config(tmp_path, identity__file=None)
    keystore.create(tmp_path / "data", passphrase="right and long enough")
    ran = run("serve", "--config", config, given=b"wrong\n")
    assert (ran.code, "wrong passphrase" in ran.err) == (2, True)
    assert "(passphrase)" in ran.err


def _commands(group: object, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = getattr(group, "commands", None)
    if inner is None:
        return [before]
    return [each for name, part in inner.items() for each in _commands(part, (*before, name))]


@pytest.mark.parametrize("command", _commands(get_command(app)), ids=" ".join)
def test_every_command_explains_itself_and_answers_in_json(command: tuple[str, ...]) -> None:
    ran = run(*command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: hotline-exchange {' '.join(command)}")
    assert "--json" in ran.out
    assert "\x1b" not in ran.out


def test_the_version_is_told() -> None:
    assert run("--version").out.startswith("hotline-exchange ")


DISK = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS]


@pytest.mark.parametrize("number", [*DISK, errno.ENOENT, errno.EACCES])
def test_what_is_wrong_with_the_disk_is_not_the_users_fault(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path, __: bytes) -> None:
        raise OSError(number, os.strerror(number), "network.json")

    monkeypatch.setattr(files, "write_whole", fails)
    keys = ("registry", "keys", "new", "anna", "--keys", tmp_path / "anna")
    monkeypatch.setattr(admins, "write_whole", fails)
    ran = run(*keys, "--identity", tmp_path / "id.txt", "--json")
    assert (ran.code, ran.problem["title"]) == ((70, "Disk") if number in DISK else (2, "File"))
    assert "network.json" in ran.problem["detail"]


@pytest.mark.parametrize("letter", ["\x1b", "\u202e", "\u200b", "\u3164", "\u115f", "\u2800", "\U000e0041"])
def test_nothing_is_printed_that_nobody_sees(letter: str) -> None:
    assert clean(f"Hot{letter}line") == "Hot?line"
    assert clean("Zoë Łuk, 用户, Ελλάδα") == "Zoë Łuk, 用户, Ελλάδα"
