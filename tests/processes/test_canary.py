"""A reported URL and a case number are seen at the two ends and nowhere else: an exchange, then a search.

The searcher proves itself on every guise, and on a node that was made to talk.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.canaries import Canaries, files, guises, hatch
from support.cli import run
from support.process import Process, patched, until
from support.processes import FIRST, GUEST, HOST, SENDER, Processes, network, submission
from support.tapping import Tap, raw, request, tapped
from support.wrong_requests import (
    TAKEN_KEY,
    right_body,
    submitting,
    wrong_bodies,
    wrong_deposits,
    wrong_requests,
)

COMMANDS = (
    "list",
    "inbox",
    "peers",
    "status",
    "submissions list",
    "submissions list --state routed",
    "dead-letters list",
    "quarantine list",
    "keys show",
    "registry show",
    "registry refresh",
    "tokens list",
    "tokens create canary-test --scope read",
    "route --country FR",
    "journal head",
    "journal verify",
    "doctor",
    "doctor --offline",
)
TALKED_ABOUT = {
    SENDER: {("outbox", "data"), ("referrals", "sender_case")},
    GUEST: {("inbox", "data"), ("referrals", "sender_case")},
}
"""The columns in which the two ends keep what they were told."""


@dataclass
class Exchange:
    """All that could be seen of one exchange. `place` holds the nodes' directories, now at rest."""

    canaries: Canaries
    place: Path
    referral: str = ""
    nodes: dict[str, Process] = field(default_factory=dict)
    wire: bytes = b""
    shown: dict[str, str] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)
    figures: dict[str, bytes] = field(default_factory=dict)
    problems: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    done = Exchange(hatch(), tmp_path_factory.mktemp("canary"))
    asyncio.run(_exchange(done))
    return done


async def _exchange(done: Exchange) -> None:
    async with network(done.place) as net, tapped(net[HOST]) as host, tapped(net[SENDER]) as sender:
        done.nodes = dict(net.nodes)
        await net.start()
        await _say_and_answer(done, net)
        done.wire = _heard(host) + _heard(sender)
        await _ask_for_trouble(done, net)
        for node in net:
            done.figures[node.member] = await raw(node.settings.member_api.socket, request("GET /metrics"))
        await _look_at_everything(done, net)
        done.codes = await net.stop()


def _heard(tap: Tap) -> bytes:
    assert b"/envelopes/" in tap.heard
    return bytes(tap.heard)


async def _command(node: Process, line: str, given: bytes = b"") -> str:
    """What a command says, on both outputs."""
    ran = await asyncio.to_thread(run, *line.split(), "--config", node.config, given=given)
    return ran.out + ran.err


async def _say_and_answer(done: Exchange, net: Processes) -> None:
    """The canaries go from the sender to the hosted member, which answers with a case number of its own."""
    canaries = done.canaries
    body = json.dumps(right_body(canaries)).encode()
    done.printed["route --url"] = await _command(net[SENDER], "route --url", canaries.url.encode())
    done.printed["send --check"] = await _command(net[SENDER], "send --check -", body)
    done.printed["send"] = await _command(net[SENDER], "send --json -", body)
    [sent] = json.loads(done.printed["send"])["submissions"]
    done.referral = sent["referral"]

    async def has(member: str, state: str) -> bool:
        page = await net[member].get("/v1/referrals")
        return any(one["id"] == done.referral and one["state"] == state for one in page["referrals"])

    def logs() -> str:
        return "\n".join(node.log.read_text()[-1500:] for node in net)

    await until(lambda: has(GUEST, "received"), "the referral is there", 60, logs)
    answer = f"outcome {done.referral} accepted --own-case {canaries.case}"
    done.printed["outcome accepted"] = await _command(net[GUEST], answer)
    done.printed["outcome removed"] = await _command(net[GUEST], f"outcome {done.referral} removed --json")
    await until(lambda: has(SENDER, "removed"), "the answer is there", 60, logs)


async def _look_at_everything(done: Exchange, net: Processes) -> None:
    for member in (SENDER, GUEST, HOST):
        node = net[member]
        for line in COMMANDS:
            for form in ("", " --json"):
                done.printed[f"{member}: {line}{form}"] = await _command(node, line + form)
        if member != HOST:
            done.shown[member] = await _command(node, f"show {done.referral}")
            done.shown[f"{member} --json"] = await _command(node, f"show {done.referral} --json")


async def _ask_for_trouble(done: Exchange, net: Processes) -> None:
    """Requests that are wrong and hold the canaries: what is answered, and what gets into the logs."""
    bodies = wrong_bodies(done.canaries)
    right = json.dumps(right_body(done.canaries)).encode()
    socket, listen = net[SENDER].settings.member_api.socket, net[HOST].settings.mailbox.listen
    assert listen is not None
    await raw(socket, submitting(right, key=TAKEN_KEY))
    for name, data in wrong_requests(done.canaries, done.referral).items():
        done.problems[name] = await raw(socket, data)
    for name, data in wrong_deposits(done.canaries).items():
        done.problems[f"mailbox: {name}"] = await raw((listen.host, listen.port), data)
    for name, body in {**bodies, "only half": right[:-1]}.items():
        done.printed[f"send: {name}"] = await _command(net[SENDER], "send -", body)


