"""The administrators' commands without a node: from cards to a registry, and the life of its root."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from support.cli import run
from support.terminal import Terminal
from support.workplace import Net, code

from exchange.client.registry_chain import root_fingerprint
from exchange.registrar import files

DAY = 86400


@pytest.fixture
def net(tmp_path: Path) -> Net:
    return Net(tmp_path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Net:
    made = Net(tmp_path_factory.mktemp("template"))
    made.found()
    return made


@pytest.fixture
def live(template: Net, tmp_path: Path) -> Net:
    """A registry with a published list."""
    shutil.copytree(template.place, tmp_path / "live")
    return Net(tmp_path / "live", names=())


def test_from_cards_to_a_registry_that_a_node_reads(net: Net) -> None:
    made = net.create()
    draft = made.value["draft"]
    assert (made.code, draft) == (0, str(net.dir / "root-1.draft.json"))
    assert not (net.dir / "root.json").exists()
    shown = made.value["fingerprint"]
    for count, name in enumerate(("carla", "anna"), start=1):
        said = net.sign(draft, name).value
        assert (said["fingerprint"], said["missing"]) == (shown, 2 - count)
    published = net.publish(draft).value
    assert published["root_fingerprint"] == root_fingerprint((net.dir / "root.json").read_bytes())
    said = net.draft().value
    assert "network: name is Demo" in said["changes"]
    assert net.through(said["draft"], "ben", "carla")["version"] == 1
    assert net.read().view.network.name == "Demo"
    assert net.draft().value["draft"] is None


@pytest.mark.parametrize(
    ("number", "options", "sentences"),
    [
        (1, (), ["root: 1 of 1 sign", "targets: 1 of 1 sign"]),
        (2, (), ["root: 2 of 2 sign", "targets: 2 of 2 sign"]),
        (3, (), ["root: 2 of 3 sign", "targets: 2 of 3 sign"]),
        (3, ("--root-threshold", "3"), ["root: 3 of 3 sign", "targets: 2 of 3 sign"]),
        (5, (), ["root: 3 of 5 sign", "targets: 2 of 5 sign"]),
        (5, ("--root-threshold", "4", "--threshold", "3"), ["root: 4 of 5 sign", "targets: 3 of 5 sign"]),
    ],
)
def test_three_of_five_is_the_default(
    tmp_path: Path, number: int, options: tuple[str, ...], sentences: list[str]
) -> None:
    names = ("anna", "ben", "carla", "dora", "emil")[:number]
    said = Net(tmp_path, names).create(*options, names=names).value
    assert set(sentences) <= set(said["changes"])


def test_a_registry_is_not_made_over_another_or_of_what_is_wrong(net: Net) -> None:
    assert code(net.create("--root-threshold", "4")) == (2, "threshold")
    assert code(run("registry", "create", net.dir, "--network", "", "--admin", net.place / "anna", "--json"))[
        1
    ] == ("registry-file")
    assert code(net.create("--admin", net.place / "anna")) == (2, "admin-twice")
    assert code(net.create("--admin", net.place / "nobody")) == (2, "key-missing")
    assert not net.dir.exists()
    assert net.create().code == 0
    assert code(net.create()) == (2, "exists")


def test_create_that_died_is_said_again(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    real = files.write_whole
    for died_at in (1, 2):
        writes = 0

        def dying(path: Path, data: bytes, died_at: int = died_at) -> None:
            nonlocal writes
            writes += 1
            if writes == died_at:
                raise OSError(28, "No space left on device", str(path))
            real(path, data)

        monkeypatch.setattr(files, "write_whole", dying)
        assert code(net.create()) == (70, "disk")
        monkeypatch.setattr(files, "write_whole", real)
    assert net.create().code == 0


COMMANDS: dict[str, tuple[str, ...]] = {
    "draft": ("draft", "DIR"),
    "sign": ("sign", "FILE", "DIR", "--keys", "KEYS", "--yes"),
    "status": ("status", "FILE", "DIR"),
    "publish": ("publish", "FILE", "DIR", "--keys", "KEYS"),
    "renew": ("renew", "DIR", "--keys", "KEYS"),
    "admin add": ("admin", "add", "DIR", "KEYS"),
    "admin replace": ("admin", "replace", "DIR", "anna", "KEYS"),
    "admin remove": ("admin", "remove", "DIR", "anna"),
    "threshold": ("threshold", "DIR", "--root", "1"),
    "renew-root": ("renew-root", "DIR"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_no_command_makes_a_registry_of_a_directory_that_is_none(
    template: Net, tmp_path: Path, words: tuple[str, ...]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    places = {"DIR": empty, "FILE": template.dir / "root-1.draft.json", "KEYS": template.place / "anna"}
    ran = run("registry", *(places.get(word, word) for word in words), "--json")
    assert code(ran) == (2, "registry-missing")
    assert "registry create" in ran.problem["hint"]
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("words", [words for words in COMMANDS.values() if "FILE" not in words])
def test_before_the_first_root_there_is_nothing_to_draft(net: Net, words: tuple[str, ...]) -> None:
    net.create()
    places = {"DIR": net.dir, "KEYS": net.place / "anna"}
    identity = net.identity if "KEYS" in words else ()
    ran = run("registry", *(places.get(word, word) for word in words), *identity, "--json")
    assert code(ran) in {(2, "root-missing"), (2, "usage")}
    if words[0] in ("draft", "renew"):
        way = f"hotline-exchange registry status {net.dir / 'root-1.draft.json'} {net.dir}"
        assert way in ran.problem["hint"]
        assert run(*way.split()[1:]).code == 0


def test_signing_asks_and_without_a_terminal_names_the_option(live: Net) -> None:
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    before = Path(draft).read_bytes()
    ran = run("registry", "sign", draft, live.dir, "--keys", live.place / "anna", *live.identity)
    assert ran.code == 2
    assert "network: name Demo -> Renamed" in ran.out
    assert "Signed for the list of files: 0 of 2 (nobody yet)" in ran.out
    assert "--yes is missing" in ran.err
    assert Path(draft).read_bytes() == before


def test_signing_twice_is_harmless_and_said(live: Net) -> None:
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    assert live.sign(draft, "anna").value["missing"] == 1
    before = Path(draft).read_bytes()
    ran = run("registry", "sign", draft, live.dir, "--keys", live.place / "anna", *live.identity, "--yes")
    assert ran.code == 0
    assert "anna has signed this already." in ran.out
    assert Path(draft).read_bytes() == before


def test_copies_signed_in_parallel_are_published_together(live: Net) -> None:
    live.rename("Renamed")
    draft = Path(live.draft().value["draft"])
    copies = [live.place / f"{name}.json" for name in ("anna", "ben")]
    for name, copy in zip(("anna", "ben"), copies, strict=True):
        shutil.copy(draft, copy)
        live.sign(copy, name)
    assert code(live.publish(copies[0])) == (2, "signers")
    status = run("registry", "status", *copies, live.dir)
    assert "Signed for the list of files: 2 of 2 (anna, ben)" in status.out
    assert f"registry publish {copies[0]} {copies[1]} {live.dir}" in status.out
    assert live.publish(*copies).value["version"] == 2
    assert "published already" in run("registry", "status", copies[0], live.dir).out
    assert live.read().view.network.name == "Renamed"


def test_anyone_checks_a_draft_without_a_key(live: Net) -> None:
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    said = run("registry", "status", draft, live.dir, "--json").value
    assert (said["kind"], said["version"], said["missing"], said["published"]) == ("targets", 2, 2, False)
    value = json.loads(Path(draft).read_bytes())
    value["files"]["network.json"] = "e30"
    Path(draft).write_text(json.dumps(value))
    assert code(run("registry", "status", draft, live.dir, "--json")) == (1, "draft-file")
    Path(draft).write_text("x")
    assert code(run("registry", "status", draft, live.dir, "--json")) == (1, "draft-form")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("DRAFT",), "usage"),
        (("DIR",), "usage"),
        (("DIR", "DRAFT"), "usage"),
        (("DRAFT", "DIR", "DIR"), "usage"),
        (("nowhere.json", "DIR"), "draft-missing"),
    ],
)
def test_what_is_named_wrongly_is_told(live: Net, words: tuple[str, ...], wanted: str) -> None:
    places = {"DRAFT": live.dir / "targets-1.draft.json", "DIR": live.dir}
    ran = run("registry", "status", *(places.get(word, word) for word in words), "--json")
    assert code(ran) == (2, wanted)


def test_a_draft_that_somebody_signed_is_not_written_over(live: Net) -> None:
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    assert live.draft().code == 0
    live.sign(draft, "anna")
    assert code(live.draft()) == (2, "exists")
    other = live.place / "other.json"
    assert live.draft("draft", live.dir, "-o", other).value["draft"] == str(other)


def test_a_draft_that_says_otherwise_is_not_lost_unseen(live: Net) -> None:
    """Two changes of the root, one after the other: the second would have been without the first."""
    path = live.draft("admin", "replace", live.dir, "carla", live.keys("carla", "fresh")).value["draft"]
    first = Path(path).read_bytes()
    again = ("admin", "add", live.dir, live.keys("dora"))
    refused = live.draft(*again)
    assert code(refused) == (2, "exists")
    assert "--force" in refused.problem["hint"]
    assert Path(path).read_bytes() == first
    assert live.draft(*again, "--force").code == 0
    assert Path(path).read_bytes() != first
    live.rename("Renamed")
    assert live.draft().code == live.draft().code == 0
    live.rename("Renamed again")
    assert code(live.draft()) == (2, "exists")
    assert live.draft("draft", live.dir, "--force").code == 0


@pytest.mark.parametrize(
    "words",
    [("admin", "replace", "DIR", "anna", "KEYS"), ("threshold", "DIR", "--root", "2", "--targets", "2")],
)
def test_a_root_that_changes_nothing_is_not_drafted(live: Net, words: tuple[str, ...]) -> None:
    places = {"DIR": live.dir, "KEYS": live.place / "anna"}
    assert code(live.draft(*(places.get(word, word) for word in words))) == (2, "unchanged")
    assert not (live.dir / "root-2.draft.json").exists()


def test_the_last_day_of_the_list_is_shown_before_anybody_signs(live: Net) -> None:
    live.rename("Renamed")
    ran = run("registry", "draft", live.dir)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 120 * DAY))
    assert f"The list of files is valid until {day}." in ran.out
    draft = live.dir / "targets-2.draft.json"
    status = run("registry", "status", draft, live.dir)
    assert f"The list of files is valid until {day}." in status.out
    told = run("registry", "status", draft, live.dir, "--json").value
    assert told["list_expires"].startswith(day)
    later = time.time() + 31 * DAY
    with mock.patch("time.time", return_value=later):
        ran = run("registry", "status", draft, live.dir, "--json")
    assert code(ran) == (1, "draft-expiry")


def test_whom_the_root_does_not_name_signs_and_publishes_nothing(live: Net) -> None:
    live.keys("mallory")
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    assert code(live.sign(draft, "mallory")) == (1, "not-an-administrator")
    live.sign(draft, "anna", "carla")
    assert code(live.publish(draft, by="mallory")) == (1, "daily-key")
    assert live.read().view.network.name == "Demo"


def test_a_lost_key_is_replaced_and_the_old_one_signs_nothing(live: Net) -> None:
    fresh = live.keys("carla", "fresh")
    drafted = live.draft("admin", "replace", live.dir, "carla", fresh).value
    assert drafted["draft"] == str(live.dir / "root-2.draft.json")
    live.through(drafted["draft"])
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    assert code(live.sign(draft, "carla")) == (1, "not-an-administrator")
    live.through(draft, "fresh", "ben", by="fresh")
    assert live.read().view.network.name == "Renamed"


def test_administrators_come_and_go_and_thresholds_follow(live: Net) -> None:
    more = [live.keys("dora"), live.keys("emil")]
    said = live.draft("admin", "add", live.dir, *more).value
    assert "root: 2 of 3 sign -> 2 of 5" in said["changes"]
    live.through(said["draft"])
    live.through(live.draft("threshold", live.dir, "--root", "3").value["draft"], "anna", "ben", "dora")
    assert code(live.draft("threshold", live.dir)) == (2, "usage")
    assert code(live.draft("threshold", live.dir, "--targets", "6")) == (2, "threshold")
    gone = live.draft("admin", "remove", live.dir, "anna").value
    assert any("signed again" in sentence for sentence in gone["changes"])
    assert (
        code(live.publish(live.sign(gone["draft"], "ben", "carla").value["draft"], by="ben"))[1] == "signers"
    )
    live.through(gone["draft"], "dora", by="ben")
    assert code(live.draft("admin", "remove", live.dir, "anna")) == (2, "admin-unknown")
    live.through(live.draft("renew-root", live.dir).value["draft"], "ben", "carla", "dora", by="ben")
    assert live.read().view.network.name == "Demo"
    ran = run("registry", "renew", live.dir, "--keys", live.place / "anna", *live.identity, "--json")
    assert code(ran) == (1, "daily-key")


def test_a_root_that_comes_close_to_a_lock_out_says_so(live: Net) -> None:
    ran = run("registry", "threshold", live.dir, "--root", "3", "--targets", "1")
    assert "Note: root: all 3 have to sign: one lost key cannot be replaced any more" in ran.out
    assert "Note: targets: one administrator alone can change it" in ran.out


def test_one_administrator_renews_and_hears_what_else_expires(
    live: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("registry", "renew", live.dir, "--keys", live.place / "carla", *live.identity, *live.paper())
    said = run(*command, "--json").value
    assert said["timestamp"] == 2
    assert [(life["what"], life["stage"]) for life in said["lives"]] == [
        ("root", None),
        ("targets", None),
        ("snapshot", None),
        ("timestamp", None),
    ]
    later = time.time() + 100 * DAY
    monkeypatch.setattr(time, "time", lambda: later)
    ran = run(*command)
    assert "Renewed: version 3 of the timestamp." in ran.out
    assert "Warning: targets: less than a third of its life is left: hotline-exchange registry" in ran.out
    said = live.draft().value
    assert said["changes"][0].startswith("no file changes: the list is renewed until ")
    live.through(said["draft"])
    assert live.read(later).view.network.name == "Demo"


def test_whoever_is_behind_the_mirror_pulls_first(live: Net) -> None:
    mirror = live.place / "mirror"
    renew = ("registry", "renew", live.dir, "--keys", live.place / "ben", *live.identity, "--mirror", mirror)
    shutil.copytree(live.dir / "repository", mirror)
    behind = live.place / "behind"
    shutil.copytree(live.dir, behind)
    assert run(*renew, "--json").value["timestamp"] == 2
    shutil.rmtree(mirror)
    shutil.copytree(live.dir / "repository", mirror)
    shutil.rmtree(live.dir)
    shutil.copytree(behind, live.dir)
    ran = run(*renew, "--json")
    assert code(ran) == (1, "registry-behind")
    assert "pull first" in ran.problem["detail"]
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    live.sign(draft, "anna", "ben")
    publish = ("registry", "publish", draft, *renew[2:], "--json")
    assert code(run(*publish)) == (1, "registry-behind")
    assert run("registry", "pull", live.dir, "--mirror", mirror, "--json").code == 0
    assert run(*publish).value["version"] == 2
    shutil.rmtree(mirror)
    assert code(run(*renew, "--json"))[1] == "registry-mirror"


def test_local_changes_are_named_and_kept(live: Net) -> None:
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    live.sign(draft, "anna", "ben")
    live.rename("Mine")
    assert code(live.publish(draft)) == (2, "local-changes")
    live.rename("Renamed")
    country = live.dir / "peers/countries/DE.json"
    country.parent.mkdir(exist_ok=True)
    country.write_text(json.dumps({"v": 1, "country": "DE", "destinations": []}))
    assert live.publish(draft).value["kept"] == ["countries/DE.json"]
    assert (
        "countries/DE.json"
        in run(*("registry", "publish", draft, live.dir, "--keys", live.place / "anna", *live.identity)).out
    )


def spoil(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def act(place: Path) -> None:
        (place / name).write_bytes(change((place / name).read_bytes()))

    return act


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        (spoil("root.json", lambda data: b"{}"), "registry-damaged"),
        (spoil("peers/network.json", lambda data: b"{}"), "registry-sources"),
        (spoil("repository/metadata/timestamp.json", lambda data: b"{}"), "registry-damaged"),
    ],
)
def test_what_is_damaged_is_named_without_a_traceback(
    live: Net, damage: Callable[[Path], None], wanted: str
) -> None:
    damage(live.dir)
    assert code(live.draft()) == (2, wanted)


@pytest.mark.parametrize(("typed", "left", "missing"), [("y\n", 0, 1), ("n\n", 130, 2), ("\n", 130, 2)])
def test_on_a_terminal_signing_is_asked_once_all_is_shown(
    live: Net, typed: str, left: int, missing: int
) -> None:
    live.rename("Renamed")
    draft = live.draft().value["draft"]
    with mock.patch("support.cli._Input", return_value=Terminal(typed)):
        ran = run("registry", "sign", draft, live.dir, "--keys", live.place / "anna", *live.identity)
    assert ran.code == left
    assert "network: name Demo -> Renamed" in ran.out
    assert "Is the fingerprint what the others have, and do you sign this?" in ran.err
    assert run("registry", "status", draft, live.dir, "--json").value["missing"] == missing


def test_what_is_published_or_unchanged_needs_nobody(live: Net) -> None:
    draft = live.dir / "targets-1.draft.json"
    keys = ("--keys", live.place / "anna", *live.identity)
    assert "Nothing has changed" in run("registry", "draft", live.dir).out
    for words in (("sign", draft, live.dir, *keys), ("status", draft, live.dir)):
        assert "This version is published already." in run("registry", *words).out
    assert "nothing was left to do" in run("registry", "publish", draft, live.dir, *keys).out


def test_people_read_where_the_draft_goes_next(live: Net) -> None:
    live.rename("Renamed")
    ran = run("registry", "draft", live.dir)
    draft = live.dir / "targets-2.draft.json"
    assert f"Wrote {draft}. It goes from one to the next until enough have signed:" in ran.out
    keys = ("--keys", live.place / "ben", *live.identity)
    ran = run("registry", "sign", draft, live.dir, *keys, "--yes")
    command = "Next: hotline-exchange registry"
    assert f"Missing: 1. {command} sign {draft} {live.dir} --keys KEYS\n" in ran.out
    ran = run("registry", "sign", draft, live.dir, "--keys", live.place / "anna", *live.identity, "--yes")
    assert f"Enough have signed. {command} publish {draft} {live.dir} --keys KEYS\n" in ran.out
    ran = run("registry", "publish", draft, live.dir, *keys)
    assert "Published version 2 of the list of files." in ran.out


def test_the_first_roots_fingerprint_is_read_aloud(net: Net) -> None:
    draft = net.create().value["draft"]
    net.sign(draft, "anna", "ben")
    ran = run("registry", "publish", draft, net.dir, "--keys", net.place / "anna", *net.identity)
    assert f"  {root_fingerprint((net.dir / 'root.json').read_bytes())}" in ran.out.splitlines()
