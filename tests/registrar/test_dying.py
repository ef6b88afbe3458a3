"""An administrator's laptop dies between any two steps: the same command again has the same result.

Every write is cut off once before it happened and once after it; the command then runs again. The files are
then those of a run that nobody disturbed, and at no moment did a node see a broken registry.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.ceremony import GB, Ceremony
from support.cli import run
from support.keys import NOW
from support.registry import schemas

from exchange.client.registry import Registry
from exchange.registrar import files, roots
from exchange.registrar.admins import generate
from exchange.registrar.draft import Draft

DIED = 60
"""Writes after which a command has certainly ended."""
Command = Callable[[Ceremony], object]


class Died(Exception):
    pass


@dataclass
class Dying:
    """Dies at the write `at`, before it or after it; at 0 it lives, and counts."""

    at: int
    after: bool
    write: Callable[[Path, bytes], None]
    remove: Callable[[Path], None]
    seen: Callable[[], None]
    writes: int = 0

    def whole(self, path: Path, data: bytes) -> None:
        self._step(lambda: self.write(path, data))

    def gone(self, path: Path) -> None:
        self._step(lambda: self.remove(path))

    def _step(self, act: Callable[[], None]) -> None:
        self.writes += 1
        if self.writes == self.at and not self.after:
            raise Died
        act()
        self.seen()
        if self.writes == self.at:
            raise Died


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dying]:
    write, remove = files.write_whole, files.remove

    def install(at: int, after: bool, seen: Callable[[], None]) -> Dying:
        made = Dying(at, after, write, remove, seen)
        monkeypatch.setattr(files, "write_whole", made.whole)
        monkeypatch.setattr(files, "remove", made.gone)
        return made

    return install


def everything(net: Ceremony) -> dict[str, bytes]:
    place = net.space.path
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in sorted(place.rglob("*.json"))}


def founded(net: Ceremony) -> None:
    """A published registry, and a change that is not: one member more, a country and a name."""
    net.enter()
    net.enter("fr-example")
    net.publish(net.signed(net.draft(), "anna", "ben"))
    net.enter(GB)
    net.change("network.json", name="Renamed")
    (net.space.peers / "countries/FR.json").unlink()


def drafts(net: Ceremony) -> dict[str, Draft]:
    """Signed drafts of what each case publishes."""
    out = net.root_draft(roots.without(net.root(), "anna", NOW))
    again = net.root_draft(roots.renewed(net.root(), NOW))
    change = net.signed(net.draft(), "ben", "carla")
    return {
        "a change": change,
        "a root": net.signed(again, "ben", "carla", "dora"),
        "a root that brings its list": net.signed(out, "ben", "carla", "dora"),
    }


def cases(net: Ceremony) -> dict[str, Command]:
    made = drafts(net)
    found: dict[str, Command] = {
        name: (lambda at, one=one: at.publish(one, by="ben", now=NOW + 5)) for name, one in made.items()
    }
    found["a renewal"] = lambda at: at.renew("ben", NOW + 5)
    return found


CASES = ["a change", "a root", "a root that brings its list", "a renewal"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Ceremony:
    net = Ceremony(tmp_path_factory.mktemp("net") / "net")
    founded(net)
    return net


def reader(net: Ceremony, place: Path) -> Callable[[], None]:
    """A node that knew the registry before, and looks after every step."""
    known = Registry(place / "knew", net.space.pinned(), [str(net.space.repository)], schemas())
    asyncio.run(known.refresh(NOW))
    count = iter(range(10_000))

    def look() -> None:
        new = Registry(
            place / f"new{next(count)}", net.space.pinned(), [str(net.space.repository)], schemas()
        )
        for registry in (known, new):
            assert asyncio.run(registry.refresh(NOW)).left_out == ()

    return look


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("case", CASES)
def test_dying_at_any_write_and_running_again_ends_the_same(
    tmp_path: Path, prepared: Ceremony, dying: Callable[..., Dying], case: str, after: bool
) -> None:
    command = cases(prepared)[case]
    whole = prepared.copy(tmp_path / "whole")
    counted = dying(0, False, reader(whole, tmp_path / "whole-nodes"))
    command(whole)
    expected = everything(whole)
    assert counted.writes > (0 if case == "a root" else 1)
    ended = case == "a renewal" and after  # behind its last write, running it again renews again
    for at in range(1, counted.writes + 1 - ended):
        one = prepared.copy(tmp_path / f"at{at}")
        look = reader(one, tmp_path / f"nodes{at}")
        dying(at, after, look)
        with pytest.raises(Died):
            command(one)
        look()
        dying(0, False, look)
        command(one)
        assert everything(one) == expected


def test_a_first_root_that_died_is_published_again(tmp_path: Path, dying: Callable[..., Dying]) -> None:
    for at in (1, 2):
        for after in (False, True):
            net = Ceremony(tmp_path / f"{at}{after}", founded=False)
            made = net.signed(net.first, "anna", "ben", "carla")
            dying(at, after, lambda: None)
            with pytest.raises(Died):
                net.publish(made)
            dying(0, False, lambda: None)
            net.publish(made)
            assert net.root().version == 1
            assert net.space.pinned() == (net.space.repository / "metadata/1.root.json").read_bytes()


def test_a_root_without_any_daily_key_that_stays_is_finished_by_the_same_command(
    tmp_path: Path, dying: Callable[..., Dying]
) -> None:
    """Here nodes wait between the two, and go on with what they knew."""
    for at in (1, 2, 3, 4):
        net = Ceremony(tmp_path / str(at), names=("anna", "ben"), thresholds=roots.Thresholds(1, 1))
        net.enter()
        net.publish(net.signed(net.draft(), "anna"))
        net.admins["carla"] = generate("carla")
        root = roots.first([net.admins["carla"].public], roots.Thresholds(1, 1), NOW)
        root.version = 2
        made = net.signed(net.root_draft(root), "anna", "carla")
        dying(at, True, lambda: None)
        with pytest.raises(Died):
            net.publish(made, by="carla")
        dying(0, False, lambda: None)
        net.publish(made, by="carla")
        assert net.load().sound
        registry = Registry(tmp_path / f"n{at}", net.space.pinned(), [str(net.space.repository)], schemas())
        assert len(asyncio.run(registry.refresh(NOW)).view.members) == 1


KILLED = """
import os, signal, sys
from exchange.cli.main import main
from exchange.registrar import files

