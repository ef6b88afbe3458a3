"""Stages of an end that comes nearer: the most urgent, in their order, for lives long and short."""

import pytest

from exchange.core.expiry import DAY_SECONDS, Stage, stage

DAY = DAY_SECONDS
CASES = {
    "two years, at the start": (730 * DAY, 730 * DAY, None),
    "before a third": (90 * DAY, 30 * DAY + 1, None),
    "at a third": (90 * DAY, 30 * DAY, Stage.THIRD),
    "before a tenth": (90 * DAY, 9 * DAY + 1, Stage.THIRD),
    "at a tenth": (90 * DAY, 9 * DAY, Stage.TENTH),
    "more than a day": (90 * DAY, DAY + 1, Stage.TENTH),
    "a day": (90 * DAY, DAY, Stage.DAY),
    "the last second": (90 * DAY, 1, Stage.DAY),
    "the end": (90 * DAY, 0, Stage.OVER),
    "long after": (90 * DAY, -90 * DAY, Stage.OVER),
    "two weeks, a day and a half": (14 * DAY, 3 * DAY // 2, Stage.THIRD),
    "two weeks, a day": (14 * DAY, DAY, Stage.DAY),
    "a life in which a day is more than a tenth": (5 * DAY, DAY, Stage.THIRD),
    "its tenth": (5 * DAY, DAY // 2, Stage.TENTH),
    "its last second": (5 * DAY, 1, Stage.TENTH),
    "no life at all": (0, 0, Stage.OVER),
}


@pytest.mark.parametrize(("life", "left", "wanted"), CASES.values(), ids=CASES.keys())
def test_the_most_urgent_stage_applies(life: int, left: int, wanted: Stage | None) -> None:
    assert stage(1000, 1000 + life, 1000 + life - left) is wanted


@pytest.mark.parametrize("days", [1, 3, 9, 10, 11, 14, 45, 120, 730])
def test_stages_come_in_their_order_and_none_twice(days: int) -> None:
    seen = [stage(0, days * DAY, moment) for moment in range(0, days * DAY + 1, DAY // 48)]
    changes = [one for one, before in zip(seen[1:], seen, strict=False) if one is not before]
    wanted = [one for one in Stage if one is not Stage.DAY or days > 10]
    assert changes == wanted
