"""API tokens, stored hashed, and the answers given under an Idempotency-Key.

Rules: a token's secret is never stored, its SHA-256 is. An Idempotency-Key belongs to one token; the same
key gives the stored answer, also after a restart, in the same transaction as the work that it answers for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.store.port import Row, Transaction, fetch_one


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer under a key: `request` is the digest of what was asked, `answer` the JSON bytes."""

    token: str
    key: str
    request: str
    status: int
    answer: bytes
    created_at: float


async def add_token(
    tx: Transaction, token_id: str, name: str, secret: bytes, scopes: str, now: float
) -> None:
    await tx.execute(
        "INSERT INTO tokens (id, name, secret, scopes, created_at) VALUES (?, ?, ?, ?, ?)",
        (token_id, name, secret, scopes, now),
    )


async def token(tx: Transaction, token_id: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM tokens WHERE id = ? AND revoked_at IS NULL", (token_id,))


async def tokens(tx: Transaction) -> Sequence[Row]:
    return await tx.fetch(
        "SELECT id, name, scopes, created_at, revoked_at FROM tokens ORDER BY created_at, id"
    )


async def revoke_token(tx: Transaction, token_id: str, now: float) -> bool:
    changed = await tx.execute(
        "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, token_id)
    )
    return changed == 1


async def answer(tx: Transaction, token_id: str, key: str) -> Row | None:
    """The answer that was given under this key."""
    return await fetch_one(
        tx, "SELECT request, status, answer FROM idempotency WHERE token = ? AND key = ?", (token_id, key)
    )


async def keep_answer(tx: Transaction, new: NewAnswer) -> bool:
    """Keep an answer; False when the key has one already."""
    changed = await tx.execute(
        "INSERT INTO idempotency (token, key, request, status, answer, created_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (new.token, new.key, new.request, new.status, new.answer, new.created_at),
    )
    return changed == 1


async def prune_answers(tx: Transaction, before: float) -> int:
    return await tx.execute("DELETE FROM idempotency WHERE created_at < ?", (before,))
