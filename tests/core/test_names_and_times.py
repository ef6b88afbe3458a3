"""Names and times parse in one form or are refused with the field's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core.names import AnyUuid, Digest, DocumentId, MemberId, uuid7
from exchange.core.times import format_time, parse_time
from exchange.errors import Invalid


@pytest.mark.parametrize("text", ["gb-iwf", "de-a", "us-police-2", "nl-0"])
def test_member_ids(text: str) -> None:
    assert MemberId.parse(text, "member") == text


@pytest.mark.parametrize(
    "text", ["", "gb", "GB-iwf", "gb-", "gbr-x", "gb_iwf", "gb-iwf\n", "gb--x", f"gb-{'a' * 41}", 3]
)
def test_odd_member_ids_are_refused_by_field(text: object) -> None:
    with pytest.raises(Invalid) as error:
        MemberId.parse(text, "sender")
    assert error.value.code == "member-id"
    assert str(error.value).startswith("sender:")


@given(st.floats(min_value=0, max_value=2**38), st.binary(min_size=10, max_size=10))
def test_uuid7_is_a_document_id_that_orders_by_time(now: float, random: bytes) -> None:
    made = uuid7(now, random)
    assert DocumentId.parse(made, "id") == AnyUuid.parse(made, "id") == made
    assert uuid7(now + 1, random) > made


def test_uuid7_wants_ten_random_bytes() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(0, b"short")


@pytest.mark.parametrize("text", ["A" * 64, "a" * 63, "", None])
def test_a_digest_is_lower_case_hex(text: object) -> None:
    with pytest.raises(Invalid):
        Digest.parse(text, "sha256")
    assert Digest.parse(Digest.of(b""), "sha256").startswith("e3b0c442")


@given(st.integers(min_value=0, max_value=253402300799))
def test_times_go_there_and_back(seconds: int) -> None:
    assert parse_time(format_time(seconds), "at") == seconds


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T23:59:60Z",
        "2026-02-30T00:00:00Z",
        "2026-01-31T23:59:59+00:00",
        "2026-01-31t23:59:59z",
        "2026-01-31 23:59:59Z",
        "2026-01-31T23:59:59.5Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "2026-01-31T23:59:59Z\n",
        "",
        None,
        5,
        "२०२६-01-31T23:59:59Z",
    ],
)
def test_any_other_form_of_a_time_is_refused_by_field(text: object) -> None:
    with pytest.raises(Invalid) as error:
        parse_time(text, "times.reported_at")
    assert error.value.code == "time"
    assert str(error.value).startswith("times.reported_at:")
