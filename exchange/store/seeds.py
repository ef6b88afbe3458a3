"""Encryption seeds, sealed, each with the key card that announces its public half.

Rules: a seed and its card are written in one transaction, before the card is published; a later card over the
same key takes its place. What is retired stays so, and is kept until it is destroyed. A destroyed seed leaves
its row, so that it can be shown that it was destroyed. What opens a sealed seed is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.store.port import Row, Transaction


@dataclass(frozen=True, slots=True)
class NewSeed:
    """A sealed seed and its card; `serial` and `card_exp` are unix seconds."""

    kid: str
    serial: int
    sealed: bytes
    card: bytes
    created_at: float
    card_exp: float


async def add(tx: Transaction, seed: NewSeed) -> None:
    await tx.execute(
        "INSERT INTO seeds (kid, serial, sealed, card, created_at, card_exp) VALUES (?, ?, ?, ?, ?, ?)",
        (seed.kid, seed.serial, seed.sealed, seed.card, seed.created_at, seed.card_exp),
    )


async def announce_again(tx: Transaction, kid: str, serial: int, card: bytes, card_exp: float) -> None:
    """Put a newer card over the same key in the place of its last one."""
    await tx.execute(
        "UPDATE seeds SET serial = ?, card = ?, card_exp = ? WHERE kid = ? AND serial < ?",
        (serial, card, card_exp, kid, serial),
    )


async def retire(tx: Transaction, now: float) -> None:
    """Say of every seed that is here that nothing more may be sealed to its key."""
    await tx.execute(
        "UPDATE seeds SET retired_at = ? WHERE retired_at IS NULL AND sealed IS NOT NULL", (now,)
    )


async def every(tx: Transaction) -> Sequence[Row]:
    return await tx.fetch("SELECT * FROM seeds ORDER BY serial")


async def destroy(tx: Transaction, kid: str, now: float) -> bool:
    """Erase a seed for ever; False when it was erased before."""
    changed = await tx.execute(
        "UPDATE seeds SET sealed = NULL, destroyed_at = ? WHERE kid = ? AND sealed IS NOT NULL", (now, kid)
    )
    return changed == 1
