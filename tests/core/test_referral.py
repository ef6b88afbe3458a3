"""Rules of a referral; most are examples under schemas/examples, here are the borders."""

from __future__ import annotations

from typing import Any

import pytest
from support.documents import ABSENT, NOW, ONION_URL, document_id, hosting_claim, referral_body, rules

from exchange.core.limits import CLOCK_SKEW_SECONDS
from exchange.core.referral import referral_problems, submission_rule_problems
from exchange.core.rules import EARLIEST, LATEST, Rules
from exchange.core.times import format_time


def found(body: dict[str, Any], table: Rules | None = None) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in referral_problems(table or rules(), body)]


ALLOWED = [
    {"times": {"reported_at": format_time(NOW + CLOCK_SKEW_SECONDS)}},
    {"times": {"reported_at": format_time(EARLIEST)}},
    {"handling": {"retain_until": format_time(LATEST)}},
    {
        "handling": {
            "acknowledge_by": format_time(NOW),
            "answer_by": format_time(NOW),
            "retain_until": format_time(NOW),
        }
    },
    {"handling": {"answer_by": format_time(NOW), "hold_until": format_time(NOW - 1)}},
    {"handling": {"acknowledge_by": format_time(NOW - 86400)}},
    {"handling": {"priority": "elevated", "priority_reason": "repeat_host"}},
    {"handling": {"priority": "urgent"}},
    {"resource": {"payment_methods": ["none"], "commercial": "non_commercial"}},
    {"resource": {"payment_methods": ["undetermined"], "commercial": "non_commercial"}},
    {"resource": {"payment_methods": ["paypal", "sms"], "commercial": "undetermined"}},
    {"resource": {"url": ONION_URL}, "hosting": []},
    {"resource": {"url": "http://[::ffff:192.0.2.17]/"}},
    {"hosting": [hosting_claim(ip=ABSENT)]},
    {
        "hosting": [
            hosting_claim(ip="198.51.100.2", method="dns"),
            hosting_claim(method="analyst", country="DE"),
        ]
    },
    {"hosting": [hosting_claim(source_date="2026-01-01")]},
    {"assessment": {"tier": "unassessed", "basis": ABSENT, "assessed_at": ABSENT, "legal_class": ABSENT}},
    {"assessment": {"legal_class": ["xarf:A1", "xarf:A2", "xarf:B1", "xarf:B2"]}},
    {"routing": {"basis": "returned", "previous_holders": ["nl-example"]}},
    {"routing": {"basis": "hotline", "previous_holders": ["fr-example"]}},
    {"supersedes": document_id(2)},
]

REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    (
        {"times": {"reported_at": format_time(NOW + CLOCK_SKEW_SECONDS + 1)}},
        [("/times/reported_at", "time-order")],
    ),
    ({"times": {"reported_at": format_time(EARLIEST - 1)}}, [("/times/reported_at", "time-absurd")]),
    ({"handling": {"retain_until": format_time(LATEST + 1)}}, [("/handling/retain_until", "time-absurd")]),
    ({"created_at": "2026-13-01T00:00:00Z"}, [("/created_at", "time")]),
    (
        {"handling": {"acknowledge_by": format_time(NOW + 9), "retain_until": format_time(NOW + 8)}},
        [("/handling/retain_until", "time-order")],
    ),
    (
        {"handling": {"priority": ABSENT, "priority_reason": "newly_seen"}},
        [("/handling/priority_reason", "not-allowed")],
    ),
    (
        {"resource": {"payment_methods": ["undetermined", "paypal"], "commercial": "non_commercial"}},
        [("/resource/payment_methods", "contradiction")] * 2,
    ),
    ({"resource": {"url": ONION_URL}}, [("/hosting/0/method", "claim-method")]),
    ({"resource": {"url": "http://files.example.com/"}}, [("/hosting/0/method", "claim-method")]),
    ({"hosting": [hosting_claim(source_date="2026-01-03")]}, [("/hosting/0/source_date", "time-order")]),
    (
        {"hosting": [hosting_claim(observed_at=format_time(NOW + 61))]},
        [("/hosting/0/observed_at", "time-order")],
    ),
    (
        {"assessment": {"tier": "unassessed", "age_band": "undetermined"}},
        [
            (f"/assessment/{name}", "not-allowed")
            for name in ("legal_class", "age_band", "basis", "assessed_at")
        ],
    ),
    (
        {"assessment": {"basis": ABSENT, "assessed_at": ABSENT}},
        [("/assessment/basis", "missing"), ("/assessment/assessed_at", "missing")],
    ),
    (
        {"assessment": {"legal_class": ["xarf:A1", "xarf:a1"]}},
        [("/assessment/legal_class/1", "unknown-code")],
    ),
    ({"routing": {"basis": "returned"}}, [("/routing/previous_holders", "missing")]),
    ({"routing": {"basis": "hotline", "previous_holders": ["nl-example"]}}, [("/recipient", "in-chain")]),
]


@pytest.mark.parametrize("changes", ALLOWED)
def test_allowed(changes: dict[str, Any]) -> None:
    assert found(referral_body(**changes)) == []


@pytest.mark.parametrize(("changes", "problems"), REFUSED)
def test_refused(changes: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    assert found(referral_body(**changes)) == problems


def test_the_sentence_names_the_field_and_carries_the_hint() -> None:
    body = referral_body()
    body["hosting"][0]["ip"] = "::ffff:c000:211"
    told = [problem.message for problem in referral_problems(rules(), body)]
    assert told[0] == "hosting.0.ip: an IPv4 address written as IPv6 (write the IPv4 address)"


def test_a_vocabulary_that_is_not_there_is_refused_whatever_its_codes() -> None:
    assert found(referral_body(), Rules({})) == [("/assessment/legal_class/0", "unknown-vocabulary")]


def test_an_old_submission_becomes_a_referral_all_the_same() -> None:
    """It waited as unroutable: its deadlines may have passed, and what was seen is older by then."""
    month_later = NOW + 30 * 86400
    body = referral_body(now=month_later, handling={"acknowledge_by": format_time(NOW + 86400)})
    assert found(body) == []
    assert submission_rule_problems(rules(), body, month_later) == ()


def test_rules_look_only_at_what_has_the_right_type() -> None:
    for broken in (None, 1, "x", [], {}, [None], [[]], {"x": []}):
        for name in referral_body():
            referral_problems(rules(), referral_body(**{name: broken}))
    assert found({}) == []
