"""`inbox --follow` shows what comes, goes on behind its cursor, and outlives a restart of the node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.cli import fake_node, problem, run

from exchange.cli import inbox

AT = 1_767_225_600


def test_following_goes_on_behind_the_cursor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PAUSE_SECONDS", 0.01)
    items = [{"position": n, "kind": "alarm", "at": AT, "code": f"c{n}"} for n in (1, 2)]
    steps: list[tuple[int, Any]] = [
        (200, {"items": items[:1], "cursor": "1"}),
        (503, problem(503, "stopping")),
        (200, {"items": [], "cursor": "1"}),
        (200, {"items": items[1:], "cursor": "2"}),
        (422, problem(422, "enough")),
    ]
    with fake_node(tmp_path, {"GET /v1/inbox": steps}) as node:
        ran = run("inbox", "--follow", "--json", "--config", node.config)
    assert ran.code == 2
    assert [json.loads(line)["code"] for line in ran.out.splitlines()] == ["c1", "c2"]
    assert [query.get("after") for _, _, query, _, _ in node.asked] == [None, "1", "1", "1", "2"]


def test_a_node_that_never_ran_is_not_waited_for(tmp_path: Path) -> None:
    with fake_node(tmp_path, {}) as node:
        config = node.config
    ran = run("inbox", "--follow", "--config", config)
    assert (ran.code, "(node-not-running)" in ran.err) == (3, True)
