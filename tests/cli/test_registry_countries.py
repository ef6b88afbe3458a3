"""On an administrator's files: an answer for every country, whom to invite, and what lint lets pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.cli import run
from support.keys import member
from support.registry import NETWORK, schemas

from exchange.core import countries
from exchange.core.registry_documents import member_to_json, network_to_json
from exchange.core.registry_view import HttpRecord, Member, MemberStatus, SigningRecord
from exchange.registrar import sources

LATER = 4_000_000_000
"""Unix time: keys that outlive these tests, which run by the clock of the machine."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    sources.add(tmp_path / "peers", schemas(), "network", network_to_json(NETWORK))
    return tmp_path


def enter(place: Path, name: str, **changes: object) -> Member:
    one = member(name)
    signing: tuple[SigningRecord, ...] = tuple(replace(row, nbf=1, exp=LATER) for row in one.signing)
    http: tuple[HttpRecord, ...] = tuple(replace(row, nbf=1, exp=LATER) for row in one.http)
    one = replace(one, signing=signing, http=http, **changes)  # type: ignore[arg-type]
    sources.add(place / "peers", schemas(), "member", member_to_json(one))
    return one


def answers(place: Path, country: str) -> list[tuple[str, str, int]]:
    value = json.loads((place / f"peers/countries/{country}.json").read_bytes())
    return [(row["member"], row["basis"], row["rank"]) for row in value["destinations"]]


def test_the_shipped_directory_in_an_empty_registry_lints_clean_but_for_information(place: Path) -> None:
    ran = run("registry", "import", place, "--json")
    assert ran.code == 0
    assert set(ran.value["written"]) == countries.ALL
    assert ran.value["kept"] == []
    assert ran.value["next"] == f"hotline-exchange registry lint {place}"
    looked = run("registry", "lint", place, "--json")
    assert looked.code == 0
    assert {one["severity"] for one in looked.value["findings"]} == {"info"}
    assert (looked.value["error"], looked.value["warning"]) == (0, 0)


def test_import_says_whom_to_invite_and_how_sure_that_is(place: Path) -> None:
    enter(place, "fr-hotline", site="https://www.pointdecontact.net")
    told = run("registry", "import", place, "--json").value
    invited = {one["name"]: one for one in told["not_members"]}
    assert "Point de Contact" not in invited
    assert len(invited) == 53
    netsafe = invited["Netsafe"]
    assert (netsafe["country"], netsafe["confidence"], netsafe["named_by"]) == ("NZ", "confirmed", "S3")
    assert set(netsafe["sources"]) <= set(told["sources"])
    assert len(told["portals"]) == 43
    assert "confirm" in told["warning"]
    assert set(told["territories_to_confirm"]) == {"AW", "BQ", "CK", "CW", "NU", "SX"}
    assert answers(place, "GP") == [("fr-hotline", "territory", 0)]
    assert answers(place, "NO") == []


def test_import_for_people_shows_hotlines_portals_police_and_the_next_command(place: Path) -> None:
    out = run("registry", "import", place).out
    assert "50 countries have 54 hotlines in the directory that are no members yet:" in out
    assert "43 countries have a reporting page" in out
    assert "117 countries have no other way than national police" in out
    assert "Territories whose parent has to be confirmed: AW (NL)" in out
    assert "unverified: Not checked against a page." in out
    assert out.endswith(f"Next: hotline-exchange registry lint {place}\n")


def test_import_never_writes_over_a_country_unless_told_to(place: Path) -> None:
    enter(place, "fr-hotline")
    assert run("registry", "country", place, "NO", "--to", "fr-hotline", "--basis", "police").code == 0
    first = run("registry", "import", place, "--json").value
    assert first["kept"] == ["NO"]
    assert answers(place, "NO") == [("fr-hotline", "police", 0)]
    assert run("registry", "import", place, "--json").value["written"] == []
    again = run("registry", "import", place, "--replace", "--json").value
    assert set(again["written"]) == countries.ALL
    assert answers(place, "NO") == []


def test_import_takes_another_directory_and_refuses_one_that_does_not_hold_together(
    place: Path, tmp_path: Path
) -> None:
    own = json.loads(run("registry", "import", place, "--json").out)
    assert own["written"]
    file = tmp_path / "own.json"
    value = {
        **{"v": 1, "generated": "2026-11-22", "warning": "Ours.", "notes": [], "sources": {}},
        **{"confidence": {}, "fallback": {"police": "police"}, "countries": {}},
    }
    file.write_text(json.dumps(value))
    ran = run("registry", "import", place, "--from", file, "--replace")
    assert ran.code == 0
    assert "0 countries have 0 hotlines" in ran.out
    assert "None." in ran.out
    file.write_text(json.dumps(value | {"countries": {"XK": {"name": "x", "answer": "police"}}}))
    refused = run("registry", "import", place, "--from", file, "--json")
    assert (refused.code, refused.problem["type"]) == (2, "urn:hotline-exchange:directory")
    missing = run("registry", "import", place, "--from", tmp_path / "none.json", "--json")
    assert missing.code == 2


