"""Receipts: the only proof of delivery. What we say of others' documents, and what others say of ours.

Rules: one receipt answers a whole message and names it; several do where one would be longer than a document
may be. So whoever told us something in a manifest can show that we had it. The first verdict stands; one that
contradicts it alarms. A receipt that comes again is applied again without alarms: what it speaks of may wait
anew since. A refused envelope makes its documents due again with a fresh card and registry, and alarms after
three in a row; one that we do not know is ignored, since a host may lie about who deposited. A receipt is
never itself receipted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from exchange.core import limits
from exchange.core.delivery import Outcome, backoff
from exchange.core.documents import Document, DocumentType, make
from exchange.core.manifest import Entry
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.opening import OUTSIDE_CODE
from exchange.core.referral_state import Turn
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject, dump
from exchange.core.times import format_time
from exchange.flow import journal, timeline
from exchange.flow.identity import Identity
from exchange.flow.world import World
from exchange.store import feed, manifests, outbox, peers, referrals
from exchange.store import journal as journal_rows
from exchange.store.port import Transaction

UUID_CHARS: Final = 36
RECEIVED: Final = "received"
REFUSED: Final = "refused"


def document_entry(entry: Entry, code: str | None) -> JsonObject:
    """What we say of one document: received, or refused with a code."""
    said: JsonObject = {"kind": "document", "id": entry.id, "sha256": entry.sha256}
    said["status"] = RECEIVED if code is None else REFUSED
    return said if code is None else {**said, "code": code}


def envelope_entry(jti: str, digest: str) -> JsonObject:
    """What we say of an envelope that we cannot open: never why."""
    return {"kind": "envelope", "id": jti, "sha256": digest, "status": REFUSED, "code": OUTSIDE_CODE}


def message_of(jti: str, signed: Digest) -> JsonObject:
    """The message that a receipt answers: its id, and the digest of its manifest as it was signed."""
    return {"id": jti, "sha256": signed}


def in_documents(entries: Iterable[JsonObject], head: int) -> Iterator[list[JsonObject]]:
    """The entries in parts that each fit one document beside a head of so many bytes. A hundred *received* do
    between members with ids of usual length; a hundred refusals do not.
    """
    part: list[JsonObject] = []
    size = head
    for entry in entries:
        added = len(dump(entry)) + 1
        if part and (size + added > limits.DOCUMENT_BYTES or len(part) == limits.RECEIPT_ENTRIES):
            yield part
            part, size = [], head
        part.append(entry)
        size += added
    if part:
        yield part


@dataclass(slots=True)
class _Turns:
    """What one receipt changes."""

    received: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    referrals: dict[str, str | None] = field(default_factory=dict)
    news: list[feed.NewItem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Receipts:
    """Making and reading receipts, each in the caller's transaction."""

    world: World
    identity: Identity
    schemas: Schemas
    rules: Rules

    async def send(
        self,
        tx: Transaction,
        to: MemberId,
        entries: Sequence[JsonObject],
        message: JsonObject | None = None,
    ) -> dict[str, DocumentId]:
        """Put receipts into the outbox; for each id that an entry names, that of its receipt. `message` is
        the one that was opened (`message_of`).
        """
        now = self.world.now()
        head = self._head(to, message, now)
        made = [
            (make(self.schemas, self.rules, {**head, "id": self.world.new_id(), "entries": [*part]}), part)
            for part in in_documents(entries, len(dump(head)))
        ]
        await outbox.add(
            tx, [outbox.NewOutbound(r.id, to, r.type.value, r.digest, r.data, False, now) for r, _ in made]
        )
        return {str(entry["id"]): receipt.id for receipt, part in made for entry in part}

    def _head(self, to: MemberId, message: JsonObject | None, now: float) -> JsonObject:
        """A receipt without its id and entries, of the length that it will have."""
        head: JsonObject = {
            "type": DocumentType.RECEIPT.value,
            "id": "0" * UUID_CHARS,
            "sender": self.identity.member,
            "recipient": to,
            "created_at": format_time(now),
            "received_at": format_time(now),
        }
        return {**head, **({} if message is None else {"message": message}), "entries": []}

    async def take(self, tx: Transaction, receipt: Document, *, again: bool = False) -> None:
        """Apply a receipt of a peer to our outbox and timelines; one that comes `again` alarms nobody."""
        body: Any = receipt.body
        turns = _Turns()
        entries = [entry for entry in body["entries"] if entry["kind"] == "document"]
        rows = await outbox.rows_of(tx, receipt.sender, [entry["id"] for entry in entries])
        for entry in entries:
            self._one(turns, receipt, entry, rows.get(entry["id"]))
        now = self.world.now()
        await outbox.received(tx, turns.received, receipt.id, now)
        await outbox.dead(tx, [(i, code, receipt.id) for i, code in turns.refused], now)
        await self._timelines(tx, receipt, turns, now)
        if turns.received or turns.refused:
            await peers.opened(tx, receipt.sender)
            turns.news.append(
                feed.NewItem(
                    now,
                    "receipt",
                    member=receipt.sender,
                    document_id=receipt.id,
                    count=len(turns.received) + len(turns.refused),
                )
            )
        for entry in body["entries"]:
            if entry["kind"] == "envelope":
                await self._envelope(tx, receipt, entry, turns, now)
        await feed.add(tx, [item for item in turns.news if not again or item.kind != "alarm"])
        await journal_rows.add(
            tx,
            [
                journal.entry(
                    self.world, "receipted", document=i, by=receipt.sender, receipt=receipt.id, refused=code
                )
                for i, code in [*((i, None) for i in turns.received), *turns.refused]
            ],
        )

    def _one(self, turns: _Turns, receipt: Document, entry: Any, row: Any) -> None:
        if row is None or row["digest"] != entry["sha256"]:
            code = "receipt-unknown" if row is None else "receipt-digest"
            turns.news.append(self._alarm(receipt, entry["id"], code))
            return
        refused = entry.get("code") if entry["status"] == REFUSED else None
        if row["receipt_id"] is not None:
            if (row["state"] == "received") != (refused is None):
                turns.news.append(self._alarm(receipt, entry["id"], "receipt-contradicts"))
            return
        if row["state"] == "dead":
            turns.news.append(self._alarm(receipt, entry["id"], "receipt-after-dead-letter"))
            return
        if refused is None:
            turns.received.append(entry["id"])
        else:
            turns.refused.append((entry["id"], f"refused-{refused}"))
            turns.news.append(self._alarm(receipt, entry["id"], f"refused-{refused}"))
        if row["type"] == DocumentType.REFERRAL.value:
            turns.referrals[entry["id"]] = refused

    def _alarm(self, receipt: Document, document_id: str, code: str) -> feed.NewItem:
        return feed.NewItem(
            self.world.now(), "alarm", member=receipt.sender, document_id=document_id, code=code
        )

    async def _timelines(self, tx: Transaction, receipt: Document, turns: _Turns, now: float) -> None:
        if not turns.referrals:
            return
        rows = [
            row
            for row in await referrals.by_ids(tx, list(turns.referrals))
            if row["sender"] == self.identity.member
        ]
        lines = await timeline.load(tx, rows)
        for line in lines:
            code = turns.referrals[line.id]
            line.take(
                Turn.RECEIVED if code is None else Turn.REFUSED,
                at=now,
                kind=RECEIVED if code is None else REFUSED,
                actor=receipt.sender,
                document_id=receipt.id,
                reason=code,
            )
        await timeline.write(tx, lines, now)

    async def _envelope(
        self, tx: Transaction, receipt: Document, entry: Any, turns: _Turns, now: float
    ) -> None:
        attempt = await manifests.attempt(tx, entry["id"])
        if (
            attempt is None
            or attempt["recipient"] != receipt.sender
            or attempt["envelope_digest"] != entry["sha256"]
        ):
            return
        if await outbox.attempt_waits_again(tx, entry["id"], now) == 0:
            return
        await peers.forget_card(tx, receipt.sender)
        refusals = await peers.refused(tx, receipt.sender, 1)
        seconds = backoff(refusals, self.world.uniform(), Outcome.BACK_OFF)
        await peers.delay(tx, receipt.sender, peers.Delay(now + seconds, refusals, "envelope-refused"), now)
        if refusals >= limits.ENVELOPE_REFUSALS_ALARM:
            turns.news.append(self._alarm(receipt, entry["id"], "envelope-refused"))
