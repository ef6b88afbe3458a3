"""Every command of a node: what it asks, what it shows, what it gives to a program."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.cli import FakeNode, fake_node, problem, run, write_config

REFERRAL = "019b76da-a800-7000-8000-000000000001"
DOCUMENT = "019b76da-a800-7000-8000-000000000002"
URL = "http://evil.example.com/a?b=c"
AT = 1_767_225_600


@dataclass(frozen=True, slots=True)
class Case:
    """A command, the node's answer to it, what is asked of the node, and words that a person must see."""

    command: str
    asked: str
    answer: dict[str, Any]
    shown: list[str] = field(default_factory=list)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None


SUMMARY = {
    "id": REFERRAL,
    "sender": "de-example",
    "recipient": "nl-example",
    "direction": "sent",
    "state": "accepted",
    "country": "NL",
    "state_at": AT,
    "case": None,
}
ENTRY = {"nbf": AT, "exp": AT, "revoked": False}
KEYS = {
    "member": "de-example",
    "in_use": {"signing": ["kid-a", "kid-b"], "http": "kid-h"},
    "registered": {
        "signing": [{"ed25519": {"kid": "kid-a"}, "ml_dsa_65": {"kid": "kid-b"}, **ENTRY}],
        "http": [],
    },
    "card": {"kid": "kid-c", "serial": 1, "exp": AT},
    "seeds": [
        {"kid": "kid-d", "exp": AT, "retired": True, "destroyed": True},
        {"kid": "kid-e", "exp": AT, "retired": True, "destroyed": False},
        {"kid": "kid-c", "exp": AT, "retired": False, "destroyed": False},
    ],
}
CASES = [
    Case(
        "inbox --kind outcome --limit 7",
        "GET /v1/inbox",
        {
            "items": [
                {
                    "position": 4,
                    "kind": "outcome",
                    "at": AT,
                    "member": "nl-example",
                    "referral": REFERRAL,
                    "code": "removed",
                }
            ],
            "cursor": "4",
        },
        ["2026-01-01 00:00:00Z", "nl-example", REFERRAL, "removed"],
        {"kind": "outcome", "limit": "7"},
    ),
    Case(
        "list --direction sent --state accepted --country NL --peer nl-example --limit 1",
        "GET /v1/referrals",
        {"referrals": [SUMMARY], "next": "abc"},
        [REFERRAL, "nl-example", "accepted", "--after abc"],
        {
            "direction": "sent",
            "state": "accepted",
            "country": "NL",
            "peer": "nl-example",
            "limit": "1",
        },
    ),
    Case(
        f"show {REFERRAL} --sender de-example",
        f"GET /v1/referrals/{REFERRAL}",
        {
            "referral": {
                **SUMMARY,
                "document": {
                    "resource": {"url": URL, "kind": "image"},
                    "hosting": [{"country": "NL", "source": "rir-allocation", "confidence": "medium"}],
                    "assessment": {"tier": "national"},
                    "handling": {"purpose": "removal"},
                },
                "timeline": [
                    {"at": AT, "kind": "submitted", "actor": "de-example", "state": "sent"},
                    {
                        "at": AT,
                        "kind": "outcome",
                        "actor": "nl-example",
                        "status": "accepted",
                        "state": "accepted",
                    },
                ],
            }
        },
        ["hxxp://evil[.]example[.]com/a?b=c", "NL (rir-allocation, medium)", "submitted", "accepted"],
        {"sender": "de-example"},
    ),
    Case(
        f"withdraw {REFERRAL} --reason duplicate",
        f"POST /v1/referrals/{REFERRAL}/withdrawal",
        {"document": DOCUMENT, "recipient": "nl-example"},
        ["nl-example will be told"],
        body={"reason": "duplicate"},
    ),
    Case(
        "submissions list --state domestic",
        "GET /v1/submissions",
        {
            "submissions": [
                {
                    "submission": DOCUMENT,
                    "received_at": AT,
                    "state": "domestic",
                    "reason": "domestic",
                    "country": "DE",
                }
            ],
            "next": None,
        },
        [DOCUMENT, "DE", "domestic"],
        {"state": "domestic", "limit": "100"},
    ),
    Case(
        f"submissions route {DOCUMENT} --to nl-example",
        f"POST /v1/submissions/{DOCUMENT}/route",
        {
            "line": 1,
            "submission": DOCUMENT,
            "state": "routed",
            "referral": REFERRAL,
            "recipient": "nl-example",
        },
        [f"Goes to nl-example as referral {REFERRAL}."],
        body={"to": "nl-example"},
    ),
    Case(
        f"submissions drop {DOCUMENT} --reason stale",
        f"POST /v1/submissions/{DOCUMENT}/drop",
        {"submission": DOCUMENT, "state": "dropped"},
        ["Dropped."],
        body={"reason": "stale"},
    ),
    Case(
        "peers",
        "GET /v1/peers",
        {
            "peers": [
                {
                    "member": "nl-example",
                    "status": "active",
                    "waiting": 3,
                    "deposited": 1,
                    "failures": 2,
                    "next_attempt": AT,
                    "last_error": "network",
                }
            ]
        },
        ["nl-example", "active", "network", "2026-01-01"],
    ),
    Case(
        "route --country NL --to nl-example",
        "POST /v1/route",
        {
            "country": "NL",
            "country_source": "given",
            "member": "nl-example",
            "basis": "hotline",
            "rule": "hotline",
            "alternatives": [{"member": "xx-police", "basis": "police", "skipped": None}],
        },
        ["NL (given)", "nl-example", "hotline", "xx-police"],
        body={"country": "NL", "to": "nl-example"},
    ),
    Case(
        "route --country DE",
        "POST /v1/route",
        {"country": "DE", "member": "de-one", "basis": "hotline", "rule": "hotline", "order": "id"},
        ["hotline, by id: several members have this rank, and with a URL its site decides"],
        body={"country": "DE"},
    ),
    Case(
        "dead-letters list",
        "GET /v1/dead-letters",
        {
            "dead_letters": [
                {
                    "document": DOCUMENT,
                    "type": "referral/1",
                    "recipient": "nl-example",
                    "at": AT,
                    "code": "expired",
                }
            ]
        },
        [DOCUMENT, "nl-example", "expired"],
    ),
    Case(
        f"dead-letters retry {DOCUMENT}",
        f"POST /v1/dead-letters/{DOCUMENT}/retry",
        {"document": DOCUMENT, "state": "waiting"},
        ["tried again"],
    ),
    Case(
        f"dead-letters drop {DOCUMENT}",
        f"POST /v1/dead-letters/{DOCUMENT}/drop",
        {"document": DOCUMENT},
        ["Given up."],
    ),
    Case(
        "quarantine list",
        "GET /v1/quarantine",
        {"quarantine": [{"id": "abc", "at": AT, "depositor": "nl-example", "code": "suspended"}]},
        ["abc", "nl-example", "suspended"],
    ),
    Case("quarantine release abc", "POST /v1/quarantine/abc/release", {"id": "abc"}, ["Released."]),
    Case("keys show", "GET /v1/keys", KEYS, ["ed25519", "kid-a", "2026-01-01 00:00:00Z", "not registered"]),
    Case(
        "keys rotate",
        "POST /v1/keys/rotate",
        KEYS,
        ["kid-c", "held", "retired", "destroyed"],
        body={"retire": True},
    ),
    Case(
        "registry show",
        "GET /v1/registry",
        {"version": 3, "state": "fresh", "expires_at": AT, "members": 4},
        ["version", "fresh", "2026-01-01 00:00:00Z"],
    ),
    Case("registry refresh", "POST /v1/registry/refresh", {"version": 4, "state": "fresh"}, ["4"]),
    Case(
        "tokens list",
        "GET /v1/tokens",
        {"tokens": [{"id": "abc", "name": "case system", "scopes": ["read", "answer"], "created_at": AT}]},
        ["case system", "read answer"],
    ),
    Case(
        "tokens create desk --scope read --scope submit",
        "POST /v1/tokens",
        {"id": "abc", "token": "hx_abc_def"},
        ["hx_abc_def"],
        body={"name": "desk", "scopes": ["read", "submit"]},
    ),
    Case("tokens revoke abc", "DELETE /v1/tokens/abc", {}, ["Revoked."]),
    Case(
        "journal verify",
        "POST /v1/journal/verify",
        {"ok": True, "log": "l", "entries": 12, "anchors": 3},
        ["The journal is whole: 12 entries"],
    ),
    Case("journal head", "GET /v1/journal", {"log": "l", "n": 12, "head": "ab"}, ["12"]),
]


