"""Arrivals: what a member's documents do here, once they were found genuine and well-formed.

Rules:

* A referral opens a case or joins the one of its URL; every referrer of a case hears every event of it.
* Only the holder of a referral acts on it, and only its sender withdraws it: the signature on the message
  says who speaks, the referral says who may. A digest that is not that of the referral refuses the
  document.
* A document that speaks of a referral that is not here yet waits for it; it is received, without effect so
  far.
* An event that does not fit the state is kept in the timeline and changes nothing.
* Events of one referral, and documents that wait for one, are bounded: a member that tells more is refused.

`plan` only reads and decides, `write` writes; both in the caller's transaction. Receipts are not here: they
are another room's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from exchange.core import limits, urls
from exchange.core.authority import Leg, outcome_objection, withdrawal_objection
from exchange.core.documents import Document, DocumentType, read
from exchange.core.outcome import Status
from exchange.core.referral_state import State, Turn
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.times import parse_time
from exchange.errors import Invalid
from exchange.flow import timeline
from exchange.flow.identity import Identity
from exchange.flow.timeline import Timeline
from exchange.flow.world import World
from exchange.store import feed, inbox, referrals
from exchange.store.port import Transaction


@dataclass(slots=True)
class Plan:
    """What is to be written; `refused` has the code of each document that is not taken."""

    refused: dict[str, str] = field(default_factory=dict)
    cases: list[tuple[str, bytes]] = field(default_factory=list)
    referrals: list[referrals.NewReferral] = field(default_factory=list)
    timelines: dict[tuple[str, str], Timeline] = field(default_factory=dict)
    waits: list[tuple[str, str, str]] = field(default_factory=list)
    freed: list[tuple[str, str]] = field(default_factory=list)
    news: list[feed.NewItem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The rules of this node's member."""

    world: World
    identity: Identity
    schemas: Schemas
    rules: Rules

    async def plan(self, tx: Transaction, documents: Sequence[Document]) -> Plan:
        """Decide on documents of one sender that are new here."""
        plan = Plan()
        now = self.world.now()
        new = [d for d in documents if d.type is DocumentType.REFERRAL]
        await self._referrals(tx, plan, new, now)
        speaking = [d for d in documents if d.type in (DocumentType.OUTCOME, DocumentType.WITHDRAWAL)]
        for row in await inbox.waiting_for(tx, new[0].sender, [d.id for d in new]) if new else ():
            plan.freed.append((row["sender"], row["document_id"]))
            try:
                speaking.append(read(self.schemas, self.rules, bytes(row["data"]), explain=False))
            except Invalid:
                continue  # receipted under older rules: it stays in the inbox, without effect
        await self._speaking(tx, plan, speaking, now)
        return plan

    async def _referrals(
        self, tx: Transaction, plan: Plan, documents: Sequence[Document], now: float
    ) -> None:
        keys = [_url_key(self.identity.url_key, document) for document in documents]
        cases = await referrals.cases_of(tx, sorted(set(keys)))
        for document, url_key in zip(documents, keys, strict=True):
            case_id = cases.get(url_key)
            if case_id is None:
                case_id = cases[url_key] = self.world.new_id()
                plan.cases.append((case_id, url_key))
            plan.referrals.append(received_row(document, case_id, now))
            line = Timeline(
                document.sender,
                document.id,
                document.recipient,
                "received",
                document.digest,
                case_id,
                State.RECEIVED,
                State.RECEIVED,
            )
            line.n = 1
            line.new.append(
                referrals.NewEvent(
                    document.sender, document.id, 1, now, "referral", document.sender, State.RECEIVED.value
                )
            )
            plan.timelines[line.key] = line
            plan.news.append(_news(now, document, document.sender, document.id))

    async def _speaking(self, tx: Transaction, plan: Plan, documents: Sequence[Document], now: float) -> None:
        wanted = sorted({str(document.body["referral_id"]) for document in documents})
        for line in await timeline.load(tx, await referrals.by_ids(tx, wanted)):
            plan.timelines[line.key] = line
        absent = {str(d.body["referral_id"]) for d in documents if self._about(plan, d) is None}
        waiting = await inbox.waiting_counts(tx, documents[0].sender, sorted(absent)) if absent else {}
        for document in sorted(documents, key=lambda d: d.id):
            line_or_none = self._about(plan, document)
            if line_or_none is None:
                needed = str(document.body["referral_id"])
                waiting[needed] = waiting.get(needed, 0) + 1
                if waiting[needed] > limits.WAITING_DOCUMENTS:
                    plan.refused[document.id] = "too-many-wait"
                else:
                    plan.waits.append((document.sender, document.id, needed))
                continue
            full = len(line_or_none.said) >= limits.TIMELINE_EVENTS
            code = "timeline-full" if full else _objection(document, line_or_none)
            if code is not None:
                plan.refused[document.id] = code
                continue
            _take(line_or_none, document, now)
            plan.news.append(_news(now, document, line_or_none.sender, line_or_none.id))

    def _about(self, plan: Plan, document: Document) -> Timeline | None:
        """The referral that a document speaks of: one between its sender and us, in either direction."""
        referral_id = str(document.body["referral_id"])
        ours = plan.timelines.get((self.identity.member, referral_id))
        if ours is not None and ours.recipient == document.sender:
            return ours
        return plan.timelines.get((document.sender, referral_id))


