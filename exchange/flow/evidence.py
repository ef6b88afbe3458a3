"""Evidence: everything that proves one document, gathered into one file (core/evidence).

Rules: it works at both ends: the sender proves that the recipient has it, the recipient that the sender said
it. What is not there (a receipt that has not come, a text that retention has erased) is left out and said to
be so. Reading changes nothing; the file is signed by the entry that signs our messages now. Nothing of other
documents goes into it but their digests. A document may have gone out in several messages: the one that
its receipt names is shown, else the last that the receipt can be about. Errors: `Invalid`
(`document-unknown`, `document-ambiguous`, `document-not-sent`), `Unavailable` (`registry-missing`,
`registry-file-missing`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Protocol

from exchange.client.registry_past import Past
from exchange.core import evidence_parts
from exchange.core.evidence import build
from exchange.core.evidence_statement import Seen, Statement, Subject
from exchange.core.manifest import Manifest, RegistryMark
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.errors import Invalid, Unavailable
from exchange.flow import evidence_journal
from exchange.flow.evidence_journal import Journal, floor, manifest_of
from exchange.flow.evidence_receipts import receipted_at, receipted_message
from exchange.flow.identity import Identity
from exchange.flow.world import World
from exchange.store import evidence, inbox, manifests, outbox
from exchange.store.port import Database, Row, Transaction

ATTEMPTS: Final = 1000
"""Messages of ours that are looked through for the one that carried a document."""

Parts = list[tuple[str, bytes]]
Carrier = tuple[bytes, Manifest, float]
"""A signed manifest, the same as it was read, and when it was kept (unix seconds)."""


class Source(Protocol):
    """What this verb needs of client.registry_past.Archive."""

    async def newest(self, wanted: Collection[str]) -> Past: ...
    async def past(self, version: int, digest: Digest, wanted: Collection[str]) -> Past | None: ...
    async def after(self, version: int, wanted: Collection[str]) -> Past | None: ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the database gives; `moment` is when the document was made or came in."""

    subject: Subject
    parts: Parts
    mark: RegistryMark
    seen: Seen
    moment: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """`source` knows the registry's past."""

    db: Database
    world: World
    identity: Identity
    source: Source

    async def of(self, document_id: str, sender: str | None = None) -> bytes:
        """The evidence file of a document that we sent or received."""
        async with self.db.reading() as tx:
            found = await self._found(tx, document_id, sender)
            entry = await evidence_journal.gathered(tx, self.identity.member, found.subject, found.moment)
        parts = [*found.parts, *entry.parts, *await self._registry(found, entry)]
        statement = Statement(
            member=self.identity.member,
            made_at=int(self.world.now()),
            subject=found.subject,
            parts=tuple((name, Digest.of(data)) for name, data in parts),
            seen=replace(found.seen, anchored_at=entry.anchored_at),
            journalled=entry.state,
            position=entry.position,
        )
        return build(statement, parts, self.identity.signing)

    async def _found(self, tx: Transaction, document_id: str, sender: str | None) -> Gathered:
        ours = await outbox.one(tx, document_id) if sender in (None, self.identity.member) else None
        came = [row for row in await evidence.received(tx, document_id) if sender in (None, row["sender"])]
        if len(came) + (ours is not None) > 1:
            raise Invalid(
                "document-ambiguous",
                "two members made a document with this id",
                hint="say whose is meant (sender)",
            )
        if ours is not None:
            return await self._sent(tx, ours)
        if came:
            return await self._received(tx, came[0])
        raise Invalid("document-unknown", "no such document here")

    async def _sent(self, tx: Transaction, row: Row) -> Gathered:
        me = self.identity.member
        came = await self._receipt_for(tx, row)
        signed = await self._carrier(tx, row, None if came is None else came[0])
        if signed is None:
            raise Invalid("document-not-sent", "the document was not sent yet: there is nothing to prove")
        subject = _subject(me, row["recipient"], row["document_id"], row)
        jws, manifest, sent_at = signed
        parts: Parts = [(evidence_parts.MANIFEST, jws)]
        seen = Seen(sent_at=int(sent_at))
        if came is not None:
            receipt, held = came
            parts += _receipt(receipt["data"], held["jws"])
            seen = replace(seen, receipted_at=int(receipt["received_at"]))
        return Gathered(subject, _with(row, parts), manifest.registry, seen, _made_at(row["document_id"]))

    async def _receipt_for(self, tx: Transaction, row: Row) -> tuple[Row, Row] | None:
        """The receipt for a document of ours, as it is kept, and the manifest that brought it."""
        if row["receipt_id"] is None:
            return None
        receipt = await inbox.one(tx, row["recipient"], row["receipt_id"])
        held = None if receipt is None else await manifests.one(tx, receipt["sender"], receipt["manifest"])
        return None if receipt is None or receipt["data"] is None or held is None else (receipt, held)

    async def _received(self, tx: Transaction, row: Row) -> Gathered:
        me = self.identity.member
        held = await manifests.one(tx, row["sender"], row["manifest"])
        signed = None if held is None else manifest_of(bytes(held["jws"]))
        if held is None or signed is None:
            raise Invalid("document-unknown", "the message that brought this document is not kept")
        parts: Parts = [(evidence_parts.MANIFEST, bytes(held["jws"]))]
        seen = Seen(received_at=int(row["received_at"]))
        receipt = None if row["receipt_id"] is None else await outbox.one(tx, row["receipt_id"])
        told = None if receipt is None else await self._carrier(tx, receipt, None)
        if receipt is not None and receipt["data"] is not None and told is not None:
            parts += _receipt(receipt["data"], told[0])
            seen = replace(seen, receipted_at=int(told[2]))
        subject = _subject(row["sender"], me, row["document_id"], row)
        return Gathered(subject, _with(row, parts), signed.registry, seen, float(row["received_at"]))

    async def _carrier(self, tx: Transaction, row: Row, receipt: Row | None) -> Carrier | None:
        """The message that took a document of ours to its recipient; the one that `receipt` is for."""
        me = self.identity.member
        named = None if receipt is None else receipted_message(receipt["data"])
        if named is not None:
            kept = await manifests.one(tx, me, named.jti)
            carrier = None if kept is None else _carrying(kept, row)
            if carrier is not None and Digest.of(carrier[0]) == named.sha256:
                return carrier
        tried = None if row["attempt"] is None else await manifests.one(tx, me, row["attempt"])
        carrier = None if tried is None else _carrying(tried, row)
        until = None if receipt is None else receipted_at(receipt["data"])
        if carrier is not None and (until is None or carrier[1].iat <= until):
            return carrier
        found = carrier  # sent again after its receipt was made, or a receipt was faster than our note of it
        for kept in await evidence.manifests(tx, me, floor(_made_at(row["document_id"])), ATTEMPTS):
            other = _carrying(kept, row)
            if other is not None and (found is None or until is None or other[1].iat <= until):
                found = other
        return found

    async def _registry(self, found: Gathered, entry: Journal) -> Parts:
        """The chain of roots, the list by which the sender went, the newest list, and the members' files."""
        members = {found.subject.sender, found.subject.recipient}
        paths = [evidence_parts.path_of(one) for one in sorted(members)]
        with_peer = {*members} if entry.peer is None else {*members, entry.peer}
        newest = await self.source.newest([evidence_parts.path_of(one) for one in sorted(with_peer)])
        if len(newest.files) < len(with_peer):
            raise Unavailable(
                "registry-file-missing",
                "a member's file of the registry is not here, and no mirror has it",
                hint="check [registry] mirrors, and look at the registry again",
            )
        then = await self.source.past(found.mark.version, found.mark.sha256, paths)
        if then is None:
            then = await self.source.after(found.mark.version, paths)
        states = [newest] if then is None or then.digest == newest.digest else [then, newest]
        parts = [(evidence_parts.root(version), data) for version, data in newest.roots.items()]
        parts += [(evidence_parts.IN_FORCE, states[0].targets)] if len(states) > 1 else []
        parts.append((evidence_parts.NEWEST, newest.targets))
        files: dict[str, bytes] = {}
        for state in states:
            for path, data in state.files.items():
                member = path.removeprefix("members/").removesuffix(".json")
                files[evidence_parts.member(member, Digest.of(data))] = data
        return [*parts, *files.items()]


def _subject(sender: str, recipient: str, document_id: str, row: Row) -> Subject:
    ends = MemberId(sender), MemberId(recipient)
    return Subject(*ends, DocumentId(document_id), row["type"], Digest(row["digest"]))


def _with(row: Row, parts: Parts) -> Parts:
    """The parts, after the document while its text is kept."""
    data = row["data"]
    return parts if data is None else [(evidence_parts.DOCUMENT, bytes(data)), *parts]


def _receipt(data: bytes, signed: bytes) -> Parts:
    return [(evidence_parts.RECEIPT, bytes(data)), (evidence_parts.RECEIPT_MANIFEST, bytes(signed))]


def _carrying(kept: Row, row: Row) -> Carrier | None:
    """A manifest that is kept, if it took this document of ours to its recipient."""
    signed = bytes(kept["jws"])
    told = manifest_of(signed)
    if told is None or told.aud != row["recipient"]:
        return None
    carried = {(entry.id, entry.sha256) for entry in told.documents}
    return (signed, told, float(kept["at"])) if (row["document_id"], row["digest"]) in carried else None


def _made_at(document_id: str) -> float:
    """When an id of version 7 was made, in unix seconds."""
    return int(document_id.replace("-", "")[:12], 16) / 1000
