"""Timelines: what happened to a referral, at either end, and the state that follows from it.

Rules: a state is never set by hand; it is folded from all that was said, in the order of the documents'
ids, so that two ends that know the same documents agree whatever order they came in. An event that the
table does not know is kept in the timeline with a note and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from exchange.core.outcome import Status
from exchange.core.referral_state import Event, State, Turn, after, fold
from exchange.store import referrals
from exchange.store.port import Row, Transaction
from exchange.store.referrals import Key, NewEvent

NO_EFFECT = "no-effect"
_TURNS = {"received": Turn.RECEIVED, "refused": Turn.REFUSED, "withdrawal": Turn.WITHDRAWN}
_AT_START = (Turn.RECEIVED, Turn.REFUSED)


@dataclass(slots=True)
class Timeline:
    """A working copy of one referral's life, for the length of one transaction."""

    sender: str
    id: str
    recipient: str
    direction: str
    digest: str
    case_id: str | None
    state: State
    start: State
    said: list[tuple[str, Event]] = field(default_factory=list)
    authors: dict[str, str] = field(default_factory=dict)
    n: int = 0
    new: list[NewEvent] = field(default_factory=list)
    changed: bool = False

    @property
    def key(self) -> Key:
        return self.sender, self.id

    @property
    def other_end(self) -> str:
        """The member at the other end, seen from this node."""
        return self.recipient if self.direction == "sent" else self.sender

    def take(
        self,
        event: Event,
        *,
        at: float,
        kind: str,
        actor: str,
        document_id: str,
        reason: str | None = None,
        shared: str | None = None,
    ) -> None:
        """Add an event that a document tells; `shared` is the id that several outcomes have in common."""
        before, known = self.state, after(self.state, event) is not None
        if event in _AT_START:
            self.start = after(self.start, event) or self.start
        else:
            self.said.append((document_id, event))
        self.authors[document_id] = actor
        self.state = fold(self.start, self.said)
        self.n += 1
        self.changed = self.changed or self.state is not before
        self.new.append(
            NewEvent(
                self.sender,
                self.id,
                self.n,
                at,
                kind,
                actor,
                self.state.value,
                event.value if isinstance(event, Status) else None,
                reason,
                document_id,
                shared,
                None if known or self.state is not before else NO_EFFECT,
            )
        )

    def _known(self, row: Row) -> None:
        self.n = row["n"]
        if row["document_id"] is None:
            return
        self.authors[row["document_id"]] = row["actor"]
        event = Status(row["status"]) if row["status"] is not None else _TURNS.get(row["kind"])
        if event in _AT_START:
            self.start = after(self.start, event) or self.start
        elif event is not None:
            self.said.append((row["document_id"], event))


async def load(tx: Transaction, rows: Sequence[Row]) -> list[Timeline]:
    """The timelines of rows of `referrals`."""
    known = await referrals.events(tx, [(row["sender"], row["id"]) for row in rows])
    loaded = []
    for row in rows:
        sent = row["direction"] == "sent"
        timeline = Timeline(
            row["sender"],
            row["id"],
            row["recipient"],
            row["direction"],
            row["digest"],
            row["case_id"],
            State(row["state"]),
            State.SENT if sent else State.RECEIVED,
        )
        for event in known[timeline.key]:
            timeline._known(event)
        loaded.append(timeline)
    return loaded


async def write(tx: Transaction, timelines: Iterable[Timeline], now: float) -> None:
    """Write what was added to some timelines; each of them is written once."""
    touched = [timeline for timeline in timelines if timeline.new]
    await referrals.add_events(tx, [event for timeline in touched for event in timeline.new])
    changed = [(timeline.key, timeline.state.value) for timeline in touched if timeline.changed]
    if changed:
        await referrals.set_states(tx, changed, now)