async def write(tx: Transaction, plan: Plan, now: float) -> None:
    """Write a plan, after the inbox rows of its documents."""
    await referrals.open_cases(tx, plan.cases, now)
    await referrals.add(tx, plan.referrals)
    await timeline.write(tx, plan.timelines.values(), now)
    await inbox.wait(tx, plan.waits, now)
    await inbox.waits_no_more(tx, plan.freed)
    await feed.add(tx, plan.news)


def received_row(document: Document, case_id: str, now: float) -> referrals.NewReferral:
    """The row of a referral that came to us."""
    return _row(document, "received", State.RECEIVED, case_id, now)


def sent_row(document: Document, now: float) -> referrals.NewReferral:
    """The row of a referral that we send."""
    return _row(document, "sent", State.SENT, None, now)


def _row(
    document: Document, direction: str, state: State, case_id: str | None, now: float
) -> referrals.NewReferral:
    body: Any = document.body
    countries = [claim["country"] for claim in body.get("hosting", ()) if "country" in claim]
    return referrals.NewReferral(
        document.sender,
        document.id,
        document.recipient,
        direction,
        document.digest,
        state.value,
        now,
        countries[0] if countries else None,
        case_id,
        body.get("sender_case"),
        body["handling"].get("priority", "routine"),
        body["handling"].get("tlp", "AMBER+STRICT"),
    )


def _url_key(key: bytes, document: Document) -> bytes:
    body: Any = document.body
    return urls.sameness(key, urls.parse_url(body["resource"]["url"], "resource.url"))


def _objection(document: Document, line: Timeline) -> str | None:
    """Why a document may not be taken, as a code; None when it may."""
    leg = Leg(line.sender, line.recipient, line.digest)
    digest = str(document.body["referral_digest"])
    if document.type is DocumentType.WITHDRAWAL:
        return withdrawal_objection(leg, document.sender, digest)
    corrected = line.authors.get(str(document.body.get("corrects")))
    return outcome_objection(leg, document.sender, digest, Status(str(document.body["status"])), corrected)


def _take(line: Timeline, document: Document, now: float) -> None:
    if document.type is DocumentType.WITHDRAWAL:
        line.take(
            Turn.WITHDRAWN,
            at=now,
            kind="withdrawal",
            actor=document.sender,
            document_id=document.id,
            reason=str(document.body["reason"]),
        )
        return
    reason = document.body.get("reason")
    line.take(
        Status(str(document.body["status"])),
        at=float(parse_time(document.body["occurred_at"], "occurred_at")),
        kind="outcome",
        actor=document.sender,
        document_id=document.id,
        reason=None if reason is None else str(reason),
        shared=str(document.body["event"]),
    )


def _news(now: float, document: Document, sender: str, referral_id: str) -> feed.NewItem:
    status = document.body.get("status", document.body.get("reason"))
    return feed.NewItem(
        now,
        document.type.value.partition("/")[0],
        member=document.sender,
        sender=sender,
        referral_id=referral_id,
        document_id=document.id,
        code=None if status is None else str(status),
    )
