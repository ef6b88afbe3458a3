"""What can become of a referral, as a table, and the rules of an outcome that its schema cannot say.

Rules:

* `RULES` says for each status who sets it, which fields it needs and allows, with which reasons, and what
  it closes;
* a field that the status does not name is refused, and so is a reason that is not one of its own;
* *reassessed* never says baseline: who finds baseline content has nothing to reassess, only to accept;
* a correction says what it corrects and what is right.

Whether the author has the authority, and what the state is then, is decided elsewhere with the same table.
Agency codes are checked against the registry elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from exchange.core.parts import check_assessment, check_claim
from exchange.core.rules import Findings, Rules, inner
from exchange.core.strict_json import JsonObject
from exchange.errors import Problem


class Status(StrEnum):
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REASSESSED = "reassessed"
    DISPUTED = "disputed"
    POLICE_INFORMED = "police_informed"
    POLICE_HOLD = "police_hold"
    HOLD_LIFTED = "hold_lifted"
    PROVIDER_NOTIFIED = "provider_notified"
    PROVIDER_DECLINED = "provider_declined"
    PROVIDER_SILENT = "provider_silent"
    REMOVED = "removed"
    UNAVAILABLE = "unavailable"
    NOT_ILLEGAL = "not_illegal"
    MOVED = "moved"
    ACCOUNT_SUSPENDED = "account_suspended"
    RETURNED = "returned"
    REAPPEARED = "reappeared"
    CORRECTION = "correction"


class Reason(StrEnum):
    """ICCAM's 1 to 21 in order, then ours."""

    OTHER = "other"
    CONTENT_NOT_FOUND = "content_not_found"
    REFERRER_UNKNOWN = "referrer_unknown"
    UNABLE_TO_ACCESS = "unable_to_access"
    PASSWORD_PROTECTED = "password_protected"  # noqa: S105  a reason, not a secret
    ACCOUNT_DISABLED = "account_disabled"
    LEGALLY_UNABLE_TO_ACCESS = "legally_unable_to_access"
    LINK_EXPIRED = "link_expired"
    SITE_DOWN_OR_404 = "site_down_or_404"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    PREMIUM_REQUIRED = "premium_required"
    PARTS_MISSING = "parts_missing"
    REMOVED_BEFORE_ASSESSMENT = "removed_before_assessment"
    ADULT_CONTENT = "adult_content"
    NOT_SEXUALISED = "not_sexualised"
    BELOW_THRESHOLD = "below_threshold"
    IMAGE_TOO_SMALL = "image_too_small"
    VIRTUAL_MATERIAL = "virtual_material"
    LINKS_ONLY = "links_only"
    AGE_NOT_ASSESSABLE = "age_not_assessable"
    AGE_OVER_NATIONAL_THRESHOLD = "age_over_national_threshold"
    NOT_OUR_COUNTRY = "not_our_country"
    DUPLICATE = "duplicate"
    OUTSIDE_MANDATE = "outside_mandate"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    STALE = "stale"
    MEMBER_SUSPENDED = "member_suspended"


class SetBy(StrEnum):
    """Who may say a status."""

    HOLDER = "holder"
    ADDRESSED = "addressed"
    SENDER = "sender"
    CHAIN = "chain"
    """Anyone in the chain of holders, the sender included."""
    AUTHOR = "author"
    """Who wrote the outcome that it corrects."""


class Closes(StrEnum):
    """What a status ends."""

    NOTHING = "nothing"
    LEG = "leg"
    """The part of the way between this sender and this recipient."""
    REFERRAL = "referral"
    HANDED_ON = "handed_on"
    """The holder's part, when the next holder has received it."""
    REOPENS = "reopens"


@dataclass(frozen=True, slots=True)
class StatusRule:
    """One row: who sets the status, fields that it needs and may have, its reasons, what it closes."""

    set_by: frozenset[SetBy]
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    reasons: frozenset[Reason] = frozenset()
    closes: Closes = Closes.NOTHING

    @property
    def names(self) -> frozenset[str]:
        return self.needs | self.may


_HOLDER: Final = frozenset({SetBy.HOLDER})
_REASON: Final = frozenset({"reason"})
_AGENCY: Final = frozenset({"agency"})
_ASSESSMENT: Final = frozenset({"assessment"})
_ALL_REASONS: Final = tuple(Reason)

UNAVAILABLE_REASONS: Final = frozenset(_ALL_REASONS[:13])
"""Why content could not be seen: other, content_not_found ... removed_before_assessment."""

NOT_ILLEGAL_REASONS: Final = frozenset({Reason.OTHER, *_ALL_REASONS[13:21]})
"""Why content that was seen is not illegal there: other, adult_content ... age_over_national_threshold."""

HAND_BACK_REASONS: Final = frozenset(_ALL_REASONS[21:])
"""Why a referral is declined or returned: our own codes."""

