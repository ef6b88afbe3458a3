"""A country is an assigned ISO code, and two mistakes get a hint."""

from __future__ import annotations

import pytest

from exchange.core.countries import ALL, parse_country
from exchange.errors import Invalid


def test_every_assigned_code_and_nothing_else() -> None:
    assert len(ALL) == 249
    assert all(parse_country(code, "country") == code for code in ALL)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    refused = [one + two for one in letters for two in letters if one + two not in ALL]
    for code in refused:
        with pytest.raises(Invalid):
            parse_country(code, "country")
    assert {"UK", "EL", "XK", "AP", "EU", "ZZ", "AN", "SU", "YU"} <= set(refused)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("UK", "use GB"),
        ("uk", "use GB"),
        ("EL", "use GR"),
        ("nl", "use NL"),
        ("XK", None),
        ("EU", None),
        ("Netherlands", None),
        ("ſe", None),
        ("NL ", None),
        ("", None),
        (None, None),
        (31, None),
    ],
)
def test_refused_without_a_guess(text: object, hint: str | None) -> None:
    with pytest.raises(Invalid) as caught:
        parse_country(text, "hosting.0.country")
    assert (caught.value.code, caught.value.hint) == ("country", hint)
    assert caught.value.message.startswith("hosting.0.country: ")
