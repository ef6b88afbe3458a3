"""What is asked for each message takes no longer when much is stored: no statement walks a large table."""

import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from exchange.store import (
    evidence,
    feed,
    inbox,
    journal,
    mailboxes,
    manifests,
    outbox,
    peers,
    referrals,
    tests,
)
from exchange.store.migrate import migrations
from exchange.store.port import Args, Row

IDS = [f"{number:04}" for number in range(100)]
GROWING = "inbox|outbox|referrals|referral_events|cases|envelopes|tombstones|manifests|attempts|journal|feed"
WALKS = re.compile(
    rf"SCAN (?:{GROWING})\b"
    r"|SEARCH inbox .*\(sender=\?\)|SEARCH referral_events .*\(sender=\?\)|SEARCH envelopes .*\(owner=\?\)"
    r"|SEARCH referrals .*\((?:direction|sender)=\?\)"
)


class Planned:
    """A transaction that runs nothing and notes how the engine would find the rows."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self._connection = sqlite3.connect(":memory:")
        for migration in migrations("sqlite"):
            self._connection.executescript(migration.sql)

    async def fetch(self, sql: str, args: Args = ()) -> Sequence[Row]:
        self.steps += [row[3] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
        return []

    async def execute(self, sql: str, args: Args = ()) -> int:
        await self.fetch(sql, args)
        return 1

    async def execute_many(self, sql: str, rows: Any) -> int:
        for row in rows:
            await self.fetch(sql, row)
        return 1


ASKED: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "which documents were seen": lambda tx: inbox.seen(tx, "de-x", IDS),
    "what waits for a referral": lambda tx: inbox.waiting_for(tx, "de-x", IDS),
    "how many wait": lambda tx: inbox.waiting_counts(tx, "de-x", IDS),
    "what to deliver": lambda tx: outbox.waiting(tx, "de-x", 100),
    "what may be delivered": lambda tx: outbox.waiting(tx, "de-x", 100, ["test/1"]),
    "who is due": lambda tx: peers.due(tx, 1.0),
    "who of some is due": lambda tx: peers.due(tx, 1.0, ["de-x"], ["test/1"]),
    "the last test": lambda tx: tests.latest(tx, "de-x"),
    "how a test goes": lambda tx: tests.one(tx, "d"),
    "what a receipt is about": lambda tx: outbox.rows_of(tx, "de-x", IDS),
    "deposited": lambda tx: outbox.deposited(tx, IDS[:1], "j", 1.0),
    "received": lambda tx: outbox.received(tx, IDS[:1], "r", 1.0),
    "an envelope again": lambda tx: outbox.attempt_waits_again(tx, "j", 1.0),
    "referrals by id": lambda tx: referrals.by_ids(tx, IDS),
    "their events": lambda tx: referrals.events(tx, [("de-x", one) for one in IDS]),
    "cases by URL": lambda tx: referrals.cases_of(tx, [one.encode() for one in IDS]),
    "a page of a mailbox": lambda tx: mailboxes.page(tx, "de-x", 5, 100, 1000),
    "an envelope of a mailbox": lambda tx: mailboxes.digest_of(tx, "de-x", "nl-x", "j"),
    "an attempt": lambda tx: manifests.attempt(tx, "j"),
    "a manifest": lambda tx: manifests.one(tx, "de-x", "j"),
    "the journal's head": lambda tx: journal.head(tx, "log"),
    "what came in under an id": lambda tx: evidence.received(tx, "d"),
    "messages from a moment on": lambda tx: evidence.manifests(tx, "de-x", "j", 20),
    "a journal entry": lambda tx: evidence.entry(tx, "log", 5),
    "leaves of the journal": lambda tx: evidence.leaves(tx, "log", 5, 9),
    "how much of a pending member came": lambda tx: mailboxes.lately(tx, "de-x", "nl-x", 1.0, 2.0, 9),
    "how many tests came": lambda tx: inbox.tests_since(tx, "de-x", 1.0, 9),
    "old tests": lambda tx: inbox.prune_tests(tx, 1.0),
    "the inbox of people": lambda tx: feed.page(tx, 5, 100, "receipt"),
}


@pytest.mark.parametrize("what", ASKED)
async def test_no_question_of_a_message_walks_a_table_that_grows(what: str) -> None:
    tx = Planned()
    await ASKED[what](tx)
    assert tx.steps
    assert [step for step in tx.steps if WALKS.search(step)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT data FROM inbox JOIN inbox_waiting USING (sender, document_id) WHERE inbox.sender = 'x' "
        "ORDER BY inbox.document_id",
        "SELECT count(*) FROM outbox WHERE size > 5",
        "SELECT data FROM envelopes WHERE owner = 'x' ORDER BY received_at",
    ],
)
async def test_a_statement_that_walks_is_noticed(sql: str) -> None:
    tx = Planned()
    await tx.fetch(sql)
    assert any(WALKS.search(step) for step in tx.steps)
