"""Nonces of signed requests. The insert is the check: a nonce that is there already is a replay."""

from __future__ import annotations

from exchange.store.port import Transaction


async def use(tx: Transaction, keyid: str, nonce: str, expires_at: float) -> bool:
    """Use a nonce; False when it was used before."""
    changed = await tx.execute(
        "INSERT INTO nonces (keyid, nonce, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (keyid, nonce, expires_at),
    )
    return changed == 1


async def prune(tx: Transaction, now: float) -> int:
    """Forget nonces whose request could not be accepted any more."""
    return await tx.execute("DELETE FROM nonces WHERE expires_at < ?", (now,))
