"""Reading the node itself: figures, peers, registry, journal, and what lies there for an operator.

Rules: reading changes nothing and asks nobody: every fact is from the database or from the registry as the
node has it now. Names are of members; nothing here knows a URL of a referral. Our keys are read elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exchange.core import jws, limits, strict_json
from exchange.core.names import MemberId
from exchange.core.registry_view import Member, RegistryView
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Problem, Refused
from exchange.flow import journal
from exchange.flow.identity import Identity
from exchange.flow.reading import cursor, moment, shown
from exchange.flow.world import World
from exchange.store import (
    inbox,
    mailboxes,
    outbox,
    peers,
    quarantine,
    referrals,
    registry_versions,
    submissions,
)
from exchange.store import journal as journal_rows
from exchange.store.port import Database, Row, Transaction


@dataclass(frozen=True, slots=True)
class ReadingNode:
    """`mirrors` are where the registry is read from."""

    db: Database
    world: World
    identity: Identity
    registry: Callable[[], RegistryView]
    mirrors: Sequence[str]
    left_out: Callable[[], Sequence[Problem]]

    async def status(self) -> JsonObject:
        """How much of everything there is, by state."""
        async with self.db.reading() as tx:
            return {
                "member": self.identity.member,
                "time": moment(self.world.now()),
                "submissions": _counts(await submissions.counts(tx)),
                "outbox": _counts(await outbox.counts(tx)),
                "oldest_without_receipt_at": moment(await outbox.oldest_waiting(tx)),
                "referrals": {way: _counts(n) for way, n in (await referrals.counts(tx)).items()},
                "cases": await referrals.case_count(tx),
                "inbox": _counts(await inbox.counts(tx)),
                "quarantine": _counts(await quarantine.counts(tx)),
                "mailboxes": _counts(await mailboxes.waiting(tx)),
                "journal": await _journal(tx),
            }

    async def peers(self) -> list[JsonObject]:
        """The other members, and how delivery to each of them goes."""
        view, me = self.registry(), self.identity.member
        async with self.db.reading() as tx:
            known = await peers.every(tx)
        names = sorted({*view.members, *(MemberId(name) for name in known)} - {me})
        return [_peer(name, view.member(name), known.get(name), self.world.now()) for name in names]

    async def registry_facts(self) -> JsonObject:
        """The registry that the node goes by; `split_view`: its version was seen with two contents;
        `left_out`: what breaks a rule and does not count.
        """
        view = self.registry()
        async with self.db.reading() as tx:
            split = await registry_versions.differs(tx, view.version, view.digest)
        return {
            "version": view.version,
            "digest": view.digest,
            "expires_at": moment(view.expires_at),
            "members": len(view.members),
            "state": view.state_at(int(self.world.now())).value,
            "mirrors": list(self.mirrors),
            "split_view": split,
            "left_out": [problem.pointer for problem in self.left_out()],
        }

    async def journal(self) -> JsonObject:
        """The head of the journal, which our manifests carry."""
        async with self.db.reading() as tx:
            return await _journal(tx)

    async def dead_letters(self, after: str | None, limit: int) -> JsonObject:
        """A page of what could not be delivered; raises `Invalid` (`cursor`)."""
        behind = cursor(after)
        async with self.db.reading() as tx:
            rows = await outbox.dead_letters(tx, behind, limit + 1)
        more = rows[limit - 1]["document_id"] if len(rows) > limit else None
        return {"dead_letters": [_dead_letter(row) for row in rows[:limit]], "next": more}

    async def quarantine(self, after: str | None, limit: int) -> JsonObject:
        """A page of what was refused or held; raises `Invalid` (`cursor`)."""
        behind = cursor(after)
        async with self.db.reading() as tx:
            rows = await quarantine.page(tx, behind, limit + 1)
        more = rows[limit - 1]["id"] if len(rows) > limit else None
        return {"quarantine": [_quarantined(row) for row in rows[:limit]], "next": more}


def _counts(found: Mapping[str, int]) -> JsonObject:
    return {name: found[name] for name in sorted(found)}


async def _journal(tx: Transaction) -> JsonObject:
    log = await journal.current_log(tx)
    mark = await journal.head(tx, log)
    return {
        "log": log,
        "entries": mark.n,
        "head": mark.head,
        "pending": await journal_rows.pending_count(tx),
    }


def _peer(name: MemberId, member: Member | None, row: Row | None, now: float) -> JsonObject:
    said: JsonObject = {"member": name, "status": "unknown"}
    if member is not None:
        said |= {"status": member.status.value, "name": member.name}
        said |= {"country": member.country, "kind": member.kind}
    if row is None:
        return {**said, "waiting": 0, "deposited": 0, "failures": 0, "refusals": 0}
    return said | shown(
        waiting=row["waiting"],
        deposited=row["deposited"],
        failures=row["failures"],
        refusals=row["refusals"],
        next_attempt=moment(row["due_at"]) if row["due_at"] > now else None,
        last_error=row["last_error"],
        last_error_at=moment(row["last_error_at"]),
        last_success_at=moment(row["last_success_at"]),
        card=None
        if row["card_serial"] is None
        else shown(serial=row["card_serial"], exp=moment(_card_end(row["card"]))),
    )


def _card_end(card: bytes | None) -> float | None:
    """The `exp` of a card that was verified before it was kept."""
    if card is None:
        return None
    try:
        claims = strict_json.parse_object(jws.peek_payload(bytes(card)), limit=limits.CARD_BYTES)
    except (Invalid, Refused):
        return None
    end = claims.get("exp")
    return end if isinstance(end, int) else None


def _dead_letter(row: Row) -> JsonObject:
    return {
        "document": row["document_id"],
        "recipient": row["recipient"],
        "type": row["type"],
        "code": row["dead_code"],
        "at": moment(row["state_at"]),
        "created_at": moment(row["created_at"]),
    }


def _quarantined(row: Row) -> JsonObject:
    return shown(
        id=row["id"],
        kind=row["kind"],
        depositor=row["depositor"],
        message=row["jti"],
        document=row["document_id"],
        digest=row["digest"],
        code=row["code"],
        at=moment(row["at"]),
        kept=bool(row["kept"]),
        released_at=moment(row["released_at"]),
    )
