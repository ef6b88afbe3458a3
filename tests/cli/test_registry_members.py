"""What administrators do to a member, as commands: what they say, that a test goes before an activation."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from support.cli import Ran, fake_node, run
from support.desk import Desk
from support.desk_commands import NOW, asking, proof, review
from support.keys import member_keys
from support.messages import DE

from exchange.core.times import format_time

DOCUMENT = "019b0000-0000-7000-8000-000000000001"
KEYS = member_keys(DE)
HTTP, SIGNING = KEYS.http.jwk["kid"], KEYS.signing.entry[0]["kid"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A registry with one pending member, published."""
    monkeypatch.chdir(tmp_path)
    made = Desk(tmp_path, NOW)
    who = asking(DE)
    review(made, who, "--fingerprint", who.fingerprint)
    review(made, who, "--proof", proof(who))
    made.publish()
    return made


def command(desk: Desk, name: str, *arguments: str | Path) -> Ran:
    return run("registry", name, desk.space.path, *arguments)


def said(state: str, **more: Any) -> dict[str, Any]:
    steps = [{"step": "registry", "at": None, "detail": "pending"}]
    steps += [{"step": "receipt", "at": NOW, "detail": "signed" if state == "received" else None}]
    return {"document": DOCUMENT, "peer": DE, "state": state, "steps": steps, **more}


def answers(state: str) -> dict[str, Any]:
    return {
        "POST /v1/registry/refresh": (200, {}),
        f"POST /v1/peers/{DE}/test": (202, {"document": DOCUMENT}),
        f"GET /v1/tests/{DOCUMENT}": (200, said(state)),
    }


def kept(desk: Desk) -> Any:
    return json.loads((desk.space.reviews / f"{DE}.json").read_bytes())


def test_a_pending_member_becomes_active_after_a_test_that_is_shown_and_kept(
    desk: Desk, tmp_path: Path
) -> None:
    with fake_node(tmp_path, answers("received")) as node:
        ran = command(desk, "activate", DE, "--config", node.config)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("ok  ")
    assert f"{DE} has received the test and signed for it." in lines
    assert f"{DE}: status pending -> active" in lines
    assert lines[-1] == f"Nothing is published yet. Next: hotline-exchange registry draft {desk.space.path}"
    assert (kept(desk)["test"], kept(desk)["peer"]) == (DOCUMENT, "de-example")
    assert time.time() - kept(desk)["tested_at"] < 60
    desk.publish()


@pytest.mark.parametrize("state", ["queued", "dead"])
def test_without_its_receipt_a_member_stays_pending(desk: Desk, tmp_path: Path, state: str) -> None:
    with fake_node(tmp_path, answers(state)) as node:
        ran = command(desk, "activate", DE, "--wait", "0", "--config", node.config)
    assert (ran.code, "(test-failed)" in ran.err, "hint: " in ran.err) == (1, True, True)
    assert desk.file(DE)["status"] == "pending"
    assert kept(desk)["test"] == ""


def test_a_node_that_does_not_run_activates_nobody(desk: Desk, tmp_path: Path) -> None:
    with fake_node(tmp_path, {}) as node:
        config = node.config
    ran = command(desk, "activate", DE, "--config", config)
    assert ran.code == 3
    assert desk.file(DE)["status"] == "pending"


def test_a_test_is_only_left_out_when_somebody_says_so(desk: Desk) -> None:
    refused = command(desk, "activate", DE)
    assert (refused.code, "(test-missing)" in refused.err, "--without-test" in refused.err) == (2, True, True)
    ran = command(desk, "activate", DE, "--without-test")
    assert ran.code == 0
    assert f"{DE} is made active WITHOUT a test exchange" in ran.out
    assert kept(desk)["untested"] is True
    assert desk.file(DE)["status"] == "active"
    assert "it is so already" in command(desk, "activate", DE).out


def test_a_configuration_that_is_not_there_is_named(desk: Desk) -> None:
    ran = command(desk, "activate", DE, "--config", "nowhere.toml")
    assert (ran.code, "nowhere.toml" in ran.err) == (2, True)


def test_in_json_the_test_is_told_too(desk: Desk, tmp_path: Path) -> None:
    with fake_node(tmp_path, answers("received")) as node:
        ran = command(desk, "activate", DE, "--json", "--config", node.config)
    assert ran.value["test"]["document"] == DOCUMENT
    assert ran.value["status"] == "active"
    assert f"{DE}: status pending -> active" in ran.value["changes"]
    assert command(desk, "activate", DE, "--without-test", "--json").value["changes"] == []


def test_suspend_activate_and_leave(desk: Desk) -> None:
    command(desk, "activate", DE, "--without-test")
    desk.publish()
    assert f"{DE}: status active -> suspended" in command(desk, "suspend", DE).out
    desk.publish()
    again = command(desk, "activate", DE)
    assert f"{DE}: status suspended -> active" in again.out
    assert f"{DE}: status active -> left" in command(desk, "leave", DE).out
    desk.publish()


def test_revoking_the_last_keys_says_what_that_means(desk: Desk) -> None:
    ran = command(
        desk, "revoke", DE, SIGNING, "--reason", "stolen", "--invalid-after", "2026-01-01T00:00:00Z"
    )
    assert ran.code == 0
    assert "are revoked (stolen)" in ran.out
    assert "it can only register afresh" in ran.out.replace("\n", " ")
    ran = command(desk, "revoke", DE, HTTP, "--reason", "lost", "--json")
    assert "hotline-exchange change --rotate http" in ran.value["warnings"][1]
    desk.publish()


@pytest.mark.parametrize("kid", ["-h" + "k" * 41, "--" + "k" * 41, "-" + "k" * 42])
def test_a_kid_that_begins_with_a_hyphen_is_no_option(desk: Desk, kid: str) -> None:
    ran = command(desk, "revoke", DE, kid, "--reason", "lost")
    assert (ran.code, "(key-unknown)" in ran.err, SIGNING in ran.err) == (2, True, True)


MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "no reason": (("revoke", DE, HTTP), "--reason"),
    "a time that is none": (("revoke", DE, HTTP, "--reason", "lost", "--invalid-after", "now"), "(time)"),
    "a card time that is none": (("min-card", DE, "now"), "(time)"),
    "a card time to come": (("min-card", DE, "2999-01-01T00:00:00Z"), "(min-card)"),
    "a status that does not follow": (("suspend", DE), "(status-move)"),
    "an unknown member": (("leave", "fr-nobody"), "(member-unknown)"),
    "a file that is none": (("put", "nowhere.json"), "FILE: nowhere.json: no such file"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_and_changes_nothing(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    before = {path: path.read_bytes() for path in desk.space.peers.rglob("*.json")}
    ran = command(desk, *arguments)
    assert (ran.code, words in ran.err, "Traceback" in ran.err) == (2, True, False)
    assert "hint: " in ran.err or "(usage)" in ran.err or "(time)" in ran.err
    assert {path: path.read_bytes() for path in desk.space.peers.rglob("*.json")} == before


def test_min_card_and_a_ready_file(desk: Desk) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - 5))
    wanted = f"{DE}: min_card {format_time(NOW - 60)} -> {moment}"
    assert wanted in command(desk, "min-card", DE, moment).out
    rows = [{"member": DE, "basis": "territory", "rank": 0}]
    Path("AT.json").write_text(json.dumps({"v": 1, "country": "AT", "destinations": rows}))
    assert f"AT: first destination nobody -> {DE} (territory)" in command(desk, "put", "AT.json").out
    desk.publish()
