"""A file is checked whole before anything of it is sent, and the same file sends nothing twice."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from support.cli import fake_node, problem, run

from exchange.core import limits
from exchange.resources import data_path

SUBMISSION = json.loads(data_path("examples", "submission.json").read_bytes())
IN_UK = {**SUBMISSION["hosting"][0], "country": "UK"}
POST = "POST /v1/referrals"


def line(**resource: Any) -> bytes:
    body = copy.deepcopy(SUBMISSION)
    body["resource"] |= resource
    return json.dumps(body).encode()


def taken(body: bytes) -> dict[str, Any]:
    """What a node says of lines: every third is unroutable."""
    return {
        "submissions": [
            {"line": n, "submission": f"s{n}", "state": "unroutable", "reason": "no-destination"}
            if n % 3 == 0
            else {
                "line": n,
                "submission": f"s{n}",
                "state": "routed",
                "referral": f"r{n}",
                "recipient": "us-example",
                "basis": "hotline",
            }
            for n, _ in enumerate(body.splitlines(), start=1)
        ]
    }


def test_the_template_is_a_submission_that_can_be_sent() -> None:
    template = run("send", "--template")
    assert template.code == 0
    assert run("send", "--check", "-", given=template.out.encode()).out.startswith("Checked 1")
    assert run("send", "--check", "--json", "-", given=template.out.encode()).value == {"checked": 1}


def test_a_document_over_many_lines_and_one_on_one_line_are_the_same(tmp_path: Path) -> None:
    with fake_node(tmp_path, {POST: (201, taken)}) as node:
        for data in (json.dumps(SUBMISSION, indent=2).encode(), json.dumps(SUBMISSION).encode() + b"\n"):
            ran = run("send", "-", "--config", node.config, given=data)
            assert ran.code == 0
            assert "us-example" in ran.out
    assert node.asked[0][3:] == node.asked[1][3:]


def test_a_long_file_goes_in_chunks_and_keeps_its_line_numbers(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    count = limits.SUBMISSION_LINES + 5
    file.write_bytes(b"\n" + b"\n".join([line()] * count))
    with fake_node(tmp_path, {POST: (201, taken)}) as node:
        ran = run("send", file, "--json", "--config", node.config)
        assert ran.code == 0
        assert [entry["line"] for entry in ran.value["submissions"]] == list(range(2, count + 2))
        assert [len(body.splitlines()) for *_, body, _ in node.asked] == [limits.SUBMISSION_LINES, 5]
        person = run("send", file, "--config", node.config)
        assert "have no destination abroad and wait" in person.out
        assert run("send", file, "--again", "--config", node.config).code == 0
    keys = [key for *_, key in node.asked]
    assert keys[0] != keys[1]
    assert keys[:2] == keys[2:4], "the same file has the same keys"
    assert not set(keys[4:]) & set(keys[:4]), "--again has others"


WRONG = {
    "broken JSON in a line": (line() + b"\n{nonsense\n", 2, "json-malformed", ""),
    "broken JSON over lines": (b'{\n "resource": {,\n}', None, "json-malformed", None),
    "no kind": (b'{"resource": {"url": "http://a.example"}}', 1, None, None),
    "UK": (
        line()
        + b"\n\n"
        + json.dumps(SUBMISSION | {"hosting": [{**SUBMISSION["hosting"][0], "country": "UK"}]}).encode(),
        3,
        None,
        "/hosting/0/country",
    ),
    "credentials": (line(url="http://a:b@example.com/"), 1, None, "/resource/url"),
    "free text": (json.dumps(SUBMISSION | {"memo": "x"}).encode(), 1, None, None),
    "nothing": (b"\n \n", None, "file-empty", None),
}


@pytest.mark.parametrize(("data", "number", "code", "pointer"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_line_is_named_and_nothing_is_sent(
    data: bytes, number: int | None, code: str | None, pointer: str | None, tmp_path: Path
) -> None:
    with fake_node(tmp_path, {POST: (201, taken)}) as node:
        ran = run("send", "-", "--json", "--config", node.config, given=data)
        assert (ran.code, ran.out) == (2, "")
        person = run("send", "-", "--config", node.config, given=data)
        assert person.code == 2
        assert "example" not in person.err, "what stood there is not repeated"
    assert node.asked == []
    problems = ran.problem.get("problems", [])
    if number is None:
        assert code is None or ran.problem["type"] == f"urn:hotline-exchange:{code}"
        return
    assert {each["line"] for each in problems} == {number}
    assert code is None or problems[0]["code"] == code
    assert not pointer or problems[0]["pointer"] == pointer


def test_a_refusal_of_the_node_names_the_line_of_the_file(tmp_path: Path) -> None:
    said = problem(
        422, "submission-invalid", problems=[{"pointer": "/to", "code": "x", "message": "no", "line": 2}]
    )
    with fake_node(tmp_path, {POST: (422, said)}) as node:
        data = b"\n" + line() + b"\n\n" + line()
        ran = run("send", "-", "--config", node.config, given=data)
    assert ran.code == 2
    assert "  line 4, /to: no (x)" in ran.err


def test_what_was_taken_before_a_fault_is_told(tmp_path: Path) -> None:
    count = limits.SUBMISSION_LINES + 1

    def once(body: bytes) -> dict[str, Any]:
        node.answers[POST] = (503, problem(503, "database-busy"))
        return taken(body)

    with fake_node(tmp_path, {POST: (201, once)}) as node:
        ran = run("send", "-", "--config", node.config, given=b"\n".join([line()] * count))
    assert ran.code == 3
    assert f"{limits.SUBMISSION_LINES} of {count} submissions were taken" in ran.err
    assert "(database-busy)" in ran.err
