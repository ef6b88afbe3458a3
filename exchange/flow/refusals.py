"""Refusals: what is not taken lies in quarantine with the code of why, and people are told.

Rules: an envelope that cannot be opened is answered with the one code for outsiders, if the registry knows
who deposited it; one of a suspended member is kept and not answered, because it may be released. Nor is one
over which this program trips: its sender, without a receipt, asks after an hour and sends its documents
again, which works once we are mended. A refused document is answered in its message's receipt, which is not
made here. Quarantine and answers are capped per depositor; what is left out is sent again by who wants a
receipt. A pending member's message is not taken that brings more tests than one day may: it is not answered
either, so that its sender asks later and sends it again, and nothing is lost.
The same thing refused twice is one item and one answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exchange.core import limits
from exchange.core.manifest import Entry
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.opening import OpenedMessage, OpeningCode
from exchange.core.registry_view import MemberStatus, RegistryView
from exchange.errors import Refused
from exchange.flow import journal
from exchange.flow.receipts import Receipts, envelope_entry
from exchange.flow.world import World
from exchange.store import feed, inbox, quarantine
from exchange.store.port import Database, Transaction

JTI_REUSED: Final = "jti-reused"
"""Another message under a jti of the same sender: its manifest could not be kept beside the first."""
OUR_FAULT: Final = "our-fault"
"""An envelope over which this program tripped."""
TOO_MANY_TESTS: Final = "too-many-tests"
"""A message of a pending member that has had its tests of this day."""
UNANSWERED: Final = frozenset({OpeningCode.SUSPENDED.value, OUR_FAULT, TOO_MANY_TESTS})
DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Refusals:
    """`envelope` is a transaction of its own (T3 of what does not open); `document` is part of its
    message's.
    """

    db: Database
    world: World
    receipts: Receipts
    registry: Callable[[], RegistryView]

    async def check_trial(self, tx: Transaction, sender: MemberId, tests: int) -> None:
        """Raises `Refused` (`too-many-tests`) when so many more are too many for a pending member's day."""
        member = self.registry().member(sender)
        if tests == 0 or member is None or member.status is not MemberStatus.PENDING:
            return
        most = limits.PENDING_TESTS_PER_DAY
        if await inbox.tests_since(tx, sender, self.world.now() - DAY, most) + tests > most:
            raise Refused(TOO_MANY_TESTS, f"more than {most} tests of a pending member in a day")

    async def envelope(self, jti: DocumentId, depositor: MemberId, data: bytes, code: str) -> None:
        """Keep an envelope that does not open; answer it; write it down."""
        now = self.world.now()
        digest = Digest.of(data)
        item = quarantine.NewItem(
            _id(depositor, jti, digest), "envelope", depositor, jti, None, digest, code, now, data
        )
        async with self.db.transaction() as tx:
            if not await self._kept(tx, item):
                return
            if code not in UNANSWERED and self._answerable(depositor):
                await self.receipts.send(tx, depositor, [envelope_entry(jti, digest)])
            await self._tell(tx, depositor, None, code)
            await journal.write(
                tx, self.world, "quarantined", message=jti, sha256=digest, by=depositor, code=code
            )

    async def document(
        self, tx: Transaction, opened: OpenedMessage, entry: Entry, line: bytes, code: str
    ) -> None:
        """Keep a refused document of a message that opened."""
        item = quarantine.NewItem(
            _id(opened.sender, entry.id, entry.sha256),
            "document",
            opened.sender,
            opened.jti,
            entry.id,
            entry.sha256,
            code,
            self.world.now(),
            line,
        )
        if await self._kept(tx, item):
            await self._tell(tx, opened.sender, entry.id, code)

    async def _kept(self, tx: Transaction, item: quarantine.NewItem) -> bool:
        since = item.at - limits.QUARANTINE_SECONDS
        return await quarantine.add(tx, item, limits.QUARANTINE_PER_DEPOSITOR, since)

    def _answerable(self, depositor: MemberId) -> bool:
        """Whether the host's word of who deposited names another member; it may even name us."""
        return depositor != self.receipts.identity.member and self.registry().member(depositor) is not None

    async def _tell(self, tx: Transaction, member: str, document_id: str | None, code: str) -> None:
        alarm = feed.NewItem(
            self.world.now(), "alarm", member=member, document_id=document_id, code=f"quarantined-{code}"
        )
        await feed.add(tx, [alarm])


def _id(sender: str, what: str, digest: str) -> str:
    """The same for the same thing, so that it is kept once."""
    return Digest.of(f"{sender} {what} {digest}".encode())
