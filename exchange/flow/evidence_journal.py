"""Finding a document in our journal, and who else holds a head of it.

Rules: entries stand in the order of time, so the one of a document is looked for from the moment on at which
it was made or came in. The first message of ours that told a peer a head above the entry, and that a receipt
of that peer names, is the anchor; the first that told one at all, when none was signed for. What a peer said
itself is better held by a third: of the messages of a day, the first to a third goes before it. Reading only,
in the caller's transaction. What the anchor proves is core's matter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from exchange.core import evidence_parts, jws, limits, manifest, strict_json
from exchange.core.evidence_statement import Journalled, Position, Subject
from exchange.core.manifest import Manifest
from exchange.core.names import UUID7_RANDOM_BYTES, AnyUuid, Digest, MemberId, uuid7
from exchange.errors import Invalid
from exchange.flow import journal
from exchange.flow.evidence_receipts import Message, receipted_message
from exchange.store import evidence, inbox, manifests, outbox
from exchange.store import journal as journal_rows
from exchange.store.port import Row, Transaction

BEFORE_SECONDS: Final = 120
"""Seconds before the moment from which entries are looked through: ids may run a little ahead."""
AFTER_SECONDS: Final = 3600
"""Seconds behind the moment after which the search ends: an entry is written with what it is about."""
PAGE: Final = 1000
MESSAGES_PAGE: Final = 20
MESSAGES: Final = 1000
"""Messages of ours that are looked through for an anchor: some hours of a busy node."""
THIRD_SECONDS: Final = 86400
"""Seconds behind the moment after which no third is looked for any more: a later anchor says less."""
_WHATS: Final = frozenset({"sent", "received", "refused"})


@dataclass(slots=True)
class Journal:
    """What the journal gives: how far the entry got, where it stands, and parts of the evidence file."""

    state: Journalled = Journalled.ABSENT
    position: Position | None = None
    parts: list[tuple[str, bytes]] = field(default_factory=list)
    peer: MemberId | None = None
    anchored_at: int | None = None


def floor(moment: float) -> str:
    """The smallest id of a message that was made at `moment` (unix seconds)."""
    return uuid7(max(moment, 0), bytes(UUID7_RANDOM_BYTES))


async def gathered(tx: Transaction, member: MemberId, subject: Subject, moment: float) -> Journal:
    """All that the journal has for the document that we made or had at `moment`."""
    log = await journal.current_log(tx)
    found = Journal()
    row = await _entry(tx, log, subject.id, subject.sha256, moment)
    if row is None:
        return found
    n = int(row["n"])
    before = await journal_rows.page(tx, log, n - 2, 1) if n > 1 else []
    found.position = Position(log, n, bytes(before[0]["link"]) if before else journal.GENESIS)
    found.state = Journalled.UNANCHORED
    found.parts.append((evidence_parts.ENTRY, bytes(row["entry"])))
    party = None if subject.sender == member else subject.sender
    await _anchor(tx, found, await _told_above(tx, member, found.position, moment, party))
    return found


async def _entry(tx: Transaction, log: AnyUuid, document: str, digest: str, moment: float) -> Row | None:
    after = await _before(tx, log, moment - BEFORE_SECONDS)
    while rows := await journal_rows.page(tx, log, after, PAGE):
        for row in rows:
            if row["entry"] is None:
                continue
            said = _read(row["entry"])
            if said.get("document") == document and said.get("sha256") == digest and said["what"] in _WHATS:
                return row
        if _at(rows[-1]["entry"], moment) > moment + AFTER_SECONDS:
            return None
        after = int(rows[-1]["n"])
    return None


async def _before(tx: Transaction, log: AnyUuid, moment: float) -> int:
    """A number whose entry, and all before it, are of before `moment`; by halving."""
    low, high = 0, (await journal.head(tx, log)).n
    while low < high:
        middle = (low + high + 1) // 2
        row = await evidence.entry(tx, log, middle)
        if row is None or _at(row["entry"], moment) >= moment:
            high = middle - 1
        else:
            low = middle
    return low


def _read(entry: bytes) -> strict_json.JsonObject:
    return strict_json.parse_object(bytes(entry), limit=limits.DOCUMENT_BYTES, what="journal entry")


def _at(entry: bytes | None, otherwise: float) -> float:
    at = None if entry is None else _read(entry).get("at")
    return float(at) if isinstance(at, int) else otherwise


@dataclass(frozen=True, slots=True)
class _Told:
    """A message that told a head above the entry; `receipt` is when its peer's came in, and its parts."""

    signed: bytes
    manifest: Manifest
    receipt: tuple[int, list[tuple[str, bytes]]] | None