def test_every_guise_is_found_wherever_it_starts() -> None:
    canaries = hatch()
    for text in (canaries.url, canaries.mark, canaries.host, canaries.case):
        for name, guise in guises(text).items():
            for before in (b"", b"a", b"ab"):
                assert canaries.found_in(before + guise.upper() + b"z"), name
    for shift in range(3):
        hidden = base64.b64encode(b"x" * shift + canaries.mark.encode() + b"tail")
        assert canaries.found_in(b"{" + hidden + b"}")
    assert canaries.found_in(b"nothing of it") == []


async def test_a_node_that_logs_what_it_was_told_is_found_out(tmp_path: Path) -> None:
    canaries = hatch()
    async with network(tmp_path) as net:
        net[SENDER].program = patched("url-in-the-log")
        await net.start(SENDER)
        body = submission(canaries.url, "FR", sender_case=canaries.case)
        await net[SENDER].post("/v1/referrals", body, key="planted-leak")
        await net.stop()
    found = canaries.found_in(net[SENDER].log.read_bytes())
    assert {"url, raw", "mark, raw", "host, raw", "case, raw"} <= set(found)


def test_the_nodes_stop_gracefully(exchange: Exchange) -> None:
    assert exchange.codes == dict.fromkeys(exchange.nodes, 0)


def test_no_log_tells_of_it(exchange: Exchange) -> None:
    for node in exchange.nodes.values():
        assert node.log.stat().st_size > 0
        assert exchange.canaries.found_in(node.log.read_bytes()) == [], node.member
        assert b"Traceback" not in node.log.read_bytes()


def test_no_figure_tells_of_it(exchange: Exchange) -> None:
    for member, figures in exchange.figures.items():
        assert b"hx_http_requests_total" in figures or b"http_requests_total" in figures
        assert exchange.canaries.found_in(figures) == [], member


def test_no_problem_answer_repeats_it(exchange: Exchange) -> None:
    for name, answer in exchange.problems.items():
        assert answer.startswith(b"HTTP/1."), name
        assert answer.split()[1].startswith(b"4"), (name, answer)
        assert b"urn:hotline-exchange:" in answer, (name, answer)
        assert exchange.canaries.found_in(answer) == [], name


def test_no_other_command_shows_it(exchange: Exchange) -> None:
    assert len(exchange.printed) > 2 * len(COMMANDS)
    for command, said in exchange.printed.items():
        assert said, command
        found = exchange.canaries.found_in(said.encode())
        if command.endswith(": list --json"):  # the case numbers of the two ends, for their case systems
            found = [name for name in found if not name.startswith("case")]
        assert found == [], command
        assert "Traceback" not in said


def test_the_host_of_the_mailbox_holds_nothing_of_it(exchange: Exchange) -> None:
    place = exchange.nodes[HOST].place
    assert any(path.name == "exchange.db" for path in files(place))
    assert exchange.nodes[HOST].rows("SELECT * FROM tombstones WHERE owner = ?", GUEST)
    assert exchange.canaries.found_under(place) == {}


def test_who_is_not_concerned_holds_nothing_of_it(exchange: Exchange) -> None:
    assert exchange.canaries.found_under(exchange.nodes[FIRST].place) == {}
    assert exchange.canaries.found_under(exchange.place / "registry") == {}


def test_the_wire_carries_nothing_of_it(exchange: Exchange) -> None:
    assert f"/v1/mailboxes/{GUEST}/envelopes".encode() in exchange.wire
    assert f"/v1/mailboxes/{SENDER}/envelopes".encode() in exchange.wire
    assert exchange.canaries.found_in(exchange.wire) == []


def test_no_journal_tells_of_it(exchange: Exchange) -> None:
    for node in exchange.nodes.values():
        entries = node.rows("SELECT entry FROM journal")
        assert entries
        assert exchange.canaries.found_in(b"\n".join(row["entry"] for row in entries)) == []


@pytest.mark.parametrize("member", [SENDER, GUEST])
def test_the_two_ends_keep_it_in_their_database_alone(exchange: Exchange, member: str) -> None:
    node = exchange.nodes[member]
    database = str(node.settings.database)
    for path in exchange.canaries.found_under(node.place):
        assert path.startswith(database), path
    tables = [row["name"] for row in node.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {
        (table, column)
        for table in tables
        for row in node.rows(f"SELECT * FROM {table}")
        for column, value in row.items()
        if exchange.canaries.found_in(value if isinstance(value, bytes) else str(value).encode())
    }
    assert found, "the search finds what is there"
    assert found <= TALKED_ABOUT[member] | {("outbox", "data"), ("inbox", "data")}


@pytest.mark.parametrize("member", [SENDER, GUEST])
def test_both_ends_show_it_to_those_who_ask_for_the_referral(exchange: Exchange, member: str) -> None:
    shown = exchange.shown[member]
    assert exchange.canaries.mark in shown
    assert exchange.canaries.case in shown
    assert "hxxp://192[.]0[.]2[.]77/" in shown
    assert "http://" not in shown
    told = json.loads(exchange.shown[f"{member} --json"])["referral"]
    assert told["document"]["resource"]["url"] == exchange.canaries.url
