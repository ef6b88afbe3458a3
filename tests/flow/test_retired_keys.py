"""A retired encryption key is used by nobody any more; a registration needs a new card and not a new key."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from support.keys import NOW, member
from support.network import TestNode, send_body, settle

from exchange.core import key_card, limits
from exchange.core.delivery import Answer, AnswerKind
from exchange.core.envelope import read_header
from exchange.core.key_card import KeyCard
from exchange.core.names import MemberId
from exchange.flow.publish import Publish
from exchange.flow.tokens import LOCAL

Pair = tuple[TestNode, TestNode]
DAY = 86400


def card_of(node: TestNode) -> KeyCard:
    return key_card.parse(node.cards.card, node.me, member(node.me).signing)


async def test_nothing_more_is_sealed_to_a_key_that_leaked(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body("http://192.0.2.17/one"))
    await settle(a, b)
    leaked = b.cards.kid
    b.network.clock.now += 60
    await b.cards.rotate(retire=True)
    a.network.clock.now += 5 * DAY
    [said] = await a.send(send_body("http://192.0.2.17/two"))
    await settle(a, b)
    assert [read_header(envelope).kid == leaked for envelope in b.network.wire[-3:]].count(True) <= 1
    assert read_header(b.network.wire[-2]).kid == b.cards.kid, "the host said wrong-key; it was sealed again"
    assert len(await b.rows("SELECT id FROM referrals WHERE id = ?", said["referral"])) == 1


async def test_what_was_under_way_to_a_retired_key_opens_also_after_a_restart(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    kid = b.cards.kid
    await b.cards.rotate(retire=True)
    await b.cards.load()
    assert not b.cards.known_kid(kid)
    assert b.cards.seed_for(kid) is not None
    await settle(a, b)
    assert len(await b.rows("SELECT id FROM referrals WHERE id = ?", said["referral"])) == 1


async def test_later_cards_go_on_to_name_what_is_retired_the_newest_first_of_all(pair: Pair) -> None:
    _, b = pair
    for _ in range(limits.CARD_RETIRED + 10):
        await b.cards.rotate()
    rows = await b.rows("SELECT kid FROM seeds ORDER BY serial")
    await b.cards.rotate(retire=True)
    newest = tuple(row["kid"] for row in rows[-limits.CARD_RETIRED :])
    assert card_of(b).retired == newest
    await b.cards.load()
    await b.registering.change({"name": "Another"}, [], LOCAL)
    assert card_of(b).retired == newest
    await b.cards.rotate()
    assert card_of(b).retired == newest


async def test_a_seed_that_is_destroyed_is_named_no_more(pair: Pair) -> None:
    _, b = pair
    await b.cards.rotate(retire=True)
    assert len(card_of(b).retired) == 1
    b.network.clock.now += limits.CARD_LIFE_SECONDS + limits.SEED_KEEP_SECONDS + 1
    await b.cards.tend()
    await b.cards.rotate()
    assert card_of(b).retired == ()


async def test_a_thousand_registrations_leave_one_seed(pair: Pair) -> None:
    _, b = pair
    kid, count = b.cards.kid, 100
    for number in range(count):
        b.network.clock.now += 1
        before = b.cards.serial
        made = await b.registering.change({"name": f"Name {number}"}, [], LOCAL)
        assert b.cards.serial > before
        assert b.cards.card in made.registration
    assert [row["kid"] for row in await b.rows("SELECT kid FROM seeds")] == [kid]
    assert b.cards.serial == int(b.world.now()), "no card is of the future"
    await b.cards.load()
    assert (card_of(b).serial, b.cards.kid) == (b.cards.serial, kid)


async def test_a_registration_a_day_later_makes_a_new_key(pair: Pair) -> None:
    _, b = pair
    kid = b.cards.kid
    b.network.clock.now += limits.CARD_KEY_YOUNG_SECONDS
    await b.registering.change({"name": "Another"}, [], LOCAL)
    assert b.cards.kid != kid


async def test_a_new_card_over_the_same_key_does_not_lengthen_its_month(pair: Pair) -> None:
    _, b = pair
    kid = b.cards.kid
    b.network.clock.now += limits.CARD_KEY_YOUNG_SECONDS - 1
    await b.registering.change({"name": "Another"}, [], LOCAL)
    b.network.clock.now = NOW + limits.CARD_ROTATE_SECONDS - 1
    assert not await b.cards.tend()
    b.network.clock.now += 1
    assert await b.cards.tend()
    assert b.cards.kid != kid


async def test_the_seed_under_a_later_card_lives_as_long_as_that(pair: Pair) -> None:
    _, b = pair
    kid, end = b.cards.kid, b.cards.expires
    b.network.clock.now += 3600
    await b.registering.change({"name": "Another"}, [], LOCAL)
    b.network.clock.now = end + limits.SEED_KEEP_SECONDS + 1
    await b.cards.tend()
    assert b.cards.seed_for(kid) is not None
    b.network.clock.now += 3600
    await b.cards.tend()
    assert b.cards.seed_for(kid) is None


async def test_a_second_card_within_a_second_waits_for_the_next(pair: Pair) -> None:
    _, b = pair
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        b.network.clock.now += seconds

    object.__setattr__(b.world, "sleep", sleep)
    for _ in range(3):
        await b.cards.rotate()
    assert slept == [1.0, 1.0, 1.0]
    assert b.cards.serial == int(b.world.now())


@pytest.mark.parametrize("back", [120, 5 * DAY])
async def test_serials_rise_at_once_when_the_clock_was_set_back(back: int, pair: Pair) -> None:
    _, b = pair
    serial = b.cards.serial
    b.network.clock.now -= back
    await b.cards.rotate()
    assert b.cards.serial == serial + 1


@dataclass
class Host:
    """A host that takes every card."""

    cards: list[bytes] = field(default_factory=list)

    async def put_card(self, base: str, me: MemberId, card: bytes, now: int) -> Answer:
        self.cards.append(card)
        return Answer(AnswerKind.OK, 201)


async def test_a_later_card_over_the_same_key_is_published_too(pair: Pair) -> None:
    _, b = pair
    host = Host()
    publish = Publish(b.db, b.world, host, b.me, lambda: "https://host.example", b.cards)
    for _ in range(2):
        await publish.run()
    await b.registering.change({"name": "Another"}, [], LOCAL)
    await publish.run()
    assert len(host.cards) == 2
    assert host.cards[-1] == b.cards.card
