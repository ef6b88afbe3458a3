"""Deliver: from the outbox to the mailboxes of peers, one delivery under way per peer.

Rules (docs/protocol.md, "Requests"): an answer of a host delays the peer and never ends a document. A
document is *received* only by a signed receipt, which is not made here. A receipt of our own ends at
*deposited*. What may not pass between members of our status and theirs (core/standing) is not tried: it goes
on waiting, and what may pass goes past it.

Where we die: before the deposit, nothing happened; between the deposit and T2, the documents are still
*waiting*, are packed and deposited again, and the recipient has seen them; after T2, all is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from exchange.client.answers import CardAnswer
from exchange.core import key_card, limits
from exchange.core.delivery import Answer, Outcome, backoff, outcome
from exchange.core.documents import DocumentType
from exchange.core.key_card import CardCode, KeyCard
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.registry_view import Member, MemberStatus, RegistryView
from exchange.core.standing import TRIAL, passing
from exchange.errors import Refused, Unavailable
from exchange.flow import journal
from exchange.flow.bell import Bells
from exchange.flow.identity import Identity
from exchange.flow.packing import Outgoing, Packed, pack
from exchange.flow.world import World
from exchange.store import feed, manifests, outbox, peers
from exchange.store.port import Database

WITHOUT_ROAD: Final = {MemberStatus.SUSPENDED: "member-suspended", MemberStatus.LEFT: "member-left"}
"""Members that we do not deliver to; what waits for them goes on waiting."""
AFTER_CARD: Final = dict.fromkeys([*CardCode], Outcome.REFRESH_REGISTRY)
"""After a card that we refuse: its keys or its least serial may be newer than our registry."""


class Mailbox(Protocol):
    """What this verb needs of client.mailbox.PeerMailbox."""

    async def deposit(
        self, base: str, to: MemberId, jti: DocumentId, envelope: bytes, now: int
    ) -> Answer: ...
    async def fetch_card(self, url: str) -> CardAnswer: ...


@dataclass(frozen=True, slots=True)
class Deliver:
    """`registry` gives the view of this moment; `may_send` says whether its age allows sending to a
    member.
    """

    db: Database
    world: World
    bells: Bells
    identity: Identity
    registry: Callable[[], RegistryView]
    may_send: Callable[[MemberId], bool]
    mailbox: Mailbox
    count: Callable[[str], None]

    async def due(self) -> Sequence[str]:
        """The peers that are due and for whom something waits that may pass; nobody without a registry."""
        try:
            members = self.registry().members
        except Unavailable:
            return []
        mine = self._our_status()
        if not passing(mine):
            return []
        limited = [one.id for one in members.values() if MemberStatus.PENDING in (mine, one.status)]
        async with self.db.reading() as tx:
            return await peers.due(tx, self.world.now(), limited, [*TRIAL])

    async def peer(self, recipient: MemberId) -> bool:
        """Deliver one message to a peer that is due; whether more was waiting and it may go on at once."""
        mine = self._our_status()
        if not passing(mine):
            return False
        member = self.registry().member(recipient)
        obstacle = self._obstacle(member, recipient)
        if member is None or obstacle is not None:
            await self._delayed(recipient, Outcome.REFRESH_REGISTRY, obstacle or "member-unknown")
            return False
        for attempt in ("first", "again"):
            card = await self._card(member)
            if isinstance(card, str):
                await self._delayed(recipient, AFTER_CARD.get(card, Outcome.BACK_OFF), card)
                return False
            try:
                packed = await self._packed(recipient, card, passing(mine, member.status))
            except Refused as error:  # a card that is well signed and whose key cannot be sealed to
                async with self.db.transaction() as tx:
                    await peers.forget_card(tx, recipient)
                await self._delayed(recipient, Outcome.ALARM_BACK_OFF, error.code)
                return False
            if packed is None:
                return False
            answer, verdict = await self._deposited(member, packed)
            self.count(verdict.value)
            if verdict is Outcome.DEPOSITED:
                await self._t2(recipient, packed)
                return packed.more
            if verdict is Outcome.WRONG_KEY and attempt == "first":
                async with self.db.transaction() as tx:
                    await peers.forget_card(tx, recipient)
                continue
            await self._delayed(recipient, verdict, answer.code or answer.kind.value, answer.retry_after)
            return False
        return False

    def _obstacle(self, member: Member | None, recipient: MemberId) -> str | None:
        if member is None:
            return "member-unknown"
        if not self.may_send(recipient):
            return "registry-expired"
        return WITHOUT_ROAD.get(member.status)

    def _our_status(self) -> MemberStatus | None:
        me = self.registry().member(self.identity.member)
        return None if me is None else me.status

    async def _card(self, member: Member) -> KeyCard | str:
        """The member's key card, held or fetched; or a code of why there is none."""
        now = int(self.world.now())
        async with self.db.reading() as tx:
            row = await peers.one(tx, member.id)
        highest = 0 if row is None or row["card_serial"] is None else int(row["card_serial"])
        if row is not None and row["card"] is not None:
            try:
                return key_card.read(bytes(row["card"]), member, now, highest)
            except Refused:
                pass  # expired, below min_card, or signed by a key that is revoked now: a new one is due
        answer = await self.mailbox.fetch_card(member.card)
        if answer.card is None:
            return f"card-{answer.answer.code or answer.answer.kind.value}"
        try:
            card = key_card.read(answer.card, member, now, highest)
        except Refused as error:
            return error.code
        async with self.db.transaction() as tx:
            await peers.keep_card(tx, member.id, card.serial, answer.card, self.world.now())
        return card

    async def _packed(
        self, recipient: MemberId, card: KeyCard, types: Collection[DocumentType]
    ) -> Packed | None:
        wanted = None if len(types) == len(DocumentType) else [*types]
        async with self.db.reading() as tx:
            rows = await outbox.waiting(tx, recipient, limits.MESSAGE_DOCUMENTS + 1, wanted)  # one more?
            log = await journal.current_log(tx)
            mark = await journal.head(tx, log)
        if not rows:
            return None
        waiting = [
            Outgoing(DocumentId(r["document_id"]), r["type"], Digest(r["digest"]), bytes(r["data"]))
            for r in rows
        ]
        return pack(self.world, self.identity, recipient, card, waiting, self.registry(), mark)

    async def _deposited(self, member: Member, packed: Packed) -> tuple[Answer, Outcome]:
        """Deposit; with a clock that the host calls wrong, once more by the host's."""
        now = int(self.world.now())
        answer = await self.mailbox.deposit(member.mailbox, member.id, packed.jti, packed.envelope, now)
        verdict = outcome(answer)
        if verdict is Outcome.TIME and answer.now is not None:
            answer = await self.mailbox.deposit(
                member.mailbox, member.id, packed.jti, packed.envelope, answer.now
            )
            verdict = outcome(answer)
        return answer, verdict

    async def _t2(self, recipient: MemberId, packed: Packed) -> None:
        now = self.world.now()
        attempt = manifests.Attempt(packed.jti, recipient, packed.digest, packed.manifest, now)
        async with self.db.transaction() as tx:
            await manifests.add_attempt(tx, self.identity.member, attempt)
            await outbox.deposited(tx, packed.documents, packed.jti, now)
            await peers.succeeded(tx, recipient, now)
            await journal.write(
                tx,
                self.world,
                "deposited",
                message=packed.jti,
                sha256=packed.digest,
                to=recipient,
                documents=len(packed.documents),
            )
        self.bells.journal.ring()

    async def hold_back(self, recipient: MemberId, code: str) -> None:
        """Delay a peer over whose delivery this program tripped, so that all others go on."""
        await self._delayed(recipient, Outcome.ALARM_BACK_OFF, code)

    async def _delayed(
        self, recipient: MemberId, verdict: Outcome, code: str, retry_after: int | None = None
    ) -> None:
        now = self.world.now()
        async with self.db.transaction() as tx:
            row = await peers.one(tx, recipient)
            failures = 1 if row is None else int(row["failures"]) + 1
            seconds = backoff(failures, self.world.uniform(), verdict, retry_after)
            await peers.delay(tx, recipient, peers.Delay(now + seconds, failures, code), now)
            if verdict is Outcome.ALARM_BACK_OFF and (row is None or row["last_error"] != code):
                await feed.add(tx, [feed.NewItem(now, "alarm", member=recipient, code=f"delivery-{code}")])
        if verdict is Outcome.REFRESH_REGISTRY:
            self.bells.refresh.ring()
        self.bells.feed.ring()
