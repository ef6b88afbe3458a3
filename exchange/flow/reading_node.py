"""Reading the node itself: figures, peers, keys, registry, journal, and what lies there for an operator.

Rules: reading changes nothing and asks nobody: every fact is from the database or from the registry as the
node has it now. Names are of members and keys; nothing here knows a URL of a referral. Private keys and
sealed seeds are never shown, only that they are there or were destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exchange.core import base64url, jws, limits, strict_json
from exchange.core.names import MemberId
from exchange.core.registry_view import Jwk, Member, RegistryView
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid, Refused, Unavailable
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
    seeds,
    submissions,
)
from exchange.store import journal as journal_rows
from exchange.store.port import Database, Row, Transaction


@dataclass(frozen=True, slots=True)
class ReadingNode:
    """`http_kid` is the key that signs our requests, `mirrors` where the registry is read from."""

    db: Database
    world: World
    identity: Identity
    http_kid: str
    registry: Callable[[], RegistryView]
    mirrors: Sequence[str]

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

    async def keys(self) -> JsonObject:
        """Our keys: those in use, those that the registry knows, and the encryption seeds."""
        try:
            member = self.registry().member(self.identity.member)
        except Unavailable:
            member = None
        async with self.db.reading() as tx:
            rows = await seeds.every(tx)
        return {
            "member": self.identity.member,
            "in_use": {"signing": [jwk["kid"] for jwk in self.identity.signing.entry], "http": self.http_kid},
            "registered": None if member is None else _registered(member),
            "card": _card(rows[-1]) if rows else None,
            "seeds": [_seed(row) for row in rows],
        }

    async def registry_facts(self) -> JsonObject:
        """The registry that the node goes by; `split_view`: its version was seen with two contents."""
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


def _registered(member: Member) -> JsonObject:
    signing: list[JsonValue] = [
        {
            "ed25519": _key(entry.ed25519),
            "ml_dsa_65": _key(entry.ml_dsa_65),
            "nbf": moment(entry.nbf),
            "exp": moment(entry.exp),
            "revoked": entry.revoked is not None,
        }
        for entry in member.signing
    ]
    http: list[JsonValue] = [
        {
            "key": _key(entry.key),
            "nbf": moment(entry.nbf),
            "exp": moment(entry.exp),
            "revoked": entry.revoked is not None,
        }
        for entry in member.http
    ]
    return {"signing": signing, "http": http}


def _key(jwk: Jwk) -> JsonObject:
    """The kid is the key's RFC 7638 thumbprint; the fingerprint is its first 128 bits, to be read aloud."""
    text = base64url.decode(jwk["kid"], "kid").hex()
    return {"kid": jwk["kid"], "fingerprint": " ".join(text[i : i + 4] for i in range(0, 32, 4))}


def _card(row: Row) -> JsonObject:
    return {"kid": row["kid"], "serial": row["serial"], "exp": moment(row["card_exp"])}


def _seed(row: Row) -> JsonObject:
    return {
        **_card(row),
        "created_at": moment(row["created_at"]),
        "destroyed": row["destroyed_at"] is not None,
    }


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
