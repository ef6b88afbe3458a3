"""Receive: one envelope from a mailbox, opened, checked and put on disk in one transaction (T3).

Rules: a message that opens is judged document by document; one that is refused does not take its neighbours
along. A document that was seen before has no second effect: its receipt goes out again. The first verdict
stands. What cannot be opened goes to quarantine with its own code and is answered with the one code for
outsiders. An envelope over which this program trips goes there too, so that no peer can stop our queue; only
faults of the disk and of what we have to know stop it. In every case T3 is committed before the mailbox may
forget.

Where we die: before T3, nothing happened and the envelope is collected again; between T3 and the
acknowledgement, it is collected again and every row says seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.core import documents, limits, opening
from exchange.core.documents import Document, DocumentType
from exchange.core.manifest import Entry
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.opening import OpenedMessage, OpeningCode
from exchange.core.registry_view import RegistryView
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.errors import Broken, Invalid, Refused, Unavailable
from exchange.flow import arrivals, hearsay, journal
from exchange.flow.arrivals import Arrivals
from exchange.flow.bell import Bells
from exchange.flow.hearsay import Prompts
from exchange.flow.identity import Identity
from exchange.flow.receipts import Receipts, document_entry, message_of
from exchange.flow.refusals import JTI_REUSED, OUR_FAULT, Refusals
from exchange.flow.world import World
from exchange.observe import logger
from exchange.store import inbox, manifests, outbox
from exchange.store import journal as journal_rows
from exchange.store.port import Database, Row

ACCEPTED: Final = frozenset(DocumentType) - {DocumentType.RESYNC}
"""Types that this node takes; the registry says the same of its member."""
TRIPPED: Final = frozenset({"invariant", "database"})
"""Codes of `Broken` that come from what a message says; all others come from the disk."""

REGISTRY_MAY_KNOW: Final = frozenset(
    {
        OpeningCode.SENDER,
        OpeningCode.SUSPENDED,
        OpeningCode.PENDING,
        OpeningCode.SIGNATURE,
        OpeningCode.KEY_PERIOD,
        OpeningCode.KEY_REVOKED,
    }
)
"""Codes after which a newer registry is looked for: its sender may go by one already."""

_log = logger()


@dataclass(frozen=True, slots=True)
class Arrived:
    """One envelope as a mailbox hands it over; `depositor` is the host's word."""

    jti: DocumentId
    depositor: MemberId
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """One document of an opened message: read, or refused with a code."""

    entry: Entry
    line: bytes
    document: Document | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Receive:
    """`seed_for` gives the encryption seed of a kid of ours, or None; `count` a metric of verdicts."""

    db: Database
    world: World
    bells: Bells
    identity: Identity
    schemas: Schemas
    rules: Rules
    arrivals: Arrivals
    receipts: Receipts
    refusals: Refusals
    registry: Callable[[], RegistryView]
    seed_for: Callable[[str], bytes | None]
    count: Callable[[str, str], None]
    prompts: Prompts

    async def envelope(self, arrived: Arrived, *, released: bool = False) -> str:
        """Take one envelope; `received`, or the inner code of why it lies in quarantine."""
        code = None
        try:
            for verdict in await self._taken(arrived, released):
                self.count(*verdict)
        except Refused as error:
            code = error.code
        except Exception as error:
            if isinstance(error, Broken | Unavailable) and error.code not in TRIPPED:
                raise
            _log.error("envelope set aside", jti=arrived.jti, depositor=arrived.depositor, exc_info=error)
            code = OUR_FAULT
        if code is not None:
            await self.refusals.envelope(arrived.jti, arrived.depositor, arrived.envelope, code)
            self.count("envelope", code)
            if code in REGISTRY_MAY_KNOW:
                self.prompts.look(arrived.depositor)
        self._ring()
        return code or "received"

    async def _taken(self, arrived: Arrived, released: bool) -> list[tuple[str, str]]:
        opened = opening.open_message(
            arrived.envelope,
            me=self.identity.member,
            depositor=arrived.depositor,
            registry=self.registry(),
            seed_for=self.seed_for,
            now=int(self.world.now()),
            released=released,
        )
        judged = [
            self._judge(opened, entry, line)
            for entry, line in zip(opened.manifest.documents, opened.lines, strict=True)
        ]
        verdicts = await self._t3(opened, judged)
        if opened.manifest.registry.version > self.registry().version:
            self.prompts.look(opened.sender)
        return verdicts

    def _ring(self) -> None:
        self.bells.deliver.ring()
        self.bells.journal.ring()
        self.bells.feed.ring()

    def _judge(self, opened: OpenedMessage, entry: Entry, line: bytes) -> Judged:
        if entry.type not in ACCEPTED:
            return Judged(entry, line, None, "type-not-accepted")
        try:
            document = documents.read(self.schemas, self.rules, line, explain=False)
        except Invalid as error:
            return Judged(entry, line, None, error.code)
        said = (document.type, document.id, document.sender, document.recipient)
        if said != (entry.type, entry.id, opened.sender, self.identity.member):
            return Judged(entry, line, None, "not-as-manifest")
        return Judged(entry, line, document, None)

    async def _t3(self, opened: OpenedMessage, judged: Sequence[Judged]) -> list[tuple[str, str]]:
        """Everything that a message does, in one transaction; (type, verdict) of each new document."""
        now = self.world.now()
        async with self.db.transaction() as tx:
            seen = await inbox.seen(tx, opened.sender, [item.entry.id for item in judged])
            again = [(item, row) for item in judged if (row := _same(item, seen)) is not None]
            conflicts = [item for item in judged if item.entry.id in seen and _same(item, seen) is None]
            fresh = [item for item in judged if item.entry.id not in seen]
            tests = [i for i in fresh if i.entry.type == DocumentType.TEST]
            await self.refusals.check_trial(tx, opened.sender, len(tests))
            plan = await self.arrivals.plan(tx, [i.document for i in fresh if i.document is not None])
            codes = {i.entry.id: i.code or plan.refused.get(i.entry.id) for i in fresh}
            said = [document_entry(item.entry, "id-conflict") for item in conflicts]
            said += [
                document_entry(i.entry, codes[i.entry.id])
                for i in fresh
                if i.entry.type != DocumentType.RECEIPT
            ]
            signed = Digest.of(opened.jws)
            message = message_of(opened.jti, signed)
            receipt_ids = await self.receipts.send(tx, opened.sender, said, message)
            if not await manifests.add(tx, opened.sender, self.identity.member, opened.jti, opened.jws, now):
                raise Refused(JTI_REUSED, "manifest.jti: another message of this sender has it")
            await inbox.add(
                tx,
                [_row(opened, i, codes[i.entry.id], receipt_ids.get(i.entry.id), now) for i in fresh],
            )
            await arrivals.write(tx, plan, now)
            for item in [*fresh, *(item for item, _ in again)]:
                if item.document is not None and item.document.type is DocumentType.RECEIPT:
                    await self.receipts.take(tx, item.document, again=item.entry.id in seen)
            wanted = sorted({row["receipt_id"] for _, row in again if row["receipt_id"]})
            await outbox.receipts_wait_again(tx, wanted, now, limits.RECEIPT_PAUSE_SECONDS)
            for item in [*conflicts, *(i for i in fresh if codes[i.entry.id] is not None)]:
                code = codes.get(item.entry.id) or "id-conflict"
                await self.refusals.document(tx, opened, item.entry, item.line, code)
            await hearsay.heard(tx, opened, self.registry(), now)
            await journal_rows.add(
                tx, [self._journalled(opened, signed, i, codes[i.entry.id]) for i in fresh]
            )
        return [(item.entry.type, codes[item.entry.id] or "received") for item in fresh]

    def _journalled(
        self, opened: OpenedMessage, signed: Digest, item: Judged, code: str | None
    ) -> tuple[str, bytes]:
        """The entry of one document; `signed` is the digest of the manifest, taken once for all of them."""
        return journal.entry(
            self.world,
            "received" if code is None else "refused",
            document=item.entry.id,
            type=item.entry.type,
            sha256=item.entry.sha256,
            by=opened.sender,
            message=opened.jti,
            manifest=signed,
            code=code,
        )


def _same(item: Judged, seen: dict[str, Row]) -> Row | None:
    """The row of a document that came before with the same bytes."""
    row = seen.get(item.entry.id)
    return row if row is not None and row["digest"] == item.entry.sha256 else None


def _row(
    opened: OpenedMessage, item: Judged, code: str | None, receipt_id: str | None, now: float
) -> inbox.NewInbound:
    receipted = item.entry.type != DocumentType.RECEIPT
    return inbox.NewInbound(
        opened.sender,
        item.entry.id,
        item.entry.sha256,
        item.entry.type,
        item.line if code is None else None,
        opened.jti,
        now,
        "received" if code is None else "refused",
        code,
        receipt_id if receipted else None,
    )
