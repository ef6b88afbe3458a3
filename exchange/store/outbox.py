"""The outbox: our own documents until the other side has signed for them.

Rules: every change of state is a compare-and-swap on the state it expects; nothing falls back from *received*
or *dead* but by an operator. A document of a receipt's own (`wants_receipt` = 0) ends at *deposited*. When
a peer is tried is kept in `peers`, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.store.port import Row, Transaction, fetch_one, marks

DROPPED: Final = "dropped"
"""Code of a dead letter that an operator has put away."""


@dataclass(frozen=True, slots=True)
class NewOutbound:
    """A row of the outbox in state *waiting*."""

    document_id: str
    recipient: str
    type: str
    digest: str
    data: bytes
    wants_receipt: bool
    created_at: float


async def add(tx: Transaction, rows: Sequence[NewOutbound]) -> None:
    """Add documents to deliver, and make each recipient known as a peer that is due."""
    await tx.execute_many(
        "INSERT INTO outbox (document_id, recipient, type, digest, data, size, wants_receipt, state, "
        "state_at, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
        [
            (
                r.document_id,
                r.recipient,
                r.type,
                r.digest,
                r.data,
                len(r.data),
                int(r.wants_receipt),
                r.created_at,
                r.created_at,
            )
            for r in rows
        ],
    )
    await tx.execute_many(
        "INSERT INTO peers (member, due_at, failures, refusals) VALUES (?, 0, 0, 0) ON CONFLICT DO NOTHING",
        [(recipient,) for recipient in sorted({r.recipient for r in rows})],
    )


async def waiting(
    tx: Transaction, recipient: str, limit: int, types: Sequence[str] | None = None
) -> Sequence[Row]:
    """The oldest documents that wait for a recipient, of these `types` if they are named."""
    chosen = () if types is None else types
    of_type = "" if types is None else f"AND type IN ({marks(len(types))}) "
    return await tx.fetch(
        "SELECT document_id, type, digest, data FROM outbox "
        f"WHERE recipient = ? AND state = 'waiting' {of_type}ORDER BY document_id LIMIT ?",
        (recipient, *chosen, limit),
    )


async def deposited(tx: Transaction, ids: Iterable[str], attempt: str, now: float) -> int:
    """waiting -> deposited; a row that a receipt has overtaken stays *received*."""
    return await tx.execute_many(
        "UPDATE outbox SET state = 'deposited', state_at = ?, attempt = ?, asked_at = NULL "
        "WHERE document_id = ? AND state = 'waiting'",
        [(now, attempt, document_id) for document_id in ids],
    )


async def rows_of(tx: Transaction, recipient: str, ids: Sequence[str]) -> dict[str, Row]:
    """State, digest and type of documents to a recipient that want a receipt, by id."""
    if not ids:
        return {}
    rows = await tx.fetch(
        "SELECT document_id, type, digest, state, dead_code, receipt_id FROM outbox "
        f"WHERE document_id IN ({marks(len(ids))}) AND recipient = ? AND wants_receipt = 1",
        (*ids, recipient),
    )
    return {row["document_id"]: row for row in rows}


async def received(tx: Transaction, ids: Iterable[str], receipt_id: str, now: float) -> int:
    """waiting or deposited -> received, by the receipt that says so."""
    return await tx.execute_many(
        "UPDATE outbox SET state = 'received', state_at = ?, receipt_id = ? "
        "WHERE document_id = ? AND state IN ('waiting', 'deposited') AND wants_receipt = 1",
        [(now, receipt_id, document_id) for document_id in ids],
    )


async def dead(tx: Transaction, rows: Iterable[tuple[str, str, str | None]], now: float) -> int:
    """waiting or deposited -> dead; rows are (document id, code, receipt id or None)."""
    return await tx.execute_many(
        "UPDATE outbox SET state = 'dead', state_at = ?, dead_code = ?, receipt_id = ? "
        "WHERE document_id = ? AND state IN ('waiting', 'deposited')",
        [(now, code, receipt_id, document_id) for document_id, code, receipt_id in rows],
    )


async def receipts_wait_again(tx: Transaction, ids: Iterable[str], now: float, pause: float) -> int:
    """deposited -> waiting for receipts of our own that have to go out again; a buried one rises.

    One deposited within the last `pause` seconds is on its way: a host that shows us an envelope over and
    over does not make us flood its sender.
    """
    return await tx.execute_many(
        "UPDATE outbox SET state = 'waiting', state_at = ?, created_at = ?, dead_code = NULL "
        "WHERE document_id = ? AND wants_receipt = 0 AND data IS NOT NULL "
        "AND (state = 'dead' OR (state = 'deposited' AND state_at NOT BETWEEN ? AND ?))",
        [(now, now, document_id, now - pause, now) for document_id in ids],
    )


async def attempt_waits_again(tx: Transaction, attempt: str, now: float) -> int:
    """deposited -> waiting for what was last deposited in this envelope."""
    return await tx.execute(
        "UPDATE outbox SET state = 'waiting', state_at = ? WHERE attempt = ? AND state = 'deposited' "
        "AND data IS NOT NULL",
        (now, attempt),
    )


async def bury_receipts(tx: Transaction, moment: float, now: float) -> int:
    """waiting -> dead for receipts of our own made before `moment`: their message can no longer matter."""
    return await tx.execute(
        "UPDATE outbox SET state = 'dead', state_at = ?, dead_code = 'expired' "
        "WHERE state = 'waiting' AND wants_receipt = 0 AND created_at < ?",
        (now, moment),
    )


async def retry_dead(tx: Transaction, document_id: str, now: float) -> bool:
    """dead -> waiting, at an operator's word; its 30 days begin anew."""
    changed = await tx.execute(
        "UPDATE outbox SET state = 'waiting', state_at = ?, created_at = ?, dead_code = NULL, receipt_id "
        "= NULL, "
        "alarmed_at = NULL WHERE document_id = ? AND state = 'dead' AND data IS NOT NULL",
        (now, now, document_id),
    )
    return changed == 1


