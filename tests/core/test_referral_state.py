"""The life of a referral: what follows what, whatever order it is told in."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core import referral_state
from exchange.core.outcome import RULES, Closes, Status
from exchange.core.referral_state import (
    AT_WORK,
    FINAL,
    HEARING,
    LEG_ENDED,
    OPEN,
    TABLE,
    State,
    Turn,
    _table,
    after,
    fold,
    why_not,
)


@pytest.mark.parametrize(
    ("story", "end"),
    [
        ("accepted provider_notified removed", "removed"),
        (
            "accepted police_informed police_hold hold_lifted provider_notified provider_silent removed",
            "removed",
        ),
        ("accepted reassessed not_illegal", "not_illegal"),
        ("unavailable reappeared accepted removed reappeared", "reappeared"),
        ("declined", "declined"),
        ("accepted returned", "returned"),
        ("accepted moved", "moving"),
        ("accepted account_suspended removed correction", "removed"),
        ("accepted disputed", "accepted"),
        ("provider_notified provider_declined", "with_provider"),
    ],
)
@pytest.mark.parametrize("start", [State.SENT, State.RECEIVED])
def test_a_life_ends_where_it_should(start: State, story: str, end: str) -> None:
    state = start
    for word in story.split():
        following = after(state, Status(word))
        assert following is not None, (state, word)
        state = following
    assert state.value == end


def test_every_status_has_a_place_and_every_state_can_be_reached() -> None:
    assert {event for _, event in TABLE} == {*Status, *Turn}
    assert {*TABLE.values(), State.SENT} == set(State)


def test_groups_of_states_do_not_overlap_and_cover_all() -> None:
    assert set(State) == OPEN | FINAL | LEG_ENDED
    assert not OPEN & FINAL
    assert not OPEN & LEG_ENDED
    assert not FINAL & LEG_ENDED


@pytest.mark.parametrize("status", [s for s, rule in RULES.items() if rule.closes is Closes.REFERRAL])
def test_what_closes_a_referral_ends_in_a_final_state(status: Status) -> None:
    assert after(State.ACCEPTED, status) in FINAL


@pytest.mark.parametrize("state", sorted(LEG_ENDED))
@pytest.mark.parametrize("event", [s for s in Status if s is not Status.CORRECTION])
def test_nothing_moves_a_leg_that_has_ended(state: State, event: Status) -> None:
    assert after(state, event) is None


@pytest.mark.parametrize("event", [Status.PROVIDER_NOTIFIED, Status.ACCEPTED, Status.MOVED, Status.RETURNED])
def test_while_the_police_hold_nothing_is_told_to_the_provider(event: Status) -> None:
    assert after(State.ON_HOLD, event) is None
    assert "hold_lifted" in why_not(State.ON_HOLD, event)


def test_only_reappeared_opens_what_was_closed() -> None:
    for state, event in itertools.product(FINAL, Status):
        following = after(state, event)
        assert following in (None, state, *([State.REAPPEARED] if event is Status.REAPPEARED else []))


@pytest.mark.parametrize(
    ("state", "event", "said"),
    [
        (State.REMOVED, Status.ACCEPTED, "reappeared"),
        (State.DECLINED, Turn.WITHDRAWN, "ended here (declined)"),
        (State.RECEIVED, Status.PROVIDER_SILENT, "possible now: accepted"),
    ],
)
def test_a_refused_event_says_why(state: State, event: Status | Turn, said: str) -> None:
    assert said in why_not(state, event)


def test_hand_over_has_its_place() -> None:
    assert after(State.MOVING, Turn.HANDED_OVER) is State.MOVED
    assert after(State.ACCEPTED, Turn.HANDED_OVER) is None


@given(st.lists(st.sampled_from(sorted(Status)), max_size=8), st.randoms(use_true_random=False))
def test_any_order_of_arrival_ends_in_the_same_state(events: list[Status], chance: object) -> None:
    told = [(f"{i:03}", event) for i, event in enumerate(events)]
    shuffled = list(told)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(State.RECEIVED, shuffled) is fold(State.RECEIVED, told)


def test_who_still_hears_is_who_has_not_ended() -> None:
    assert HEARING == OPEN | FINAL
    assert AT_WORK < OPEN


def test_two_answers_for_one_place_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (*referral_state._ROWS, (frozenset({State.SENT}), Turn.RECEIVED, State.ACCEPTED))
    monkeypatch.setattr(referral_state, "_ROWS", rows)
    with pytest.raises(ValueError, match="two answers"):
        _table()
