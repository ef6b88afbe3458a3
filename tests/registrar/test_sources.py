"""The reviewable files: of their form, fitting each other, and byte for byte what is published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.ceremony import Ceremony
from support.keys import member
from support.registry import schemas

from exchange.core.names import MemberId
from exchange.core.registry_documents import member_to_json
from exchange.errors import Invalid
from exchange.registrar import files, sources
from exchange.registrar.workspace import Workspace, open_workspace


def test_reviewable_files_are_what_is_published(tmp_path: Path) -> None:
    net = Ceremony(tmp_path)
    net.enter("gb-iwf")
    targets = sources.read_all(net.space.peers, schemas())
    assert set(targets) == {"network.json", "members/gb-iwf.json", "countries/GB.json"}
    net.publish(net.signed(net.draft(), "anna", "ben"))
    (name,) = (net.space.repository / "targets/members").iterdir()
    assert name.read_bytes() == (net.space.peers / "members/gb-iwf.json").read_bytes()
    assert not list(tmp_path.rglob("*.new"))


def test_other_files_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    net = Ceremony(tmp_path)
    (net.space.peers / "README.md").write_text("Hello")
    (net.space.peers / "directory.json").write_text("{}")
    assert set(sources.read_files(net.space.peers)) == {"network.json"}


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("member", {"v": 1, "id": "gb-iwf"}, "registry-file"),
        ("member", {"v": 1, "id": "../../x"}, "registry-file"),
        ("member", {}, "registry-file"),
        ("country", {"v": 1, "country": "UK", "destinations": []}, "registry-file"),
        ("network", {"v": 1}, "registry-file"),
        ("virus", {}, "kind"),
    ],
)
def test_a_file_that_is_not_of_its_form_is_not_added(
    tmp_path: Path, kind: str, value: dict[str, Any], code: str
) -> None:
    for call in (
        lambda: sources.add(tmp_path / "peers", schemas(), kind, value),
        lambda: sources.check(schemas(), kind, value),
    ):
        with pytest.raises(Invalid) as error:
            call()
        assert error.value.code == code
    assert not (tmp_path / "peers").exists()


def test_files_that_do_not_fit_each_other_are_not_drafted(tmp_path: Path) -> None:
    net = Ceremony(tmp_path)
    net.enter("gb-iwf")
    thief = replace(member("de-x"), http=member("gb-iwf").http, deputy=MemberId("fr-pdc"))
    sources.add(net.space.peers, schemas(), "member", member_to_json(thief))
    with pytest.raises(Invalid) as error:
        sources.read_all(net.space.peers, schemas())
    assert error.value.code == "registry-sources"
    assert {problem.code for problem in error.value.problems} == {"key-shared", "member-unknown"}


def test_a_wrong_thumbprint_is_not_drafted(tmp_path: Path) -> None:
    net = Ceremony(tmp_path)
    value = net.enter("gb-iwf")
    value["keys"]["http"][0]["key"]["kid"] = "A" * 43
    sources.add(net.space.peers, schemas(), "member", value)
    with pytest.raises(Invalid) as error:
        sources.read_all(net.space.peers, schemas())
    assert "jwk" in {problem.code for problem in error.value.problems}


def test_sources_without_a_network_file_are_not_drafted(tmp_path: Path) -> None:
    net = Ceremony(tmp_path)
    (net.space.peers / "network.json").unlink()
    with pytest.raises(Invalid) as error:
        sources.read_all(net.space.peers, schemas())
    assert [problem.code for problem in error.value.problems] == ["registry-network"]


def test_a_directory_that_is_no_registry_stays_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Invalid) as error:
            open_workspace(path)
        assert error.value.code == "registry-missing"
        assert error.value.hint is not None
        assert "registry create" in error.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_registry_whose_root_is_not_published_says_what_is_to_be_done(tmp_path: Path) -> None:
    net = Ceremony(tmp_path, founded=False)
    with pytest.raises(Invalid) as error:
        open_workspace(tmp_path).pinned()
    assert error.value.code == "root-missing"
    assert error.value.hint is not None
    assert str(Workspace(tmp_path).draft("root", 1)) in error.value.hint
    assert net.load().chain == ()


def test_what_is_removed_is_gone_and_what_is_not_there_may_be_removed(tmp_path: Path) -> None:
    files.write_whole(tmp_path / "a/b", b"1")
    for _ in range(2):
        files.remove(tmp_path / "a/b")
    assert list((tmp_path / "a").iterdir()) == []
