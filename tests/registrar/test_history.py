"""Every past state can be shown: who signed it, what it changed, and its files as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.cli import run
from support.keys import NOW, member
from support.registry import Office, schemas, targets_of
from support.succession import succeed
from tuf.api.metadata import Metadata, Root

from exchange.core.registry_view import MemberStatus
from exchange.errors import ExchangeError, Invalid, Refused
from exchange.registrar import roots
from exchange.registrar.admins import Part
from exchange.registrar.draft import Kind
from exchange.registrar.files import write_whole
from exchange.registrar.history import history, state, write_state
from exchange.registrar.workspace import Workspace

DAY = 86400
PENDING = replace(member("de-x"), status=MemberStatus.PENDING)


def workspace(tmp_path: Path) -> tuple[Workspace, Office]:
    """A registry of two versions: de-x pending, then active."""
    space = Workspace(tmp_path / "net")
    office = Office(space.repository)
    write_whole(space.root, office.root)
    office.publish(targets_of([PENDING]))
    office.publish(targets_of([member("de-x")]), now=NOW + DAY)
    for path, data in targets_of([member("de-x")]).items():
        write_whole(space.peers / path, data)
    return space, office


def code_of(error: pytest.ExceptionInfo[ExchangeError]) -> str:
    return error.value.code


def test_every_version_says_who_signed_it_and_what_it_changed(tmp_path: Path) -> None:
    space, _ = workspace(tmp_path)
    root, first, second = history(space, schemas())
    assert (root.kind, root.version, root.signed_by, root.needed) == (Kind.ROOT, 1, ("anna", "bert"), 2)
    assert "administrator cleo comes" in root.changes
    assert (first.kind, first.version, first.signed_by) == (Kind.TARGETS, 1, ("anna", "bert"))
    assert any("de-x" in sentence for sentence in first.changes)
    assert [sentence for sentence in second.changes if "pending -> active" in sentence]
    assert (second.version, second.root_version, second.problem) == (2, 1, None)
    assert second.expires_at > NOW


def test_a_past_state_is_given_file_by_file(tmp_path: Path) -> None:
    space, _ = workspace(tmp_path)
    assert state(space, 1) == targets_of([PENDING])
    assert state(space, 2) == targets_of([member("de-x")])
    write_state(state(space, 1), tmp_path / "then")
    assert json.loads((tmp_path / "then/members/de-x.json").read_bytes())["status"] == "pending"
    with pytest.raises(Invalid) as error:
        write_state({}, tmp_path / "then")
    assert code_of(error) == "exists"
    with pytest.raises(Invalid) as error:
        state(space, 3)
    assert code_of(error) == "registry-version"


def test_lists_of_those_who_have_left_count_under_the_root_of_their_time(tmp_path: Path) -> None:
    space, office = workspace(tmp_path)
    succeed(office, "dora")
    office.publish(targets_of([]), now=NOW + 2 * DAY)
    past = history(space, schemas())
    assert [(one.kind, one.version, one.root_version, one.signed_by) for one in past] == [
        (Kind.ROOT, 1, 1, ("anna", "bert")),
        (Kind.ROOT, 2, 2, ("bert", "cleo", "dora")),
        (Kind.TARGETS, 1, 1, ("anna", "bert")),
        (Kind.TARGETS, 2, 1, ("anna", "bert")),
        (Kind.TARGETS, 3, 2, ("bert", "cleo")),
    ]
    assert "administrator anna goes, and the keys with them" in past[1].changes


def change_list(space: Workspace) -> None:
    path = space.repository / "metadata/1.targets.json"
    path.write_bytes(path.read_bytes().replace(b"members/de-x", b"members/de-y"))


def another_list(space: Workspace) -> None:
    """A good list under another number: what was version 2 is shown as version 1."""
    folder = space.repository / "metadata"
    (folder / "1.targets.json").write_bytes((folder / "2.targets.json").read_bytes())


def garble_list(space: Workspace) -> None:
    (space.repository / "metadata/1.targets.json").write_bytes(b"{}")


def change_file(space: Workspace) -> None:
    digest = Metadata.from_file(str(space.repository / "metadata/1.targets.json"))
    info = digest.signed.targets["members/de-x.json"]
    name = f"{info.hashes['sha256']}.de-x.json"
    (space.repository / "targets/members" / name).write_bytes(b"{}")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (change_list, "registry-signature"),
        (another_list, "registry-signature"),
        (garble_list, "registry-malformed"),
        (change_file, "registry-damaged"),
    ],
)
def test_a_past_that_was_changed_is_told_and_never_shown_as_a_state(
    tmp_path: Path, damage: object, code: str
) -> None:
    space, _ = workspace(tmp_path)
    assert callable(damage)
    damage(space)
    assert [one.problem for one in history(space, schemas())] == [None, code, None]
    with pytest.raises(ExchangeError) as error:
        state(space, 1)
    assert code_of(error) == code
    ran = run("registry", "history", space.path)
    assert ran.code == 1
    assert f"targets 1  NOT AS IT WAS PUBLISHED ({code})" in ran.out


def test_a_root_that_a_quorum_did_not_sign_ends_the_history(tmp_path: Path) -> None:
    space, office = workspace(tmp_path)
    lone = Metadata(roots.renewed(Metadata[Root].from_bytes(office.root).signed, NOW))
    lone.sign(office.admins[0].signer(Part.OFFLINE))
    write_whole(space.repository / "metadata/2.root.json", lone.to_bytes())
    with pytest.raises(Refused) as error:
        history(space, schemas())
    assert code_of(error) == "registry-signature"


def test_a_list_that_died_before_it_was_published_is_no_past(tmp_path: Path) -> None:
    space, office = workspace(tmp_path)
    timestamp = (space.repository / "metadata/timestamp.json").read_bytes()
    office.publish(targets_of([]))
    write_whole(space.repository / "metadata/timestamp.json", timestamp)
    assert [one.version for one in history(space, schemas())] == [1, 1, 2]
    with pytest.raises(Invalid) as error:
        state(space, 3)
    assert code_of(error) == "registry-version"


def test_the_command_lists_and_writes(tmp_path: Path) -> None:
    space, _ = workspace(tmp_path)
    ran = run("registry", "history", space.path)
    assert ran.code == 0
    assert "targets 2  signed by anna, bert (2 needed)" in ran.out
    said = run("registry", "history", space.path, "--json").value["history"]
    assert [(one["kind"], one["version"]) for one in said] == [("root", 1), ("targets", 1), ("targets", 2)]
    out = tmp_path / "then"
    assert run("registry", "history", space.path, "--version", "1", "--out", out).code == 0
    assert (out / "members/de-x.json").read_bytes() == targets_of([PENDING])["members/de-x.json"]
    shown = run("registry", "history", space.path, "--version", "2", "--json").value
    assert shown == {"version": 2, "files": sorted(targets_of([member("de-x")])), "out": None}
    for options in (("--out", tmp_path / "x"), ("--version", "9"), ("--version", "1", "--out", out)):
        assert run("registry", "history", space.path, *options).code == 2
    assert "--out DIR2 writes them" in run("registry", "history", space.path, "--version", "1").out
    assert run("registry", "history", tmp_path).code == 2