write, left = files.write_whole, int(sys.argv[1])

def dying(path, data):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    write(path, data)

files.write_whole = dying
sys.exit(main(sys.argv[2:]))
"""


def network(place: Path) -> Iterator[str]:
    """A registry made by commands alone; gives the draft that is to be published."""
    for name in ("anna", "ben"):
        assert (
            run("registry", "keys", "new", name, "--keys", place / name, "--identity", place / "id").code == 0
        )
    net, key = place / "net", ("--identity", place / "id")
    cards = [part for name in ("anna", "ben") for part in ("--admin", place / name)]
    first = run("registry", "create", net, "--network", "Demo", *cards, "--json").value["draft"]
    for draft in (first, None):
        path = draft or run("registry", "draft", net, "--json").value["draft"]
        for name in ("anna", "ben"):
            ran = run("registry", "sign", path, net, "--keys", place / name, *key, "--yes", "--json")
            assert ran.code == 0, ran.err
        if draft:
            assert run("registry", "publish", path, net, "--keys", place / "anna", *key).code == 0
        yield path


def test_a_real_process_that_is_killed_at_any_write_is_run_again(tmp_path: Path) -> None:
    *_, draft = network(tmp_path)
    net, script = tmp_path / "net", tmp_path / "killed.py"
    script.write_text(KILLED)
    shutil.copytree(net, tmp_path / "before")
    command = ["registry", "publish", draft, str(net), "--keys", str(tmp_path / "anna")]
    command += ["--identity", str(tmp_path / "id"), "--json"]
    killed = 0
    for left in range(DIED):
        shutil.rmtree(net)
        shutil.copytree(tmp_path / "before", net)
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([sys.executable, script, str(left), *command], env=environment, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
        assert run(*command).value["version"] == 1
        assert run("registry", "status", draft, net, "--json").value["published"]
    assert killed == 4
