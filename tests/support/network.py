"""Nodes in one process on real SQLite files; only the network between them is a fake, and it fails as told.

A fault comes in two forms: *did not happen* (`before`) and *happened, but the answer was lost* (`after`).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support import documents as bodies
from support.keys import NOW, member, member_keys, registry_view

from exchange.client.answers import Asked, CardAnswer, Collected, EnvelopeState, Page, Waiting
from exchange.core.delivery import Answer, AnswerKind
from exchange.core.envelope import read_header
from exchange.core.keys import HttpKey, SigningKeys
from exchange.core.names import DocumentId, MemberId
from exchange.core.registry_view import Member, MemberStatus, RegistryView
from exchange.core.standing import check_door
from exchange.core.times import format_time
from exchange.errors import Refused, Unavailable
from exchange.flow import idempotency, journal
from exchange.flow.answer import Answer as Answering
from exchange.flow.arrivals import Arrivals
from exchange.flow.bell import Bells
from exchange.flow.cards import Cards
from exchange.flow.collect import Collect, HostedMailbox, OwnMailbox
from exchange.flow.deliver import Deliver
from exchange.flow.draft import Claim, Drafting
from exchange.flow.expiry import Expiry
from exchange.flow.hearsay import Prompts
from exchange.flow.hosting import Deposited, Hosting
from exchange.flow.identity import Identity, KeysInUse
from exchange.flow.probe import Probe
from exchange.flow.receipts import Receipts
from exchange.flow.receive import Receive
from exchange.flow.refusals import Refusals
from exchange.flow.registering import Registering
from exchange.flow.submit import Submit
from exchange.flow.sweep import Sweep
from exchange.flow.world import World
from exchange.store.migrate import migrate, migrations
from exchange.store.sqlite import SqliteDatabase, open_sqlite


@dataclass
class Clock:
    """A clock that moves when it is told to; sleeping moves nothing."""

    now: float = float(NOW)

    def world(self, seed: int) -> World:
        chance = random.Random(seed)

        async def sleep(seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.001))

        return World(lambda: self.now, sleep, chance.randbytes, chance.random)


class PlainSealing:
    """Stands for the keystore, whose age files are tested elsewhere."""

    def seal_seed(self, seed: bytes) -> bytes:
        return b"sealed:" + seed

    def open_seed(self, sealed: bytes) -> bytes:
        return sealed.removeprefix(b"sealed:")


@dataclass
class Ring:
    """The keys of a member, in memory; `renew` makes new ones as a keystore does."""

    signing: list[SigningKeys]
    http: list[HttpKey]

    def renew(self, *, signing: bool, http: bool) -> None:
        self.signing = [*([SigningKeys.generate()] if signing else []), *self.signing]
        self.http = [*([HttpKey.generate()] if http else []), *self.http]


@dataclass
class Network:
    """The hosts by base URL. `faults` are used up in order: (call, "before" or "after"); `cards` are served
    in place of a member's own.
    """

    clock: Clock
    view: RegistryView
    hosts: dict[str, TestNode] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    wire: list[bytes] = field(default_factory=list)
    views: dict[str, RegistryView] = field(default_factory=dict)
    cards: dict[str, bytes] = field(default_factory=dict)

    def seen_by(self, name: str) -> RegistryView:
        """The registry as one node has it: everybody's, unless `views` has another for it."""
        return self.views.get(name, self.view)

    def fault(self, call: str, when: str) -> bool:
        if self.faults and self.faults[0] == (call, when):
            self.faults.pop(0)
            return True
        return False


LOST = Answer(AnswerKind.UNREACHABLE, None, "network")


