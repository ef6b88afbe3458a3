"""The table of statuses is the protocol's, and an outcome says what its status names and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from support.documents import ABSENT, assessment, hosting_claim, outcome_body, outcome_request, rules

from exchange.core.outcome import (
    FIELDS,
    HAND_BACK_REASONS,
    NOT_ILLEGAL_REASONS,
    RULES,
    UNAVAILABLE_REASONS,
    Closes,
    Reason,
    SetBy,
    Status,
    outcome_problems,
    outcome_request_rule_problems,
)

VALUES: dict[str, Any] = {
    "reason": "other",
    "new_hosting": hosting_claim(method="dns"),
    "next_holder": "fr-example",
    "own_case": "NL-77",
    "agency": "nl-police",
    "assessment": assessment(),
    "corrects": "01900000-0000-7000-8000-000000000000",
}
REASONS_OF = {
    Status.DECLINED: HAND_BACK_REASONS,
    Status.RETURNED: HAND_BACK_REASONS,
    Status.UNAVAILABLE: UNAVAILABLE_REASONS,
    Status.NOT_ILLEGAL: NOT_ILLEGAL_REASONS,
    Status.CORRECTION: frozenset(Reason),
}


def found(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in outcome_request_rule_problems(rules(), body, None)]


def test_every_status_has_a_row_and_every_field_a_value_here() -> None:
    assert set(RULES) == set(Status)
    assert VALUES.keys() == FIELDS
    assert all(row.names <= FIELDS and not row.needs & row.may for row in RULES.values())
    assert all(bool(row.reasons) is ("reason" in row.names) for row in RULES.values())


@pytest.mark.parametrize("status", [*Status])
def test_a_status_is_complete_with_what_it_needs(status: Status) -> None:
    assert found(outcome_request(status)) == []
    assert outcome_problems(rules(), outcome_body(status)) == ()


@pytest.mark.parametrize("status", [*Status])
@pytest.mark.parametrize("field", sorted(FIELDS))
def test_a_field_is_needed_allowed_or_refused_as_the_row_says(status: Status, field: str) -> None:
    row = RULES[status]
    with_it = outcome_request(status) | {field: outcome_request(status).get(field, VALUES[field])}
    assert found(with_it) == ([] if field in row.names else [(f"/{field}", "not-allowed")])
    without = found(outcome_request(status, **{field: ABSENT}))
    assert ((f"/{field}", "missing") in without) is (field in row.needs)


@pytest.mark.parametrize("status", sorted(REASONS_OF))
@pytest.mark.parametrize("reason", [*Reason])
def test_a_status_has_reasons_of_its_own(status: Status, reason: Reason) -> None:
    expected = [] if reason in REASONS_OF[status] else [("/reason", "reason-for-status")]
    assert found(outcome_request(status, reason=str(reason))) == expected


def test_the_reasons_are_parted_without_rest_and_only_other_stands_in_two() -> None:
    parts = [UNAVAILABLE_REASONS, NOT_ILLEGAL_REASONS, HAND_BACK_REASONS]
    assert frozenset().union(*parts) == frozenset(Reason)
    assert {Reason.OTHER} == UNAVAILABLE_REASONS & NOT_ILLEGAL_REASONS
    assert not HAND_BACK_REASONS & (UNAVAILABLE_REASONS | NOT_ILLEGAL_REASONS)
    assert [len(part) for part in parts] == [13, 9, 6]


def test_who_sets_what_and_what_it_closes() -> None:
    by_holder = [status for status, row in RULES.items() if row.set_by == {SetBy.HOLDER}]
    assert set(Status) - set(by_holder) == {
        Status.DECLINED,
        Status.DISPUTED,
        Status.REAPPEARED,
        Status.CORRECTION,
    }
    closing = {status: row.closes for status, row in RULES.items() if row.closes is not Closes.NOTHING}
    assert closing == {
        Status.DECLINED: Closes.LEG,
        Status.RETURNED: Closes.LEG,
        Status.REMOVED: Closes.REFERRAL,
        Status.UNAVAILABLE: Closes.REFERRAL,
        Status.NOT_ILLEGAL: Closes.REFERRAL,
        Status.MOVED: Closes.HANDED_ON,
        Status.REAPPEARED: Closes.REOPENS,
    }


@pytest.mark.parametrize("tier", ["baseline", "national", "doubtful", "not_illegal"])
def test_only_reassessed_never_says_baseline(tier: str) -> None:
    wrong = [("/assessment/tier", "not-allowed")] if tier == "baseline" else []
    assert found(outcome_request("reassessed", assessment=assessment(tier=tier))) == wrong
    assert found(outcome_request("disputed", assessment=assessment(tier=tier))) == []


def test_an_outcome_has_the_rules_of_its_parts() -> None:
    claim = {"ip": "10.0.0.1", "country": ABSENT}
    assert found(outcome_request("moved", new_hosting=claim)) == [
        ("/new_hosting/ip", "ip-not-public"),
        ("/new_hosting/country", "missing"),
    ]
    assert found(outcome_request("disputed", assessment=assessment(legal_class=["xarf:Z"]))) == [
        ("/assessment/legal_class/0", "unknown-code")
    ]


def test_rules_look_only_at_what_has_the_right_type() -> None:
    for broken in (None, 1, "x", [], {}, [None], [[]], {"x": []}):
        for status in Status:
            for name in outcome_body(status):
                outcome_problems(rules(), outcome_body(status) | {name: broken})
    assert found({}) == []
