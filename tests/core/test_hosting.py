"""The country that a referral is routed by: one, or a reason, never a guess."""

from __future__ import annotations

from typing import Any

import pytest
from support.documents import ONION_URL, hosting_claim

from exchange.core.hosting import Located, country_of
from exchange.core.routing import Unroutable
from exchange.core.urls import parse_url

URL = parse_url("http://192.0.2.17/files/sample.bin", "url")
ONION = parse_url(ONION_URL, "url")
PROXY = {"role": "reverse_proxy"}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([{}], Located("NL", "rir-allocation")),
        ([{}, {"source": "other"}], Located("NL", "rir-allocation")),
        ([{**PROXY, "country": "US"}, {}], Located("NL", "rir-allocation")),
        ([], "country-unknown"),
        ([{**PROXY, "country": "US"}], "reverse-proxy"),
        ([{"confidence": "conflict"}], "conflict"),
        ([{}, {"country": "DE"}], "several-countries"),
    ],
)
def test_claims_give_one_country_or_a_reason(claims: list[dict[str, Any]], expected: Located | str) -> None:
    found = country_of(URL, [hosting_claim(**claim) for claim in claims])
    assert (found.code if isinstance(found, Unroutable) else found) == expected


def test_a_claim_without_a_country_is_no_country() -> None:
    claim = hosting_claim()
    del claim["country"]
    found = country_of(URL, [claim])
    assert isinstance(found, Unroutable)
    assert found.code == "country-unknown"


def test_an_onion_service_has_no_country() -> None:
    found = country_of(ONION, [])
    assert isinstance(found, Unroutable)
    assert found.code == "onion"
