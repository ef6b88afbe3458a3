"""`evidence export` and `evidence verify`: what a person sees, what a program gets, and what nobody sees."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from aiohttp import web
from support.cli import FakeNode, Ran, fake_node, problem, run
from support.evidence import NL, forged, receipt_with, world
from support.keys import NOW
from support.registry import Office
from support.succession import succeed

DOCUMENT = "019b76da-a800-7000-8000-000000000001"
URL_PARTS = ("192.0.2.17", "/files/")


@dataclass(frozen=True)
class Made:
    """One exchange: both files, the pinned root, and a file whose key was in other hands."""

    id: str
    root: bytes
    sender: bytes
    recipient: bytes
    doubtful: bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    async def make() -> Made:
        async with world(tmp_path_factory.mktemp("evidence")) as w:
            document = await w.exchange()
            sender, recipient = await w.file(w.a, document), await w.file(w.b, document)
            await w.revoke("de-example", NOW + 100, NOW - 10)
            return Made(document, w.office.root, sender, recipient, await w.file(w.b, document))

    return asyncio.run(make())


def verify(place: Path, data: bytes, *options: str) -> Ran:
    path = place / "one.evidence"
    path.write_bytes(data)
    return run("evidence", "verify", path, *options)


def root_at(place: Path, data: bytes) -> str:
    path = place / "given-root.json"
    path.write_bytes(data)
    return str(path)


def quiet(ran: Ran) -> bool:
    """Nothing of the reported URL is shown."""
    return not any(part in ran.out + ran.err for part in URL_PARTS)


def test_a_sound_file_is_explained_step_by_step(made: Made, tmp_path: Path) -> None:
    ran = verify(tmp_path, made.sender, "--root", root_at(tmp_path, made.root))
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line.split(".")[0].strip() for line in lines[:-1:2]] == [str(n) for n in range(1, 12)]
    assert all(line.endswith(": ok") for line in lines[:-1:2])
    assert "it is the one that you gave" in ran.out
    assert lines[-1] == ("SOUND: de-example said this to nl-example, who has signed that it received it.")
    assert quiet(ran)


def test_without_a_pinned_root_the_reader_is_told_to_compare(made: Made, tmp_path: Path) -> None:
    ran = verify(tmp_path, made.recipient)
    assert ran.code == 0
    fingerprint = ran.out.rstrip(".\n").rpartition("has the fingerprint ")[2]
    assert len(fingerprint.split()) == 8
    assert f"compare its fingerprint: {fingerprint}" in ran.out
    told = verify(tmp_path, made.recipient, "--json").value
    assert told["root"] == {"fingerprint": fingerprint, "pinned": False}


def test_a_broken_file_ends_with_1_and_names_the_part(made: Made, tmp_path: Path) -> None:
    data = made.sender
    at = data.index(b'"name":"receipt"') + 60
    spoilt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    ran = verify(tmp_path, spoilt)
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "BROKEN: this file proves nothing. To blame: receipt."
    told = verify(tmp_path, spoilt, "--json")
    assert told.code == 1
    assert told.value["verdict"] == "broken"
    assert told.value["steps"][0]["parts"] == ["receipt"]
    assert told.value["subject"] is None


def test_another_network_s_root_breaks_it(made: Made, tmp_path: Path) -> None:
    foreign = Office(tmp_path / "mirror").root
    ran = verify(tmp_path, made.sender, "--root", root_at(tmp_path, foreign))
    assert ran.code == 1
    assert "of another network" in ran.out


@pytest.mark.parametrize("data", [b"{}", b"", b"not a root"])
def test_what_is_no_root_is_wrong_input_and_no_verdict(made: Made, tmp_path: Path, data: bytes) -> None:
    for options in ((), ("--json",)):
        ran = verify(tmp_path, made.sender, "--root", root_at(tmp_path, data), *options)
        assert (ran.code, ran.out) == (2, "")
        assert "it is no root of a registry" in ran.err


def test_a_root_written_otherwise_is_the_same_root(made: Made, tmp_path: Path) -> None:
    for data in (made.root + b"\n", json.dumps(json.loads(made.root), indent=1).encode()):
        ran = verify(tmp_path, made.sender, "--root", root_at(tmp_path, data))
        assert (ran.code, "it is the one that you gave" in ran.out) == (0, True)


def test_a_root_that_cannot_be_compared_is_neither_broken_nor_sound(made: Made, tmp_path: Path) -> None:
    office = Office(tmp_path / "mirror")
    succeed(office, "dora")
    later = (office.mirror / "metadata" / "2.root.json").read_bytes()
    ran = verify(tmp_path, made.sender, "--root", root_at(tmp_path, later))
    assert ran.code == 4
    assert ran.out.splitlines()[-1].startswith("NOT COMPARED: the root that you gave")
    assert "get the root of that time" in ran.out
    assert verify(tmp_path, made.sender, "--json", "--root", root_at(tmp_path, later)).value["verdict"] == (
        "not-compared"
    )


def test_the_answer_of_the_recipient_is_told(made: Made, tmp_path: Path) -> None:
    """A refusal is signed for as well, and is no delivery."""
    told = verify(tmp_path, made.sender, "--json").value["receipt"]
    assert (told["status"], told["code"]) == ("received", None)
    assert told["at"] >= NOW
    refused = forged(made.sender, receipt_with(status="refused", code="document-invalid"), by="de-example")
    last = verify(tmp_path, refused).out.splitlines()[-1]
    assert "who has signed that it refused it (code document-invalid), if your" in last
    told = verify(tmp_path, refused, "--json").value["receipt"]
    assert (told["status"], told["code"]) == ("refused", "document-invalid")
    without = verify(tmp_path, forged(made.recipient, no_receipt), "--json").value
    assert without["receipt"] is None


def no_receipt(_: object, parts: dict[str, bytes]) -> None:
    del parts["receipt"], parts["receipt-manifest"]


def test_a_doubtful_file_ends_with_4_and_says_what_to_read(made: Made, tmp_path: Path) -> None:
    ran = verify(tmp_path, made.doubtful)
    assert ran.code == 4
    assert ran.out.splitlines()[-1].startswith(
        "DOUBTFUL: everything fits, but not all of it can be relied on"
    )
    assert "Read again: signature" in ran.out
    assert "may have been in other hands" in ran.out
    assert verify(tmp_path, made.doubtful, "--json").value["verdict"] == "doubtful"


def test_a_file_without_a_receipt_says_so(made: Made, tmp_path: Path) -> None:
    ran = verify(tmp_path, forged(made.recipient, no_receipt, by=NL))
    assert ran.code == 0
    assert "; there is no receipt, if your" in ran.out


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe", b"\x00" * 100])
def test_what_is_no_evidence_file_is_broken_without_a_traceback(tmp_path: Path, data: bytes) -> None:
    ran = verify(tmp_path, data)
    assert ran.code == 1
    assert "Traceback" not in ran.out + ran.err


def test_a_file_that_is_not_there_is_wrong_input(tmp_path: Path) -> None:
    ran = run("evidence", "verify", tmp_path / "no")
    assert ran.code == 2
    assert "no such file" in ran.err
    assert run("evidence", "verify", tmp_path / "no", "--root", tmp_path / "x").code == 2


def test_verify_needs_neither_configuration_nor_database_nor_network(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOTLINE_EXCHANGE_CONFIG", raising=False)
    with mock.patch("socket.socket", side_effect=AssertionError):
        assert verify(tmp_path, made.sender).code == 0


class Files(FakeNode):
    """A node that gives out bytes."""

    async def answer(self, request: web.Request) -> web.Response:
        given = self.answers.get(f"{request.method} {request.path}")
        if isinstance(given, bytes):
            self.asked.append((request.method, request.path, dict(request.query), b"", None))
            return web.Response(body=given, content_type="application/x-ndjson")
        return await super().answer(request)


def exported(made: Made, place: Path, *options: str) -> Ran:
    (place / "root.json").write_bytes(made.root)
    answers = {f"GET /v1/evidence/{made.id}": made.sender}
    with mock.patch("support.cli.FakeNode", Files), fake_node(place, answers) as node:
        return run("evidence", "export", made.id, "--config", node.config, *options)


def test_export_writes_a_file_for_its_owner_alone_and_says_what_is_in_it(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "out.evidence"
    ran = exported(made, tmp_path, "-o", str(path))
    assert (ran.code, ran.err) == (0, "")
    assert path.read_bytes() == made.sender
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "SOUND" in ran.out
    assert "with the reported URL" in ran.out
    assert f"evidence verify {path}" in ran.out
    assert quiet(ran)
    again = exported(made, tmp_path, "-o", str(path))
    assert again.code == 2
    assert "is there already" in again.err


def test_export_names_the_file_after_the_document(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = exported(made, tmp_path, "--json").value
    assert told["file"] == f"{made.id}.evidence"
    assert (told["verdict"], told["root"]["pinned"]) == ("ok", True)
    assert (tmp_path / told["file"]).stat().st_size == told["bytes"]


def test_export_says_what_is_not_ok(made: Made, tmp_path: Path) -> None:
    ran = exported(replace_sender(made, made.doubtful), tmp_path, "-o", str(tmp_path / "x"))
    assert "signature: doubtful" in ran.out


def replace_sender(made: Made, data: bytes) -> Made:
    return Made(made.id, made.root, data, made.recipient, made.doubtful)


def test_what_the_node_refuses_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    answers = {f"GET /v1/evidence/{DOCUMENT}": (422, problem(422, "document-not-sent"))}
    with fake_node(tmp_path, answers) as node:
        ran = run(
            "evidence", "export", DOCUMENT, "--config", node.config, "--sender", "nl-example",
            "-o", tmp_path / "x",
        )  # fmt: skip
        assert node.asked[0][2] == {"sender": "nl-example"}
    assert ran.code == 2
    assert "(document-not-sent)" in ran.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("wrong", [["no-id"], [DOCUMENT, "--sender", "X"]])
def test_wrong_words_are_refused_before_anybody_is_asked(tmp_path: Path, wrong: list[str]) -> None:
    with fake_node(tmp_path, {}) as node:
        assert run("evidence", "export", *wrong, "--config", node.config).code == 2
        assert node.asked == []


def test_the_json_of_both_commands_holds_no_content(made: Made, tmp_path: Path) -> None:
    told = json.dumps(verify(tmp_path, made.sender, "--json").value)
    assert not any(part in told for part in URL_PARTS)
    line = next(one for one in made.sender.split(b"\n") if one.startswith(b'{"name":"document"'))
    text = base64.urlsafe_b64decode(json.loads(line)["data"] + "==").decode()
    assert all(part in text for part in URL_PARTS), "or this test shows nothing"
