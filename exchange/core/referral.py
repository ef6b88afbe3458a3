"""The rules of a referral that its schema cannot say.

Rules:

* the URLs are what a browser would open, without credentials;
* nothing that was seen, reported or judged is later than the document; deadlines follow each other;
* codes that contradict each other are refused: a reason for a priority that is none, a means of payment for
  what is stated to be non-commercial;
* a referral never goes back to a previous holder, except as returned, and names the chain when it was
  handed on.

A submission obeys the same rules, before it has a head and a route. This module does not decide who may
send what to whom: routing and the chain of holders are elsewhere.
"""

from __future__ import annotations

from typing import Final

from exchange.core.parts import check_assessment, check_claim
from exchange.core.rules import Findings, Rules, entries, inner, text
from exchange.core.strict_json import JsonObject
from exchange.core.urls import Url, parse_url
from exchange.errors import Problem

DEFAULT_TLP: Final = "AMBER+STRICT"
"""What holds when `handling.tlp` is absent."""

DEFAULT_PRIORITY: Final = "routine"
"""What holds when `handling.priority` is absent."""

_ALONE: Final = ("none", "undetermined")
_WITH_CHAIN: Final = frozenset({"reassigned", "returned"})


def referral_problems(rules: Rules, body: JsonObject) -> tuple[Problem, ...]:
    """What breaks a rule in a referral whose schema was asked before."""
    found = Findings()
    told = found.time(body, "created_at", "")
    _check_route(found, body)
    _check_content(found, rules, body, told)
    return tuple(found)


def submission_rule_problems(rules: Rules, body: JsonObject, now: int | None) -> tuple[Problem, ...]:
    """What breaks a rule in a submission; `now` in unix seconds, or None where no clock is at hand."""
    found = Findings()
    _check_content(found, rules, body, now)
    return tuple(found)


def _check_content(found: Findings, rules: Rules, body: JsonObject, told: int | None) -> None:
    url = _check_resource(found, inner(body, "resource"))
    for number, claim in enumerate(entries(body, "hosting")):
        if isinstance(claim, dict):
            check_claim(found, claim, f"/hosting/{number}", url, told)
    check_assessment(found, rules, inner(body, "assessment"), "/assessment", told)
    times = inner(body, "times")
    for name in ("reported_at", "seen_online_at"):
        found.time(times, name, "/times", until=told)
    _check_handling(found, inner(body, "handling"))


def _check_resource(found: Findings, resource: JsonObject) -> Url | None:
    url = found.parsed(parse_url, resource, "url", "/resource")
    found.parsed(parse_url, resource, "referrer_url", "/resource")
    methods = entries(resource, "payment_methods")
    if len(methods) > 1 and any(alone in methods for alone in _ALONE):
        found.add("/resource/payment_methods", "contradiction", "none and undetermined stand alone")
    if resource.get("commercial") == "non_commercial" and any(method not in _ALONE for method in methods):
        found.add("/resource/payment_methods", "contradiction", "not allowed with non_commercial")
    return url


def _check_handling(found: Findings, handling: JsonObject) -> None:
    names = ("acknowledge_by", "answer_by", "retain_until")
    found.in_order("/handling", [(name, found.time(handling, name, "/handling")) for name in names])
    found.time(handling, "hold_until", "/handling")
    if "priority_reason" in handling and handling.get("priority", DEFAULT_PRIORITY) == DEFAULT_PRIORITY:
        found.add("/handling/priority_reason", "not-allowed", "not allowed with the priority routine")


def _check_route(found: Findings, body: JsonObject) -> None:
    routing = inner(body, "routing")
    chain = entries(routing, "previous_holders")
    basis = text(routing, "basis")
    if basis in _WITH_CHAIN and not chain:
        found.add("/routing/previous_holders", "missing", "missing, and needed when the basis is a hand-over")
    if basis != "returned" and body.get("recipient") in chain:
        found.add("/recipient", "in-chain", "already held this referral")
    if "supersedes" in body and body["supersedes"] == body.get("id"):
        found.add("/supersedes", "itself", "names the referral itself")
