"""Peers: when each is due, what its host last said, and the key card that we hold of it.

Rules: one answer of a host delays the peer, never a document, and never for longer than the ceiling of the
back-off: a time beyond it was written by a clock that was wrong, and means now. The highest card serial per
member is never forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.core import limits
from exchange.store.port import Row, Transaction, fetch_one, marks


@dataclass(frozen=True, slots=True)
class Delay:
    """When a peer is tried again, and why not before."""

    due_at: float
    failures: int
    error: str


async def due(
    tx: Transaction, now: float, limited: Sequence[str] = (), types: Sequence[str] = ()
) -> Sequence[str]:
    """Members for whom something waits and who are due. For those that are `limited`, only documents of
    these `types` count: others wait without being tried.
    """
    passes = f"AND (peers.member NOT IN ({marks(len(limited))}) OR outbox.type IN ({marks(len(types))}))"
    rows = await tx.fetch(
        "SELECT member FROM peers WHERE (due_at <= ? OR due_at > ?) AND EXISTS "
        "(SELECT 1 FROM outbox WHERE outbox.recipient = peers.member AND outbox.state = 'waiting' "
        f"{passes if limited else ''}) ORDER BY due_at, member",
        (now, now + limits.REFUSED_RETRY_MAX_SECONDS, *((*limited, *types) if limited else ())),
    )
    return [row["member"] for row in rows]


async def next_due(tx: Transaction, now: float) -> float | None:
    """When the next peer is due that is not due yet, and for whom something waits."""
    row = await fetch_one(
        tx,
        "SELECT min(due_at) AS moment FROM peers WHERE due_at > ? AND EXISTS "
        "(SELECT 1 FROM outbox WHERE outbox.recipient = peers.member AND outbox.state = 'waiting')",
        (now,),
    )
    return None if row is None else row["moment"]


async def backing_off(tx: Transaction, now: float) -> int:
    """How many peers are not tried before some later time."""
    row = await fetch_one(tx, "SELECT count(*) AS count FROM peers WHERE due_at > ?", (now,))
    return 0 if row is None else int(row["count"])


async def one(tx: Transaction, member: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM peers WHERE member = ?", (member,))


async def every(tx: Transaction) -> dict[str, Row]:
    """All peers with the number of their waiting and deposited documents."""
    rows = await tx.fetch(
        "SELECT peers.*, "
        "(SELECT count(*) FROM outbox WHERE recipient = member AND state = 'waiting') AS waiting, "
        "(SELECT count(*) FROM outbox WHERE recipient = member AND state = 'deposited' AND wants_receipt "
        "= 1) "
        "AS deposited FROM peers"
    )
    return {row["member"]: row for row in rows}


async def known(tx: Transaction, member: str) -> None:
    await tx.execute(
        "INSERT INTO peers (member, due_at, failures, refusals) VALUES (?, 0, 0, 0) ON CONFLICT DO NOTHING",
        (member,),
    )


async def delay(tx: Transaction, member: str, delay: Delay, now: float) -> None:
    await tx.execute(
        "UPDATE peers SET due_at = ?, failures = ?, last_error = ?, last_error_at = ? WHERE member = ?",
        (delay.due_at, delay.failures, delay.error, now, member),
    )


async def succeeded(tx: Transaction, member: str, now: float) -> None:
    await tx.execute(
        "UPDATE peers SET due_at = 0, failures = 0, last_error = NULL, last_success_at = ? WHERE member = ?",
        (now, member),
    )


async def due_now(tx: Transaction, member: str) -> None:
    await tx.execute("UPDATE peers SET due_at = 0, failures = 0 WHERE member = ?", (member,))


async def due_again(tx: Transaction) -> None:
    """Let every peer be tried now that was held back."""
    await tx.execute("UPDATE peers SET due_at = 0, failures = 0 WHERE failures > 0")


async def keep_card(tx: Transaction, member: str, serial: int, card: bytes, now: float) -> None:
    """Keep a card that was fetched now; one with a lower serial than that held is left out."""
    await known(tx, member)
    await tx.execute(
        "UPDATE peers SET card_serial = ?, card = ?, card_at = ? WHERE member = ? "
        "AND (card_serial IS NULL OR card_serial <= ?)",
        (serial, card, now, member, serial),
    )


async def forget_card(tx: Transaction, member: str) -> None:
    """Drop the card so that it is fetched afresh; the serial stays."""
    await tx.execute("UPDATE peers SET card = NULL WHERE member = ?", (member,))


async def refused(tx: Transaction, member: str, count: int) -> int:
    """Add to the refusals of our envelopes by this peer; how many there are in a row now."""
    rows = await tx.fetch(
        "UPDATE peers SET refusals = refusals + ? WHERE member = ? RETURNING refusals", (count, member)
    )
    return int(rows[0]["refusals"]) if rows else 0


async def opened(tx: Transaction, member: str) -> None:
    """The peer could open what we sent: its refusals in a row end."""
    await tx.execute("UPDATE peers SET refusals = 0 WHERE member = ? AND refusals > 0", (member,))