def _asked(node: FakeNode, case: Case) -> None:
    method, path, query, body, _ = node.asked[-1]
    assert f"{method} {path}" == case.asked
    assert query == case.query or not case.query
    assert json.loads(body or b"null") == case.body


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case.command.split()[:2]))
def test_a_command_asks_the_node_and_tells_a_person_and_a_program(case: Case, tmp_path: Path) -> None:
    with fake_node(tmp_path, {case.asked: (200, case.answer)}) as node:
        person = run(*case.command.split(), "--config", node.config)
        assert (person.code, person.err.replace("Keep it now: it is not shown again.\n", "")) == (0, "")
        for words in case.shown:
            assert words in person.out
        _asked(node, case)
        program = run(*case.command.split(), "--json", "--config", node.config)
        assert (program.code, program.value) == (0, case.answer)
        assert program.err == ""


def test_a_member_whose_mailbox_is_elsewhere_is_told_who_refuses_its_older_cards(tmp_path: Path) -> None:
    with fake_node(tmp_path, {"POST /v1/keys/rotate": (200, KEYS)}) as node:
        elsewhere = {"mailbox__host": "hosted", "mailbox__listen": None, "mailbox__url": None}
        write_config(tmp_path, **elsewhere)
        told = run("keys", "rotate", "--config", node.config).err
        assert "registry min-card DIR de-example 1970-01-01T00:00:01Z" in " ".join(told.split())
        assert run("keys", "rotate", "--keep-older", "--config", node.config).err == ""


