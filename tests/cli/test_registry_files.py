"""The administrators' side without a node: found, add a member against its fingerprint, publish."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from support.cli import Ran, run

from exchange.client.registry import Registry
from exchange.core.registry_view import MemberStatus
from exchange.core.schema import Schemas
from exchange.resources import schema_documents

ADMINS = ("--admin", "anna", "--admin", "ben", "--admin", "carla")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    command = ("registry", "create", tmp_path / "net", "--network", "Demo", *ADMINS)
    ran = run(*command, "--keys", tmp_path / "admins", "--json")
    assert ran.code == 0
    assert Path(ran.value["root"]).exists()
    return tmp_path


def registration(place: Path) -> tuple[Path, str]:
    """A new member's request, and the fingerprint that it reads out."""
    ran = run(
        *("init", "--member", "nl-example", "--name", "Example", "--site", "https://a.example"),
        *("--mailbox", "own", "--url", "https://mx.example", "--mirror", "https://r.example"),
        *("--identity-file", "id.txt", "--config", place / "node/hotline-exchange.toml", "--json"),
    )
    return Path(ran.value["request"]), ran.value["fingerprint"]


def add(place: Path, *options: str | Path) -> Ran:
    return run("registry", "add", place / "net", *options)


def publish(place: Path, *who: str) -> Ran:
    signers = [part for name in who for part in ("--admin", name)]
    return run("registry", "publish", place / "net", *signers, "--keys", place / "admins", "--json")


def test_from_nothing_to_an_active_member_that_a_node_reads(place: Path) -> None:
    request, fingerprint = registration(place)
    assert add(place, "--registration", request, "--fingerprint", fingerprint).code == 0
    assert add(place, "--country", "NL", "--to", "nl-example").code == 0
    by_territory = ("--country", "BE", "--to", "nl-example", "--basis", "territory", "--rank", "5")
    assert add(place, *by_territory).code == 0
    assert publish(place, "anna", "carla").value == {"version": 1, "changed": True}
    assert add(place, "--member", "nl-example", "--status", "active").code == 0
    assert publish(place, "ben", "anna").value == {"version": 2, "changed": True}
    assert publish(place, "ben").value == {"version": 2, "changed": False}
    root = (place / "net/repository/metadata/1.root.json").read_bytes()
    registry = Registry(place / "copy", root, [str(place / "net/repository")], Schemas(schema_documents()))
    now = int(request.stat().st_mtime) + 5
    view = asyncio.run(registry.refresh(now)).view
    assert view.members["nl-example"].status is MemberStatus.ACTIVE  # type: ignore[index]
    assert [(one.member, one.basis, one.rank) for one in view.destinations("BE")] == [
        ("nl-example", "territory", 5)
    ]


def test_one_administrator_alone_changes_nothing(place: Path) -> None:
    request, fingerprint = registration(place)
    assert add(place, "--registration", request, "--fingerprint", fingerprint).code == 0
    ran = publish(place, "anna")
    assert (ran.code, ran.problem["type"]) == (2, "urn:hotline-exchange:signers")
    assert not (place / "net/repository/metadata/timestamp.json").exists()


WRONG = {
    "another fingerprint": (("--fingerprint", "0000 1111"), 1, "(fingerprint)"),
    "nobody who read it out": ((), 2, "--fingerprint is missing"),
}


@pytest.mark.parametrize(("options", "code", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_registration_that_nobody_vouched_for(
    options: tuple[str, ...], code: int, words: str, place: Path
) -> None:
    request, _ = registration(place)
    ran = add(place, "--registration", request, *options)
    assert (ran.code, words in ran.err) == (code, True)
    assert not (place / "net/sources/members").exists()


def test_a_registration_that_was_tampered_with(place: Path) -> None:
    request, fingerprint = registration(place)
    value = json.loads(request.read_bytes())
    value["registration"]["signatures"].pop()
    request.write_text(json.dumps(value))
    ran = add(place, "--registration", request, "--fingerprint", fingerprint)
    assert (ran.code, "registration-" in ran.err) == (1, True)


MISTAKES = {
    "UK": (("--country", "UK", "--to", "gb-example"), "use GB"),
    "nobody": (("--country", "NL"), "--to is missing"),
    "nothing": ((), "(usage)"),
    "two things": (("--country", "NL", "--member", "nl-example"), "(usage)"),
    "an unknown member": (("--member", "nl-nobody", "--status", "active"), "(registry-file)"),
    "a file that is none": (("--file", "nowhere.json"), "no such file"),
}


@pytest.mark.parametrize(("options", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_of_an_administrator(options: tuple[str, ...], words: str, place: Path) -> None:
    ran = add(place, *options)
    assert (ran.code, words in ran.err) == (2, True)
    assert "Traceback" not in ran.err


def test_nothing_is_published_that_names_a_member_who_is_not_there(place: Path) -> None:
    assert add(place, "--country", "NL", "--to", "nl-nobody").code == 0
    ran = publish(place, "anna", "ben")
    assert ran.code == 2
    assert ran.problem["problems"][0]["code"] == "member-unknown"


def test_keys_of_an_administrator_are_made_once(place: Path) -> None:
    before = (place / "admins/anna/offline.pem").read_bytes()
    again = run(
        *("registry", "create", place / "other", "--network", "Other", *ADMINS, "--keys", place / "admins")
    )
    assert again.code == 0
    assert (place / "admins/anna/offline.pem").read_bytes() == before


def test_a_ready_file_finds_its_place(place: Path) -> None:
    file = place / "network.json"
    value = {"v": 1, "name": "Other", "orphan_mandates": {}, "agencies": ["a"], "escalation": []}
    file.write_text(json.dumps(value))
    assert add(place, "--file", file).code == 0
    assert json.loads((place / "net/sources/network.json").read_bytes()) == value
