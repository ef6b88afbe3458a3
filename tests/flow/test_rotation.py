"""Keys change while the exchange goes on: monthly by the node itself, and by registrations of the member."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from support.keys import EXP, NOW, member_keys, signing_record
from support.network import TestNode, make_node, network_of, send_body, settle

from exchange.core import key_card, limits, registration
from exchange.core.envelope import read_header
from exchange.core.keys import HttpKey
from exchange.core.names import MemberId
from exchange.core.registry_documents import member_from_json, member_to_json
from exchange.core.registry_view import HttpRecord, Member, MemberStatus, Revocation
from exchange.errors import Invalid, Unavailable
from exchange.flow.identity import SETTLE_SECONDS, KeysInUse, Standing
from exchange.flow.tokens import LOCAL
from exchange.store import seeds

Pair = tuple[TestNode, TestNode]
DAY = 86400


def me(node: TestNode) -> Member:
    return node.network.view.members[node.me]


def publish(node: TestNode, **changes: object) -> None:
    """What the administrators do: the member of `node` with `changes` in the registry of everybody."""
    view = node.network.view
    changed = replace(me(node), **changes)
    members = {**view.members, node.me: changed}
    node.network.view = replace(view, version=view.version + 1, members=members)


def publish_file(node: TestNode, request: bytes) -> None:
    """Check a registration as an administrator does, and publish what it says."""
    checked = registration.check(request, member_to_json(me(node)), int(node.world.now()))
    view = node.network.view
    members = {**view.members, node.me: member_from_json(checked.member)}
    node.network.view = replace(view, version=view.version + 1, members=members)


async def journal_of(node: TestNode) -> list[dict[str, object]]:
    await node.sequencer.number()
    return [json.loads(row["entry"]) for row in await node.rows("SELECT entry FROM journal ORDER BY n")]


async def exchanged(a: TestNode, b: TestNode, name: str) -> None:
    """A referral goes from `a` to `b`, its receipt and an outcome come back."""
    [said] = await a.send(send_body(f"http://192.0.2.17/{name}"))
    await settle(a, b)
    [row] = await a.rows("SELECT state FROM referrals WHERE id = ?", said["referral"])
    assert row["state"] == "received", name
    await b.say(said["referral"], "accepted", own_case=f"NL-{name}")
    await settle(a, b)
    assert [
        row["state"] for row in await a.rows("SELECT state FROM referrals WHERE id = ?", said["referral"])
    ] == ["accepted"]


# Key cards: monthly, by the node itself.


async def test_a_new_card_every_thirty_days_and_not_before(pair: Pair) -> None:
    _, b = pair
    first = b.cards.kid
    b.network.clock.now = NOW + limits.CARD_ROTATE_SECONDS - 1
    assert not await b.cards.tend()
    b.network.clock.now += 1
    assert await b.cards.tend()
    assert b.cards.kid != first
    assert b.cards.expires == int(b.network.clock.now) + limits.CARD_LIFE_SECONDS
    made = [entry for entry in await journal_of(b) if entry["what"] == "key-made"]
    assert [entry["kid"] for entry in made] == [first, b.cards.kid]


async def test_what_is_sealed_to_the_older_card_still_opens(pair: Pair) -> None:
    a, b = pair
    await exchanged(a, b, "one")
    first = b.cards.kid
    b.network.clock.now += limits.CARD_ROTATE_SECONDS
    assert await b.cards.tend()
    [said] = await a.send(send_body("http://192.0.2.17/two"))
    await a.deliver.peer(b.me)
    assert read_header(b.network.wire[-1]).kid == first
    b.network.clock.now += limits.CARD_LIFE_SECONDS - limits.CARD_ROTATE_SECONDS + 10 * DAY
    await b.collect.run(wait=0)
    assert len(await b.rows("SELECT id FROM referrals WHERE id = ?", said["referral"])) == 1


async def test_a_seed_is_destroyed_thirty_days_after_its_card_and_the_journal_shows_it(pair: Pair) -> None:
    _, b = pair
    first, end = b.cards.kid, b.cards.expires
    b.network.clock.now = end + limits.SEED_KEEP_SECONDS
    await b.cards.tend()
    assert b.cards.seed_for(first) is not None
    b.network.clock.now += 1
    await b.cards.tend()
    assert b.cards.seed_for(first) is None
    [row] = await b.rows("SELECT sealed, destroyed_at FROM seeds WHERE kid = ?", first)
    assert (row["sealed"], row["destroyed_at"]) == (None, b.network.clock.now)
    gone = [entry for entry in await journal_of(b) if entry["what"] == "key-destroyed"]
    assert [(entry["kid"], entry["at"]) for entry in gone] == [(first, int(b.network.clock.now))]
    await b.cards.load()
    assert b.cards.seed_for(first) is None, "nor after a restart"


async def test_a_year_of_rotations_leaves_no_gap_and_few_seeds(pair: Pair) -> None:
    _, b = pair
    for day in range(366):
        b.network.clock.now = NOW + day * DAY
        await b.cards.tend()
        now = int(b.network.clock.now)
        assert key_card.read(b.cards.card, me(b), now, 0).exp > now + 14 * DAY
    async with b.db.reading() as tx:
        rows = await seeds.every(tx)
    assert len(rows) == 13
    assert sum(row["sealed"] is not None for row in rows) <= 4


@pytest.mark.parametrize("ahead", [1, 10 * 365 * DAY])
async def test_a_card_below_the_registrys_lowest_is_replaced_at_once(pair: Pair, ahead: int) -> None:
    a, b = pair
    lowest = b.cards.serial + ahead
    publish(b, min_card=lowest)
    assert await b.cards.tend()
    assert b.cards.serial >= lowest
    assert key_card.read(b.cards.card, me(b), NOW, lowest).serial == b.cards.serial
    assert not await b.cards.tend()
    await exchanged(a, b, "after")


# Signing and http keys: by registrations.


async def test_the_exchange_goes_on_before_during_and_after_a_rotation_of_signing_keys(pair: Pair) -> None:
    a, b = pair
    await exchanged(a, b, "before")
    old = a.keys.signing()
    made = await a.registering.change({}, ["signing", "http"], LOCAL)
    assert len(made.new) == 2
    await exchanged(a, b, "asked")
    assert a.keys.signing() is old, "not before the registry has the new one"
    publish_file(a, made.registration)
    assert a.keys.signing() is old, "peers are given time to see it"
    await exchanged(a, b, "published")
    a.network.clock.now += SETTLE_SECONDS
    assert a.keys.signing() is a.ring.signing[0]
    assert a.keys.signing() is not old
    assert a.keys.http() is a.ring.http[0]
    assert await a.cards.tend(), "the card is signed anew"
    assert not await a.cards.tend()
    await exchanged(a, b, "after")
    [row] = await b.rows("SELECT count(*) AS n FROM quarantine")
    assert row["n"] == 0
    assert [kid["kid"] for kid in a.keys.signing().entry] == [
        entry["kid"] for entry in (me(a).signing[0].ed25519, me(a).signing[0].ml_dsa_65)
    ]


async def test_asking_again_before_publication_uses_the_same_new_keys(pair: Pair) -> None:
    a, _ = pair
    first = await a.registering.change({}, ["signing"], LOCAL)
    again = await a.registering.change({"languages": ["de"]}, ["signing"], LOCAL)
    assert first.new == again.new
    assert len(a.ring.signing) == 2
    publish_file(a, again.registration)
    third = await a.registering.change({}, ["signing"], LOCAL)
    assert third.new != first.new
    assert [entry.ed25519["kid"] for entry in me(a).signing] == [
        *first.new,
        member_keys(a.me).signing.ed25519.jwk["kid"],
    ]


async def test_a_change_without_rotation_keeps_all_but_what_was_asked(pair: Pair) -> None:
    a, _ = pair
    asked = {
        "name": "New Name",
        "site": "https://new.example",
        "mailbox": "https://mx2.example/hx",
        "deputy": "nl-example",
        "languages": ["de", "en"],
        "office_hours": "Mo-Fr 09:00-17:00 +01:00",
    }
    before = me(a)
    made = await a.registering.change(asked, [], LOCAL)
    publish_file(a, made.registration)
    after = me(a)
    assert member_to_json(after) == member_to_json(before) | asked | {
        "card": "https://mx2.example/hx/v1/members/de-example/card",
        "min_card": a.cards.serial,
    }
    assert made.new == ()
    removed = await a.registering.change({"deputy": None, "languages": None, "office_hours": None}, [], LOCAL)
    publish_file(a, removed.registration)
    assert (me(a).deputy, me(a).languages, me(a).office_hours) == (None, (), None)
    assert [e["sha256"] for e in await journal_of(a) if e["what"] == "registration"] != []


WRONG = {
    "nothing": ({}, [], "change-nothing"),
    "a name with markup": ({"name": "<b>"}, [], "member-file"),
    "no name": ({"name": None}, [], "member-file"),
    "a mailbox without TLS": ({"mailbox": "http://mx.example"}, [], "member-file"),
    "a language that is none": ({"languages": ["Deutsch"]}, [], "member-file"),
    "its own deputy": ({"deputy": "de-example"}, [], "deputy-unknown"),
    "a deputy that nobody knows": ({"deputy": "fr-example"}, [], "deputy-unknown"),
}


@pytest.mark.parametrize(("changes", "rotate", "code"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_change_makes_no_key_and_no_card(
    pair: Pair, changes: dict[str, object], rotate: list[str], code: str
) -> None:
    a, _ = pair
    kid = a.cards.kid
    with pytest.raises(Invalid) as error:
        await a.registering.change(changes, [*rotate, *(["signing"] if changes else [])], LOCAL)  # type: ignore[arg-type]
    assert error.value.code == code
    assert (a.cards.kid, len(a.ring.signing)) == (kid, 1)


async def test_a_member_that_the_registry_does_not_know_has_join_for_it(pair: Pair) -> None:
    a, _ = pair
    a.network.view = replace(a.network.view, members={})
    with pytest.raises(Invalid) as error:
        await a.registering.change({"languages": ["de"]}, [], LOCAL)
    assert error.value.code == "not-registered"


async def test_a_key_that_somebody_else_holds_has_to_be_revoked_first(pair: Pair) -> None:
    a, _ = pair
    publish(a, http=(*me(a).http, HttpRecord(HttpKey.generate().jwk, NOW, EXP, None)))
    with pytest.raises(Invalid) as error:
        await a.registering.change({}, ["signing"], LOCAL)
    assert error.value.code == "key-not-held"


async def test_a_member_that_has_left_asks_to_come_back_as_pending(pair: Pair) -> None:
    a, _ = pair
    publish(a, status=MemberStatus.LEFT)
    made = await a.registering.change({}, ["signing"], LOCAL)
    assert registration.check(made.registration, member_to_json(me(a)), NOW).member["status"] == "pending"


STOLEN = Revocation(NOW, "stolen", NOW)


async def test_a_revoked_signing_key_signs_no_more_and_the_way_back_is_a_fresh_registration(
    pair: Pair,
) -> None:
    a, b = pair
    await exchanged(a, b, "before")
    publish(a, signing=(signing_record(member_keys(a.me).signing, revoked=STOLEN),))
    assert a.keys.standing() == (Standing.REVOKED, Standing.USABLE)
    with pytest.raises(Unavailable) as error:
        a.keys.signing()
    assert error.value.code == "signing-key-revoked"
    kid = a.cards.kid
    a.network.clock.now += limits.CARD_ROTATE_SECONDS
    assert not await a.cards.tend()
    assert a.cards.kid == kid
    await a.send(send_body("http://192.0.2.17/held"))
    with pytest.raises(Unavailable):
        await a.deliver.peer(b.me)
    with pytest.raises(Invalid) as wrong:
        await a.registering.change({}, ["http"], LOCAL)
    assert wrong.value.code == "keys-over"
    made = await a.registering.change({}, ["signing"], LOCAL)
    checked = registration.check(made.registration, member_to_json(me(a)), int(a.world.now()))
    assert checked.fresh
    publish_file(a, made.registration)
    assert a.keys.standing() == (Standing.USABLE, Standing.USABLE)
    assert a.keys.signing() is a.ring.signing[0], "nothing else is left: at once"
    await settle(a, b)
    assert {row["state"] for row in await a.rows("SELECT state FROM referrals")} <= {"received", "accepted"}


async def test_a_key_whose_time_is_over_makes_way_for_a_fresh_one(pair: Pair) -> None:
    a, b = pair
    publish(a, signing=(signing_record(member_keys(a.me).signing, exp=NOW - 1),))
    assert a.keys.standing()[0] is Standing.OVER
    made = await a.registering.change({}, ["signing"], LOCAL)
    publish_file(a, made.registration)
    await a.cards.tend()
    await exchanged(a, b, "after")


async def test_messages_to_older_encryption_keys_open_after_a_rotation_of_signing_keys(pair: Pair) -> None:
    a, b = pair
    await exchanged(a, b, "before")
    made = await b.registering.change({}, ["signing"], LOCAL)
    publish_file(b, made.registration)
    b.network.clock.now += SETTLE_SECONDS
    b.keys.signing()
    b.network.clock.now += SETTLE_SECONDS
    [said] = await a.send(send_body("http://192.0.2.17/older"))
    await a.deliver.peer(b.me)
    assert await b.cards.tend()
    await b.collect.run(wait=0)
    assert len(await b.rows("SELECT id FROM referrals WHERE id = ?", said["referral"])) == 1


async def test_a_node_that_starts_again_uses_the_newest_registered_key(tmp_path: object) -> None:
    network = network_of(["de-example"])
    a = await make_node(network, "de-example", tmp_path / "a.db")  # type: ignore[operator]
    a.ring.renew(signing=True, http=True)
    assert a.keys.signing() is a.ring.signing[1]
    assert a.keys.waiting() == [a.ring.signing[0].ed25519.jwk["kid"], a.ring.http[0].kid]
    publish(
        a,
        signing=(signing_record(a.ring.signing[0]), *me(a).signing),
        http=(HttpRecord(a.ring.http[0].jwk, NOW, EXP, None), *me(a).http),
    )
    anew = KeysInUse(a.ring, lambda: network.view.member(a.me), a.world.now)
    assert anew.signing() is a.ring.signing[0]
    assert anew.http() is a.ring.http[0]
    assert anew.waiting() == []
    await a.close()


async def test_before_a_registry_knows_us_the_newest_key_is_used(pair: Pair) -> None:
    a, _ = pair
    unknown = KeysInUse(a.ring, lambda: None, a.world.now)
    assert unknown.signing() is a.ring.signing[0]
    assert unknown.standing() == (Standing.NOT_REGISTERED, Standing.NOT_REGISTERED)
    assert MemberId(a.me) in a.network.view.members


async def test_rotations_at_once_make_a_serial_each(pair: Pair) -> None:
    a, _ = pair
    await asyncio.gather(*(a.cards.rotate() for _ in range(5)), a.registering.change({}, ["signing"], LOCAL))
    rows = await a.rows("SELECT serial, kid FROM seeds ORDER BY serial")
    assert len({row["serial"] for row in rows}) == len(rows) == 6
    assert a.cards.serial == rows[-1]["serial"] == NOW + 6
    assert rows[-1]["kid"] == a.cards.kid