@dataclass
class FakeMailbox:
    """client.mailbox.PeerMailbox without sockets: calls the hosting flow of the other node."""

    network: Network
    me: MemberId

    async def _call(self, name: str, work: Any) -> Any:
        self.network.calls.append(name)
        if self.network.fault(name, "before"):
            return LOST
        try:
            done = await work()
        except (Refused, Unavailable) as error:
            status = {
                "mailbox-unknown": 404,
                "id-conflict": 409,
                "quota": 507,
                "rate": 429,
                "envelope-unknown": 404,
            }
            status |= {"suspended": 403, "not-a-member": 403, "key-unknown": 401}
            return Answer(AnswerKind.PROBLEM, status.get(error.code, 400), error.code)
        return LOST if self.network.fault(name, "after") else done

    def _host(self, base: str) -> Hosting:
        """The host, whose gate asks its own registry who is calling."""
        host = self.network.hosts[base]
        caller = self.network.seen_by(host.me).member(self.me)
        if caller is None:
            raise Refused("key-unknown", "not a key of the registry")
        check_door(caller.status)
        return host.hosting

    async def deposit(self, base: str, to: MemberId, jti: DocumentId, envelope: bytes, now: int) -> Answer:
        self.network.wire.append(envelope)

        async def work() -> Answer:
            host = self._host(base)
            if to == self.network.hosts[base].me:
                own = self.network.hosts[base].cards
                if not own.known_kid(read_header(envelope).kid):
                    return Answer(AnswerKind.PROBLEM, 422, "wrong-key", kid=own.kid)
            view = self.network.seen_by(self.network.hosts[base].me)
            trial = view.members[self.me].status is MemberStatus.PENDING
            done = await host.deposit(host.check_hosted(to), self.me, jti, envelope, trial=trial)
            return Answer(AnswerKind.OK, 201 if done is Deposited.STORED else 200)

        return await self._call("deposit", work)

    async def ask(self, base: str, to: MemberId, jti: DocumentId, now: int) -> Asked:
        async def work() -> Asked:
            host = self._host(base)
            try:
                state = await host.ask(to, self.me, jti)
            except Refused:
                return Asked(Answer(AnswerKind.OK, 404), EnvelopeState.UNKNOWN)
            return Asked(Answer(AnswerKind.OK, 200), EnvelopeState(state))

        done = await self._call("ask", work)
        return Asked(done) if isinstance(done, Answer) else done

    async def collect(self, base: str, me: MemberId, after: str, wait: int, now: int) -> Collected:
        async def work() -> Collected:
            held = await self._host(base).page(me, after, 0)
            items = tuple(
                Waiting(h.position, DocumentId(h.jti), MemberId(h.depositor), int(h.received_at), h.envelope)
                for h in held.envelopes
            )
            return Collected(Answer(AnswerKind.OK, 200), Page(items, held.cursor))

        done = await self._call("collect", work)
        return Collected(done) if isinstance(done, Answer) else done

    async def acknowledge(self, base: str, me: MemberId, through: str, now: int) -> Answer:
        async def work() -> Answer:
            await self._host(base).acknowledge(me, through)
            return Answer(AnswerKind.OK, 204)

        return await self._call("acknowledge", work)

    async def fetch_card(self, url: str) -> CardAnswer:
        async def work() -> CardAnswer:
            for node in self.network.hosts.values():
                for one in (node, *node.guests):
                    if url.endswith(f"/{one.me}/card"):
                        card = self.network.cards.get(one.me, one.cards.card)
                        return CardAnswer(Answer(AnswerKind.OK, 200), card)
            return CardAnswer(Answer(AnswerKind.PROBLEM, 404, "card-unknown"))

        done = await self._call("card", work)
        return CardAnswer(done) if isinstance(done, Answer) else done


