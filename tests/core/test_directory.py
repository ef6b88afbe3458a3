"""The starter directory: every fact keeps its source, and what it says of itself holds together."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.registry import schemas

from exchange.core import countries
from exchange.core.directory import BY_PARENT, Directory, How, read_directory
from exchange.errors import Invalid
from exchange.resources import data_path

SHIPPED = data_path("peers", "directory.json").read_bytes()
EXAMPLE = data_path("schemas", "examples/directory-1/valid/usual.json").read_bytes()


def shipped() -> Directory:
    return read_directory(schemas(), SHIPPED)


def test_the_shipped_directory_speaks_of_every_iso_country_and_of_no_other() -> None:
    assert set(shipped().countries) == countries.ALL
    assert any(note.startswith("XK") for note in shipped().notes)
    assert "confirm" in shipped().warning


def test_every_fact_of_the_shipped_directory_has_a_source_and_a_confidence_that_are_explained() -> None:
    found = shipped()
    facts = [
        fact
        for entry in found.countries.values()
        for fact in (*entry.hotlines, *([entry.portal] if entry.portal else []))
    ]
    assert len(facts) == 54 + 43
    assert all(fact.sources and set(fact.sources) <= set(found.sources) for fact in facts)
    assert {fact.confidence for fact in facts} == set(found.confidence)


def test_every_country_of_the_shipped_directory_says_who_is_asked_first() -> None:
    for entry in shipped().countries.values():
        named = {
            "hotline": entry.hotlines,
            "partner": entry.hotlines,
            "portal": entry.portal,
            "territory": entry.territory and entry.territory.parent,
            "police": entry.fallback,
        }
        assert named[entry.answer], entry.country


def test_every_territory_of_the_shipped_directory_has_a_parent_that_is_no_territory() -> None:
    found = shipped()
    for entry in found.countries.values():
        if entry.territory is not None and entry.territory.how in BY_PARENT:
            assert entry.territory.parent in found.countries
            assert found.parent_of(str(entry.territory.parent)) is None


@pytest.mark.parametrize(
    ("parent", "territories"),
    [
        ("GB", "AI BM FK GG GI GS IM IO JE KY MS PN SH TC VG"),
        ("NL", "AW BQ CW SX"),
        ("NO", "BV SJ"),
        ("CN", ""),
        ("GP", ""),
        ("XK", ""),
    ],
)
def test_a_parent_s_members_answer_for_these_territories(parent: str, territories: str) -> None:
    assert " ".join(shipped().territories_of(parent)) == territories


def test_a_place_with_its_own_police_or_in_dispute_has_no_parent_that_answers() -> None:
    found = shipped()
    for code, how in {"HK": How.OWN_POLICE, "EH": How.DISPUTED, "AQ": How.NONE}.items():
        entry = found.countries[code]
        assert entry.territory is not None
        assert entry.territory.how is how
        assert found.parent_of(code) is None
    assert found.parent_of("ZZ") is None


def test_a_country_is_read_as_it_was_written() -> None:
    norway = shipped().countries["NO"]
    assert (norway.name, norway.answer, norway.hotlines, norway.portal) == ("Norway", "police", (), None)
    assert norway.fallback is not None
    assert "INTERPOL" in norway.fallback
    assert norway.note is not None


Spoil = Callable[[dict[str, Any]], object]
WRONG: dict[str, tuple[Spoil, str, str]] = {
    "a source that nobody listed": (
        lambda file: file["countries"]["ML"]["portal"]["sources"].append("S9"),
        "/countries/ML/portal/sources/1",
        "source-unknown",
    ),
    "a name by a source that nobody listed": (
        lambda file: file["countries"]["FR"]["hotlines"][0].update(named_by="S9"),
        "/countries/FR/hotlines/0/named_by",
        "source-unknown",
    ),
    "a confidence that nobody explained": (
        lambda file: file["countries"]["ML"]["portal"].update(confidence="unverified"),
        "/countries/ML/portal/confidence",
        "confidence-unknown",
    ),
    "a parent that is not there": (
        lambda file: file["countries"]["GP"]["territory"].update(parent="US"),
        "/countries/GP/territory/parent",
        "parent",
    ),
    "a parent that is a territory": (
        lambda file: file["countries"]["NO"].update(territory={"parent": "GP", "how": "portal"}),
        "/countries/NO/territory/parent",
        "parent",
    ),
    "a parent that answers and is not named": (
        lambda file: file["countries"]["GP"]["territory"].pop("parent"),
        "/countries/GP/territory",
        "parent",
    ),
    "another form": (lambda file: file.update(v=2), "/v", "unknown-code"),
}


@pytest.mark.parametrize(("spoil", "pointer", "code"), WRONG.values(), ids=WRONG.keys())
def test_a_directory_that_does_not_hold_together_is_refused_at_its_place(
    spoil: Spoil, pointer: str, code: str
) -> None:
    file = json.loads(EXAMPLE)
    spoil(file)
    with pytest.raises(Invalid) as refused:
        read_directory(schemas(), json.dumps(file).encode(), "own.json")
    assert refused.value.code == "directory"
    assert refused.value.message.startswith("own.json")
    assert [(one.pointer, one.code) for one in refused.value.problems] == [(pointer, code)]


def test_what_is_no_json_is_no_directory() -> None:
    with pytest.raises(Invalid) as refused:
        read_directory(schemas(), b"{")
    assert [one.code for one in refused.value.problems] == ["json-malformed"]
