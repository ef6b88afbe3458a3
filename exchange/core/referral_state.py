"""The life of a referral as a table: state x event -> state.

Rules:

* Only what the table knows changes a state. An event that it does not know changes nothing, and `why_not`
  says why.
* An outcome may overtake the receipt of its referral, so *sent* takes every event that *received* takes.
* While the police hold, nothing is told to the provider: `hold_lifted` comes first.
* A final state may still be followed by `reappeared`, which opens the referral again.
* The order of arrival is not the order of events: `fold` takes outcomes in the order of their ids, which
  their author's clock gave them, so that any order of arrival ends in the same state.
* `handed_over`, the next holder's receipt after `moved`, has its place here; the hand-over itself is not made
  by this table.

Who may say what is not decided here but in `outcome.RULES` and, for a given referral, by its chain of
holders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from exchange.core.outcome import Status


class State(StrEnum):
    """Where a referral stands, at its sender as at its holder."""

    SENT = "sent"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REASSESSED = "reassessed"
    WITH_POLICE = "with_police"
    ON_HOLD = "on_hold"
    WITH_PROVIDER = "with_provider"
    REAPPEARED = "reappeared"
    MOVING = "moving"
    REMOVED = "removed"
    UNAVAILABLE = "unavailable"
    NOT_ILLEGAL = "not_illegal"
    MOVED = "moved"
    DECLINED = "declined"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


class Turn(StrEnum):
    """Events that are no outcome: what receipts, withdrawals and hand-overs do."""

    RECEIVED = "turn_received"
    REFUSED = "turn_refused"
    WITHDRAWN = "turn_withdrawn"
    HANDED_OVER = "turn_handed_over"


Event = Status | Turn

NEW = frozenset({State.SENT, State.RECEIVED})
AT_WORK = frozenset(
    {State.ACCEPTED, State.REASSESSED, State.WITH_POLICE, State.WITH_PROVIDER, State.REAPPEARED}
)
FINAL = frozenset({State.REMOVED, State.UNAVAILABLE, State.NOT_ILLEGAL})
LEG_ENDED = frozenset({State.MOVED, State.DECLINED, State.RETURNED, State.WITHDRAWN, State.REFUSED})
OPEN = NEW | AT_WORK | {State.ON_HOLD, State.MOVING}
HEARING = OPEN | FINAL
"""States in which a referrer still hears of the case."""

_Row = tuple[frozenset[State], Event, State | None]
_SAME = None
_ROWS: tuple[_Row, ...] = (
    (frozenset({State.SENT}), Turn.RECEIVED, State.RECEIVED),
    (OPEN - {State.SENT}, Turn.RECEIVED, _SAME),
    (FINAL | LEG_ENDED - {State.REFUSED}, Turn.RECEIVED, _SAME),
    (frozenset({State.SENT}), Turn.REFUSED, State.REFUSED),
    (OPEN, Turn.WITHDRAWN, State.WITHDRAWN),
    (frozenset({State.MOVING}), Turn.HANDED_OVER, State.MOVED),
    (NEW | AT_WORK, Status.ACCEPTED, State.ACCEPTED),
    (NEW, Status.DECLINED, State.DECLINED),
    (NEW | AT_WORK, Status.REASSESSED, State.REASSESSED),
    (frozenset({State.ON_HOLD}), Status.REASSESSED, _SAME),
    (HEARING, Status.DISPUTED, _SAME),
    (NEW | AT_WORK, Status.POLICE_INFORMED, State.WITH_POLICE),
    (frozenset({State.ON_HOLD}), Status.POLICE_INFORMED, _SAME),
    (NEW | AT_WORK, Status.POLICE_HOLD, State.ON_HOLD),
    (frozenset({State.ON_HOLD}), Status.HOLD_LIFTED, State.WITH_POLICE),
    (NEW | AT_WORK, Status.PROVIDER_NOTIFIED, State.WITH_PROVIDER),
    (frozenset({State.WITH_PROVIDER}), Status.PROVIDER_DECLINED, _SAME),
    (frozenset({State.WITH_PROVIDER}), Status.PROVIDER_SILENT, _SAME),
    (NEW | AT_WORK, Status.ACCOUNT_SUSPENDED, State.WITH_PROVIDER),
    (OPEN, Status.REMOVED, State.REMOVED),
    (OPEN, Status.UNAVAILABLE, State.UNAVAILABLE),
    (OPEN - {State.ON_HOLD}, Status.NOT_ILLEGAL, State.NOT_ILLEGAL),
    (NEW | AT_WORK, Status.MOVED, State.MOVING),
    (OPEN - {State.ON_HOLD}, Status.RETURNED, State.RETURNED),
    (FINAL, Status.REAPPEARED, State.REAPPEARED),
    (HEARING | LEG_ENDED, Status.CORRECTION, _SAME),
)


def _table() -> Mapping[tuple[State, Event], State]:
    table: dict[tuple[State, Event], State] = {}
    for states, event, to in _ROWS:
        for state in states:
            if (state, event) in table:
                raise ValueError(f"the table has two answers for {state} and {event}")
            table[state, event] = state if to is None else to
    return MappingProxyType(table)


TABLE: Mapping[tuple[State, Event], State] = _table()


def after(state: State, event: Event) -> State | None:
    """The state after an event, or None when the table does not know the event in this state."""
    return TABLE.get((state, event))


def why_not(state: State, event: Event) -> str:
    """One sentence for a person: why `event` changes nothing in `state`."""
    name = event.value.removeprefix("turn_").replace("_", " ")
    if state is State.ON_HOLD:
        return f"the police hold this referral: say hold_lifted before {name}"
    if state in LEG_ENDED:
        return f"this referral ended here ({state.value.replace('_', ' ')}): {name} no longer applies"
    if state in FINAL:
        return f"this referral is closed ({state.value.replace('_', ' ')}): say reappeared before {name}"
    possible = sorted(e.value for s, e in TABLE if s is state and isinstance(e, Status))
    return f"{name} does not follow {state.value.replace('_', ' ')}; possible now: {', '.join(possible)}"


def fold(start: State, events: Iterable[tuple[str, Event]]) -> State:
    """The state after outcomes in the order of their document ids; what the table does not know is passed
    over.
    """
    state = start
    for _, event in sorted(events, key=lambda pair: pair[0]):
        state = TABLE.get((state, event), state)
    return state
