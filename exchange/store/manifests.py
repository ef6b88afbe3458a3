"""Signed manifests of both directions, and the envelopes that we deposited.

Rules: a manifest is kept as the bytes that were signed. Nothing sealed is kept by its sender: the digest of
the envelope is.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.store.port import Row, Transaction, fetch_one


@dataclass(frozen=True, slots=True)
class Attempt:
    """One deposited envelope and the manifest inside it."""

    jti: str
    recipient: str
    envelope_digest: str
    manifest: bytes
    deposited_at: float


async def add_attempt(tx: Transaction, sender: str, attempt: Attempt) -> None:
    await tx.execute(
        "INSERT INTO attempts (jti, recipient, envelope_digest, deposited_at) VALUES (?, ?, ?, ?)",
        (attempt.jti, attempt.recipient, attempt.envelope_digest, attempt.deposited_at),
    )
    await add(tx, sender, attempt.recipient, attempt.jti, attempt.manifest, attempt.deposited_at)


async def add(tx: Transaction, sender: str, recipient: str, jti: str, jws: bytes, at: float) -> bool:
    """Keep a manifest; one that is there already (an envelope collected twice) stays. False when that is
    another one.
    """
    changed = await tx.execute(
        "INSERT INTO manifests (sender, jti, recipient, jws, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO "
        "NOTHING",
        (sender, jti, recipient, jws, at),
    )
    if changed == 1:
        return True
    held = await one(tx, sender, jti)
    return held is not None and bytes(held["jws"]) == jws


async def attempt(tx: Transaction, jti: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM attempts WHERE jti = ?", (jti,))


async def one(tx: Transaction, sender: str, jti: str) -> Row | None:
    return await fetch_one(tx, "SELECT * FROM manifests WHERE sender = ? AND jti = ?", (sender, jti))