def test_an_outcome_is_said_once_however_often_the_command_is_repeated(tmp_path: Path) -> None:
    path = f"POST /v1/referrals/{REFERRAL}/outcomes"
    said = {"event": "e", "outcomes": [{"recipient": "nl-example"}], "state": "unavailable"}
    with fake_node(tmp_path, {path: (201, said)}) as node:
        command = ("outcome", REFERRAL, "unavailable", "--reason", "site_down_or_404")
        for _ in range(2):
            ran = run(*command, "--at", "2026-01-01T00:00:00Z", "--config", node.config)
            assert (ran.code, ran.out) == (
                0,
                "unavailable: the referral is now unavailable; nl-example will be told.\n",
            )
        assert run(*command, "--at", "2026-01-01T00:00:01Z", "--config", node.config).code == 0
    keys = [key for *_, key in node.asked]
    assert keys[0] == keys[1] != keys[2]
    assert json.loads(node.asked[0][3]) == {
        "occurred_at": "2026-01-01T00:00:00Z",
        "actor": "hotline",
        "status": "unavailable",
        "reason": "site_down_or_404",
    }


def test_a_terminal_is_not_moved_by_what_a_peer_wrote(tmp_path: Path) -> None:
    answer = {"peers": [{"member": "nl-\x1b[2Jx", "last_error": "[red]\u202e[link=http://a]"}]}
    with fake_node(tmp_path, {"GET /v1/peers": (200, answer)}) as node:
        out = run("peers", "--config", node.config).out
    assert "\x1b" not in out
    assert "nl-?[2Jx" in out
    assert "[red]?[link=http://a]" in out


def test_status_answers_by_its_exit_code(tmp_path: Path) -> None:
    reason = {"code": "registry-expired", "sentence": "The registry has expired."}
    answers = {
        "GET /v1/status": (200, {"outbox": {"waiting": 2}}),
        "GET /readyz": (503, {"ready": False, "reasons": [reason]}),
    }
    with fake_node(tmp_path, answers) as node:
        ran = run("status", "--config", node.config)
        assert ran.code == 1
        assert "outbox waiting  2" in ran.out
        assert "The registry has expired. (registry-expired)" in ran.out
        assert run("status", "--json", "--config", node.config).value == {
            "outbox": {"waiting": 2},
            "ready": False,
            "reasons": [reason],
        }
        node.answers["GET /readyz"] = (200, {"ready": True, "reasons": []})
        assert run("status", "--config", node.config).code == 0


def test_a_broken_journal_is_an_exit_code(tmp_path: Path) -> None:
    said = {"ok": False, "log": "l", "entries": 12, "broken_at": 5}
    with fake_node(tmp_path, {"POST /v1/journal/verify": (200, said)}) as node:
        ran = run("journal", "verify", "--config", node.config)
    assert (ran.code, ran.out) == (1, "The journal is broken at entry 5 of 12.\n")


def test_a_url_is_read_from_standard_input_and_never_an_argument(tmp_path: Path) -> None:
    with fake_node(
        tmp_path, {"POST /v1/route": (200, {"country": None, "reason": "country-unknown"})}
    ) as node:
        ran = run("route", "--url", "--config", node.config, given=b"hxxp://192[.]0[.]2[.]1/x\n")
    assert ran.code == 0
    assert json.loads(node.asked[0][3]) == {"url": "http://192.0.2.1/x"}
    assert "nobody" in ran.out


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (401, 1), (403, 1), (404, 2), (409, 1), (422, 2), (429, 3), (500, 70), (503, 3), (507, 3)],
)
def test_the_exit_code_says_whose_fault_it_is(status: int, code: int, tmp_path: Path) -> None:
    with fake_node(
        tmp_path, {"GET /v1/peers": (status, problem(status, "some-code", hint="Do so."))}
    ) as node:
        ran = run("peers", "--config", node.config)
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.splitlines()[0] == "It is so. (some-code)"
        assert "hint: " in ran.err
        told = run("peers", "--json", "--config", node.config).problem
        assert (told["type"], told["detail"]) == ("urn:hotline-exchange:some-code", "It is so.")
