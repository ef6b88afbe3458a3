"""Answer: an outcome that our people give, told to everybody who referred the case; and the withdrawal of a
referral.

Rules: only what authority and the state table allow is said; a refusal tells why and what is possible. An
event of the case goes to every referrer of it who still hears, each in an outcome document of its own under
one event id; `declined`, `returned`, `disputed` and corrections concern one leg only. Documents, timelines,
outbox rows, journal and the stored answer are one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.core.authority import Leg, outcome_objection, withdrawal_objection
from exchange.core.documents import Document, DocumentType, make
from exchange.core.outcome import Status
from exchange.core.referral_state import Turn, after, why_not
from exchange.core.registry_view import RegistryView
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.core.times import format_time, parse_time
from exchange.errors import Invalid
from exchange.flow import idempotency, timeline
from exchange.flow.bell import Bells
from exchange.flow.idempotency import Answered, Asked
from exchange.flow.identity import Identity
from exchange.flow.submit import queue
from exchange.flow.timeline import Timeline
from exchange.flow.world import World
from exchange.store import referrals
from exchange.store.port import Database, Transaction

ONE_LEG: Final = frozenset({Status.DECLINED, Status.RETURNED, Status.DISPUTED, Status.CORRECTION})
"""What is said of one referral only, not of the case."""

LINES_AT_ONCE: Final = 20
"""Referrals of a case told before others get their turn: a case has as many as others chose to send."""

_SENTENCES: Final = {
    "not-the-holder": "only the holder of a referral may say this of it",
    "not-the-sender": "only the sender of a referral may withdraw it",
    "not-the-author": "only the author of an outcome may correct it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The verbs of the member's own people."""

    db: Database
    world: World
    bells: Bells
    identity: Identity
    schemas: Schemas
    rules: Rules
    registry: Callable[[], RegistryView]

    async def outcome(
        self, referral_id: str, sender: str | None, request: JsonObject, asked: Asked
    ) -> Answered:
        """Say an outcome (a checked outcome request) of a referral that we hold or sent.

        Raises `Invalid`: `referral-unknown`, `referral-ambiguous`, `state`, `not-the-holder`,
        `agency-unknown`.
        """
        status = Status(str(request["status"]))
        self._check_named(request)
        async with self.db.transaction() as tx:
            before = await idempotency.known(tx, asked)
            if before is not None:
                return before
            line = await self._one(tx, referral_id, sender)
            corrected = line.authors.get(str(request.get("corrects")))
            if status is Status.CORRECTION and corrected is None:
                raise Invalid("corrects-unknown", "corrects: no such outcome of this referral")
            objection = outcome_objection(_leg(line), self.identity.member, line.digest, status, corrected)
            if objection is not None:
                raise Invalid(objection, _SENTENCES[objection])
            if after(line.state, status) is None:
                raise Invalid("state", why_not(line.state, status))
            lines = [line] if status in ONE_LEG else await self._of_case(tx, line, status)
            answered = await self._tell(tx, lines, request, asked)
        self._ring()
        return answered

    async def withdraw(self, referral_id: str, request: JsonObject, asked: Asked) -> Answered:
        """Withdraw a referral that we sent (a checked withdrawal request); raises `Invalid`."""
        async with self.db.transaction() as tx:
            before = await idempotency.known(tx, asked)
            if before is not None:
                return before
            line = await self._one(tx, referral_id, None)
            objection = withdrawal_objection(_leg(line), self.identity.member, line.digest)
            if objection is not None:
                raise Invalid(objection, _SENTENCES[objection])
            if after(line.state, Turn.WITHDRAWN) is None:
                raise Invalid("state", why_not(line.state, Turn.WITHDRAWN))
            now = self.world.now()
            document = self._document(line, DocumentType.WITHDRAWAL, request)
            line.take(
                Turn.WITHDRAWN,
                at=now,
                kind="withdrawal",
                actor=self.identity.member,
                document_id=document.id,
                reason=str(request["reason"]),
            )
            await self._write(tx, [line], [document], now)
            said: JsonObject = {"document": document.id, "recipient": document.recipient}
            answered = await idempotency.keep(tx, asked, 201, said, now)
        self._ring()
        return answered

    async def _one(self, tx: Transaction, referral_id: str, sender: str | None) -> Timeline:
        rows = [
            row
            for row in await referrals.by_ids(tx, [referral_id])
            if sender is None or row["sender"] == sender
        ]
        if not rows:
            raise Invalid("referral-unknown", "no such referral here")
        if len(rows) > 1:
            raise Invalid(
                "referral-ambiguous",
                "two members sent a referral with this id",
                hint="say whose is meant (sender)",
            )
        return (await timeline.load(tx, rows))[0]

    async def _of_case(self, tx: Transaction, line: Timeline, status: Status) -> list[Timeline]:
        """Every referral of the case that still hears of this status; the one addressed comes first."""
        if line.case_id is None:
            return [line]
        others = [
            row for row in await referrals.of_case(tx, line.case_id) if (row["sender"], row["id"]) != line.key
        ]
        hearing = [one for one in await timeline.load(tx, others) if after(one.state, status) is not None]
        return [line, *hearing]

    async def _tell(
        self, tx: Transaction, lines: Sequence[Timeline], request: JsonObject, asked: Asked
    ) -> Answered:
        now = self.world.now()
        event = self.world.new_id()
        occurred = parse_time(request["occurred_at"], "occurred_at")
        documents = []
        for number, line in enumerate(lines):
            if number % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
            document = self._document(line, DocumentType.OUTCOME, {**request, "event": event})
            reason = request.get("reason")
            line.take(
                Status(str(request["status"])),
                at=float(occurred),
                kind="outcome",
                actor=self.identity.member,
                document_id=document.id,
                reason=None if reason is None else str(reason),
                shared=event,
            )
            documents.append(document)
        await self._write(tx, lines, documents, now)
        said: JsonObject = {
            "event": event,
            "outcomes": [
                {"document": d.id, "recipient": d.recipient, "referral": line.id}
                for d, line in zip(documents, lines, strict=True)
            ],
            "state": lines[0].state.value,
        }
        return await idempotency.keep(tx, asked, 201, said, now)

    def _document(self, line: Timeline, kind: DocumentType, fields: JsonObject) -> Document:
        return make(
            self.schemas,
            self.rules,
            {
                "type": kind.value,
                "id": self.world.new_id(),
                "sender": self.identity.member,
                "recipient": line.other_end,
                "created_at": format_time(self.world.now()),
                "referral_id": line.id,
                "referral_digest": line.digest,
                **fields,
            },
        )

    async def _write(
        self, tx: Transaction, lines: Sequence[Timeline], documents: Sequence[Document], now: float
    ) -> None:
        await timeline.write(tx, lines, now)
        await queue(tx, self.world, documents, now)

    def _check_named(self, request: JsonObject) -> None:
        """Names in a request that only the registry knows."""
        view = self.registry()
        agency, holder = request.get("agency"), request.get("next_holder")
        if agency is not None and agency not in view.network.agencies:
            raise Invalid("agency-unknown", "agency: not one of the codes of the network's registry")
        if holder is not None and view.member(str(holder)) is None:
            raise Invalid("member-unknown", "next_holder: not a member of the network")

    def _ring(self) -> None:
        self.bells.deliver.ring()
        self.bells.journal.ring()


def _leg(line: Timeline) -> Leg:
    return Leg(line.sender, line.recipient, line.digest)
