"""Probe: a test exchange with one member, and how far it has come.

Rules: a test is a document like any other, on the way of all others: what it shows is what a referral would
meet. One is under way to a member at a time; who asks meanwhile hears of that one. The card that we hold is
let go, so that the test fetches it afresh. How far it is, is read from the database alone: the registry's
entry, the card, the deposit, the receipt; and while a step is missing, what failed last and what to do.
Success is the receipt that the member has signed, and nothing less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from exchange.core.documents import Document, DocumentType, make
from exchange.core.names import MemberId
from exchange.core.registry_view import Member, MemberStatus, RegistryView
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.standing import passing
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.core.times import format_time
from exchange.errors import Invalid
from exchange.flow import journal
from exchange.flow.bell import Bells
from exchange.flow.identity import Identity
from exchange.flow.reading import moment
from exchange.flow.submit import queue
from exchange.flow.tokens import Caller
from exchange.flow.world import World
from exchange.store import peers, tests
from exchange.store.port import Database, Row

UNDER_WAY: Final = frozenset({"waiting", "deposited"})
LOOK_AGAIN: Final = "hotline-exchange registry refresh; if it stays so, ask an administrator of the network"
THEIRS: Final = "ask the member: its node has to run, and its proxy has to lead to it; it is tried again"
CARD: Final = "ask the member to run hotline-exchange doctor: its card is not the one that its keys sign"
HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "member-unknown": LOOK_AGAIN,
        "member-suspended": "it is tried again when the registry calls the member active again",
        "member-left": "nothing is sent to a member that has left the network",
        "registry-expired": "the registry has expired: ask an administrator of the network to renew it",
        "card-rollback": "the member served an older card than one that is known: ask it to rotate its key",
        "card-time": "the card is over, or one of our clocks is wrong: ask the member to run its node",
        "card-signature": f"its registered keys did not sign this card: {LOOK_AGAIN}",
        "card-signing-key": f"the key that signed this card is revoked or over: {LOOK_AGAIN}",
        "card-card-unknown": "the host has no card of this member yet: its node publishes one once it runs",
        "card-form": CARD,
        "card-member": CARD,
        "card-key": CARD,
        "card-": THEIRS,
        "key-unknown": f"the host does not know our http key: {LOOK_AGAIN}",
        "not-a-member": f"the host's registry does not have us: {LOOK_AGAIN}",
        "suspended": "the host's registry calls us suspended: ask an administrator of the network",
        "mailbox-unknown": "the host has no such mailbox: ask it to name the member in its mailbox.guests",
        "wrong-key": "the host knows a newer key of the member: its card is fetched again",
        "envelope-refused": "the member could not open it: its registry may be older than ours",
        "quota": "the mailbox is full until its owner collects: ask whether its node runs",
        "time": "the clocks differ: hotline-exchange doctor",
        "address-refused": "the address is not one that may be called: see [outbound] allow",
        "refused-": "the member refused the document: its program may be older than ours",
        "expired": "no receipt came within 30 days: test again",
    }
)
"""What to do by the code of what failed last, or by how it begins."""


def hint_for(code: str) -> str:
    """What to do about a code; what is not named is the other side's."""
    known = (each for each in HINTS if each == code or (each.endswith("-") and code.startswith(each)))
    return HINTS.get(max(known, key=len, default=""), THEIRS)


