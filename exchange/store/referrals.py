"""Referrals, their timelines and the cases they belong to, at either end.

Rules: a referral is known by its sender and id, since only its sender vouches for the id. A case is one URL
at one holder: the keyed digest of the URL is unique. A timeline counts from 1 without gap. Which state
follows which event is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.store.port import Row, Transaction, Value, fetch_one, marks

Key = tuple[str, str]
"""(sender, id) of a referral."""
AT_ONCE: Final = 500
"""Ids in one statement: a case has as many referrals as others chose to send, SQLite a limit of arguments."""


@dataclass(frozen=True, slots=True)
class NewReferral:
    """A row of `referrals`. `case_id` only when received."""

    sender: str
    id: str
    recipient: str
    direction: str
    digest: str
    state: str
    created_at: float
    country: str | None
    case_id: str | None
    sender_case: str | None
    priority: str
    tlp: str


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A row of a timeline; `n` is its number, `event` the id shared by outcomes that tell the same event."""

    sender: str
    referral_id: str
    n: int
    at: float
    kind: str
    actor: str
    state: str
    status: str | None = None
    reason: str | None = None
    document_id: str | None = None
    event: str | None = None
    note: str | None = None


async def add(tx: Transaction, rows: Iterable[NewReferral]) -> None:
    await tx.execute_many(
        "INSERT INTO referrals (sender, id, recipient, direction, digest, state, state_at, created_at, "
        "country, "
        "case_id, sender_case, priority, tlp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                r.sender,
                r.id,
                r.recipient,
                r.direction,
                r.digest,
                r.state,
                r.created_at,
                r.created_at,
                r.country,
                r.case_id,
                r.sender_case,
                r.priority,
                r.tlp,
            )
            for r in rows
        ],
    )


async def add_events(tx: Transaction, rows: Iterable[NewEvent]) -> None:
    await tx.execute_many(
        "INSERT INTO referral_events (sender, referral_id, n, at, kind, actor, status, reason, document_id, "
        "event, state, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                r.sender,
                r.referral_id,
                r.n,
                r.at,
                r.kind,
                r.actor,
                r.status,
                r.reason,
                r.document_id,
                r.event,
                r.state,
                r.note,
            )
            for r in rows
        ],
    )


async def set_states(tx: Transaction, rows: Iterable[tuple[Key, str]], now: float) -> None:
    await tx.execute_many(
        "UPDATE referrals SET state = ?, state_at = ? WHERE sender = ? AND id = ?",
        [(state, now, sender, referral_id) for (sender, referral_id), state in rows],
    )


async def by_ids(tx: Transaction, ids: Sequence[str]) -> Sequence[Row]:
    """All referrals with one of these ids; an id that two senders use gives two rows."""
    if not ids:
        return []
    return await tx.fetch(
        f"SELECT * FROM referrals WHERE (direction = 'sent' AND id IN ({marks(len(ids))})) "
        f"OR (direction = 'received' AND id IN ({marks(len(ids))}))",
        (*ids, *ids),
    )


async def of_case(tx: Transaction, case_id: str) -> Sequence[Row]:
    return await tx.fetch("SELECT * FROM referrals WHERE case_id = ? ORDER BY id", (case_id,))


async def events(tx: Transaction, keys: Sequence[Key]) -> dict[Key, list[Row]]:
    """The timelines of some referrals, each in order."""
    found: dict[Key, list[Row]] = {key: [] for key in keys}
    by_sender: dict[str, list[str]] = {}
    for sender, referral_id in found:
        by_sender.setdefault(sender, []).append(referral_id)
    for sender, ids in by_sender.items():
        for i in range(0, len(ids), AT_ONCE):
            part = ids[i : i + AT_ONCE]
            rows = await tx.fetch(
                f"SELECT * FROM referral_events WHERE sender = ? AND referral_id IN ({marks(len(part))}) "
                "ORDER BY referral_id, n",
                (sender, *part),
            )
            for row in rows:
                found[sender, row["referral_id"]].append(row)
    return found


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows; None means all. `peer` is the other end."""

    direction: str | None = None
    state: str | None = None
    peer: str | None = None
    country: str | None = None
    case_id: str | None = None


async def page(tx: Transaction, wanted: Filter, after: Key, limit: int) -> Sequence[Row]:
    """Referrals behind (sender, id) in the order of their ids, which is that of their making, then senders.

    A sender that uses another's id cannot hide it from a reader who goes on behind it.
    """
    sender, referral_id = after
    clauses, args = ["(id > ? OR (id = ? AND sender > ?))"], [referral_id, referral_id, sender]
    for column, value in (
        ("direction", wanted.direction),
        ("state", wanted.state),
        ("country", wanted.country),
        ("case_id", wanted.case_id),
    ):
        if value is not None:
            clauses.append(f"{column} = ?")
            args.append(value)
    if wanted.peer is not None:
        clauses.append("((direction = 'sent' AND recipient = ?) OR (direction = 'received' AND sender = ?))")
        args += [wanted.peer, wanted.peer]
    values: list[Value] = [*args, limit]
    return await tx.fetch(
        f"SELECT * FROM referrals WHERE {' AND '.join(clauses)} ORDER BY id, sender LIMIT ?",
        values,
    )


async def counts(tx: Transaction) -> dict[str, dict[str, int]]:
    """How many by direction and state."""
    found: dict[str, dict[str, int]] = {"sent": {}, "received": {}}
    rows = await tx.fetch(
        "SELECT direction, state, count(*) AS count FROM referrals GROUP BY direction, state"
    )
    for row in rows:
        found[row["direction"]][row["state"]] = row["count"]
    return found


async def cases_of(tx: Transaction, url_keys: Sequence[bytes]) -> dict[bytes, str]:
    """The case of each URL key that has one."""
    if not url_keys:
        return {}
    rows = await tx.fetch(
        f"SELECT id, url_key FROM cases WHERE url_key IN ({marks(len(url_keys))})",
        tuple(url_keys),
    )
    return {bytes(row["url_key"]): row["id"] for row in rows}


async def open_cases(tx: Transaction, rows: Iterable[tuple[str, bytes]], now: float) -> None:
    """New cases, (id, URL key) each."""
    await tx.execute_many(
        "INSERT INTO cases (id, url_key, opened_at) VALUES (?, ?, ?)",
        [(case_id, url_key, now) for case_id, url_key in rows],
    )


async def case_count(tx: Transaction) -> int:
    row = await fetch_one(tx, "SELECT count(*) AS count FROM cases")
    return 0 if row is None else int(row["count"])
