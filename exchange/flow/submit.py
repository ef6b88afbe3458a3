"""Submit: from what was handed in to a referral in the outbox, in one transaction (T1).

Rules: up to 1,000 lines are one submission, all or nothing. 2xx is said only after the commit. What has no
destination is kept as an *unroutable* or *domestic* submission that a person sees, never dropped. The same
Idempotency-Key gives the same answer.

Where we die: before T1 commits, nothing happened; between T1 and the answer, the submitter repeats and gets
the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.core import limits, strict_json
from exchange.core.documents import Document
from exchange.core.names import MemberId
from exchange.core.routing import Routed
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Problem
from exchange.flow import idempotency, journal
from exchange.flow.arrivals import sent_row
from exchange.flow.bell import Bells
from exchange.flow.draft import Draft, Drafting, entry_of
from exchange.flow.idempotency import Answered, Asked
from exchange.flow.world import World
from exchange.store import journal as journal_rows
from exchange.store import outbox, referrals, submissions
from exchange.store.port import Database, Transaction

LINES_AT_ONCE: Final = 20
"""Lines checked before others get their turn: some 3 ms."""
TURN_SECONDS: Final = 0.0005
"""Seconds of that turn. With sleep(0) the loop takes the interpreter back at once, and the threads of the
database starve: a statement then takes 20 ms and more, and a message on its way needs dozens.
"""


@dataclass(frozen=True, slots=True)
class _Ready:
    """One submission, ready for T1."""

    id: str
    draft: Draft
    referral: Document | None


@dataclass(frozen=True, slots=True)
class Submit:
    """`count` is a metric of submissions by state."""

    db: Database
    world: World
    bells: Bells
    drafting: Drafting
    count: Callable[[str, int], None]

    async def submit(self, lines: Sequence[bytes], asked: Asked) -> Answered:
        """Take submissions; raises `Invalid` (`submission-invalid`) with the problems of every line."""
        async with self.db.reading() as tx:
            before = await idempotency.known(tx, asked)
        if before is not None:
            return before
        ready = await self._ready(lines)
        now = self.world.now()
        answer: JsonObject = {
            "submissions": [
                entry_of(i, one.id, one.draft, one.referral.id if one.referral else None)
                for i, one in enumerate(ready, start=1)
            ]
        }
        async with self.db.transaction() as tx:
            before = await idempotency.known(tx, asked)
            if before is not None:
                return before
            await submissions.add(tx, [_row(one, asked.token, now) for one in ready])
            await self.send(tx, [one.referral for one in ready if one.referral is not None], now)
            answered = await idempotency.keep(tx, asked, 201, answer, now)
        self._ring()
        for one in ready:
            self.count(_state(one.draft), 1)
        return answered

    async def send(self, tx: Transaction, documents: Sequence[Document], now: float) -> None:
        """Referral rows, their first event, outbox rows and journal entries, in the caller's transaction."""
        await referrals.add(tx, [sent_row(document, now) for document in documents])
        await referrals.add_events(
            tx,
            [referrals.NewEvent(d.sender, d.id, 1, now, "submitted", d.sender, "sent") for d in documents],
        )
        await queue(tx, self.world, documents, now)

    async def reroute(self, submission_id: str, to: MemberId | None, by: str | None = None) -> JsonObject:
        """Route an open submission again, to `to` when an operator names it; `by` is the operator's token.

        Raises `Invalid` (`submission-unknown`, `submission-not-open`, or the code of why there is no route).
        """
        now = self.world.now()
        async with self.db.transaction() as tx:
            row = await submissions.one(tx, submission_id)
            if row is None:
                raise Invalid("submission-unknown", "no such submission")
            if row["body"] is None or row["state"] not in ("unroutable", "domestic"):
                raise Invalid("submission-not-open", f"the submission is {row['state']} already")
            body = strict_json.parse_object(bytes(row["body"]), limit=limits.DOCUMENT_BYTES)
            draft = self.drafting.draft(body if to is None else {**body, "to": to})
            if not isinstance(draft.route, Routed):
                raise Invalid(draft.route.code, draft.route.sentence)
            document = self.drafting.document(draft.body, draft.route)
            await submissions.routed(tx, submission_id, document.id, draft.country, now)
            await self.send(tx, [document], now)
            if by is not None:
                await journal.write(tx, self.world, "routed", submission=submission_id, by_token=by)
        self._ring()
        return entry_of(1, submission_id, draft, document.id)

    async def drop(self, submission_id: str, reason: str, by: str) -> None:
        """Close an open submission with a reason; `by` is the operator's token; raises `Invalid`."""
        now = self.world.now()
        async with self.db.transaction() as tx:
            if not await submissions.dropped(tx, submission_id, reason, now):
                raise Invalid("submission-not-open", "no open submission of this id")
            await journal.write(tx, self.world, "dropped", submission=submission_id, code=reason, by_token=by)
        self.bells.journal.ring()

    async def retry_unroutable(self) -> int:
        """After a change of the registry: route what had no destination; how many have one now."""
        routed, after = 0, ""
        while True:
            async with self.db.reading() as tx:
                rows = await submissions.unroutable(tx, after, limits.MESSAGE_DOCUMENTS)
            if not rows:
                return routed
            for row in rows:
                after = row["id"]
                try:
                    await self.reroute(after, None)
                    routed += 1
                except Invalid:
                    continue

    async def _ready(self, lines: Sequence[bytes]) -> list[_Ready]:
        if not 1 <= len(lines) <= limits.SUBMISSION_LINES:
            raise Invalid("submission-lines", f"the body has not 1 to {limits.SUBMISSION_LINES} lines")
        ready: list[_Ready] = []
        problems: list[Problem] = []
        for number, line in enumerate(lines, start=1):
            if number % LINES_AT_ONCE == 0:
                await self.world.sleep(TURN_SECONDS)
            body, wrong = self.drafting.read(line, number)
            problems += wrong
            if body is None or problems:
                continue
            draft = self.drafting.draft(body)
            document = None
            if isinstance(draft.route, Routed):
                try:
                    document = self.drafting.document(draft.body, draft.route)
                except Invalid as error:
                    problems.append(Problem("", error.code, error.message, number))
                    continue
            ready.append(_Ready(self.world.new_id(), draft, document))
        if problems:
            bad = len({problem.line for problem in problems})
            raise Invalid(
                "submission-invalid",
                f"{bad} of {len(lines)} submissions are not valid; nothing was taken",
                problems=problems,
            )
        return ready

    def _ring(self) -> None:
        self.bells.deliver.ring()
        self.bells.journal.ring()


async def queue(tx: Transaction, world: World, documents: Sequence[Document], now: float) -> None:
    """Outbox rows and journal entries of documents of ours that want a receipt."""
    await outbox.add(
        tx,
        [outbox.NewOutbound(d.id, d.recipient, d.type.value, d.digest, d.data, True, now) for d in documents],
    )
    await journal_rows.add(
        tx,
        [
            journal.entry(world, "sent", document=d.id, type=d.type.value, sha256=d.digest, to=d.recipient)
            for d in documents
        ],
    )


def _state(draft: Draft) -> str:
    if isinstance(draft.route, Routed):
        return "routed"
    return "domestic" if draft.route.code == "domestic" else "unroutable"


def _row(one: _Ready, token: str, now: float) -> submissions.NewSubmission:
    routed = isinstance(one.draft.route, Routed)
    reason = None if isinstance(one.draft.route, Routed) else one.draft.route.code
    body = None if routed else strict_json.dump(one.draft.body)
    referral_id = one.referral.id if one.referral is not None else None
    return submissions.NewSubmission(
        one.id, token, now, _state(one.draft), reason, one.draft.country, referral_id, body
    )
