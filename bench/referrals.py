"""Referrals between two node processes: one at a time, then in bulk, each until the signed receipt.

Rules: everything goes through the member API over the Unix socket, as a case system would do it. The end is
when the sender's inbox tells of the receipt: deposited is not delivered.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from bench.figures import Figure, spread
from bench.network import Running, submission
from bench.processes import Meter
from exchange.cli.connection import Node

WAIT_SECONDS: Final = 25
PAGE: Final = 500


async def one_at_a_time(sender: Running, recipient: Running, warm_up: int, count: int) -> dict[str, Figure]:
    """Submit one, wait for its receipt, submit the next. `warm_up` referrals before are not counted: the
    first fetches the recipient's key card.
    """
    node = sender.node
    cursor = await _end(node)
    meter = Meter([sender.process, recipient.process])
    taken = []
    for number in range(warm_up + count):
        line = submission(f"single-{number}")
        started = time.perf_counter()
        answer = await node.post("/v1/referrals", lines=line, key=f"bench-single-{number}")
        cursor, heard = await _receipts(node, cursor)
        taken.append(time.perf_counter() - started)
        if answer["submissions"][0]["state"] != "routed" or heard != 1:
            raise RuntimeError(f"referral {number}: {answer['submissions'][0]['state']}, {heard} receipts")
    return {**spread(taken[warm_up:]), "others_share": meter.read()[1]}


async def bulk(sender: Running, recipient: Running, lines: int, batch: int) -> dict[str, Any]:
    """Hand in all lines, a batch once the one before is answered, and hear of all receipts meanwhile."""
    batches = [
        b"\n".join(submission(f"bulk-{number}") for number in range(start, min(start + batch, lines)))
        for start in range(0, lines, batch)
    ]
    cursor = await _end(sender.node)
    meter = Meter([sender.process, recipient.process])
    started = time.perf_counter()
    hearing = asyncio.create_task(_hear(sender.node, cursor, lines))
    for number, body in enumerate(batches):
        await sender.node.post("/v1/referrals", lines=body, key=f"bench-bulk-{number}")
    handed_in = time.perf_counter() - started
    await hearing
    taken = time.perf_counter() - started
    spent, others = meter.read()
    return {
        "referrals": lines,
        "batch": batch,
        "seconds": round(taken, 3),
        "handed_in_seconds": round(handed_in, 3),
        "per_second": round(lines / taken),
        "sender_cpu_us": round(spent[0] / lines * 1e6),
        "recipient_cpu_us": round(spent[1] / lines * 1e6),
        "others_share": others,
    }


async def _hear(node: Node, cursor: str | None, wanted: int) -> None:
    heard = 0
    while heard < wanted:
        cursor, more = await _receipts(node, cursor)
        heard += more


async def _end(node: Node) -> str | None:
    """The cursor behind all that the inbox holds now."""
    cursor: str | None = None
    while True:
        page = await node.get("/v1/inbox", after=cursor, limit=PAGE)
        cursor = page["cursor"]
        if not page["items"]:
            return cursor


async def _receipts(node: Node, cursor: str | None) -> tuple[str, int]:
    """Wait for news; the cursor behind them, and for how many documents there is a receipt among them."""
    page = await node.get("/v1/inbox", after=cursor, wait=WAIT_SECONDS, limit=PAGE)
    alarms = [item.get("code") for item in page["items"] if item["kind"] == "alarm"]
    if alarms or not page["items"]:
        raise RuntimeError(f"no receipt, but {alarms or 'silence'}")
    return page["cursor"], sum(item["count"] for item in page["items"] if item["kind"] == "receipt")
