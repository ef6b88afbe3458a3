"""From hosting claims to the one country that a referral is routed by, or why there is none.

Rules: what is only known of a reverse proxy says nothing about the country of the content. Claims that name
different countries, or that say themselves that their sources disagree, are no answer: a person chooses.
Nothing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.core.routing import Unroutable
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.core.urls import Url, UrlKind

_SENTENCES: Final = {
    "onion": "An onion service has no hosting country; an analyst has to choose.",
    "country-unknown": "The hosting country is not known; an analyst has to choose.",
    "reverse-proxy": "Only the reverse proxy is known, not where the content is; an analyst has to choose.",
    "conflict": "The sources disagree about the hosting country; an analyst has to choose.",
    "several-countries": "The content is hosted in several countries; an analyst has to choose.",
}


@dataclass(frozen=True, slots=True)
class Located:
    """`country` is ISO 3166-1 alpha-2, `source` the claim's source."""

    country: str
    source: str


def country_of(url: Url, claims: Sequence[JsonObject]) -> Located | Unroutable:
    """The country by which a referral of `url` with these hosting claims is routed."""
    named = [claim for claim in claims if "country" in claim]
    of_content = [claim for claim in named if claim.get("role") != "reverse_proxy"]
    if not of_content:
        if any(claim.get("role") == "reverse_proxy" for claim in claims):
            return _why_not("reverse-proxy")
        return _why_not("onion" if url.kind is UrlKind.ONION else "country-unknown")
    if any(claim.get("confidence") == "conflict" for claim in of_content):
        return _why_not("conflict")
    countries = {claim["country"] for claim in of_content}
    if len(countries) > 1:
        return _why_not("several-countries")
    return Located(_text(of_content[0]["country"]), _text(of_content[0].get("source")))


def _why_not(code: str) -> Unroutable:
    return Unroutable(code, _SENTENCES[code])


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
