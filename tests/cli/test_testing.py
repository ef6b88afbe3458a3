"""`hotline-exchange test`: shows each step once, and its exit code is 0 only with the receipt."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.cli import fake_node, problem, run, write_config

from exchange.cli.connection import connected, load_config
from exchange.cli.testing import run_test

AT = "2026-02-02T02:40:00Z"
DOCUMENT = "019b76da-a800-7000-8000-000000000006"
STEPS = {
    "registry": "active in version 3",
    "card": "serial 7",
    "deposited": "envelope x",
    "receipt": "receipt y",
}
REFRESH = "POST /v1/registry/refresh"
MAKE = "POST /v1/peers/nl-example/test"
LOOK = f"GET /v1/tests/{DOCUMENT}"


def told(done: int, state: str, failed: str | None = None) -> tuple[int, dict[str, Any]]:
    """What the node says when so many steps are done."""
    steps = [
        {"step": step, "at": AT if n < done else None, "detail": detail if n < done else None}
        for n, (step, detail) in enumerate(STEPS.items())
    ]
    said: dict[str, Any] = {"document": DOCUMENT, "peer": "nl-example", "state": state, "steps": steps}
    if failed is not None:
        said["failed"] = {"code": failed, "at": AT, "hint": "do this"}
    return 200, said


def answers(*looks: tuple[int, dict[str, Any]], **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {REFRESH: (200, {}), MAKE: (201, {"document": DOCUMENT}), LOOK: list(looks)}
    return made | {key.replace("__", " "): value for key, value in changes.items()}


def test_each_step_is_told_once_and_the_receipt_is_success(tmp_path: Path) -> None:
    looks = [told(1, "waiting"), told(3, "deposited"), told(3, "deposited"), told(4, "received")]
    with fake_node(tmp_path, answers(*looks)) as node:
        shown = run("test", "nl-example", "--config", node.config)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines() == [
        "ok  found in the registry: active in version 3, 2026-02-02 02:40:00Z",
        "ok  key card fetched and verified: serial 7, 2026-02-02 02:40:00Z",
        "ok  deposited in its mailbox: envelope x, 2026-02-02 02:40:00Z",
        "ok  receipt signed by the member: receipt y, 2026-02-02 02:40:00Z",
        "nl-example has received the test and signed for it.",
    ]
    assert [f"{one[0]} {one[1]}" for one in node.asked] == [REFRESH, MAKE, *[LOOK] * 4]


def test_without_a_receipt_in_time_it_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    with fake_node(tmp_path, answers(told(1, "waiting", "card-network"))) as node:
        shown = run("test", "nl-example", "--wait", "0", "--config", node.config)
    assert shown.code == 1
    assert shown.out.splitlines()[1:] == [
        "..  do this (card-network)",
        "No receipt of nl-example yet. Missing: key card fetched and verified.",
        "The node goes on trying; look again: hotline-exchange test nl-example",
    ]


def test_the_same_trouble_is_told_once_and_another_one_again(tmp_path: Path) -> None:
    looks = [told(1, "waiting", "network"), told(1, "waiting", "network"), told(2, "waiting", "quota")]
    with fake_node(tmp_path, answers(*looks, told(3, "dead", "member-left"))) as node:
        shown = run("test", "nl-example", "--config", node.config)
    assert shown.code == 1
    trouble = [line for line in shown.out.splitlines() if line.startswith("..")]
    assert trouble == [f"..  do this ({code})" for code in ("network", "quota", "member-left")]
    assert shown.out.splitlines()[-1] == "The test has ended; start another one when that is mended."


@pytest.mark.parametrize(("state", "code"), [("received", 0), ("dead", 1)])
def test_a_program_gets_one_value(tmp_path: Path, state: str, code: int) -> None:
    with fake_node(tmp_path, answers(told(4, state))) as node:
        shown = run("test", "nl-example", "--json", "--config", node.config)
    assert (shown.code, shown.value) == (code, told(4, state)[1])


def test_mirrors_that_do_not_answer_end_nothing(tmp_path: Path) -> None:
    silent = (503, problem(503, "registry-mirror"))
    with fake_node(tmp_path, answers(told(4, "received")) | {REFRESH: silent}) as node:
        assert run("test", "nl-example", "--config", node.config).code == 0


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(422, "member-suspended", 2), (403, "scope", 1), (503, "registry-missing", 3)],
)
def test_what_cannot_be_tested_is_one_sentence_and_a_code(
    tmp_path: Path, status: int, code: str, exit_code: int
) -> None:
    refused = (status, problem(status, code, hint="do this"))
    with fake_node(tmp_path, answers() | {MAKE: refused}) as node:
        shown = run("test", "nl-example", "--config", node.config)
    assert (shown.code, shown.out) == (exit_code, "")
    assert shown.err.splitlines() == [f"It is so. ({code})", "hint: do this"]


@pytest.mark.parametrize("arguments", [["NL"], ["nl-example", "--wait", "-1"], []])
def test_a_wrong_word_costs_no_request(tmp_path: Path, arguments: list[str]) -> None:
    with fake_node(tmp_path, {}) as node:
        assert run("test", *arguments, "--config", node.config).code == 2
    assert node.asked == []


def test_without_a_node_it_says_how_to_start_one(tmp_path: Path) -> None:
    shown = run("test", "nl-example", "--config", write_config(tmp_path))
    assert shown.code == 3
    assert "hotline-exchange serve" in shown.err


def test_administrators_run_it_through_a_members_node(tmp_path: Path) -> None:
    """What `registry activate` calls: each look is told, the last one given back."""
    looks: list[str] = []
    with fake_node(tmp_path, answers(told(3, "deposited"), told(4, "received"))) as node:

        async def work() -> dict[str, Any]:
            async with connected(load_config(node.config)) as there:
                return await run_test(there, "nl-example", 10, lambda said: looks.append(said["state"]))

        said = asyncio.run(work())
    assert said == told(4, "received")[1]
    assert looks == ["deposited", "received"]
