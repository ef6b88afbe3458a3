"""Reading referrals and submissions: what the member's own people and systems see of them.

Rules: reading changes nothing. Lists name ids, members and states; only a single referral or submission is
shown with its document, which holds the URL as it was stored. A list goes on behind an opaque cursor, in the
order in which things were made. What retention has erased is shown as erased, not as missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from exchange.core import limits, strict_json
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.core.times import format_time
from exchange.errors import Invalid
from exchange.store import inbox, manifests, outbox, referrals, submissions
from exchange.store.port import Database, Row, Transaction
from exchange.store.referrals import Key

Filter = referrals.Filter
"""What a list of referrals shows."""
_REFERRAL_CURSOR: Final = re.compile(r"([0-9a-f-]{36})\.([a-z0-9-]{4,43})")
_ID_CURSOR: Final = re.compile(r"[0-9a-f-]{36}|[0-9a-f]{64}")


def cursor(text: str | None) -> str:
    """The id that a cursor of a list by id stands behind; raises `Invalid` (`cursor`)."""
    if text is None:
        return ""
    if _ID_CURSOR.fullmatch(text) is None:
        raise Invalid("cursor", "after: not a cursor of this list")
    return text


def shown(**fields: JsonValue) -> JsonObject:
    """An object without the fields that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def moment(seconds: float | None) -> str | None:
    """Unix seconds as they are shown; None stays None."""
    return None if seconds is None else format_time(seconds)


@dataclass(frozen=True, slots=True)
class Reading:
    """Looking at what is stored."""

    db: Database

    async def referrals(self, wanted: Filter, after: str | None, limit: int) -> JsonObject:
        """A page of summaries; raises `Invalid` (`cursor`)."""
        behind = _key(after)
        async with self.db.reading() as tx:
            rows = await referrals.page(tx, wanted, behind, limit + 1)
        more = f"{rows[limit - 1]['id']}.{rows[limit - 1]['sender']}" if len(rows) > limit else None
        return {"referrals": [_summary(row) for row in rows[:limit]], "next": more}

    async def referral(self, referral_id: str, sender: str | None) -> JsonObject:
        """One referral with its document and timeline.

        Raises `Invalid` (`referral-unknown`, `referral-ambiguous`).
        """
        async with self.db.reading() as tx:
            found = await referrals.by_ids(tx, [referral_id])
            rows = [row for row in found if sender is None or row["sender"] == sender]
            if not rows:
                raise Invalid("referral-unknown", "no such referral here")
            if len(rows) > 1:
                raise Invalid(
                    "referral-ambiguous",
                    "two members sent a referral with this id",
                    hint="say whose is meant (sender)",
                )
            row = rows[0]
            key = (row["sender"], row["id"])
            events = (await referrals.events(tx, [key]))[key]
            delivery, data = await (_sent(tx, row) if row["direction"] == "sent" else _received(tx, row))
        return {
            **_summary(row),
            "document": None if data is None else _body(data),
            "timeline": [_event(event) for event in events],
            "delivery": delivery,
        }

    async def submissions(self, state: str | None, after: str | None, limit: int) -> JsonObject:
        """A page of submissions, without what was handed in; raises `Invalid` (`cursor`)."""
        behind = cursor(after)
        async with self.db.reading() as tx:
            rows = await submissions.page(tx, state, behind, limit + 1)
        more = rows[limit - 1]["id"] if len(rows) > limit else None
        return {"submissions": [_submission(row) for row in rows[:limit]], "next": more}

    async def submission(self, submission_id: str) -> JsonObject:
        """One submission, with what was handed in while it is kept; raises `Invalid`
        (`submission-unknown`)."""
        async with self.db.reading() as tx:
            row = await submissions.one(tx, submission_id)
        if row is None:
            raise Invalid("submission-unknown", "no such submission")
        said = _submission(row)
        return said if row["body"] is None else {**said, "body": _body(row["body"])}


def _key(after: str | None) -> Key:
    if after is None:
        return "", ""
    match = _REFERRAL_CURSOR.fullmatch(after)
    if match is None:
        raise Invalid("cursor", "after: not a cursor of this list")
    return match[2], match[1]


def _body(data: bytes) -> JsonObject:
    return strict_json.parse_object(bytes(data), limit=limits.DOCUMENT_BYTES)


async def _sent(tx: Transaction, row: Row) -> tuple[JsonObject | None, bytes | None]:
    """How the delivery of a referral of ours stands, and its bytes."""
    out = await outbox.one(tx, row["id"])
    if out is None:
        return None, None
    attempt = None if out["attempt"] is None else await manifests.attempt(tx, out["attempt"])
    last = None if attempt is None else shown(message=attempt["jti"], at=moment(attempt["deposited_at"]))
    delivery = shown(
        state=out["state"],
        at=moment(out["state_at"]),
        attempt=last,
        receipt=out["receipt_id"],
        code=out["dead_code"],
    )
    return delivery, out["data"]


async def _received(tx: Transaction, row: Row) -> tuple[JsonObject | None, bytes | None]:
    """What became of our receipt for a referral of another member, and the referral's bytes."""
    came = await inbox.one(tx, row["sender"], row["id"])
    if came is None:
        return None, None
    receipt = None if came["receipt_id"] is None else await outbox.one(tx, came["receipt_id"])
    delivery = shown(
        state=came["verdict"],
        at=moment(came["received_at"]),
        attempt=shown(message=came["manifest"]),
        receipt=came["receipt_id"],
        receipt_state=None if receipt is None else receipt["state"],
    )
    return delivery, came["data"]


def _summary(row: Row) -> JsonObject:
    return shown(
        id=row["id"],
        sender=row["sender"],
        recipient=row["recipient"],
        direction=row["direction"],
        state=row["state"],
        state_at=moment(row["state_at"]),
        created_at=moment(row["created_at"]),
        digest=row["digest"],
        country=row["country"],
        case=row["case_id"],
        sender_case=row["sender_case"],
        priority=row["priority"],
        tlp=row["tlp"],
    )


def _event(row: Row) -> JsonObject:
    return shown(
        at=moment(row["at"]),
        kind=row["kind"],
        actor=row["actor"],
        status=row["status"],
        reason=row["reason"],
        document=row["document_id"],
        event=row["event"],
        state=row["state"],
        note=row["note"],
    )


def _submission(row: Row) -> JsonObject:
    return shown(
        submission=row["id"],
        state=row["state"],
        received_at=moment(row["received_at"]),
        state_at=moment(row["state_at"]),
        reason=row["reason"],
        country=row["country"],
        referral=row["referral_id"],
    )