async def one(tx: Transaction, document_id: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM outbox WHERE document_id = ?", (document_id,))


async def drop(tx: Transaction, document_id: str, now: float) -> bool:
    """waiting, deposited or dead -> dead by an operator's word; False when it is not open to that."""
    changed = await tx.execute(
        "UPDATE outbox SET state = 'dead', state_at = ?, dead_code = ? WHERE document_id = ? "
        "AND wants_receipt = 1 "
        "AND (state IN ('waiting', 'deposited') OR (state = 'dead' AND dead_code <> ?))",
        (now, DROPPED, document_id, DROPPED),
    )
    return changed == 1


async def dead_letters(tx: Transaction, after: str, limit: int) -> Sequence[Row]:
    """Documents that could not be delivered, but for those that an operator has dropped."""
    return await tx.fetch(
        "SELECT document_id, recipient, type, dead_code, state_at, created_at FROM outbox "
        "WHERE state = 'dead' AND wants_receipt = 1 AND dead_code <> ? AND document_id > ? "
        "ORDER BY document_id LIMIT ?",
        (DROPPED, after, limit),
    )


async def older_than(tx: Transaction, moment: float, limit: int) -> Sequence[Row]:
    """Documents that wait for a receipt and were made before `moment`."""
    return await tx.fetch(
        "SELECT document_id, recipient, type, alarmed_at FROM outbox "
        "WHERE state IN ('waiting', 'deposited') AND wants_receipt = 1 AND created_at < ? "
        "ORDER BY created_at LIMIT ?",
        (moment, limit),
    )


async def waiting_for_members(tx: Transaction, members: Sequence[str], limit: int) -> Sequence[Row]:
    """Documents without a receipt for some members."""
    if not members:
        return []
    return await tx.fetch(
        "SELECT document_id, recipient, type FROM outbox "
        f"WHERE recipient IN ({marks(len(members))}) AND state IN ('waiting', 'deposited') "
        "AND wants_receipt = 1 LIMIT ?",
        (*members, limit),
    )


async def to_alarm(tx: Transaction, moment: float, limit: int) -> Sequence[Row]:
    """Documents made before `moment` for which nobody was told yet."""
    return await tx.fetch(
        "SELECT document_id, recipient, type FROM outbox WHERE state IN ('waiting', 'deposited') "
        "AND wants_receipt = 1 AND alarmed_at IS NULL AND created_at < ? ORDER BY created_at LIMIT ?",
        (moment, limit),
    )


async def alarmed(tx: Transaction, ids: Iterable[str], now: float) -> None:
    await tx.execute_many(
        "UPDATE outbox SET alarmed_at = ? WHERE document_id = ?", [(now, document_id) for document_id in ids]
    )


async def attempts_to_ask(tx: Transaction, moment: float, limit: int) -> Sequence[Row]:
    """Envelopes deposited before `moment` without a receipt, not asked after since; those first that nobody
    has asked after for longest, so that many for one peer do not hide those for others.
    """
    return await tx.fetch(
        "SELECT attempt, recipient FROM outbox WHERE state = 'deposited' AND wants_receipt = 1 "
        "AND state_at < ? AND (asked_at IS NULL OR asked_at < ?) GROUP BY attempt, recipient "
        "ORDER BY min(coalesce(asked_at, state_at)) LIMIT ?",
        (moment, moment, limit),
    )


async def asked(tx: Transaction, attempt: str, now: float) -> None:
    await tx.execute(
        "UPDATE outbox SET asked_at = ? WHERE attempt = ? AND state = 'deposited'", (now, attempt)
    )


async def counts(tx: Transaction) -> dict[str, int]:
    """How many documents that want a receipt, by state."""
    rows = await tx.fetch(
        "SELECT state, count(*) AS count FROM outbox WHERE wants_receipt = 1 GROUP BY state"
    )
    return {row["state"]: row["count"] for row in rows}


async def oldest_waiting(tx: Transaction) -> float | None:
    """When the oldest document without a receipt was made."""
    row = await fetch_one(
        tx,
        "SELECT min(created_at) AS moment FROM outbox WHERE state IN ('waiting', 'deposited') AND "
        "wants_receipt = 1",
    )
    return None if row is None else row["moment"]
