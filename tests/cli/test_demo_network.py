"""The demo end to end: real nodes on loopback, then every command against them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.cli import run

from exchange.resources import data_path

SECONDS = 60
LINES = 40


@dataclass(frozen=True, slots=True)
class Network:
    """What the demo said, and where its members' configurations are; the first is the sender's."""

    balance: dict[str, Any]
    configs: list[Path]
    process: subprocess.Popen[str]

    @property
    def sender(self) -> Path:
        return self.configs[0]

    @property
    def recipient(self) -> Path:
        return self.configs[1]


def line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    # No select here: two lines that come at once are both read into the buffer by the first readline.
    deadline = threading.Timer(SECONDS, process.kill)
    deadline.start()
    text = process.stdout.readline()
    deadline.cancel()
    assert text, f"the demo said nothing within {SECONDS} s"
    return dict(json.loads(text))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    place = tmp_path_factory.mktemp("demo")
    command = (sys.executable, "-m", "exchange.cli", "demo", "--json", "--keep", "--dir", str(place / "n"))
    with subprocess.Popen([*command, "--limit", str(LINES)], stdout=subprocess.PIPE, text=True) as process:
        try:
            balance = line(process)
            configs = [Path(path) for path in line(process)["configs"].values()]
            yield Network(balance, configs, process)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0


def test_the_balance_adds_up_at_both_ends(network: Network) -> None:
    said = network.balance
    assert (said["ok"], said["faults"], said["invalid"]) == (True, [], {})
    assert said["read"] == LINES == said["routed"] + said["unroutable"] + said["domestic"]
    assert said["routed"] == said["receipted"] == said["opened"] == said["answered"] > 0
    assert said["domestic"] > 0


def test_no_log_of_a_node_holds_a_url_of_the_feed(network: Network) -> None:
    for config in network.configs:
        log = (config.parent / "node.log").read_text()
        assert "is ready" in log
        assert not re.search(r"https?://|hxxp|\[\.\]", log)


def test_one_member_has_no_port_and_is_well(network: Network) -> None:
    hosted = [config for config in network.configs if 'host = "hosted"' in config.read_text()]
    assert len(hosted) == 1
    assert run("status", "--config", hosted[0]).code == 0
    ran = run("doctor", "--json", "--config", hosted[0])
    assert ran.code == 0, ran.out
    states = {each["check"]: each["state"] for each in ran.value["findings"]}
    assert states["node"] == states["key card"] == states["membership"] == states["clock"] == "ok"


LOOKING = (
    "inbox,list,peers,status,keys show,registry show,registry refresh,journal head,journal verify,"
    "submissions list,dead-letters list,quarantine list,tokens list"
)


@pytest.mark.parametrize("command", LOOKING.split(","))
def test_every_command_that_looks_works_for_people_and_programs(command: str, network: Network) -> None:
    for config in (network.sender, network.recipient):
        person = run(*command.split(), "--config", config)
        assert (person.code, person.err) == (0, "")
        assert person.out.strip()
        assert run(*command.split(), "--json", "--config", config).value


def test_a_referral_is_shown_defanged_with_its_whole_life(network: Network) -> None:
    referrals = run("list", "--direction", "sent", "--state", "removed", "--json", "--config", network.sender)
    one = referrals.value["referrals"][0]
    shown = run("show", one["id"], "--config", network.sender)
    assert shown.code == 0
    assert "hxxp" in shown.out
    assert "http://" not in shown.out
    for words in ("submitted", "received", "accepted", "removed", one["recipient"]):
        assert words in shown.out


def test_a_closed_referral_takes_no_other_end(network: Network) -> None:
    listed = run(
        "list", "--direction", "received", "--state", "removed", "--json", "--config", network.recipient
    )
    referral = listed.value["referrals"][0]["id"]
    ran = run("outcome", referral, "removed", "--config", network.recipient)
    assert (ran.code, "(state)" in ran.err) == (1, True)
    ran = run("withdraw", referral, "--reason", "duplicate", "--config", network.recipient)
    assert ran.code == 2
    assert "(not-the-sender)" in ran.err


def test_the_same_file_sends_nothing_twice(network: Network, tmp_path: Path) -> None:
    body = json.loads(data_path("examples", "submission.json").read_bytes())
    member = run("status", "--json", "--config", network.recipient).value["member"]
    file = tmp_path / "one.json"
    file.write_text(json.dumps({**body, "to": member, "sender_case": "cli-1"}))
    first = run("send", file, "--json", "--config", network.sender)
    assert first.code == 0, first.err
    assert run("send", file, "--json", "--config", network.sender).value == first.value
    entry = first.value["submissions"][0]
    assert (entry["state"], entry["recipient"]) == ("routed", member)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        said = run("show", entry["referral"], "--json", "--config", network.sender).value
        if said["referral"]["state"] == "received":
            break
        time.sleep(0.1)
    accepted = run(
        *("outcome", entry["referral"], "accepted", "--own-case", "X-1"), "--config", network.recipient
    )
    assert accepted.code == 0, accepted.err
    assert (
        run("withdraw", entry["referral"], "--reason", "sent_in_error", "--config", network.sender).code == 0
    )


def test_what_has_no_destination_is_sent_by_a_person_or_dropped(network: Network) -> None:
    waiting = run("submissions", "list", "--state", "domestic", "--json", "--config", network.sender)
    one, other = (each["submission"] for each in waiting.value["submissions"][:2])
    ran = run("submissions", "route", one, "--to", "nl-nobody", "--config", network.sender)
    assert (ran.code, "(choice-unknown)" in ran.err) == (2, True)
    member = run("status", "--json", "--config", network.recipient).value["member"]
    assert run("submissions", "route", one, "--to", member, "--config", network.sender).code == 0
    assert run("submissions", "drop", other, "--reason", "stale", "--config", network.sender).code == 0
    again = run("submissions", "drop", other, "--reason", "stale", "--config", network.sender)
    assert (again.code, "(submission-not-open)" in again.err) == (1, True)


def test_tokens_keys_and_routes(network: Network) -> None:
    config = network.sender
    made = run("tokens", "create", "desk", "--scope", "read", "--json", "--config", config).value
    assert made["id"] in run("tokens", "list", "--config", config).out
    assert made["token"] not in run("tokens", "list", "--json", "--config", config).out
    assert run("tokens", "revoke", made["id"], "--config", config).code == 0
    before = run("keys", "show", "--json", "--config", config).value["card"]["serial"]
    assert run("keys", "rotate", "--json", "--config", config).value["card"]["serial"] > before
    country = next(name for name, row in network.balance["countries"].items() if row["to"])
    assert (
        network.balance["countries"][country]["to"]
        in run("route", "--country", country, "--config", config).out
    )
    nobody = run("route", "--url", "--config", config, given=b"hxxp://name[.]example/\n")
    assert "nobody" in nobody.out


def test_a_second_node_on_the_same_data_says_so(network: Network) -> None:
    ran = run("serve", "--config", network.sender)
    assert (ran.code, "(data-locked)" in ran.err) == (2, True)
    ran = run("doctor", "--offline", "--config", network.sender)
    assert "stop the node before doctor --offline" in ran.out


def test_a_port_that_is_taken_says_so(network: Network, tmp_path: Path) -> None:
    text = network.recipient.read_text()
    other = tmp_path / "hotline-exchange.toml"
    for name in ("root.json", "identity.txt"):
        (tmp_path / name).write_bytes((network.recipient.parent / name).read_bytes())
    (tmp_path / "identity.txt").chmod(0o600)
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/keys.age").write_bytes((network.recipient.parent / "data/keys.age").read_bytes())
    (tmp_path / "data/keys.age").chmod(0o600)
    other.write_text(text)
    ran = run("serve", "--config", other)
    assert (ran.code, "(port-in-use)" in ran.err) == (2, True), ran.err
    doctor = run("doctor", "--config", other)
    assert "-> another program has it" in doctor.out
