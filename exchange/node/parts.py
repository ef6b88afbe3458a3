"""The parts of a node, put together: the one place that knows all of them.

Rules: nothing here decides anything; each part gets what it uses and no more. `build` opens what has to be
opened (database, seeds, the last known registry) and leaves listening and looping to others.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import dataclass

from exchange import resources
from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.mailbox import PeerMailbox
from exchange.client.registry import Registry
from exchange.client.registry_past import Archive
from exchange.config import Config
from exchange.core.registry_view import Member, RegistryView
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.errors import ExchangeError, Invalid
from exchange.flow import journal
from exchange.flow.answer import Answer
from exchange.flow.arrivals import Arrivals
from exchange.flow.bell import Bells
from exchange.flow.cards import Cards
from exchange.flow.collect import Collect, HostedMailbox, OwnMailbox
from exchange.flow.deliver import Deliver
from exchange.flow.draft import Drafting
from exchange.flow.expiry import Expiry
from exchange.flow.gate import Gate
from exchange.flow.hearsay import Prompts
from exchange.flow.hosting import Hosting
from exchange.flow.identity import Identity, KeysInUse
from exchange.flow.publish import Publish
from exchange.flow.receipts import Receipts
from exchange.flow.receive import Arrived, Receive
from exchange.flow.refresh import Consequences, Watch
from exchange.flow.refusals import Refusals
from exchange.flow.registering import Registering
from exchange.flow.submit import Submit
from exchange.flow.sweep import Sweep
from exchange.flow.world import World
from exchange.keystore import Keystore
from exchange.node import pieces
from exchange.observe import Metrics
from exchange.store.migrate import migrate, migrations
from exchange.store.port import Database
from exchange.store.sqlite import open_sqlite


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that listens, loops or has to be closed."""

    config: Config
    db: Database
    world: World
    bells: Bells
    metrics: Metrics
    schemas: Schemas
    rules: Rules
    client: GuardedClient
    archive: Archive
    mailbox: PeerMailbox
    ring: pieces.KeyRing
    keys: KeysInUse
    identity: Identity
    watch: Watch
    cards: Cards
    publish: Publish
    registering: Registering
    expiry: Expiry
    hosting: Hosting
    gate: Gate | None
    drafting: Drafting
    submit: Submit
    answer: Answer
    receive: Receive
    deliver: Deliver
    collect: Collect
    sweep: Sweep
    consequences: Consequences
    sequencer: journal.Sequencer

    async def close(self) -> None:
        await self.client.close()
        await self.db.close()


def real_world() -> World:
    """The clock of the machine and the chance of its kernel."""
    return World(time.time, asyncio.sleep, os.urandom, random.SystemRandom().random)


async def build(config: Config, keys: Keystore, metrics: Metrics, world: World) -> Parts:
    """Open the database and everything over it; raises `Invalid`, `Broken`, `Unavailable`."""
    db = await open_sqlite(config.database)
    try:
        return await _build(config, keys, metrics, world, db)
    except BaseException:
        await db.close()
        raise


async def _build(config: Config, keys: Keystore, metrics: Metrics, world: World, db: Database) -> Parts:
    await migrate(db, world.now(), migrations("sqlite"))
    await pieces.own(db, world, config.member)
    bells, schemas = Bells(), Schemas(resources.schema_documents())
    rules = Rules.of(resources.vocabularies())
    guard = AddressGuard.of(map(str, config.outbound.allow), development=config.development)
    client = GuardedClient(guard, development=config.development)
    source = Registry(
        config.data / "registry",
        pieces.bootstrap(config.registry.bootstrap),
        config.registry.mirrors,
        schemas,
        client,
    )
    archive = Archive(
        config.data / "registry",
        pieces.bootstrap(config.registry.bootstrap),
        config.registry.mirrors,
        client,
        source.history,
    )
    watch = Watch(db, world, bells, source)
    await watch.load()
    if watch.known is None:
        try:
            await watch.refresh()
        except ExchangeError as error:
            watch.failed = error.code  # /readyz says so, and the loop tries again
    member = config.member

    def shown() -> RegistryView | None:
        return None if watch.known is None else watch.known.view

    def registered() -> Member | None:
        view = shown()
        return None if view is None else view.member(member)

    ring = pieces.KeyRing(config.data, keys)
    in_use = KeysInUse(ring, registered, world.now)
    identity = Identity(member, member[:2].upper(), in_use.signing, keys.url_key)
    mailbox = PeerMailbox(client, in_use.http, world.random)
    own = config.mailbox.host == "own"
    hosting = Hosting(db, world, bells, frozenset(config.mailbox.guests) | ({member} if own else frozenset()))
    await hosting.prepare()
    cards = Cards(db, world, bells, identity, keys, registered)
    await cards.load()
    await cards.tend()

    def base() -> str:
        found = watch.view().member(member)
        if found is None:
            raise Invalid("not-registered", "the registry does not know this member yet")
        return found.mailbox

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
        Refusals(db, world, receipts, watch.view),
        watch.view,
        cards.seed_for,
        pieces.counted_received(metrics),
        Prompts(bells, world),
    )
    drafting = Drafting(world, identity, schemas, rules, watch.view, pieces.located)
    submit = Submit(db, world, bells, drafting, pieces.counted_submitted(metrics))
    mine = OwnMailbox(hosting, member) if own else HostedMailbox(mailbox, world, member, base)

    async def released(arrived: Arrived) -> str:
        return await receive.envelope(arrived, released=True)

    return Parts(
        config=config,
        db=db,
        world=world,
        bells=bells,
        metrics=metrics,
        schemas=schemas,
        rules=rules,
        client=client,
        archive=archive,
        mailbox=mailbox,
        ring=ring,
        keys=in_use,
        identity=identity,
        watch=watch,
        cards=cards,
        publish=Publish(db, world, mailbox, member, (lambda: None) if own else base, cards),
        registering=Registering(db, world, bells, member, schemas, watch.view, ring, cards),
        expiry=Expiry(db, world, bells, in_use, shown, cards),
        hosting=hosting,
        gate=pieces.gate(config, db, world, watch),
        drafting=drafting,
        submit=submit,
        answer=Answer(db, world, bells, identity, schemas, rules, watch.view),
        receive=receive,
        deliver=Deliver(
            db, world, bells, identity, watch.view, watch.may_send, mailbox, pieces.counted_delivered(metrics)
        ),
        collect=Collect(mine, receive.envelope),
        sweep=Sweep(db, world, bells, mailbox, watch.view),
        consequences=Consequences(db, world, bells, watch.view, submit.retry_unroutable, released),
        sequencer=journal.Sequencer(db, world, bells),
    )
