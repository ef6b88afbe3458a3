"""What is published is verified before anything is built on it: from the pinned root on, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.ceremony import DE, Ceremony
from support.keys import NOW
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from exchange.errors import ExchangeError
from exchange.registrar import roots
from exchange.registrar.workspace import Workspace

DAY = 86400


@pytest.fixture
def net(tmp_path: Path) -> Ceremony:
    made = Ceremony(tmp_path)
    made.enter()
    made.publish(made.signed(made.draft(), "anna", "ben"))
    return made


def metadata(space: Workspace, name: str) -> Path:
    return space.repository / "metadata" / name


def test_the_first_publish_is_complete_and_expires_as_the_protocol_says(net: Ceremony) -> None:
    days, signatures = {}, {}
    for name, role in (
        ("1.root.json", Root),
        ("1.targets.json", Targets),
        ("1.snapshot.json", Snapshot),
        ("timestamp.json", Timestamp),
    ):
        read: Metadata[Root] = Metadata.from_file(str(metadata(net.space, name)))
        assert isinstance(read.signed, role)
        days[read.signed.type] = (read.signed.expires.timestamp() - NOW) / DAY
        signatures[read.signed.type] = len(read.signatures)
    assert days == {"root": 400, "targets": 120, "snapshot": 14, "timestamp": 14}
    assert signatures == {"root": 3, "targets": 2, "snapshot": 1, "timestamp": 1}


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])


def the_root(space: Workspace) -> None:
    space.root.write_bytes(b"{}")


def a_file(space: Workspace) -> None:
    flip(next((space.repository / "targets/members").iterdir()))


def a_file_that_is_gone(space: Workspace) -> None:
    next((space.repository / "targets/members").iterdir()).unlink()


def the_list(space: Workspace) -> None:
    metadata(space, "1.targets.json").write_bytes(metadata(space, "1.targets.json").read_bytes() + b" ")


def the_list_is_none(space: Workspace) -> None:
    metadata(space, "1.targets.json").write_bytes(b"{}")


def the_list_is_gone(space: Workspace) -> None:
    metadata(space, "1.targets.json").unlink()


def the_snapshot(space: Workspace) -> None:
    metadata(space, "1.snapshot.json").write_bytes(metadata(space, "1.snapshot.json").read_bytes() + b" ")


def the_timestamp_is_a_list(space: Workspace) -> None:
    metadata(space, "timestamp.json").write_bytes(metadata(space, "1.targets.json").read_bytes())


def a_second_root_that_is_none(space: Workspace) -> None:
    metadata(space, "2.root.json").write_bytes(b"{}")


DAMAGE: dict[str, tuple[Callable[[Workspace], None], str]] = {
    "the root": (the_root, "registry-damaged"),
    "a file": (a_file, "registry-damaged"),
    "a file that is gone": (a_file_that_is_gone, "registry-damaged"),
    "the list": (the_list, "registry-damaged"),
    "the list is none": (the_list_is_none, "registry-damaged"),
    "the list is gone": (the_list_is_gone, "registry-damaged"),
    "the snapshot": (the_snapshot, "registry-damaged"),
    "the timestamp is a list": (the_timestamp_is_a_list, "registry-damaged"),
    "a second root that is none": (a_second_root_that_is_none, "registry-malformed"),
}


@pytest.mark.parametrize(("damage", "code"), DAMAGE.values(), ids=DAMAGE.keys())
def test_what_was_damaged_is_named_and_nothing_is_built_on_it(
    net: Ceremony, damage: Callable[[Workspace], None], code: str
) -> None:
    net.change("network.json", name="Renamed")
    made = net.draft()
    damage(net.space)
    for call in (lambda: net.load().contents(), lambda: net.check(made)):
        with pytest.raises(ExchangeError) as error:
            call()
        assert error.value.code == code


def test_daily_parts_of_somebody_else_are_refused(net: Ceremony, tmp_path: Path) -> None:
    other = Ceremony(tmp_path / "other")
    other.publish(other.signed(other.draft(), "anna", "ben"))
    for name in ("timestamp.json", "1.snapshot.json"):
        metadata(net.space, name).write_bytes(metadata(other.space, name).read_bytes())
    with pytest.raises(ExchangeError) as error:
        net.load()
    assert error.value.code == "registry-signature"


def test_a_registry_before_its_first_list_is_empty(tmp_path: Path) -> None:
    net = Ceremony(tmp_path)
    state = net.load()
    assert (state.version, state.listed, state.contents(), state.sound) == (0, {}, {}, True)
    assert state.root.version == 1


def test_any_past_state_can_be_shown(net: Ceremony) -> None:
    """Old roots, lists, snapshots and files stay where they are."""
    old = net.load()
    net.change(f"members/{DE}.json", status="active")
    net.publish(net.signed(net.draft(), "anna", "ben"))
    net.publish(net.signed(net.root_draft(roots.renewed(net.root(), NOW)), "anna", "ben", "carla"))
    assert b'"pending"' in old.contents()[f"members/{DE}.json"]
    assert b'"active"' in net.load().contents()[f"members/{DE}.json"]
    assert {path.name for path in (net.space.repository / "metadata").iterdir()} == {
        *("1.root.json", "2.root.json", "1.targets.json", "2.targets.json"),
        *("1.snapshot.json", "2.snapshot.json", "timestamp.json"),
    }
