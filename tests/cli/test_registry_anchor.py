"""A directory that is handed round is not trusted for what it says of itself: which registry it is, that it
is the present one, that nobody else works in it, and what time it is.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import pytest
from support.cli import Ran, run
from support.terminal import Terminal
from support.workplace import Net, code

from exchange.client.registry_chain import root_fingerprint
from exchange.registrar import anchor, draft
from exchange.registrar.lock import alone

DAY = 86400


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Net:
    made = Net(tmp_path_factory.mktemp("template"))
    made.found()
    return made


@pytest.fixture
def live(template: Net, tmp_path: Path) -> Net:
    shutil.copytree(template.place, tmp_path / "live")
    return Net(tmp_path / "live", names=())


@pytest.fixture
def fake(live: Net) -> Net:
    """Mallory's registry under the same names, where ben's keys are named by their public card."""
    there = Net(live.place / "fake", names=())
    shutil.copytree(live.place / "ben", there.place / "ben")
    shutil.copy(live.place / "id.txt", there.place / "id.txt")
    (there.place / "ben" / anchor.FILE).unlink()
    there.keys("mallory")
    names = ("mallory", "ben")
    there.through(there.create(names=names).value["draft"], *names, by="mallory")
    there.through(there.draft().value["draft"], *names, by="mallory")
    return there


def signing(net: Net, name: str, path: str | Path, *options: str) -> Ran:
    keys = ("--keys", net.place / name, *net.identity)
    return run("registry", "sign", path, net.dir, *keys, *options)


def test_keys_that_signed_the_first_root_sign_for_no_other_registry(live: Net, fake: Net) -> None:
    fake.rename("Renamed")
    path = fake.draft().value["draft"]
    shutil.rmtree(fake.place / "ben")
    shutil.copytree(live.place / "ben", fake.place / "ben")
    keys = ("--keys", fake.place / "ben", *fake.identity)
    for words in (
        ("sign", path, fake.dir, *keys, "--yes"),
        ("sign", path, fake.dir, *keys, "--yes", *fake.paper()),
        ("publish", path, fake.dir, *keys),
        ("renew", fake.dir, *keys),
    ):
        ran = run("registry", *words, "--json")
        assert code(ran) == (1, "registry-other")
        assert "registry pull" in ran.problem["hint"]
    (fake.dir / "root.json").unlink()
    shutil.rmtree(fake.dir / "repository")
    first = fake.dir / "root-1.draft.json"
    assert code(signing(fake, "ben", first, "--yes", "--json")) == (1, "registry-other")


def test_keys_that_do_not_know_the_registry_are_told_by_somebody_who_compares(live: Net) -> None:
    live.rename("Renamed")
    path = live.draft().value["draft"]
    kept = live.place / "carla" / anchor.FILE
    for options in (("--yes",), ("--yes", "--json"), ("--json",)):
        ran = signing(live, "carla", path, *options)
        assert (ran.code, kept.exists()) == (2, False)
        assert "--root-fingerprint is missing" in ran.err
    ran = signing(live, "carla", path, "--yes", "--json", "--root-fingerprint", "0000 0000")
    assert (code(ran), kept.exists()) == ((1, "registry-other"), False)
    said = live.paper()[1].upper().replace(" ", "")
    assert signing(live, "carla", path, "--yes", "--root-fingerprint", said).code == 0
    assert json.loads(kept.read_bytes()).keys() == {"v", "root"}
    assert kept.stat().st_mode & 0o777 == 0o600
    assert run("registry", "renew", live.dir, "--keys", live.place / "carla", *live.identity).code == 0


def test_the_fingerprint_that_was_read_aloud_at_the_founding_will_do_too(live: Net) -> None:
    first = draft.read((live.dir / "root-1.draft.json").read_bytes())
    keys = ("--keys", live.place / "carla", *live.identity)
    said = ("--root-fingerprint", first.fingerprint)
    assert run("registry", "renew", live.dir, *keys, *said).code == 0


@pytest.mark.parametrize(("typed", "left"), [("y\n", 0), ("n\n", 130), ("\n", 130)])
def test_on_a_terminal_the_first_comparison_is_asked(live: Net, typed: str, left: int) -> None:
    with mock.patch("support.cli._Input", return_value=Terminal(typed)):
        ran = run("registry", "renew", live.dir, "--keys", live.place / "carla", *live.identity)
    assert ran.code == left
    assert f"First root of this registry: {live.paper()[1]}" in ran.err
    assert "Is this what you have on paper?" in ran.err
    assert (live.place / "carla" / anchor.FILE).exists() is (left == 0)


def test_who_publishes_the_first_root_without_having_signed_it_compares_it(tmp_path: Path) -> None:
    net = Net(tmp_path)
    path = net.create().value["draft"]
    said = net.sign(path, "anna", "ben").value["fingerprint"]
    keys = ("--keys", net.place / "carla", *net.identity)
    publish = ("registry", "publish", path, net.dir, *keys, "--json")
    assert code(run(*publish)) == (2, "usage")
    assert run(*publish, "--root-fingerprint", said).code == 0
    assert (net.place / "carla" / anchor.FILE).exists()


@pytest.mark.parametrize("text", ["x", "{}", '{"v":2,"root":"' + "0" * 64 + '"}', '{"v":1,"root":"0"}'])
def test_a_damaged_memory_of_the_registry_is_named(live: Net, text: str) -> None:
    (live.place / "anna" / anchor.FILE).write_text(text)
    ran = run("registry", "renew", live.dir, "--keys", live.place / "anna", *live.identity, "--json")
    assert code(ran) == (2, "registry-file")
    assert "rm " in ran.problem["hint"]


def test_everybody_sees_which_registry_a_draft_is_for(live: Net) -> None:
    live.rename("Renamed")
    shown = root_fingerprint((live.dir / "root.json").read_bytes())
    ran = run("registry", "draft", live.dir)
    assert f"Registry:    {shown} (its first root)" in ran.out
    path = live.dir / "targets-2.draft.json"
    assert shown in run("registry", "status", path, live.dir).out
    assert run("registry", "status", path, live.dir, "--json").value["registry"] == shown
    assert "registry pull DIR --mirror URL" in live.publish_shown(path)


def later(days: float) -> AbstractContextManager[object]:
    return mock.patch("time.time", return_value=time.time() + days * DAY)


def test_a_directory_that_was_left_behind_signs_nothing_before_it_is_brought_up_to_date(live: Net) -> None:
    live.rename("Renamed")
    path = live.draft().value["draft"]
    live.sign(path, "anna")
    with later(20):
        assert code(live.draft()) == (1, "registry-stale")
        assert code(live.sign(path, "ben")) == (1, "registry-stale")
        assert code(live.publish(path)) == (1, "registry-stale")
        assert signing(live, "ben", path, "--yes", "--stale").code == 0
        assert run("registry", "draft", live.dir, "-o", live.place / "x.json", "--stale").code == 0
        for typed, left in (("n\n", 130), ("y\n", 0)):
            with mock.patch("support.cli._Input", return_value=Terminal(typed)):
                ran = run("registry", "draft", live.dir, "-o", live.place / "y.json")
            assert ran.code == left
            assert "pull first" in ran.err
        renew = ("registry", "renew", live.dir, "--keys", live.place / "anna", *live.identity)
        assert run(*renew).code == 0
        assert live.publish(path).value["version"] == 2


def test_a_clock_that_is_behind_signs_nothing_that_ends_before_what_is_there(live: Net) -> None:
    live.rename("Renamed")
    path = live.draft().value["draft"]
    live.sign(path, "anna", "ben")
    renew = ("registry", "renew", live.dir, "--keys", live.place / "anna", *live.identity)
    with later(-3):
        ran = run(*renew, "--json")
        assert code(ran) == (1, "clock")
        assert "look at the clock" in ran.problem["hint"]
        assert code(live.publish(path)) == (1, "draft-expiry"), "it would be valid for too long by this clock"
        assert run(*renew, "--clock-is-right").code == 0
    with later(-3.5):
        assert run(*renew).code == 0, "half a day is no wonder"
    with later(4):
        assert run(*renew).code == 0
    assert code(live.publish(path)) == (1, "clock")
    assert run("registry", "publish", path, *renew[2:], "--clock-is-right").code == 0


def test_the_mirror_that_was_named_is_asked_from_then_on(live: Net) -> None:
    mirror = live.place / "mirror"
    shutil.copytree(live.dir / "repository", mirror)
    renew = ("registry", "renew", live.dir, "--keys", live.place / "anna", *live.identity)
    behind = live.place / "behind"
    assert run("registry", "pull", live.dir, "--mirror", mirror).code == 0
    shutil.copytree(live.dir, behind)
    assert run(*renew, "--json").value["warning"] is None
    shutil.rmtree(mirror)
    shutil.copytree(live.dir / "repository", mirror)
    shutil.rmtree(live.dir)
    shutil.copytree(behind, live.dir)
    assert code(run(*renew, "--json")) == (1, "registry-behind")
    live.rename("Renamed")
    path = live.draft().value["draft"]
    live.sign(path, "anna", "ben")
    assert code(live.publish(path)) == (1, "registry-behind")
    assert code(run(*renew, "--mirror", mirror, "--no-mirror", "--json")) == (2, "usage")
    assert run(*renew, "--no-mirror", "--json").value["timestamp"] == 2
    shutil.rmtree(mirror)
    ran = run(*renew)
    assert (ran.code, f"Warning: {mirror} does not answer" in ran.err) == (0, True)
    assert code(run(*renew, "--mirror", mirror, "--json"))[1] == "registry-mirror"
    assert "does not answer" in live.publish(path).value["warning"]
    (live.dir / "mirror.json").write_text("x")
    assert run(*renew, "--json").value["warning"] is None


def test_a_mirror_that_shows_another_list_of_our_version_stops_the_renewal(live: Net) -> None:
    other = live.place / "other"
    shutil.copytree(live.dir, other)
    live.rename("One")
    live.through(live.draft().value["draft"])
    mirror = live.place / "mirror"
    shutil.copytree(live.dir / "repository", mirror)
    shutil.rmtree(live.dir)
    shutil.copytree(other, live.dir)
    live.rename("Another")
    live.through(live.draft().value["draft"])
    renew = ("registry", "renew", live.dir, "--keys", live.place / "anna", *live.identity, "--json")
    assert code(run(*renew, "--mirror", mirror)) == (1, "registry-split")


WRITES: dict[str, tuple[str, ...]] = {
    "import": ("import", "DIR"),
    "country": ("country", "DIR", "DE"),
    "review": ("review", "DIR", "FILE"),
    "activate": ("activate", "DIR", "de-example"),
    "suspend": ("suspend", "DIR", "de-example"),
    "leave": ("leave", "DIR", "de-example"),
    "revoke": ("revoke", "DIR", "de-example", "KID", "--reason", "lost"),
    "min-card": ("min-card", "DIR", "de-example", "2026-01-01T00:00:00Z"),
    "put": ("put", "DIR", "FILE"),
    "draft": ("draft", "DIR"),
    "sign": ("sign", "FILE", "DIR", "--keys", "KEYS", "--yes"),
    "publish": ("publish", "FILE", "DIR", "--keys", "KEYS"),
    "renew": ("renew", "DIR", "--keys", "KEYS"),
    "admin add": ("admin", "add", "DIR", "KEYS"),
    "admin replace": ("admin", "replace", "DIR", "anna", "KEYS"),
    "admin remove": ("admin", "remove", "DIR", "anna"),
    "threshold": ("threshold", "DIR", "--root", "1"),
    "renew-root": ("renew-root", "DIR"),
    "pull": ("pull", "DIR", "--mirror", "DIR"),
}


@pytest.mark.parametrize("words", WRITES.values(), ids=WRITES)
def test_two_commands_do_not_work_in_one_directory(live: Net, words: tuple[str, ...]) -> None:
    places = {"DIR": live.dir, "FILE": live.dir / "targets-1.draft.json", "KEYS": live.place / "anna"}
    with alone(live.dir):
        ran = run("registry", *(places.get(word, word) for word in words), "--json")
    assert code(ran) == (3, "registry-busy")
    assert "another command works in DIR" in ran.problem["detail"]


def test_reading_goes_on_while_a_command_works(live: Net) -> None:
    with alone(live.dir):
        for words in (("status", live.dir / "targets-1.draft.json", live.dir), ("history", live.dir)):
            assert run("registry", *words).code == 0


def hold(path: Path, ready: object, end: object) -> None:
    with alone(path):
        ready.set()  # type: ignore[attr-defined]
        end.wait(60)  # type: ignore[attr-defined]


def test_a_command_that_was_killed_leaves_no_lock(live: Net) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready, end = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(live.dir, ready, end))
    other.start()
    try:
        assert ready.wait(60)
        assert code(live.draft()) == (3, "registry-busy")
    finally:
        other.kill()
        other.join()
    assert live.draft().code == 0


def test_a_link_in_place_of_the_lock_is_not_followed(live: Net) -> None:
    (live.dir / ".lock").unlink(missing_ok=True)
    (live.dir / ".lock").symlink_to(live.place / "victim")
    assert code(live.draft()) == (2, "lock")
    assert not (live.place / "victim").exists()
