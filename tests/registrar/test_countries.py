"""Countries get their answers from the directory once; what administrators wrote stays as they wrote it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.keys import member
from support.registry import schemas

from exchange.core import countries as iso
from exchange.core.names import MemberId
from exchange.core.registry_documents import member_to_json
from exchange.core.registry_view import Basis, Destination, Member, MemberStatus
from exchange.errors import Invalid
from exchange.registrar import countries, sources


def enter(peers: Path, one: Member) -> dict[str, Any]:
    value = member_to_json(one)
    sources.add(peers, schemas(), "member", value)
    return value


def police(name: str) -> Member:
    return replace(member(name), kind="police")


def rows(peers: Path, country: str) -> list[tuple[str, str, int]] | None:
    found = countries.destinations(peers, schemas(), country)
    return None if found is None else [(row.member, row.basis.value, row.rank) for row in found]


def test_a_new_hotline_answers_for_its_country_and_its_territories(tmp_path: Path) -> None:
    countries.assign(tmp_path, schemas(), enter(tmp_path, member("gb-iwf")))
    assert rows(tmp_path, "GB") == [("gb-iwf", "hotline", 0)]
    assert rows(tmp_path, "JE") == rows(tmp_path, "AI") == [("gb-iwf", "territory", 0)]
    assert rows(tmp_path, "FR") is None
    assert len(list((tmp_path / "countries").iterdir())) == 16


def test_a_police_desk_never_stands_beside_a_hotline(tmp_path: Path) -> None:
    for one in (police("gb-police"), member("gb-iwf")):
        countries.assign(tmp_path, schemas(), enter(tmp_path, one))
    assert rows(tmp_path, "GB") == [("gb-police", "police", 0), ("gb-iwf", "hotline", 0)]
    assert rows(tmp_path, "JE") == [("gb-police", "police", 0), ("gb-iwf", "territory", 0)]


def test_a_place_with_its_own_police_is_not_its_parent_s(tmp_path: Path) -> None:
    countries.assign(tmp_path, schemas(), enter(tmp_path, member("cn-hotline")))
    assert rows(tmp_path, "HK") is None


def test_assigning_twice_changes_nothing_and_what_administrators_wrote_stays(tmp_path: Path) -> None:
    value = enter(tmp_path, member("gb-iwf"))
    enter(tmp_path, member("je-desk"))
    countries.put(tmp_path, schemas(), "GB", Destination(MemberId("gb-iwf"), Basis.ORPHAN_MANDATE, 7))
    countries.put(tmp_path, schemas(), "JE", Destination(MemberId("je-desk"), Basis.HOTLINE, 3))
    for _ in range(2):
        countries.assign(tmp_path, schemas(), value)
    assert rows(tmp_path, "GB") == [("gb-iwf", "orphan_mandate", 7)]
    assert rows(tmp_path, "JE") == [("gb-iwf", "territory", 0), ("je-desk", "hotline", 3)]


def test_the_first_draft_answers_for_every_country_even_if_the_answer_is_nobody(tmp_path: Path) -> None:
    enter(tmp_path, member("fr-hotline"))
    enter(tmp_path, replace(member("nl-gone"), status=MemberStatus.LEFT))
    done = countries.draft_all(tmp_path, schemas(), countries.shipped(schemas()))
    assert set(done.written) == iso.ALL
    assert done.kept == ()
    named = {code: rows(tmp_path, code) for code in sorted(iso.ALL)}
    assert {code for code, found in named.items() if found} == {
        "FR",
        *countries.shipped(schemas()).territories_of("FR"),
    }
    assert named["FR"] == [("fr-hotline", "hotline", 0)]
    assert named["GP"] == [("fr-hotline", "territory", 0)]
    assert named["NL"] == []


def test_a_country_that_has_its_file_is_kept_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    directory = countries.shipped(schemas())
    enter(tmp_path, member("fr-hotline"))
    countries.put(tmp_path, schemas(), "NL", Destination(MemberId("fr-hotline"), Basis.ORPHAN_MANDATE, 0))
    done = countries.draft_all(tmp_path, schemas(), directory)
    assert done.kept == ("NL",)
    assert len(done.written) == len(iso.ALL) - 1
    assert rows(tmp_path, "NL") == [("fr-hotline", "orphan_mandate", 0)]
    again = countries.draft_all(tmp_path, schemas(), directory, replace=True)
    assert set(again.written) == iso.ALL
    assert rows(tmp_path, "NL") == []


def test_a_country_is_given_to_a_member_that_is_there_and_taken_away_again(tmp_path: Path) -> None:
    enter(tmp_path, member("fr-hotline"))
    countries.put(tmp_path, schemas(), "NL", Destination(MemberId("fr-hotline"), Basis.POLICE, 2))
    countries.put(tmp_path, schemas(), "NL", Destination(MemberId("fr-hotline"), Basis.TERRITORY, 1))
    assert rows(tmp_path, "NL") == [("fr-hotline", "territory", 1)]
    countries.remove(tmp_path, schemas(), "NL", MemberId("fr-hotline"))
    assert rows(tmp_path, "NL") == []
    with pytest.raises(Invalid) as refused:
        countries.remove(tmp_path, schemas(), "NL", MemberId("fr-hotline"))
    assert refused.value.code == "destination-unknown"
    with pytest.raises(Invalid) as refused:
        countries.put(tmp_path, schemas(), "NL", Destination(MemberId("fr-stranger"), Basis.HOTLINE, 0))
    assert refused.value.code == "member-unknown"
    assert rows(tmp_path, "NL") == []