async def _told_above(
    tx: Transaction, member: MemberId, position: Position, moment: float, party: MemberId | None
) -> _Told | None:
    """What told a peer a head above the entry: best a peer that signed for it and is not `party`."""
    best: _Told | None = None
    last = floor(moment + THIRD_SECONDS)
    async for row in _messages(tx, member, floor(moment - BEFORE_SECONDS)):
        if best is not None and best.receipt is not None and row["jti"] > last:
            break
        told = manifest_of(bytes(row["jws"]))
        if told is None or told.journal.log != position.log or told.journal.n < position.n:
            continue
        if told.journal.n - position.n > limits.EVIDENCE_LEAVES:
            break
        if best is not None and best.receipt is not None and told.aud == party:
            continue
        one = _Told(bytes(row["jws"]), told, await _receipt(tx, told, Digest.of(bytes(row["jws"]))))
        if one.receipt is not None and told.aud != party:
            return one
        if best is None or (best.receipt is None and one.receipt is not None):
            best = one
    return best


async def _anchor(tx: Transaction, found: Journal, told: _Told | None) -> None:
    """Add what told a peer a head above the entry, and the peer's receipt for it."""
    if told is None or found.position is None:
        return
    found.state, found.peer = Journalled.CARRIED, told.manifest.aud
    leaves = await evidence.leaves(tx, found.position.log, found.position.n, told.manifest.journal.n)
    found.parts += [(evidence_parts.LEAVES, leaves)] if leaves else []
    found.parts.append((evidence_parts.ANCHOR_MANIFEST, told.signed))
    if told.receipt is not None:
        found.state = Journalled.ANCHORED
        found.anchored_at, parts = told.receipt
        found.parts += parts


async def _messages(tx: Transaction, member: MemberId, since: str) -> AsyncIterator[Row]:
    """Manifests of ours from an id on, a page at a time: they are large, and the first is mostly the one."""
    rows: Sequence[Row] = await evidence.manifests(tx, member, since, MESSAGES_PAGE)
    for _ in range(MESSAGES // MESSAGES_PAGE):
        for row in rows:
            yield row
        if len(rows) < MESSAGES_PAGE:
            return
        rows = await evidence.manifests(tx, member, f"{rows[-1]['jti']}~", MESSAGES_PAGE)


async def _receipt(
    tx: Transaction, told: Manifest, digest: Digest
) -> tuple[int, list[tuple[str, bytes]]] | None:
    """When a receipt of the peer that names this very message came in, and its parts."""
    rows = await outbox.rows_of(tx, told.aud, [entry.id for entry in told.documents])
    this = Message(told.jti, digest)
    for receipt_id in sorted({row["receipt_id"] for row in rows.values() if row["receipt_id"] is not None}):
        came = await inbox.one(tx, told.aud, receipt_id)
        if came is None or came["data"] is None or receipted_message(came["data"]) != this:
            continue
        signed = await manifests.one(tx, told.aud, came["manifest"])
        if signed is not None:
            parts = [
                (evidence_parts.ANCHOR_RECEIPT, bytes(came["data"])),
                (evidence_parts.ANCHOR_RECEIPT_MANIFEST, bytes(signed["jws"])),
            ]
            return int(came["received_at"]), parts
    return None


def manifest_of(signed: bytes) -> Manifest | None:
    """The manifest in a JWS that was made or verified here; None when it is none."""
    try:
        return manifest.parse(jws.peek_payload(signed), limit=limits.ENVELOPE_BYTES)
    except Invalid:
        return None
