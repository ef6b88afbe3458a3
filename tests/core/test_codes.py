"""Codes of other systems: exactly the published numbers, both ways, and nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from exchange import resources
from exchange.core.codes import CodeTable
from exchange.errors import Broken, Invalid

COMMON = resources.schema_documents()["common-1"]["$defs"]
VOCABULARIES = resources.vocabularies()


def table(system: str) -> CodeTable:
    data = resources.code_tables()[system]
    return CodeTable.of(data["system"], data["codes"], data["without"])


ICCAM = table("iccam")
XARF = table("xarf")

PUBLISHED: list[tuple[str, list[int]]] = [
    ("resource.site_kind", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 18, 20, 22, 23, 24]),
    ("resource.commercial", [1, 2, 3]),
    ("resource.payment_methods", list(range(1, 14))),
    ("assessment.age_band", [1, 2, 3, 4]),
    ("assessment.gender", [1, 2, 3, 4]),
]


def values_of(field: str) -> list[str]:
    if field in ("status", "reason"):
        return list(COMMON[field]["enum"])
    part, _, name = field.partition(".")
    schema = COMMON[part]["properties"][name]
    return list(schema.get("items", schema)["enum"])


@pytest.mark.parametrize(("field", "codes"), PUBLISHED)
def test_codes_in_the_order_of_the_values(field: str, codes: list[int]) -> None:
    assert [ICCAM.theirs(field, value) for value in values_of(field)] == codes


@pytest.mark.parametrize(
    ("field", "ours", "theirs"),
    [
        ("resource.kind", "image", 0),
        ("resource.kind", "video", 1),
        ("resource.kind", "text", 5),
        ("resource.kind", "link", 2),
        ("resource.kind", "container", 3),
        ("resource.kind", "other", 4),
        ("assessment.tier", "baseline", 1),
        ("assessment.tier", "national", 2),
        ("assessment.tier", "doubtful", 3),
        ("assessment.tier", "not_illegal", 4),
        ("assessment.virtual", "no", 0),
        ("assessment.self_produced", "yes", 1),
        ("assessment.posing", "yes", 1),
        ("status", "police_informed", 1),
        ("status", "provider_notified", 2),
        ("status", "removed", 3),
        ("status", "unavailable", 4),
        ("status", "not_illegal", 6),
        ("reason", "other", 1),
        ("reason", "site_down_or_404", 9),
        ("reason", "age_over_national_threshold", 21),
    ],
)
def test_single_codes(field: str, ours: str, theirs: int) -> None:
    assert ICCAM.theirs(field, ours) == theirs
    assert ICCAM.ours(field, theirs) == ours


@pytest.mark.parametrize("field", sorted(ICCAM.ours_to_theirs))
def test_every_value_has_a_code_or_is_listed_as_having_none(field: str) -> None:
    mapped = ICCAM.ours_to_theirs[field].keys()
    without = ICCAM.without.get(field, frozenset())
    assert mapped | without == set(values_of(field))
    assert not mapped & without


@pytest.mark.parametrize("codes", [ICCAM, XARF], ids=["iccam", "xarf"])
def test_there_and_back(codes: CodeTable) -> None:
    for field, pairs in codes.ours_to_theirs.items():
        for ours, theirs in pairs.items():
            assert codes.ours(field, codes.theirs(field, ours)) == ours
            assert codes.theirs(field, codes.ours(field, theirs)) == theirs


def test_xarf_classes_are_those_of_the_vocabulary() -> None:
    listed = {f"xarf:{code}" for code in VOCABULARIES["xarf"]["codes"]}
    assert XARF.ours_to_theirs["assessment.legal_class"].keys() == listed


UNMAPPED: list[tuple[str, str]] = [
    ("assessment.tier", "unassessed"),
    ("resource.kind", "page"),
    ("resource.kind", "undetermined"),
    ("assessment.virtual", "undetermined"),
    ("reason", "stale"),
    ("status", "moved"),
    ("assessment.tier", "gravest"),
    ("no.such.field", "x"),
]


@pytest.mark.parametrize(("field", "ours"), UNMAPPED)
def test_what_has_no_code_is_refused_and_never_becomes_another(field: str, ours: str) -> None:
    with pytest.raises(Invalid) as caught:
        ICCAM.theirs(field, ours)
    assert caught.value.code == "code-unmapped"
    assert caught.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("field", "theirs"),
    [
        ("assessment.tier", 0),
        ("assessment.tier", 5),
        ("assessment.tier", "1"),
        ("assessment.virtual", True),
        ("status", 5),
        ("nothing", 1),
    ],
)
def test_a_foreign_code_that_is_not_known_is_refused(field: str, theirs: Any) -> None:
    with pytest.raises(Invalid) as caught:
        ICCAM.ours(field, theirs)
    assert caught.value.code == "code-unmapped"


@pytest.mark.parametrize(
    ("codes", "without"),
    [({"f": {"a": 1, "b": 1}}, {}), ({"f": {"a": 1}}, {"f": ["a"]})],
    ids=["a number twice", "a value with and without"],
)
def test_a_table_that_is_not_one_to_one_stops_the_program(codes: Any, without: Any) -> None:
    with pytest.raises(Broken):
        CodeTable.of("planted", codes, without)
