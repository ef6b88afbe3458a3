"""What the people of the demo's members do: hand in, read the inbox, answer, hear the answers.

Rules: everything goes through the member API, as a case system would do it. Which answer a referral gets
follows from its place in the inbox, so that a run can be repeated. A second referral of the same URL is
answered with its case: the node says that it is closed already, and that is no fault. The sender's own list
is the truth about what it heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from exchange.cli.connection import Node
from exchange.cli.demo_feed import Line
from exchange.cli.demo_tally import Tally
from exchange.cli.inbox import read
from exchange.cli.send import Chunk, post
from exchange.core import strict_json
from exchange.core.names import Digest
from exchange.core.times import format_time
from exchange.errors import ExchangeError, Unavailable

BATCH_LINES: Final = 100
"""Lines of one submitting request: what a case system might hand in at a time."""
WAIT_SECONDS: Final = 2
"""Seconds of a long poll: short, so that the end is noticed."""
PAGE: Final = 500
LOOK_SECONDS: Final = 0.5
"""Seconds between looks at the sender's list, at least; a long list is looked at less often."""
STILL_SECONDS: Final = 90.0
"""Seconds without any change after which the demo gives up and says what is missing."""

Outcome = dict[str, str]
_ACCEPTED: Final = {"status": "accepted"}
_REMOVED: Final = {"status": "removed"}
MIX: Final[tuple[tuple[Outcome, ...], ...]] = (
    (_ACCEPTED, _REMOVED),
    (_ACCEPTED, _REMOVED),
    (_ACCEPTED, {"status": "provider_notified"}, _REMOVED),
    (_ACCEPTED, {"status": "unavailable", "reason": "site_down_or_404"}),
    (_ACCEPTED, _REMOVED),
    (_ACCEPTED, {"status": "police_informed", "agency": "demo-police"}, _REMOVED),
    (_ACCEPTED, {"status": "unavailable", "reason": "content_not_found"}),
    ({"status": "declined", "reason": "stale"},),
)
"""What is said of the referrals of one inbox, in turn."""


async def hand_in(node: Node, lines: Sequence[Line], tally: Tally, changed: Callable[[], None]) -> None:
    """Submit all lines through the sender's node."""
    for index, start in enumerate(range(0, len(lines), BATCH_LINES)):
        part = lines[start : start + BATCH_LINES]
        chunk = Chunk(index, tuple(line.number for line in part), tuple(line.data for line in part))
        tally.submitted(await post(node, chunk))
        changed()


async def answer_all(node: Node, member: str, tally: Tally, changed: Callable[[], None]) -> None:
    """Answer every referral that comes in, until cancelled."""
    cursor, count = None, 0
    while True:
        page = await read(node, after=cursor, kind="referral", wait=WAIT_SECONDS, limit=PAGE)
        cursor = page["cursor"]
        for item in page["items"]:
            tally.alarms["opened twice"] += item["referral"] in tally.opened
            tally.opened[item["referral"]] = member
            await _answer(node, item["referral"], f"{member[:2]}-{count + 1:05}", MIX[count % len(MIX)])
            count += 1
            changed()


async def _answer(node: Node, referral: str, case: str, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        said = {"occurred_at": format_time(time.time()), "actor": "hotline", **outcome}
        if outcome is _ACCEPTED:
            said["own_case"] = case
        data = strict_json.dump(said)
        key = f"demo-{Digest.of(referral.encode() + data)}"
        try:
            await node.post(f"/v1/referrals/{referral}/outcomes", data, key=key)
        except ExchangeError as error:
            if error.code != "state":
                raise


async def hear(node: Node, tally: Tally, handed_in: asyncio.Event, changed: Callable[[], None]) -> None:
    """Look at the sender's list until every referral is answered; `Unavailable` when nothing moves."""
    last, since = -1, time.monotonic()
    while not (handed_in.is_set() and tally.answered == tally.routed):
        started = time.monotonic()
        tally.states = await states_of(node)
        changed()
        moved = tally.routed + tally.receipted + tally.answered + len(tally.opened)
        if moved != last:
            last, since = moved, time.monotonic()
        elif time.monotonic() - since > STILL_SECONDS:
            raise Unavailable(
                "demo-still", f"nothing happened for {STILL_SECONDS:g} s", hint="; ".join(tally.faults())
            )
        await asyncio.sleep(max(LOOK_SECONDS, 4 * (time.monotonic() - started)))


async def states_of(node: Node) -> dict[str, str]:
    """The state of every referral that the sender sent."""
    found: dict[str, str] = {}
    after: str | None = None
    while True:
        page = await node.get("/v1/referrals", direction="sent", after=after, limit=PAGE)
        found |= {referral["id"]: referral["state"] for referral in page["referrals"]}
        after = page.get("next")
        if not after:
            return found


async def alarms_of(node: Node) -> list[dict[str, Any]]:
    """The alarms in a member's inbox: there are to be none."""
    return list((await read(node, after=None, kind="alarm", limit=PAGE))["items"])
