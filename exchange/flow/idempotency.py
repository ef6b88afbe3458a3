"""The same answer twice: what was answered under an Idempotency-Key is answered again, after a restart too.

Rules: a key belongs to one token and is kept for 30 days. The same request under it gets the stored answer;
another request under it is refused with `idempotency-conflict`. The answer is stored in the transaction
that does the work, so that there is never one without the other
(draft-ietf-httpapi-idempotency-key-header).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from exchange.core import strict_json
from exchange.core.names import Digest
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid
from exchange.store import access
from exchange.store.port import Transaction

_KEY: Final = re.compile(r"[\x21-\x7e]{8,128}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request under a key: `token` who asks, `request` the digest of what is asked."""

    token: str
    key: str
    request: Digest


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its status and JSON bytes; `again` when it had been given before."""

    status: int
    body: bytes
    again: bool


def asked(token: str, key: str | None, what: str, body: bytes) -> Asked:
    """The request `what` (method and path) with this body; raises `Invalid` for a missing or odd key."""
    if key is None:
        raise Invalid(
            "idempotency-key",
            "the header Idempotency-Key is missing",
            hint="send a fresh UUID with each new request, and the same one when you repeat it",
        )
    if _KEY.fullmatch(key) is None:
        raise Invalid("idempotency-key-form", "Idempotency-Key: not 8 to 128 visible ASCII characters")
    return Asked(token, key, Digest.of(what.encode() + b"\n" + body))


async def known(tx: Transaction, asked: Asked) -> Answered | None:
    """The answer given before; raises `Invalid` (`idempotency-conflict`) when something else was asked."""
    row = await access.answer(tx, asked.token, asked.key)
    if row is None:
        return None
    if row["request"] != asked.request:
        raise Invalid(
            "idempotency-conflict",
            "Idempotency-Key: used before with another request",
            hint="use a fresh key for a new request",
        )
    return Answered(row["status"], bytes(row["answer"]), True)


async def keep(tx: Transaction, asked: Asked, status: int, answer: JsonObject, now: float) -> Answered:
    """Store the answer of work done in this transaction."""
    body = strict_json.dump(answer)
    await access.keep_answer(tx, access.NewAnswer(asked.token, asked.key, asked.request, status, body, now))
    return Answered(status, body, False)
