"""Registry versions that this node has gone by, so that a split view shows: one version with two digests; and
versions beyond ours that members said they go by.

Rules: one such claim for each member, the first that is open; it goes when we have that version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exchange.store.port import Row, Transaction, fetch_one


async def differs(tx: Transaction, version: int, digest: str) -> bool:
    """Whether we know this version with another digest."""
    row = await fetch_one(tx, "SELECT digest FROM registry_versions WHERE version = ?", (version,))
    return row is not None and row["digest"] != digest


async def keep(tx: Transaction, version: int, digest: str, now: float) -> None:
    await tx.execute(
        "INSERT INTO registry_versions (version, digest, seen_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (version, digest, now),
    )


async def claim(tx: Transaction, member: str, version: int, digest: str, now: float) -> None:
    """Keep that a member goes by a version that we do not know, unless another claim of it is open."""
    await tx.execute(
        "INSERT INTO registry_claims (member, version, digest, since) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (member, version, digest, now),
    )


async def claims(tx: Transaction) -> Sequence[Row]:
    return await tx.fetch("SELECT member, version, digest, since, told_at FROM registry_claims")


async def claims_told(tx: Transaction, members: Iterable[str], now: float) -> None:
    await tx.execute_many(
        "UPDATE registry_claims SET told_at = ? WHERE member = ?", [(now, member) for member in members]
    )


async def forget_claims(tx: Transaction, members: Iterable[str]) -> None:
    await tx.execute_many("DELETE FROM registry_claims WHERE member = ?", [(member,) for member in members])
