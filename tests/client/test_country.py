"""The embedded country data answers with real countries or not at all."""

from __future__ import annotations

import pytest

from exchange.client.country import ROLE, SOURCE, country_of, source_version
from exchange.core import countries


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("193.0.6.139", "NL"),
        ("::ffff:193.0.6.139", "NL"),
        ("64:ff9b::c100:68b", "NL"),
        ("2002:c100:68b::1", "NL"),
        ("2001:67c:2e8:22::c100:68b", "NL"),
        ("127.0.0.1", None),
        ("64:ff9b::7f00:1", None),
        ("10.0.0.1", None),
        ("240.0.0.1", None),
        ("203.0.113.7", None),
        ("::", None),
        ("example.org", None),
        ("", None),
    ],
)
def test_an_address_has_a_country_or_none(address: str, country: str | None) -> None:
    assert country_of(address) == country


def test_regions_and_nobody_are_no_countries(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("AP", "EU", "ZZ", "UK", ""):
        monkeypatch.setattr("exchange.client.country.iptocc.country_code", lambda _, code=code: code)
        assert country_of("193.0.6.139") is None


def test_every_answer_over_the_whole_space_is_an_assigned_code() -> None:
    found = {country_of(f"{high}.{low}.1.1") for high in range(1, 224) for low in range(0, 256, 8)}
    assert found - {None} <= countries.ALL
    assert len(found) > 100


def test_the_source_is_named() -> None:
    assert (SOURCE, ROLE) == ("rir-allocation", "unknown")
    assert source_version()[0].isdigit()