RULES: Final[Mapping[Status, StatusRule]] = MappingProxyType(
    {
        Status.ACCEPTED: StatusRule(_HOLDER, needs=frozenset({"own_case"})),
        Status.DECLINED: StatusRule(
            frozenset({SetBy.ADDRESSED}), needs=_REASON, reasons=HAND_BACK_REASONS, closes=Closes.LEG
        ),
        Status.REASSESSED: StatusRule(_HOLDER, needs=_ASSESSMENT),
        Status.DISPUTED: StatusRule(frozenset({SetBy.HOLDER, SetBy.SENDER}), needs=_ASSESSMENT),
        Status.POLICE_INFORMED: StatusRule(_HOLDER, may=_AGENCY),
        Status.POLICE_HOLD: StatusRule(_HOLDER, may=_AGENCY),
        Status.HOLD_LIFTED: StatusRule(_HOLDER, may=_AGENCY),
        Status.PROVIDER_NOTIFIED: StatusRule(_HOLDER),
        Status.PROVIDER_DECLINED: StatusRule(_HOLDER),
        Status.PROVIDER_SILENT: StatusRule(_HOLDER),
        Status.REMOVED: StatusRule(_HOLDER, closes=Closes.REFERRAL),
        Status.UNAVAILABLE: StatusRule(
            _HOLDER, needs=_REASON, reasons=UNAVAILABLE_REASONS, closes=Closes.REFERRAL
        ),
        Status.NOT_ILLEGAL: StatusRule(
            _HOLDER, needs=_REASON, reasons=NOT_ILLEGAL_REASONS, closes=Closes.REFERRAL
        ),
        Status.MOVED: StatusRule(
            _HOLDER, needs=frozenset({"new_hosting", "next_holder"}), closes=Closes.HANDED_ON
        ),
        Status.ACCOUNT_SUSPENDED: StatusRule(_HOLDER),
        Status.RETURNED: StatusRule(_HOLDER, needs=_REASON, reasons=HAND_BACK_REASONS, closes=Closes.LEG),
        Status.REAPPEARED: StatusRule(frozenset({SetBy.CHAIN}), closes=Closes.REOPENS),
        Status.CORRECTION: StatusRule(
            frozenset({SetBy.AUTHOR}),
            needs=frozenset({"corrects"}),
            may=frozenset({"reason", "new_hosting", "own_case", "agency", "assessment"}),
            reasons=frozenset(Reason),
        ),
    }
)
"""Status -> its row (docs/protocol.md, 4.2). A field that is in no row of a status is refused."""

FIELDS: Final = frozenset(
    {"reason", "new_hosting", "next_holder", "own_case", "agency", "assessment", "corrects"}
)
"""Every field that depends on the status."""

BASELINE: Final = "baseline"


def outcome_problems(rules: Rules, body: JsonObject) -> tuple[Problem, ...]:
    """What breaks a rule in an outcome whose schema was asked before."""
    found = Findings()
    told = found.time(body, "created_at", "")
    if "corrects" in body and body["corrects"] == body.get("id"):
        found.add("/corrects", "itself", "names the outcome itself")
    _check_event(found, rules, body, told)
    return tuple(found)


def outcome_request_rule_problems(rules: Rules, body: JsonObject, now: int | None) -> tuple[Problem, ...]:
    """What breaks a rule in an outcome request; `now` in unix seconds, or None where no clock is at hand."""
    found = Findings()
    _check_event(found, rules, body, now)
    return tuple(found)


def _check_event(found: Findings, rules: Rules, body: JsonObject, told: int | None) -> None:
    found.time(body, "occurred_at", "", until=told)
    status = body.get("status")
    row = RULES[Status(status)] if isinstance(status, str) and status in set(Status) else None
    if row is not None:
        _check_fields(found, body, row)
    if status == Status.CORRECTION and row is not None and not row.may & body.keys():
        found.add("", "missing", "the correction does not say what is right")
    assessment = inner(body, "assessment")
    check_assessment(found, rules, assessment, "/assessment", told)
    if status == Status.REASSESSED and assessment.get("tier") == BASELINE:
        found.add("/assessment/tier", "not-allowed", "not allowed with this status")
    hosting = inner(body, "new_hosting")
    if hosting:
        check_claim(found, hosting, "/new_hosting", None, told)
        if "country" not in hosting:
            found.add("/new_hosting/country", "missing", "missing")


def _check_fields(found: Findings, body: JsonObject, row: StatusRule) -> None:
    for name in sorted(row.needs - body.keys()):
        found.add(f"/{name}", "missing", "missing, and needed with this status")
    for name in sorted((FIELDS & body.keys()) - row.names):
        found.add(f"/{name}", "not-allowed", "not allowed with this status")
    reason = body.get("reason")
    if "reason" in row.names and isinstance(reason, str) and reason not in row.reasons:
        found.add("/reason", "reason-for-status", "not one of the reasons of this status")
