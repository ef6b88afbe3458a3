"""Rules of the parts that a referral and an outcome share: hosting claims and assessments.

Rules: a claim says at least something, and its address is a public one in its one canonical form; data is
not newer than what was seen with it. An assessment says on what it rests and when it was made, unless the
tier says that there was none. Legal classes are of a vocabulary that ships. This module asks nobody whether
a claim is true.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from exchange.core.addresses import parse_public_address
from exchange.core.rules import Findings, Rules, entries
from exchange.core.strict_json import JsonObject
from exchange.core.urls import Url, address_of
from exchange.errors import Invalid

_CLAIMED: Final = ("country", "ip", "asn", "provider")
_JUDGED: Final = (
    "legal_class",
    "age_band",
    "gender",
    "virtual",
    "self_produced",
    "posing",
    "basis",
    "assessed_at",
)
_DAY: Final = 86400
_UNIX_DAY: Final = date(1970, 1, 1).toordinal()


def parse_date(text: object, field: str) -> int:
    """Unix seconds at the start of an RFC 3339 full-date in UTC; raises `Invalid` (`date`) naming `field`."""
    try:
        return (date.fromisoformat(str(text)).toordinal() - _UNIX_DAY) * _DAY
    except ValueError:
        raise Invalid("date", f"{field}: not a day that exists, as 2026-01-31") from None


def check_claim(found: Findings, claim: JsonObject, at: str, url: Url | None, until: int | None) -> None:
    """Rules of one hosting claim at pointer `at`; `url` is what it is about, `until` when it was told."""
    if not any(name in claim for name in _CLAIMED):
        found.add(at, "claim-empty", "names no country, address, network or provider")
    address = found.parsed(parse_public_address, claim, "ip", at)
    if claim.get("method") == "literal" and url is not None:
        literal = address_of(url)
        if literal is None or (address is not None and str(address) != literal):
            found.add(f"{at}/method", "claim-method", "the host of the URL is not this address")
    observed = found.time(claim, "observed_at", at, until=until)
    built = found.parsed(parse_date, claim, "source_date", at)
    if observed is not None and built is not None and built > observed + _DAY:
        found.add(f"{at}/source_date", "time-order", "later than observed_at")


def check_assessment(
    found: Findings, rules: Rules, assessment: JsonObject, at: str, until: int | None
) -> None:
    """Rules of the assessment at pointer `at`, told at `until`."""
    if assessment.get("tier") == "unassessed":
        for name in _JUDGED:
            if name in assessment:
                found.add(f"{at}/{name}", "not-allowed", "not allowed with the tier unassessed")
    elif "tier" in assessment:
        for name in ("basis", "assessed_at"):
            if name not in assessment:
                found.add(f"{at}/{name}", "missing", "missing, unless the tier is unassessed")
    found.time(assessment, "assessed_at", at, until=until)
    for number, given in enumerate(entries(assessment, "legal_class")):
        if not isinstance(given, str):
            continue
        vocabulary, _, code = given.partition(":")
        known = rules.vocabularies.get(vocabulary)
        if known is None:
            found.add(f"{at}/legal_class/{number}", "unknown-vocabulary", "of a vocabulary that is not here")
        elif code not in known:
            found.add(f"{at}/legal_class/{number}", "unknown-code", "not one of the codes of its vocabulary")
