"""Registry versions that this node has gone by, so that a split view shows: one version with two digests."""

from __future__ import annotations

from exchange.store.port import Transaction, fetch_one


async def differs(tx: Transaction, version: int, digest: str) -> bool:
    """Whether we know this version with another digest."""
    row = await fetch_one(tx, "SELECT digest FROM registry_versions WHERE version = ?", (version,))
    return row is not None and row["digest"] != digest


async def keep(tx: Transaction, version: int, digest: str, now: float) -> None:
    await tx.execute(
        "INSERT INTO registry_versions (version, digest, seen_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (version, digest, now),
    )
