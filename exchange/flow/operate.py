"""Operate: what a person decides about things that do not go on by themselves.

Rules: each action is one transaction, with an entry in the journal that names the token by which it was done
and never a URL. What a recipient has refused with its signature is not sent again: the way on is a new
referral. Only an envelope that was held because its sender was suspended can be released; whatever else lies
in quarantine was refused for what it is. Verifying the journal changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from exchange.core import journal_chain
from exchange.core.names import AnyUuid, DocumentId, MemberId
from exchange.core.opening import OpeningCode
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid
from exchange.flow import journal
from exchange.flow.bell import Bells
from exchange.flow.identity import Identity
from exchange.flow.receive import Arrived
from exchange.flow.tokens import Caller
from exchange.flow.world import World
from exchange.store import journal as journal_rows
from exchange.store import outbox, peers, quarantine, referrals
from exchange.store.port import Database, Row, Transaction

RECEIVED: Final = "received"
REFUSED: Final = "refused-"
VERIFIED_AT_ONCE: Final = 1000
"""Journal entries of one page: some 3 ms of hashing before the event loop gets its turn."""


@dataclass(frozen=True, slots=True)
class Operate:
    """`receive` takes one envelope although its sender was suspended, and gives the verdict."""

    db: Database
    world: World
    bells: Bells
    identity: Identity
    receive: Callable[[Arrived], Awaitable[str]]

    async def retry(self, document_id: str, by: Caller) -> JsonObject:
        """Let a dead letter wait again, due at once, for another 30 days.

        Raises `Invalid` (`document-unknown`, `not-a-dead-letter`, `refused-by-recipient`, `document-erased`).
        """
        now = self.world.now()
        async with self.db.transaction() as tx:
            row = await self._ours(tx, document_id)
            if row["state"] != "dead":
                raise Invalid("not-a-dead-letter", f"the document is {row['state']}, not a dead letter")
            if row["dead_code"].startswith(REFUSED) or row["receipt_id"] is not None:
                raise Invalid(
                    "refused-by-recipient",
                    "the recipient has refused this document with its signature",
                    hint="send a new referral with what was wrong put right",
                )
            if not await outbox.retry_dead(tx, document_id, now):
                raise Invalid("document-erased", "the document's bytes were erased; it cannot be sent again")
            await peers.due_now(tx, row["recipient"])
            await self._told(tx, row, "retried", now, by)
        self.bells.deliver.ring()
        self.bells.journal.ring()
        return {"document": document_id, "state": "waiting"}

    async def drop(self, document_id: str, by: Caller) -> JsonObject:
        """Put a dead letter away, or stop trying to deliver.

        Raises `Invalid` (`document-unknown`, `not-to-be-dropped`).
        """
        now = self.world.now()
        async with self.db.transaction() as tx:
            row = await self._ours(tx, document_id)
            if not await outbox.drop(tx, document_id, now):
                state = "dropped" if row["dead_code"] == outbox.DROPPED else row["state"]
                raise Invalid("not-to-be-dropped", f"the document is {state} already")
            await self._told(tx, row, "dropped", now, by)
        self.bells.journal.ring()
        return {"document": document_id, "state": "dead", "code": outbox.DROPPED}

    async def release(self, item: str, by: Caller) -> JsonObject:
        """Receive an envelope that was held because its sender was suspended.

        Raises `Invalid` (`quarantine-unknown`, `not-releasable`). If we die between the receiving and the
        mark, the item can be released again: its documents are then known.
        """
        async with self.db.reading() as tx:
            row = await quarantine.one(tx, item)
        if row is None:
            raise Invalid("quarantine-unknown", "no such item in quarantine")
        why_not = _not_releasable(row)
        if why_not is not None:
            raise Invalid("not-releasable", why_not)
        depositor, jti = MemberId(row["depositor"]), DocumentId(row["jti"])
        verdict = await self.receive(Arrived(jti, depositor, bytes(row["data"])))
        if verdict != RECEIVED:
            raise Invalid("not-releasable", f"the envelope was looked at and is still refused: {verdict}")
        async with self.db.transaction() as tx:
            if await quarantine.released(tx, item, self.world.now()):
                await journal.write(
                    tx,
                    self.world,
                    "released",
                    message=jti,
                    sha256=row["digest"],
                    by=depositor,
                    by_token=by.token,
                )
        self.bells.journal.ring()
        return {"id": item, "verdict": verdict}

    async def note(self, what: str, by: Caller, **ids: str | None) -> None:
        """Write into the journal what an operator did by another verb."""
        async with self.db.transaction() as tx:
            await journal.write(tx, self.world, what, by_token=by.token, **ids)
        self.bells.journal.ring()

    async def verify_journal(self) -> JsonObject:
        """Compute the current log again, page by page, up to the head at the start."""
        async with self.db.reading() as tx:
            log = await journal.current_log(tx)
            last = (await journal.head(tx, log)).n
            anchors = await journal_rows.anchor_count(tx)
        verdict = journal_chain.verify(())
        while verdict.ok and verdict.entries < last:
            rows = await self._links(log, verdict.entries, last)
            if not rows:
                break
            verdict = journal_chain.verify(rows, after=verdict)
        whole = verdict.ok and verdict.entries >= last
        said: JsonObject = {
            "ok": whole,
            "log": log,
            "entries": verdict.entries,
            "erased": verdict.erased,
            "anchors": anchors,
        }
        return said if whole else {**said, "broken_at": verdict.broken_at or verdict.entries + 1}

    async def _links(self, log: AnyUuid, after: int, last: int) -> list[journal_chain.Row]:
        async with self.db.reading() as tx:
            rows = await journal_rows.page(tx, log, after, min(VERIFIED_AT_ONCE, last - after))
        return [
            journal_chain.Row(
                row["n"],
                None if row["entry"] is None else bytes(row["entry"]),
                bytes(row["leaf"]),
                bytes(row["link"]),
            )
            for row in rows
        ]

    async def _ours(self, tx: Transaction, document_id: str) -> Row:
        """A document of ours that wants a receipt."""
        row = await outbox.one(tx, document_id)
        if row is None or not row["wants_receipt"]:
            raise Invalid("document-unknown", "no such document of ours")
        return row

    async def _told(self, tx: Transaction, row: Row, what: str, now: float, by: Caller) -> None:
        """The journal entry, and for a referral a line of its timeline that changes no state."""
        await journal.write(
            tx, self.world, what, document=row["document_id"], to=row["recipient"], by_token=by.token
        )
        key = (self.identity.member, row["document_id"])
        for known in await referrals.by_ids(tx, [row["document_id"]]):
            if (known["sender"], known["id"]) == key:
                n = len((await referrals.events(tx, [key]))[key]) + 1
                event = referrals.NewEvent(*key, n, now, what, self.identity.member, known["state"])
                await referrals.add_events(tx, [event])


def _not_releasable(row: Row) -> str | None:
    if row["kind"] != "envelope" or row["code"] != OpeningCode.SUSPENDED:
        return "only an envelope that was held because its sender was suspended can be released"
    if row["released_at"] is not None:
        return "it was released already"
    return "its bytes were not kept" if row["data"] is None else None
