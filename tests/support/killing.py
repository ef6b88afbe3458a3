"""A network under load whose processes are killed at random moments, and the count of what became of it.

The client does what a case system has to do and no more: it repeats a request with the same Idempotency-Key
until it has an answer. What it was told is the truth that the databases are held against.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from support.process import SERVE, Process, patched
from support.processes import COUNTRIES, SENDER, Processes, submission

from exchange.core import jws
from exchange.errors import ExchangeError, Unavailable

PAUSE_SECONDS: Final = 0.05
"""Seconds between submitting requests, of 1 to 3 lines each."""
SETTLE_SECONDS: Final = 120.0
"""A peer's back-off doubles from 5 s with full jitter: after some failures in a row it takes its time."""
STILL_SECONDS: Final = 4.0
"""Seconds without anything under way after which waiting is useless."""
PROGRAMS: Final = (SERVE, patched("slow"))
AIM_SECONDS: Final = 2.0
"""Seconds to wait for documents that lie in the victim's mailbox, before any that are under way will do."""
LONGEST_AIM_SECONDS: Final = 0.1
"""Seconds at most from seeing them to the kill: from deposit to receipt it takes some 50 ms."""
ALIVE: Final = 0.8
"""How often a victim is let come up before it is killed again; otherwise it may die while it starts."""


@dataclass
class CaseSystem:
    """Hands in until it is told to stop. `accepted` is recipient and URL by referral, as it was told."""

    net: Processes
    chance: random.Random
    accepted: dict[str, tuple[str, str]] = field(default_factory=dict)
    repeated: int = 0
    requests: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            batch = [self._one(number) for number in range(self.chance.randint(1, 3))]
            self.requests += 1
            lines = b"\n".join(json.dumps(body).encode() for _, _, body in batch)
            for (to, url, _), entry in zip(batch, await self._post(lines), strict=True):
                assert entry["recipient"] == to, "routed to another member"
                self.accepted[entry["referral"]] = (to, url)
            await asyncio.sleep(PAUSE_SECONDS)

    def _one(self, number: int) -> tuple[str, str, dict[str, Any]]:
        to = self.chance.choice(sorted(COUNTRIES))
        url = f"http://192.0.2.{number}/{self.requests}.bin"
        return to, url, submission(url, COUNTRIES[to], sender_case=f"k-{self.requests}-{number}")

    async def _post(self, lines: bytes) -> list[dict[str, Any]]:
        key = self.chance.randbytes(16).hex()
        while True:
            try:
                async with self.net[SENDER].talk() as node:
                    answer = await node.post("/v1/referrals", lines=lines, key=key)
                return list(answer["submissions"])
            except Unavailable:
                self.repeated += 1
                await asyncio.sleep(PAUSE_SECONDS)


@dataclass
class Ordeal:
    """What was done to the network, and what is wrong with what came of it."""

    seed: int
    kills: list[tuple[float, str, int]] = field(default_factory=list)
    accepted: int = 0
    repeated: int = 0
    deposited_again: int = 0
    settled_after: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        by_member = dict(Counter(member for _, member, _ in self.kills))
        return (
            f"seed {self.seed}: {len(self.kills)} kills {by_member}, {self.accepted} referrals accepted, "
            f"{self.repeated} requests and {self.deposited_again} deposits repeated, "
            f"settled after {self.settled_after:.1f} s: "
            f"{self.faults or 'all there'}"
        )


async def ordeal(net: Processes, seed: int, kills: int, victims: Sequence[str] = ()) -> Ordeal:
    """Submit, kill `kills` times, settle, stop, count.

    Any member is killed, and starts again as the program itself or with wide gaps for the next kill to hit;
    unless `victims` are named, which stay what they are.
    """
    chance = random.Random(seed)
    done = Ordeal(seed)
    for node in net:
        if not victims:
            node.program = chance.choice(PROGRAMS)
    await net.start()
    client, enough = CaseSystem(net, random.Random(seed + 1)), asyncio.Event()
    submitting = asyncio.create_task(client.run(enough))
    try:
        started = time.monotonic()
        for _ in range(kills):
            victim = net[chance.choice(victims or sorted(net.nodes))]
            if victims or chance.random() < ALIVE:
                await victim.answers()
            under_way = await _under_way(net, victim, submitting)
            await asyncio.sleep(chance.uniform(0, LONGEST_AIM_SECONDS))
            await victim.kill()
            done.kills.append((time.monotonic() - started, victim.member, under_way))
            if not victims:
                victim.program = chance.choice(PROGRAMS)
            await victim.start()
        for node in net:
            await node.ready()
        enough.set()
        await submitting
    finally:
        submitting.cancel()
    done.accepted, done.repeated = len(client.accepted), client.repeated
    done.settled_after = await _settle(net)
    done.faults += await _by_api(net, client)
    done.faults += [f"{member} stopped with {code}" for member, code in (await net.stop()).items() if code]
    done.faults += _by_database(net, client)
    done.deposited_again = _deposited_again(net)
    return done


async def _under_way(net: Processes, victim: Process, submitting: asyncio.Task[None]) -> int:
    """Wait until documents of the sender are between T1 and their receipt; how many.

    At best such as lie in the victim's mailbox now; if that takes too long, any.
    """
    started = time.monotonic()
    while (waited := time.monotonic() - started) < 60:
        if submitting.done():
            submitting.result()
        try:
            peers = (await net[SENDER].get("/v1/peers"))["peers"]
        except Unavailable:
            peers = []
        mine = [one["deposited"] for one in peers if victim.member in (SENDER, one["member"])]
        count = sum(one["waiting"] + one["deposited"] for one in peers)
        if sum(mine) or (count and waited > AIM_SECONDS):
            return int(count)
        await asyncio.sleep(0.005)
    raise AssertionError("nothing was under way for 60 s")