@dataclass(frozen=True, slots=True)
class Probe:
    """`start` and `reading` are the two calls of the member API."""

    db: Database
    world: World
    bells: Bells
    identity: Identity
    schemas: Schemas
    rules: Rules
    registry: Callable[[], RegistryView]

    async def start(self, peer: str, by: Caller) -> tuple[str, bool]:
        """The id of a test to `peer`, and whether it is a new one.

        Raises `Invalid`: `self-addressed`, `not-active`, `member-unknown`, `member-suspended`, `member-left`,
        `takes-no-tests`.
        """
        self._check(MemberId.parse(peer, "peer"))
        now = self.world.now()
        async with self.db.transaction() as tx:
            last = await tests.latest(tx, peer)
            if last is not None and last["state"] in UNDER_WAY:
                await peers.due_now(tx, peer)
                document_id, new = str(last["document_id"]), False
            else:
                document = self._document(MemberId(peer), now)
                await queue(tx, self.world, [document], now)
                await peers.forget_card(tx, peer)
                await peers.due_now(tx, peer)
                await journal.write(tx, self.world, "tested", document=document.id, by_token=by.token)
                document_id, new = document.id, True
        self.bells.deliver.ring()
        self.bells.journal.ring()
        return document_id, new

    async def reading(self, document_id: str) -> JsonObject:
        """How far a test has come; raises `Invalid` (`test-unknown`)."""
        view = self.registry()
        async with self.db.reading() as tx:
            row = await tests.one(tx, document_id)
            seen = await tests.version_seen(tx, view.version)
        if row is None:
            raise Invalid("test-unknown", "no such test of ours")
        member = view.member(row["recipient"])
        said: JsonObject = {
            "document": row["document_id"],
            "peer": row["recipient"],
            "state": row["state"],
            "steps": [
                _registered(member, view, row["created_at"] if seen is None else seen),
                _carded(row),
                _deposited(row),
                _receipted(row),
            ],
        }
        return said | _failed(row)

    def _check(self, peer: MemberId) -> None:
        view, me = self.registry(), self.identity.member
        if peer == me:
            raise Invalid("self-addressed", "peer: this is our own member", hint="hotline-exchange doctor")
        ours, member = view.member(me), view.member(peer)
        if ours is None or not passing(ours.status):
            said = "does not know our member" if ours is None else f"says that we are {ours.status.value}"
            raise Invalid("not-active", f"the registry {said}", hint=LOOK_AGAIN)
        if member is None:
            raise Invalid("member-unknown", "peer: not a member of the network", hint=LOOK_AGAIN)
        if member.status in (MemberStatus.SUSPENDED, MemberStatus.LEFT):
            code = f"member-{member.status.value}"
            raise Invalid(code, f"peer: the registry says {member.status.value}", hint=hint_for(code))
        if DocumentType.TEST not in member.accepts:
            hint = "its program is older than ours: it has to update, then hotline-exchange change"
            raise Invalid("takes-no-tests", "peer: its registry entry does not name test/1", hint=hint)

    def _document(self, peer: MemberId, now: float) -> Document:
        body: JsonObject = {
            "type": DocumentType.TEST.value,
            "id": self.world.new_id(),
            "sender": self.identity.member,
            "recipient": peer,
            "created_at": format_time(now),
        }
        return make(self.schemas, self.rules, body)


def _step(name: str, at: float | None, detail: str | None) -> JsonValue:
    return {"step": name, "at": moment(at), "detail": detail}


def _registered(member: Member | None, view: RegistryView, seen: float) -> JsonValue:
    """`seen` is when we first went by this registry, or when the test began."""
    if member is None:
        return _step("registry", None, None)
    return _step("registry", seen, f"{member.status.value} in version {view.version}")


def _carded(row: Row) -> JsonValue:
    """Only a card that was fetched for this test counts."""
    fresh = row["card_at"] is not None and row["card_at"] >= row["created_at"]
    if not fresh or not row["card_held"]:
        return _step("card", None, None)
    return _step("card", row["card_at"], f"serial {row['card_serial']}")


def _deposited(row: Row) -> JsonValue:
    if row["state"] not in ("deposited", "received") or row["deposited_at"] is None:
        return _step("deposited", None, None)
    return _step("deposited", row["deposited_at"], f"envelope {row['attempt']}")


def _receipted(row: Row) -> JsonValue:
    if row["state"] != "received":
        return _step("receipt", None, None)
    return _step("receipt", row["state_at"], f"receipt {row['receipt_id']}")


def _failed(row: Row) -> JsonObject:
    """What failed last, unless it has worked since."""
    if row["state"] == "dead":
        code, at = row["dead_code"], row["state_at"]
    elif row["state"] == "waiting" and row["last_error"] and row["last_error_at"] >= row["created_at"]:
        code, at = row["last_error"], row["last_error_at"]
    else:
        return {}
    return {"failed": {"code": code, "at": moment(at), "hint": hint_for(code)}}
