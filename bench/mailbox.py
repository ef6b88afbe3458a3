"""A mailbox host over HTTP: deposits and collects while few and while many envelopes wait in one mailbox.

Rules: the envelopes are real ones, small, sealed to a key that nobody holds: a host cannot tell. Those that
wait are written into the database before its node starts. Every request is made, sealed and signed before the
clock starts, so that this process costs as little as it can of the two cores that it shares with the host.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from bench.figures import Figure, milliseconds, percentile
from bench.network import GUEST, SENDER, Member, Network, serving
from bench.sizes import Sizes
from exchange.client.guarded import parse_place
from exchange.core import limits
from exchange.core.envelope import seal
from exchange.core.keys import EncryptionKey, HttpKey
from exchange.core.names import Digest, DocumentId, uuid7
from exchange.core.request_signature import sign_request
from exchange.flow.hosting import EPOCH
from exchange.store import meta
from exchange.store.lock import data_lock
from exchange.store.sqlite import open_sqlite

TEXT: Final = b"bench"
ENVELOPE_TYPE: Final = "application/jose"


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that is ready to go out, and the status that it must have."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    status: int


async def mailbox(network: Network, sizes: Sizes) -> list[dict[str, Any]]:
    """Fill the guest's mailbox to each size, start its host, measure, stop it."""
    found = []
    for stored in sizes.stored:
        epoch = await fill(network.recipient, stored)
        async with serving(network.recipient):
            found.append({"stored": stored, **await _measured(network, epoch, stored, sizes)})
    return found


async def fill(host: Member, stored: int) -> str:
    """Let `stored` envelopes wait in the guest's mailbox; the epoch of its cursors. The host must not run."""
    key = EncryptionKey.generate().jwk
    now = time.time()
    data = seal(TEXT, key, _jti(now))
    digest = Digest.of(data)
    with data_lock(host.config.data):
        db = await open_sqlite(host.config.database)
        try:
            async with db.transaction() as tx:
                epoch = await meta.get(tx, EPOCH)
                await tx.execute("DELETE FROM envelopes WHERE owner = ?", (GUEST.id,))
                await tx.execute_many(
                    "INSERT INTO envelopes "
                    "(owner, position, depositor, jti, digest, received_at, size, data) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        (GUEST.id, position, SENDER.id, _jti(now), digest, now, len(data), data)
                        for position in range(1, stored + 1)
                    ),
                )
                await tx.execute(
                    "UPDATE mailboxes SET position = ?, bytes = ? WHERE owner = ?",
                    (stored, stored * len(data), GUEST.id),
                )
        finally:
            await db.close()
    return str(epoch)


async def _measured(network: Network, epoch: str, stored: int, sizes: Sizes) -> dict[str, Any]:
    base = network.recipient.config.mailbox.url or ""
    count = sizes.one_by_one + sizes.at_once
    collects = _collects(base, network.guest.http_key(), epoch, stored, count)
    deposits = _deposits(base, network.sender.http_key(), count)
    connector = aiohttp.TCPConnector(limit=sizes.connections)
    async with aiohttp.ClientSession(base, connector=connector, auto_decompress=False) as session:
        return {
            "collect": await _both(session, collects, sizes),
            "deposit": await _both(session, deposits, sizes),
        }


async def _both(
    session: aiohttp.ClientSession, requests: Sequence[Signed], sizes: Sizes
) -> dict[str, Figure]:
    """The time of one request while there is no other, then how many a second get through together."""
    taken = []
    for request in requests[: sizes.one_by_one]:
        started = time.perf_counter()
        await _send(session, request)
        taken.append(time.perf_counter() - started)
    waiting = iter(requests[sizes.one_by_one :])

    async def worker() -> None:
        for request in waiting:
            await _send(session, request)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(sizes.connections):
            group.create_task(worker())
    rate = sizes.at_once / (time.perf_counter() - started)
    return {
        "p50_ms": milliseconds(percentile(taken, 0.5)),
        "p99_ms": milliseconds(percentile(taken, 0.99)),
        "per_second": round(rate),
    }


async def _send(session: aiohttp.ClientSession, request: Signed) -> None:
    async with session.request(
        request.method, request.target, headers=request.headers, data=request.body
    ) as answer:
        body = await answer.read()
        if answer.status != request.status:
            raise RuntimeError(f"{request.method} was answered {answer.status}: {body[:200]!r}")


def _collects(base: str, key: HttpKey, epoch: str, stored: int, count: int) -> list[Signed]:
    """Full pages from all over the mailbox."""
    room = max(stored - limits.PAGE_ENVELOPES, 1)
    path = f"/v1/mailboxes/{GUEST.id}/envelopes"
    queries = [f"after={epoch}.{number * room // count}&wait=0" for number in range(count)]
    return [_signed("GET", base, path, query, None, key, 200) for query in queries]


def _deposits(base: str, key: HttpKey, count: int) -> list[Signed]:
    nobody = EncryptionKey.generate().jwk
    made = []
    for _ in range(count):
        jti = _jti(time.time())
        path = f"/v1/mailboxes/{GUEST.id}/envelopes/{jti}"
        made.append(_signed("PUT", base, path, "", seal(TEXT, nobody, jti), key, 201))
    return made


def _signed(
    method: str, base: str, path: str, query: str, body: bytes | None, key: HttpKey, status: int
) -> Signed:
    place = parse_place(base, "mailbox.url")
    content_type = None if body is None else ENVELOPE_TYPE
    nonce = os.urandom(limits.NONCE_BYTES)
    headers = sign_request(
        method, place.authority, path, query, body, content_type, key, int(time.time()), nonce
    )
    return Signed(method, f"{path}?{query}" if query else path, headers, body, status)


def _jti(now: float) -> DocumentId:
    return uuid7(now, os.urandom(10))