@dataclass
class TestNode:
    """All verbs of one member over one real database."""

    __test__ = False

    me: MemberId
    network: Network
    db: SqliteDatabase
    world: World
    bells: Bells
    hosting: Hosting
    cards: Cards
    submit: Submit
    answer: Answering
    deliver: Deliver
    probe: Probe
    receive: Receive
    collect: Collect
    sweep: Sweep
    sequencer: journal.Sequencer
    ring: Ring
    keys: KeysInUse
    registering: Registering
    expiry: Expiry
    guests: list[TestNode] = field(default_factory=list)
    counted: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, *requests: dict[str, Any], key: str | None = None) -> list[dict[str, Any]]:
        lines = [json.dumps(request).encode() for request in requests]
        body = b"\n".join(lines)
        asked = idempotency.asked("local", key or os.urandom(8).hex(), "POST /v1/referrals", body)
        answered = await self.submit.submit(lines, asked)
        return json.loads(answered.body)["submissions"]

    async def say(
        self, referral: str, status: str, *, key: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        occurred = format_time(self.world.now())
        request = {"status": status, "actor": "hotline", "occurred_at": occurred, **fields}
        asked = idempotency.asked("local", key or os.urandom(8).hex(), referral, json.dumps(request).encode())
        return json.loads((await self.answer.outcome(referral, None, request, asked)).body)

    async def round(self) -> None:
        """Deliver to all who are due, then collect once."""
        for peer in await self.deliver.due():
            while await self.deliver.peer(MemberId(peer)):
                pass
        await self.collect.run(wait=0)
        await self.sequencer.number()

    async def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with self.db.reading() as tx:
            return [dict(row) for row in await tx.fetch(sql, args)]  # type: ignore[call-overload]

    async def close(self) -> None:
        await self.db.close()


def send_body(
    url: str = "http://192.0.2.17/files/sample.bin", country: str = "NL", **changes: Any
) -> dict[str, Any]:
    """A submission that is valid at NOW of these tests."""
    observed = format_time(NOW - 1800)
    return bodies.submission_body(
        resource={"url": url},
        hosting=[bodies.hosting_claim(country=country, method="analyst", observed_at=observed)],
        **changes,
    )


def base_of(name: str) -> str:
    return f"https://mx.{name}.example"


def network_member(name: str, host: str | None = None, **changes: Any) -> Member:
    where = base_of(host or name)
    return replace(member(name), mailbox=where, card=f"{where}/v1/members/{name}/card", **changes)


async def make_node(
    network: Network, name: str, path: Path, *, host: TestNode | None = None, seed: int = 0
) -> TestNode:
    """A node over the database file `path`, made or opened again; with `host`, its mailbox is there."""
    world = network.clock.world(seed)
    db = await open_sqlite(path)
    await migrate(db, world.now(), migrations("sqlite"))
    keys = member_keys(name)
    me = MemberId(name)
    ring = Ring([keys.signing], [keys.http])
    in_use = KeysInUse(ring, lambda: network.seen_by(name).member(me), world.now)
    identity = Identity(me, name[:2].upper(), in_use.signing, b"u" * 32)
    bells, schemas, rules = Bells(), bodies.schemas(), bodies.rules()
    guests = frozenset(g for g, m in network.view.members.items() if m.mailbox == base_of(name))
    hosting = Hosting(db, world, bells, guests | {me} if host is None else guests)
    await hosting.prepare()
    async with db.transaction() as tx:
        await journal.ensure_log(tx, world)
    cards = Cards(db, world, bells, identity, PlainSealing(), lambda: network.seen_by(name).member(me))
    await cards.load()
    await cards.tend()
    registry = lambda: network.seen_by(name)  # noqa: E731
    mailbox = FakeMailbox(network, me)
    counted: list[tuple[str, str]] = []
    drafting = Drafting(world, identity, schemas, rules, registry, lambda _: Claim("NL", "test", None))
    receipts = Receipts(world, identity, schemas, rules)
    receive = Receive(
        db,
        world,
        bells,
        identity,
        schemas,
        rules,
        Arrivals(world, identity, schemas, rules),
        receipts,
        Refusals(db, world, receipts, registry),
        registry,
        cards.seed_for,
        lambda kind, verdict: counted.append((kind, verdict)),
        Prompts(bells, world),
    )
    own = OwnMailbox(hosting, me)
    source = own if host is None else HostedMailbox(mailbox, world, me, lambda: base_of(host.me))
    node = TestNode(
        me,
        network,
        db,
        world,
        bells,
        hosting,
        cards,
        Submit(db, world, bells, drafting, lambda state, n: None),
        Answering(db, world, bells, identity, schemas, rules, registry),
        Deliver(db, world, bells, identity, registry, lambda _: True, mailbox, lambda result: None),
        Probe(db, world, bells, identity, schemas, rules, registry),
        receive,
        Collect(source, receive.envelope),
        Sweep(db, world, bells, mailbox, registry),
        journal.Sequencer(db, world, bells),
        ring,
        in_use,
        Registering(db, world, bells, me, schemas, registry, ring, cards),
        Expiry(db, world, bells, in_use, registry, cards),
        counted=counted,
    )
    if host is None:
        network.hosts[base_of(name)] = node
    else:
        host.guests.append(node)
    return node


def network_of(names: Sequence[str], *, hosted: dict[str, str] | None = None, **view: Any) -> Network:
    members = [network_member(name, (hosted or {}).get(name)) for name in names]
    return Network(Clock(), registry_view(*members, **view))


async def settle(*nodes: TestNode, rounds: int = 6) -> None:
    """Let documents, receipts and answers go round until nothing is left to do."""
    for _ in range(rounds):
        for node in nodes:
            await node.round()