def test_a_country_is_shown_given_ordered_and_taken_away(place: Path) -> None:
    enter(place, "gb-iwf")
    enter(place, "gb-police", kind="police", status=MemberStatus.PENDING)
    assert "registry import" in run("registry", "country", place, "GB").out
    assert "lint" in run("registry", "country", place, "GB", "--to", "gb-iwf").out
    run("registry", "country", place, "GB", "--to", "gb-police", "--rank", "3")
    run("registry", "country", place, "JE", "--to", "gb-iwf")
    assert answers(place, "GB") == [("gb-iwf", "hotline", 0), ("gb-police", "police", 3)]
    assert answers(place, "JE") == [("gb-iwf", "territory", 0)]
    run("registry", "country", place, "GB", "--to", "gb-police", "--basis", "orphan_mandate")
    run("registry", "country", place, "GB", "--to", "gb-iwf", "--rank", "5")
    shown = run("registry", "country", place, "GB", "--json").value
    assert shown["destinations"] == [
        {"member": "gb-police", "status": "pending", "basis": "orphan_mandate", "rank": 3},
        {"member": "gb-iwf", "status": "active", "basis": "hotline", "rank": 5},
    ]
    assert (shown["file"], shown["changed"]) == (True, False)
    run("registry", "country", place, "GB", "--remove", "gb-police")
    gone = run("registry", "country", place, "GB", "--remove", "gb-iwf")
    assert "goes to the operator" in gone.out
    assert answers(place, "GB") == []


REFUSED = {
    "a country as people say it": (("UK", "--to", "gb-iwf"), "country", "use GB"),
    "no country": (("XX",), "country", None),
    "a member that is not there": (("GB", "--to", "gb-nobody"), "member-unknown", "registry review"),
    "no id": (("GB", "--to", "GB/iwf"), "member-id", None),
    "a stranger without a reason": (("NO", "--to", "gb-iwf"), "usage", "--basis orphan_mandate"),
    "a reason for nobody": (("GB", "--basis", "police"), "usage", "--to gb-example"),
    "a rank for nobody": (("GB", "--rank", "1"), "usage", "--to gb-example"),
    "both at once": (("GB", "--to", "gb-iwf", "--remove", "gb-iwf"), "usage", "first one"),
    "nothing to take away": (("GB", "--remove", "gb-iwf"), "destination-unknown", None),
    "a rank out of range": (("GB", "--to", "gb-iwf", "--rank", "1001"), "usage", "--help"),
}


@pytest.mark.parametrize(("given", "code", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_answer_is_refused_at_once_and_nothing_is_written(
    place: Path, given: tuple[str, ...], code: str, hint: str | None
) -> None:
    enter(place, "gb-iwf")
    ran = run("registry", "country", place, *given, "--json")
    assert ran.code == 2
    assert ran.problem["type"] == f"urn:hotline-exchange:{code}"
    assert hint is None or hint in ran.problem["hint"]
    assert not (place / "peers/countries").exists()


def test_lint_fails_on_an_error_and_shows_ten_of_a_kind(place: Path) -> None:
    ran = run("registry", "lint", place)
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0].startswith("error   countries/AD.json  AD has no answer")
    assert lines[10] == "error   ... and 239 more of these; --json has them all (country-missing)"
    assert lines[11] == "Files looked at: 1. Found: error 249, warning 0, info 0."
    said = run("registry", "lint", place, "--json")
    assert said.code == 1
    assert len(said.value["findings"]) == said.value["error"] == 249


def test_lint_passes_with_a_warning_and_names_file_and_field(place: Path) -> None:
    enter(place, "ml-desk")
    enter(place, "ml-asleep", status=MemberStatus.SUSPENDED)
    run("registry", "import", place)
    ran = run("registry", "lint", place)
    assert ran.code == 0
    first = "warning countries/ML.json#/destinations  names ml-asleep, which is suspended"
    assert ran.out.startswith(f"{first} (destination-suspended)\n")
    assert ran.out.endswith(f"Next: hotline-exchange registry draft {place}\n")


@pytest.mark.parametrize("command", [("import",), ("lint",), ("country",)])
def test_a_directory_that_is_no_registry_is_left_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    rest = ("GB",) if command == ("country",) else ()
    ran = run("registry", *command, tmp_path / "nowhere", *rest, "--json")
    assert (ran.code, ran.problem["type"]) == (2, "urn:hotline-exchange:registry-missing")
    assert not (tmp_path / "nowhere").exists()
