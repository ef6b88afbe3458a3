"""Mailboxes that this node hosts: deposit, page, acknowledge, ask.

Rules: an envelope is unique by mailbox, depositor and jti, also after it was acknowledged (tombstones, past
the life of a message). A position is taken from the mailbox's own row in the same transaction: gap-free, in
the order of commits. What an envelope says is unknown here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exchange.store.port import Row, Transaction, fetch_one


@dataclass(frozen=True, slots=True)
class NewEnvelope:
    """One sealed envelope for a mailbox."""

    owner: str
    depositor: str
    jti: str
    digest: str
    received_at: float
    data: bytes


async def ensure(tx: Transaction, owners: Iterable[tuple[str, str]]) -> None:
    """Make mailboxes that are not there: (owner, epoch) each."""
    await tx.execute_many(
        "INSERT INTO mailboxes (owner, epoch, position, bytes) VALUES (?, ?, 0, 0) ON CONFLICT DO NOTHING",
        list(owners),
    )


async def one(tx: Transaction, owner: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM mailboxes WHERE owner = ?", (owner,))


async def digest_of(tx: Transaction, owner: str, depositor: str, jti: str) -> tuple[str, str] | None:
    """(state, digest) of an envelope that was deposited: *waiting* or *acknowledged*."""
    key = (owner, depositor, jti)
    row = await fetch_one(
        tx, "SELECT digest FROM envelopes WHERE owner = ? AND depositor = ? AND jti = ?", key
    )
    if row is not None:
        return "waiting", row["digest"]
    row = await fetch_one(
        tx, "SELECT digest FROM tombstones WHERE owner = ? AND depositor = ? AND jti = ?", key
    )
    return None if row is None else ("acknowledged", row["digest"])


async def deposit(tx: Transaction, envelope: NewEnvelope, quota: int) -> bool:
    """Store a new envelope at the next position; False when the mailbox would hold more than `quota`
    bytes.
    """
    size = len(envelope.data)
    rows = await tx.fetch(
        "UPDATE mailboxes SET position = position + 1, bytes = bytes + ? "
        "WHERE owner = ? AND bytes + ? <= ? RETURNING position",
        (size, envelope.owner, size, quota),
    )
    if not rows:
        return False
    await tx.execute(
        "INSERT INTO envelopes (owner, position, depositor, jti, digest, received_at, size, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            envelope.owner,
            rows[0]["position"],
            envelope.depositor,
            envelope.jti,
            envelope.digest,
            envelope.received_at,
            size,
            envelope.data,
        ),
    )
    return True


async def lately(tx: Transaction, owner: str, depositor: str, since: float, until: float, limit: int) -> int:
    """How many envelopes of a depositor came since `since`, or are forgotten only after `until`; at most
    `limit`.
    """
    row = await fetch_one(
        tx,
        "SELECT count(*) AS count FROM ("
        "SELECT 1 FROM envelopes WHERE owner = ? AND depositor = ? AND received_at >= ? UNION ALL "
        "SELECT 1 FROM tombstones WHERE owner = ? AND depositor = ? AND until > ? LIMIT ?)",
        (owner, depositor, since, owner, depositor, until, limit),
    )
    return 0 if row is None else int(row["count"])


async def page(tx: Transaction, owner: str, after: int, limit: int, limit_bytes: int) -> Sequence[Row]:
    """Envelopes above a position, as many as fit both limits, at least one if there is any."""
    sizes = await tx.fetch(
        "SELECT position, size FROM envelopes WHERE owner = ? AND position > ? ORDER BY position LIMIT ?",
        (owner, after, limit),
    )
    through, total = after, 0
    for row in sizes:
        total += row["size"]
        if total > limit_bytes and through > after:
            break
        through = row["position"]
    if through == after:
        return []
    return await tx.fetch(
        "SELECT position, depositor, jti, received_at, data FROM envelopes "
        "WHERE owner = ? AND position > ? AND position <= ? ORDER BY position",
        (owner, after, through),
    )


async def acknowledge(tx: Transaction, owner: str, through: int, until: float) -> int:
    """Forget envelopes up to a position, leaving tombstones until `until`; how many there were."""
    await tx.execute(
        "INSERT INTO tombstones (owner, depositor, jti, digest, until) "
        "SELECT owner, depositor, jti, digest, ? FROM envelopes WHERE owner = ? AND position <= ?",
        (until, owner, through),
    )
    await tx.execute(
        "UPDATE mailboxes SET bytes = bytes - (SELECT coalesce(sum(size), 0) FROM envelopes "
        "WHERE owner = ? AND position <= ?) WHERE owner = ?",
        (owner, through, owner),
    )
    return await tx.execute("DELETE FROM envelopes WHERE owner = ? AND position <= ?", (owner, through))


async def prune_tombstones(tx: Transaction, now: float) -> int:
    return await tx.execute("DELETE FROM tombstones WHERE until < ?", (now,))


async def waiting(tx: Transaction) -> dict[str, int]:
    """How many envelopes wait in each mailbox."""
    rows = await tx.fetch("SELECT owner, count(*) AS count FROM envelopes GROUP BY owner")
    return {row["owner"]: row["count"] for row in rows}


async def card(tx: Transaction, member: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM guest_cards WHERE member = ?", (member,))


async def keep_card(tx: Transaction, member: str, serial: int, data: bytes) -> bool:
    """Keep a guest's card; False when a newer one is there."""
    changed = await tx.execute(
        "INSERT INTO guest_cards (member, serial, card) VALUES (?, ?, ?) ON CONFLICT (member) "
        "DO UPDATE SET serial = excluded.serial, card = excluded.card "
        "WHERE guest_cards.serial <= excluded.serial",
        (member, serial, data),
    )
    return changed == 1