async def _settle(net: Processes) -> float:
    """Wait until nothing is under way, or nothing can be any more; the seconds that it took."""
    started = time.monotonic()
    still_since, before = started, ""
    while (waited := time.monotonic() - started) < SETTLE_SECONDS:
        moving, unreceipted = _moving(net)
        if moving == unreceipted == 0:
            return waited
        state = f"{moving} {unreceipted}"
        if moving or state != before:
            still_since, before = time.monotonic(), state
        if time.monotonic() - still_since > STILL_SECONDS:
            return waited
        await asyncio.sleep(0.2)
    return waited


def _moving(net: Processes) -> tuple[int, int]:
    """How many things are on their way, and how many documents have no receipt."""
    moving = unreceipted = 0
    for node in net:
        [count] = node.rows(
            "SELECT (SELECT count(*) FROM outbox WHERE state = 'waiting') + "
            "(SELECT count(*) FROM envelopes) + (SELECT count(*) FROM journal_pending) AS moving, "
            "(SELECT count(*) FROM outbox WHERE wants_receipt = 1 AND state <> 'received') AS unreceipted"
        )
        moving, unreceipted = moving + count["moving"], unreceipted + count["unreceipted"]
    return moving, unreceipted


async def _by_api(net: Processes, client: CaseSystem) -> list[str]:
    """What a person would see: the sender's timelines, and every journal."""
    found, unknown = [], []
    for node in net:
        verified = await node.post("/v1/journal/verify")
        if not verified["ok"]:
            found.append(f"the journal of {node.member} does not verify")
    for referral in sorted(client.accepted)[:: max(1, len(client.accepted) // 25)]:
        try:
            said = (await net[SENDER].get(f"/v1/referrals/{referral}"))["referral"]
        except ExchangeError as error:
            unknown.append(error.code)
            continue
        told = [event["kind"] for event in said["timeline"]]
        if said["state"] != "received" or told != ["submitted", "received"]:
            found.append(f"a timeline says {told}, its state is {said['state']}")
    return found + _count("accepted referrals that the sender does not know", unknown)


def _by_database(net: Processes, client: CaseSystem) -> list[str]:
    """Both ends counted for themselves, after every process has ended."""
    found = []
    sender = net[SENDER]
    states = {row["id"]: row["state"] for row in sender.rows("SELECT id, state FROM referrals")}
    outbox = sender.rows("SELECT document_id, state FROM outbox WHERE wants_receipt = 1")
    found += _differ("at the sender", client.accepted, states)
    found += _count("outbox rows of the sender not received", [r for r in outbox if r["state"] != "received"])
    found += _count(
        "referrals that the sender does not see received", [s for s in states.values() if s != "received"]
    )
    for member in COUNTRIES:
        node = net[member]
        wanted = {referral: url for referral, (to, url) in client.accepted.items() if to == member}
        there = node.rows("SELECT id, case_id FROM referrals WHERE direction = 'received'")
        found += _differ(f"at {member}", wanted, [row["id"] for row in there])
        bodies = node.rows("SELECT document_id, data FROM inbox WHERE type = 'referral/1'")
        urls = Counter(json.loads(row["data"])["resource"]["url"] for row in bodies)
        found += _differ(f"by URL at {member}", wanted.values(), urls.elements())
        [cases] = node.rows(
            "SELECT count(*) AS n, (SELECT count(DISTINCT case_id) FROM referrals) AS used FROM cases"
        )
        if not cases["n"] == cases["used"] == len(wanted):
            found.append(f"{member} has {cases['n']} cases ({cases['used']} used) for {len(wanted)} URLs")
    for node in net:
        found += _count(f"envelopes left at {node.member}", node.rows("SELECT position FROM envelopes"))
        found += _count(f"things in quarantine at {node.member}", node.rows("SELECT id FROM quarantine"))
        found += _count(f"alarms at {node.member}", node.rows("SELECT code FROM feed WHERE kind = 'alarm'"))
        found += _count(f"database faults at {node.member}", _unsound(node.rows("PRAGMA integrity_check")))
        if "Traceback" in node.log.read_text(errors="replace"):
            found.append(f"a traceback in the log of {node.member}")
    return found


def _deposited_again(net: Processes) -> int:
    """Documents of the sender that reached their recipients in more than one message: kills that hit home."""
    named: Counter[str] = Counter()
    for member in COUNTRIES:
        for row in net[member].rows("SELECT jws FROM manifests WHERE sender = ?", SENDER):
            manifest = json.loads(jws.peek_payload(row["jws"]))
            named.update(entry["id"] for entry in manifest["documents"])
    return sum(count > 1 for count in named.values())


def _unsound(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["integrity_check"] != "ok"]


def _count(what: str, rows: Sequence[Any]) -> list[str]:
    return [f"{len(rows)} {what}: {rows[:3]}"] if rows else []


def _differ(where: str, wanted: Any, there: Any) -> list[str]:
    """What is missing, what is there more than once, what nobody was told of."""
    missing, more = Counter(list(wanted)), Counter(list(there))
    missing, more = missing - more, more - missing
    return _count(f"missing {where}", sorted(missing)) + _count(f"twice or unknown {where}", sorted(more))
