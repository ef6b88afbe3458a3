"""`registry review` as an administrator meets it: a list of checks, a challenge to send, a call to make."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from support.cli import Ran, run
from support.desk import Applicant, Desk
from support.desk_commands import NOW, asking, proof, review
from support.messages import DE, GB


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, NOW)


def test_from_a_request_to_an_entry(desk: Desk) -> None:
    who = asking(DE)
    first = review(desk, who)
    assert (first.code, first.err) == (0, "")
    lines = first.out.splitlines()
    assert lines[0].split(maxsplit=2)[:2] == ["ok", "form"]
    assert "missing  fingerprint     the member has not read its fingerprint out yet" in lines
    assert f"  DE: first destination nobody -> {DE} (hotline)" in lines
    assert f"1. Send {DE}.challenge.json to the member, who answers it: " in first.out
    assert who.fingerprint not in first.out
    listed = run("registry", "reviews", desk.space.path)
    assert listed.out.splitlines()[1].split() == [DE, "proof,", "fingerprint"]
    second = review(desk, who, "--proof", proof(who), "--fingerprint", who.fingerprint)
    assert second.code == 0
    assert f"Next: hotline-exchange registry draft {desk.space.path}" in second.out
    assert desk.file(DE) == who.said
    assert "No review is under way." in run("registry", "reviews", desk.space.path).out
    desk.publish()
    assert "is published already" in review(desk, who).out


def test_in_json_everything_is_there(desk: Desk) -> None:
    who = asking(DE)
    first = review(desk, who, "--json").value
    assert first["entered"] is False
    assert first["challenge"] == f"{DE}.challenge.json"
    assert {one["check"]: one["mark"] for one in first["checks"]}["encryption key"] == "missing"
    assert f"{DE}: new member, pending" in first["changes"]
    assert run("registry", "reviews", desk.space.path, "--json").value == [
        {"member": DE, "waits_for": ["proof", "fingerprint"]}
    ]
    both = ("--proof", proof(who), "--fingerprint", who.fingerprint, "--json")
    second = review(desk, who, *both).value
    assert (second["entered"], second["challenge"]) == (True, None)


def test_who_is_present_needs_a_call_alone(desk: Desk) -> None:
    who = asking(DE)
    review(desk, who, "--fingerprint", who.fingerprint)
    review(desk, who, "--proof", proof(who))
    desk.publish()
    asked = Applicant({**who.said, "min_card": NOW, "site": "https://new.example"}, who.signers)
    first = review(desk, asked)
    assert "1. Call the member" in first.out
    assert review(desk, asked, "--fingerprint", asked.fingerprint).code == 0
    assert desk.file(DE)["site"] == "https://new.example"


class Terminal(io.TextIOWrapper):
    def __init__(self, typed: str) -> None:
        super().__init__(io.BytesIO(typed.encode()), encoding="utf-8")

    def isatty(self) -> bool:
        return True


def at_a_terminal(typed: str, *arguments: str | Path) -> Ran:
    with mock.patch("support.cli._Input", return_value=Terminal(typed)):
        return run(*arguments)


def test_on_a_terminal_the_fingerprint_is_asked_after_the_name_is_shown(desk: Desk) -> None:
    who = asking(DE)
    review(desk, who)
    command = ("registry", "review", desk.space.path, "request.json")
    later = at_a_terminal("\n", *command)
    assert later.code == 0
    assert "Nothing is entered yet." in later.out
    for field in ("name", "site", "mailbox", "country"):
        assert str(who.said[field]) in later.err
    assert later.err.index("mailbox") < later.err.index("Fingerprint that the member reads out")
    done = at_a_terminal(f"{who.fingerprint}\n", *command, "--proof", proof(who))
    assert "is entered; nothing is published yet" in done.out


WRONG: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "another fingerprint": (lambda: asking(DE), ("--fingerprint", "0000 1111"), "(fingerprint)"),
    "a deputy that nobody knows": (lambda: asking(DE, deputy=GB), (), "(deputy-unknown)"),
    "http without --development": (lambda: asking(DE, mailbox="http://127.0.0.1:1"), (), "(mailbox-http)"),
    "two things": (
        lambda: asking(DE, deputy=GB, mailbox="http://127.0.0.1:1"), (), "and 1 more above",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "options", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_fails_and_says_the_way_out(
    desk: Desk, make: Any, options: tuple[str, ...], words: str
) -> None:
    ran = review(desk, make(), *options)
    assert ran.code == 1
    assert words in ran.err
    assert "hint: " in ran.err
    assert "wrong" in ran.out
    assert not (desk.space.peers / "members").exists()


def test_development_is_said(desk: Desk) -> None:
    assert review(desk, asking(DE, mailbox="http://127.0.0.1:1"), "--development").code == 0


def test_a_file_that_is_not_there_or_endless_is_named(desk: Desk, tmp_path: Path) -> None:
    missing = run("registry", "review", desk.space.path, "nowhere.json")
    assert (missing.code, "REQUEST: nowhere.json: no such file" in missing.err) == (2, True)
    review(desk, asking(DE))
    ran = review(desk, asking(DE), "--proof", "nowhere.json")
    assert (ran.code, "--proof: nowhere.json" in ran.err) == (2, True)
    Path("big.json").write_bytes(b" " * 300_000)
    large = run("registry", "review", desk.space.path, "big.json")
    assert (large.code, "larger than" in large.err) == (2, True)
    none = run("registry", "review", tmp_path / "nowhere", "request.json")
    assert (none.code, "(registry-missing)" in none.err) == (2, True)
