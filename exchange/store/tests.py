"""Tests that we have sent: the last one to a member, and what the database knows of how one goes.

Rules: a test is a row of the outbox like any other; nothing is stored for it beside. It goes when it is over
and old. What its attempt and its
peer say is read with it, so that one look shows one moment.
"""

from __future__ import annotations

from exchange.store.port import Row, Transaction, fetch_one


async def latest(tx: Transaction, recipient: str) -> Row | None:
    """The newest test to a member: its id and state."""
    return await fetch_one(
        tx,
        "SELECT document_id, state FROM outbox WHERE recipient = ? AND type = 'test/1' "
        "ORDER BY document_id DESC LIMIT 1",
        (recipient,),
    )


async def one(tx: Transaction, document_id: str) -> Row | None:
    """A test with the envelope that took it last and the peer that it is for."""
    return await fetch_one(
        tx,
        "SELECT document_id, recipient, state, state_at, created_at, attempt, receipt_id, dead_code, "
        "deposited_at, card_serial, card_at, card IS NOT NULL AS card_held, last_error, last_error_at "
        "FROM outbox LEFT JOIN (SELECT jti, deposited_at FROM attempts) AS sealed ON sealed.jti = attempt "
        "LEFT JOIN peers ON peers.member = recipient "
        "WHERE document_id = ? AND type = 'test/1'",
        (document_id,),
    )


async def version_seen(tx: Transaction, version: int) -> float | None:
    """When we first went by a version of the registry."""
    row = await fetch_one(tx, "SELECT seen_at FROM registry_versions WHERE version = ?", (version,))
    return None if row is None else float(row["seen_at"])


async def prune(tx: Transaction, moment: float) -> int:
    """Forget tests of ours that were made before `moment` and are over."""
    return await tx.execute(
        "DELETE FROM outbox WHERE type = 'test/1' AND state IN ('received', 'dead') AND created_at < ?",
        (moment,),
    )
