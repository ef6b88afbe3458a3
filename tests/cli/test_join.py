"""A new member gets from nothing to a registration that an administrator accepts, and overwrites nothing."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.cli import run
from support.process import environment
from support.registry import Office

from exchange import keystore
from exchange.config import load
from exchange.core import registration
from exchange.core.schema import Schemas
from exchange.resources import schema_documents

ANSWERS = {
    "member": "gb-example",
    "name": "Example Hotline",
    "site": "https://hotline.example",
    "mailbox": "own",
    "url": "https://mx.example",
    "mirror": "https://registry.example",
    "identity-file": "identity.txt",
}


def join(directory: Path, *more: str, **changes: str | None) -> tuple[str, ...]:
    """The command that makes a node in `directory`; None leaves an option out."""
    given = ANSWERS | {name.replace("_", "-"): value for name, value in changes.items()}
    options = [part for name, value in given.items() if value is not None for part in (f"--{name}", value)]
    return ("join", *options, "--config", str(directory / "hotline-exchange.toml"), *more)


def test_a_new_member_has_all_that_it_needs(tmp_path: Path) -> None:
    ran = run(*join(tmp_path))
    assert (ran.code, ran.err) == (0, "")
    assert f"hotline-exchange serve --config {tmp_path}/hotline-exchange.toml" in ran.out
    config = load(tmp_path / "hotline-exchange.toml")
    keys = keystore.open(config.data, identity_file=config.identity.file)
    request = (tmp_path / "gb-example.registration.json").read_bytes()
    checked = registration.check(request)
    assert checked.fingerprint in ran.out
    assert Schemas(schema_documents()).problems("member-1", checked.member) == ()
    assert checked.member["mailbox"] == "https://mx.example"
    assert checked.member["status"] == "pending"
    assert {jwk["kid"] for jwk in keys.signing[0].entry} <= checked.kids
    for secret in (config.data / "keys.age", config.data / "exchange.db", tmp_path / "identity.txt"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.data.stat().st_mode) == 0o700


def test_a_member_without_a_port_names_its_host(tmp_path: Path) -> None:
    ran = run(*join(tmp_path, "--json", mailbox="hosted", url="https://host.example/hx"))
    assert ran.code == 0
    assert set(ran.value) == {"member", "config", "request", "fingerprint"}
    written = tomllib.loads((tmp_path / "hotline-exchange.toml").read_text())
    assert written["mailbox"] == {"host": "hosted"}
    member = registration.check(Path(ran.value["request"]).read_bytes()).member
    assert member["card"] == "https://host.example/hx/v1/members/gb-example/card"


def test_what_a_member_says_of_its_people_is_in_the_request(tmp_path: Path) -> None:
    more = ("--language", "de", "--language", "en", "--deputy", "at-example")
    ran = run(*join(tmp_path, *more, office_hours="Mo-Fr 09:00-17:00 +01:00"))
    assert ran.code == 0, ran.err
    member = registration.check((tmp_path / "gb-example.registration.json").read_bytes()).member
    assert (member["languages"], member["deputy"]) == (["de", "en"], "at-example")
    assert member["office_hours"] == "Mo-Fr 09:00-17:00 +01:00"


def test_it_ends_with_what_to_do_next(tmp_path: Path) -> None:
    ran = run(*join(tmp_path, mailbox="hosted"))
    after = ran.out.split("Send ")[1]
    steps = ["read out", "hotline-exchange prove", "root.json", "doctor", "guests", "serve"]
    places = [after.index(step) for step in steps]
    assert places == sorted(places)


ON_A_TERMINAL = [
    ("IWF", "(member-id)"),
    ("gb-example", None),
    ("<b>", "/name"),
    ("Example", None),
    ("example.org", "/site"),
    ("https://a.example", None),
    ("mine", "/mailbox/host"),
    ("hosted", None),
    ("http://mx.example", "/mailbox"),
    ("https://mx.example", None),
    ("https://a:b@c.example", "/registry/mirrors"),
    ("https://registry.example https://second.example", None),
    ("Deutsch", "/languages/0"),
    ("de, en", None),
    ("nine to five!", "/office_hours"),
    ("", None),
    ("nobody", "(member-id)"),
    ("", None),
]


def test_on_a_terminal_each_answer_is_checked_when_it_is_given(tmp_path: Path) -> None:
    """A real terminal: whoever answers wrongly is told so and asked again, and is not made to start anew."""
    ours, theirs = pty.openpty()
    typed = "".join(f"{answer}\n" for answer, _ in ON_A_TERMINAL).encode()
    command = (sys.executable, "-m", "exchange.cli", "join", "--identity-file", "identity.txt")
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        os.write(ours, typed)
        out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err.decode()
    for _, told in ON_A_TERMINAL:
        assert told is None or told in err.decode()
    assert "Made: hotline-exchange.toml" in out.decode()
    member = registration.check((tmp_path / "gb-example.registration.json").read_bytes()).member
    assert member["languages"] == ["de", "en"]
    assert not member.keys() & {"deputy", "office_hours"}
    assert load(tmp_path / "hotline-exchange.toml").registry.mirrors[1] == "https://second.example"


MISTAKES = {
    "a language that is none": ({"language": "Deutsch"}, "/languages/0"),
    "hours that are none": ({"office_hours": "9 to 5!"}, "/office_hours"),
    "a deputy that is none": ({"deputy": "AHT"}, "(member-id)"),
    "a member that is its own deputy": ({"deputy": "gb-example"}, "(deputy)"),
    "a country that is none": ({"member": "uk-example"}, "use GB"),
    "another country than the id's": ({"country": "NL"}, "(member-country)"),
    "a country of other systems": ({"country": "EL"}, "use GR"),
    "no member id": ({"member": "IWF"}, "(member-id)"),
    "no site": ({"site": None}, "--site is missing"),
    "a site that is none": ({"site": "example.org"}, "/site"),
    "a name with markup": ({"name": "<b>"}, "/name"),
    "a mailbox without TLS": ({"url": "http://mx.example"}, "must begin with https://"),
    "a mirror with a password": ({"mirror": "https://a:b@c"}, "registry.mirrors"),
    "neither own nor hosted": ({"mailbox": "mine"}, "(usage)"),
    "no passphrase and no terminal": ({"identity_file": None}, "(passphrase-missing)"),
}


@pytest.mark.parametrize(("changes", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_leaves_nothing_behind(changes: dict[str, str | None], words: str, tmp_path: Path) -> None:
    ran = run(*join(tmp_path, **changes))
    assert (ran.code, words in ran.err) == (2, True), ran.err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert run(*join(tmp_path)).code == 0
    before = (tmp_path / "data/keys.age").read_bytes()
    assert "(exists)" in run(*join(tmp_path)).err
    (tmp_path / "hotline-exchange.toml").unlink()
    (tmp_path / "gb-example.registration.json").unlink()
    ran = run(*join(tmp_path))
    assert (ran.code, "(keystore-exists)" in ran.err) == (2, True)
    assert (tmp_path / "data/keys.age").read_bytes() == before


def findings(ran: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in json.loads(ran)["findings"]:
        found.setdefault(each["check"], set()).add(each["state"])
    return found


def test_the_doctor_finds_a_new_node_well_but_for_the_root_file(tmp_path: Path) -> None:
    run(*join(tmp_path))
    config = str(tmp_path / "hotline-exchange.toml")
    ran = run("doctor", "--offline", "--json", "--config", config)
    states = findings(ran.out)
    assert ran.code == 1
    assert states.pop("registry root") == {"bad"}
    states.pop("disk")
    assert set.union(*states.values()) == {"ok"}
    (tmp_path / "root.json").write_bytes(Office(tmp_path / "office").root)
    assert run("doctor", "--offline", "--config", config).code == 0
    online = run("doctor", "--config", config)
    assert online.code == 1, "the root is no real one"
    assert "-> start it with: hotline-exchange serve" in online.out


HARM = {
    "loose keys": (lambda place: (place / "data/keys.age").chmod(0o640), "keys", "chmod 600"),
    "loose directory": (lambda place: (place / "data").chmod(0o777), "data", "chmod 700"),
    "a lost keystore": (lambda place: (place / "data/keys.age").unlink(), "keys", "restore"),
    "a lost database": (lambda place: (place / "data/exchange.db").unlink(), "database", "join"),
    "a damaged database": (
        lambda place: (place / "data/exchange.db").write_bytes(os.urandom(8192)),
        "database",
        "backup",
    ),
    "a root that is none": (lambda place: (place / "root.json").write_text("{}"), "registry root", "root"),
    "a root that is no JSON": (lambda place: (place / "root.json").write_text("{"), "registry root", "root"),
    "two mistakes in the configuration": (
        lambda place: (place / "hotline-exchange.toml").write_text("a = 1\nb = 2\n"),
        "configuration",
        "mend the file",
    ),
}


@pytest.mark.parametrize(("harm", "check", "hint"), HARM.values(), ids=HARM.keys())
def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(
    harm: object, check: str, hint: str, tmp_path: Path
) -> None:
    run(*join(tmp_path))
    (tmp_path / "root.json").write_bytes(Office(tmp_path / "office").root)
    harm(tmp_path)  # type: ignore[operator]
    config = tmp_path / "hotline-exchange.toml"
    ran = run("doctor", "--offline", "--config", config)
    assert ran.code == 1
    bad = [line for line in ran.out.splitlines() if line.startswith("bad")]
    assert bad
    assert all(line.split()[1].startswith(check.split(maxsplit=1)[0]) for line in bad)
    assert f"-> {hint}" in ran.out or hint in ran.out
    assert "bad" in findings(run("doctor", "--offline", "--json", "--config", config).out)[check]
