"""A workspace is brought to what a mirror can prove, never back, and never over what somebody works on."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from support.cli import run
from support.host import http_host
from support.keys import NOW, member
from support.registry import Office, schemas, targets_of
from support.succession import succeed
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, Targets

from exchange.client.registry_fetch import DirectoryFetcher
from exchange.core.registry_view import MemberStatus
from exchange.errors import Invalid, Refused, Unavailable
from exchange.registrar import published
from exchange.registrar.admins import generate
from exchange.registrar.files import write_whole
from exchange.registrar.history import history
from exchange.registrar.pull import Pulled, pull
from exchange.registrar.workspace import Workspace

DAY = 86400
ONE = targets_of([replace(member("de-x"), status=MemberStatus.PENDING)])
TWO = targets_of([member("de-x"), member("gb-iwf")])
THREE = targets_of([member("de-x")])
FOUR = targets_of([replace(member("de-x"), name="Renamed"), member("fr-pdc"), member("nl-x")])


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "mirror")
    made.publish(ONE)
    made.publish(TWO)
    return made


def bring(space: Workspace, office: Office, mirror: Path | None = None, now: int = NOW) -> Pulled:
    return pull(space, office.root, "", DirectoryFetcher(mirror or office.mirror), now)


def copy(tmp_path: Path, office: Office) -> Workspace:
    space = Workspace(tmp_path / "net")
    bring(space, office)
    return space


def files(directory: Path) -> dict[str, bytes]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def refused(space: Workspace, office: Office, mirror: Path | None = None, now: int = NOW) -> str:
    """The code of what a pull refuses; nothing of the workspace has changed."""
    before = files(space.path)
    with pytest.raises(Refused) as error:
        bring(space, office, mirror, now)
    assert files(space.path) == before
    return error.value.code


def test_from_the_root_file_alone_the_whole_registry_and_its_past_come(
    tmp_path: Path, office: Office
) -> None:
    space = Workspace(tmp_path / "net")
    done = bring(space, office)
    assert (done.root_version, done.version, done.older, done.missing, done.left) == (1, 2, (1,), (), ())
    assert files(space.peers) == TWO
    assert space.pinned() == office.root
    assert published.load(space).contents() == TWO
    assert [one.problem for one in history(space, schemas())] == [None, None, None]
    again = bring(space, office)
    assert (again.written, again.left, again.older, again.missing) == ((), (), (), ())


def test_what_was_published_since_follows_and_what_left_goes(tmp_path: Path, office: Office) -> None:
    space = copy(tmp_path, office)
    office.publish(THREE, now=NOW + DAY)
    done = bring(space, office, now=NOW + DAY)
    assert done.written == ("countries/GB.json", "members/gb-iwf.json")
    assert files(space.peers) == THREE


def test_what_somebody_works_on_is_left_and_named(tmp_path: Path, office: Office) -> None:
    space = copy(tmp_path, office)
    mine = {"members/de-x.json": b"{}", "countries/FR.json": b'{"new": 1}', "countries/GB.json": b"mine"}
    for path, data in mine.items():
        write_whole(space.peers / path, data)
    (space.peers / "network.json").unlink()
    office.publish(THREE, now=NOW + DAY)
    done = bring(space, office, now=NOW + DAY)
    assert done.left == ("countries/FR.json", "countries/GB.json", "members/de-x.json", "network.json")
    assert done.written == ("members/gb-iwf.json",)
    assert files(space.peers) == mine | {"countries/DE.json": THREE["countries/DE.json"]}
    assert published.load(space).contents() == THREE


def test_a_mirror_that_goes_back_is_refused(tmp_path: Path, office: Office) -> None:
    old = tmp_path / "old"
    shutil.copytree(office.mirror, old)
    office.publish(THREE)
    space = copy(tmp_path, office)
    assert refused(space, office, old) == "registry-rollback"


def test_administrators_who_were_replaced_do_not_stop_a_pull(tmp_path: Path, office: Office) -> None:
    space = copy(tmp_path, office)
    succeed(office, "dora")
    office.publish(THREE, now=NOW + DAY)
    fresh = bring(Workspace(tmp_path / "fresh"), office, now=NOW + DAY)
    assert (fresh.root_version, fresh.version, fresh.older) == (2, 3, (1, 2))
    done = bring(space, office, now=NOW + DAY)
    assert (done.root_version, done.version, done.missing) == (2, 3, ())
    assert files(space.repository / "metadata").keys() >= {"1.root.json", "2.root.json", "3.targets.json"}
    assert [one.problem for one in history(space, schemas())] == [None] * 5
    assert bring(space, office, now=NOW + DAY).written == ()


@pytest.mark.parametrize(("goes", "code"), [(2, "registry-split"), (0, None)], ids=["stays", "gone"])
def test_a_new_root_alone_is_no_leave_to_go_back(
    tmp_path: Path, office: Office, goes: int, code: str | None
) -> None:
    """Only where the new root no longer stands behind the list we have may a mirror show another one."""
    other = tmp_path / "other"
    shutil.copytree(office.mirror, other)
    office.publish(THREE)
    space = copy(tmp_path, office)
    office.mirror = other
    office.admins = [office.admins[goes], *(one for one in office.admins if one is not office.admins[goes])]
    succeed(office, "dora")
    office.publish(ONE)
    if code is None:
        assert bring(space, office).version == 3
        assert published.load(space).contents() == ONE
    else:
        assert refused(space, office) == code


def test_a_list_of_files_that_are_none_of_the_registry_s_is_refused(tmp_path: Path, office: Office) -> None:
    office.publish({**TWO, "../../etc/passwd": b"{}"})
    assert refused(Workspace(tmp_path / "net"), office) == "registry-malformed"


def test_another_registry_under_the_same_version_is_a_split_view(tmp_path: Path) -> None:
    people = [generate(name) for name in ("anna", "bert", "cleo")]
    one, other = Office(tmp_path / "one", admins=people), Office(tmp_path / "other", admins=people)
    one.publish(ONE)
    other.publish(TWO)
    other.publish(TWO)
    space = copy(tmp_path, one)
    assert refused(space, other) == "registry-split"


def test_another_registry_is_refused(tmp_path: Path, office: Office) -> None:
    foreign = Office(tmp_path / "foreign")
    foreign.publish(ONE)
    space = copy(tmp_path, office)
    with pytest.raises(Refused) as error:
        pull(space, office.root, "", DirectoryFetcher(foreign.mirror), NOW)
    assert error.value.code == "registry-signature"
    with pytest.raises(Refused):
        pull(Workspace(tmp_path / "new"), office.root, "", DirectoryFetcher(foreign.mirror), NOW)
    assert not (tmp_path / "new").exists()


def test_expired_is_refused_unless_an_old_one_is_wanted(tmp_path: Path, office: Office) -> None:
    late = NOW + 30 * DAY
    space = copy(tmp_path, office)
    assert refused(space, office, now=late) == "registry-expired"
    assert bring(Workspace(tmp_path / "new"), office, now=0).version == 2


def change_file(mirror: Path) -> None:
    for path in (mirror / "targets/members").iterdir():
        path.write_bytes(path.read_bytes().replace(b"pending", b"active!").replace(b"active", b"aktive"))


def change_list(mirror: Path) -> None:
    path = mirror / "metadata/2.targets.json"
    path.write_bytes(path.read_bytes().replace(b"gb-iwf", b"gb-ivf"))


@pytest.mark.parametrize("damage", [change_file, change_list], ids=lambda one: one.__name__)
def test_what_a_mirror_changed_does_not_come(
    tmp_path: Path, office: Office, damage: Callable[[Path], None]
) -> None:
    damage(office.mirror)
    space = Workspace(tmp_path / "net")
    assert refused(space, office) == "registry-hash"
    assert not space.path.exists()


def change_old_list(mirror: Path) -> None:
    path = mirror / "metadata/1.targets.json"
    path.write_bytes(path.read_bytes().replace(b"de-x", b"de-y"))


def swap_old_list(mirror: Path) -> None:
    (mirror / "metadata/1.targets.json").write_bytes((mirror / "metadata/2.targets.json").read_bytes())


def garble_old_list(mirror: Path) -> None:
    (mirror / "metadata/1.targets.json").write_bytes(b"[]")


def lose_old_list(mirror: Path) -> None:
    (mirror / "metadata/1.targets.json").unlink()


def lose_old_file(mirror: Path) -> None:
    listed = Metadata[Targets].from_file(str(mirror / "metadata/1.targets.json")).signed.targets
    published.place(mirror, "members/de-x.json", listed["members/de-x.json"]).unlink()


def change_old_file(mirror: Path) -> None:
    listed = Metadata[Targets].from_file(str(mirror / "metadata/1.targets.json")).signed.targets
    path = published.place(mirror, "members/de-x.json", listed["members/de-x.json"])
    path.write_bytes(path.read_bytes().replace(b"pending", b"actives"))


@pytest.mark.parametrize(
    "damage",
    [change_old_list, swap_old_list, garble_old_list, lose_old_list, lose_old_file, change_old_file],
    ids=lambda one: one.__name__,
)
def test_an_older_list_that_cannot_be_proved_is_missing_and_stops_nothing(
    tmp_path: Path, office: Office, damage: Callable[[Path], None]
) -> None:
    good = tmp_path / "good"
    shutil.copytree(office.mirror, good)
    damage(office.mirror)
    space = Workspace(tmp_path / "net")
    done = bring(space, office)
    assert (done.version, done.older, done.missing) == (2, (), (1,))
    assert not (space.repository / "metadata/1.targets.json").exists()
    assert bring(space, office, good).older == (1,)


class Silent(DirectoryFetcher):
    """A mirror that answers nothing about the past."""

    def download_bytes(self, url: str, max_length: int) -> bytes:
        if url.endswith("1.targets.json"):
            raise DownloadHTTPError("busy", 503)
        return super().download_bytes(url, max_length)


def test_a_mirror_that_is_busy_about_the_past_stops_nothing(tmp_path: Path, office: Office) -> None:
    done = pull(Workspace(tmp_path / "net"), office.root, "", Silent(office.mirror), NOW)
    assert (done.version, done.missing) == (2, (1,))


def test_a_mirror_that_is_not_there_is_said_to_be_away(tmp_path: Path, office: Office) -> None:
    with pytest.raises(Unavailable):
        bring(Workspace(tmp_path / "net"), office, tmp_path / "nowhere")
    assert not (tmp_path / "net").exists()


def test_a_pull_that_died_anywhere_leaves_the_old_registry_or_the_new_one(
    tmp_path: Path, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = copy(tmp_path, office)
    before = published.load(space).contents()
    succeed(office, "dora")
    office.publish(FOUR, now=NOW + DAY)

    class Died(Exception):
        pass

    for after in range(40):
        left = after

        def write(path: Path, data: bytes) -> None:
            nonlocal left
            if space.path in path.parents:
                left -= 1
                if left < 0:
                    raise Died
            write_whole(path, data)

        monkeypatch.setattr("exchange.registrar.pull.write_whole", write)
        try:
            bring(space, office, now=NOW + DAY)
            break
        except Died:
            assert published.load(space).contents() in (before, FOUR)
    else:
        raise AssertionError
    assert files(space.peers) == FOUR


def test_a_damaged_workspace_is_told_how_it_is_mended(tmp_path: Path, office: Office) -> None:
    space = copy(tmp_path, office)
    (space.repository / "metadata/2.targets.json").write_bytes(b"{}")
    with pytest.raises(Invalid) as error:
        bring(space, office)
    assert error.value.hint is not None
    assert "move" in error.value.hint
    shutil.rmtree(space.repository)
    assert bring(space, office).left == ()
    assert published.load(space).contents() == TWO


# The command


@pytest.fixture
def today(tmp_path: Path) -> Office:
    """A mirror that has not expired now."""
    made = Office(tmp_path / "mirror", now=int(time.time()))
    made.publish(ONE, now=int(time.time()))
    (tmp_path / "root.json").write_bytes(made.root)
    return made


def test_the_command_makes_a_workspace_and_follows(tmp_path: Path, today: Office) -> None:
    net = tmp_path / "net"
    ran = run("registry", "pull", net, "--mirror", today.mirror, "--root", tmp_path / "root.json")
    assert ran.code == 0
    assert "Pinned root: " in ran.out
    write_whole(net / "peers/countries/FR.json", b"{}")
    ran = run("registry", "pull", net, "--mirror", today.mirror)
    assert f"Left as it is, because it is not what was published: {net}/peers/countries/FR.json" in ran.out
    said = run("registry", "pull", net, "--mirror", today.mirror, "--json").value
    assert (said["version"], said["written"], said["left"]) == (1, [], ["countries/FR.json"])


def test_the_command_does_not_mix_two_registries(tmp_path: Path, today: Office) -> None:
    net, other = tmp_path / "net", tmp_path / "other.json"
    other.write_bytes(Office(tmp_path / "foreign").root)
    assert run("registry", "pull", net, "--mirror", today.mirror, "--root", tmp_path / "root.json").code == 0
    ran = run("registry", "pull", net, "--mirror", today.mirror, "--root", other, "--json")
    assert (ran.code, ran.problem["type"]) == (2, "urn:hotline-exchange:root-differs")
    write_whole(tmp_path / "begun/peers/network.json", b"{}")
    ran = run(
        *("registry", "pull", tmp_path / "begun", "--mirror", today.mirror),
        *("--root", tmp_path / "root.json", "--json"),
    )
    assert (ran.code, ran.problem["type"]) == (2, "urn:hotline-exchange:exists")
    assert run("registry", "pull", tmp_path / "nothing", "--mirror", today.mirror).code == 2


async def test_the_command_pulls_over_http_from_loopback_alone(tmp_path: Path, today: Office) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        path = today.mirror / request.path.removeprefix("/registry/")
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    async with http_host(answer) as base:
        options = ("--mirror", f"{base}/registry", "--root", tmp_path / "root.json")
        ran = await asyncio.to_thread(run, "registry", "pull", tmp_path / "net", *options)
    assert ran.code == 0, ran.err
    assert files(tmp_path / "net/peers") == ONE
    for mirror in ("http://192.0.2.7/registry", "https://127.0.0.1:1/registry"):
        ran = await asyncio.to_thread(run, "registry", "pull", tmp_path / "net", "--mirror", mirror)
        assert ran.code == 3
