"""What a member's status means to everybody: pending, suspended, active again, left; its keys and cards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.keys import NBF, NOW, member_keys, signing_record
from support.membership import changed, learn, says
from support.network import TestNode, make_node, network_of, send_body, settle

from exchange.core import jws, key_card, limits
from exchange.core.names import DocumentId, MemberId
from exchange.core.registry_view import MemberStatus, Revocation
from exchange.flow.collect import Failed
from exchange.flow.receive import Arrived
from exchange.flow.tokens import LOCAL
from exchange.store import peers

Pair = tuple[TestNode, TestNode]
DE, NL, GUEST = "de-example", "nl-example", "at-guest"
DAY = 86400
LATER = limits.MAX_RETRY_SECONDS + 1


@pytest.fixture
async def trio(tmp_path: Path) -> AsyncIterator[tuple[TestNode, TestNode, TestNode]]:
    """Two members with mailboxes of their own, and one whose mailbox the first has."""
    network = network_of([DE, NL, GUEST], hosted={GUEST: DE})
    a = await make_node(network, DE, tmp_path / "a.db", seed=1)
    b = await make_node(network, NL, tmp_path / "b.db", seed=2)
    guest = await make_node(network, GUEST, tmp_path / "g.db", host=a, seed=3)
    yield a, b, guest
    for node in (a, b, guest):
        await node.close()


async def errors(node: TestNode) -> dict[str, str | None]:
    return {row["member"]: row["last_error"] for row in await node.rows("SELECT * FROM peers")}


async def states(node: TestNode) -> dict[str, str]:
    """Our documents that want a receipt, by id."""
    rows = await node.rows("SELECT document_id, state FROM outbox WHERE wants_receipt = 1")
    return {row["document_id"]: row["state"] for row in rows}


async def quarantined(node: TestNode) -> list[str]:
    return [row["code"] for row in await node.rows("SELECT code FROM quarantine ORDER BY at")]


async def received(node: TestNode) -> list[str]:
    return [row["id"] for row in await node.rows("SELECT id FROM referrals WHERE direction = 'received'")]


async def test_a_suspended_member_is_refused_everywhere(
    trio: tuple[TestNode, TestNode, TestNode],
) -> None:
    """It goes by the registry of before, as a member would that does not want to know."""
    host, b, guest = trio
    network = host.network
    [early] = await guest.send(send_body("http://192.0.2.1/in-the-mailbox"))
    await guest.deliver.peer(b.me)
    [late] = await guest.send(send_body("http://192.0.2.1/after"))
    network.views[guest.me] = network.view
    for node in (host, b):
        await learn(node, says(network.view, GUEST, MemberStatus.SUSPENDED))

    await guest.round()
    assert (await errors(guest))[b.me] == "suspended", "deposit"
    [attempt] = await guest.rows("SELECT attempt FROM outbox WHERE attempt IS NOT NULL")
    asked = await guest.deliver.mailbox.ask("https://mx.nl-example.example", b.me, attempt["attempt"], NOW)  # type: ignore[attr-defined]
    assert (asked.answer.code, asked.state) == ("suspended", None), "ask"
    answer = await guest.collect.run(wait=0)
    assert isinstance(answer, Failed)
    assert answer.code == "suspended", "collect"
    [said] = await b.send(send_body("http://192.0.2.1/to-it", country="AT"))
    assert (said["state"], said["reason"]) == ("unroutable", "no-active-destination"), "routing"
    await b.collect.run(wait=0)
    assert await quarantined(b) == ["sender-suspended"], "its envelopes"
    assert await received(b) == []
    assert await b.rows("SELECT * FROM outbox") == [], "it is not answered: the envelope may be released"
    assert await states(guest) == {early["referral"]: "deposited", late["referral"]: "waiting"}


async def test_a_host_that_lets_a_suspended_member_in_gains_it_nothing(pair: Pair) -> None:
    a, b = pair
    suspended = says(a.network.view, DE, MemberStatus.SUSPENDED)
    await a.send(send_body())
    await a.deliver.peer(b.me)
    await learn(b, suspended)
    held = await b.hosting.page(b.me, "0", 0)
    for envelope in held.envelopes * 3:
        arrived = Arrived(DocumentId(envelope.jti), a.me, envelope.envelope)
        assert await b.receive.envelope(arrived) == "sender-suspended"
    assert await quarantined(b) == ["sender-suspended"]
    assert (await received(b), await b.rows("SELECT * FROM outbox")) == ([], [])


async def test_what_lay_in_a_mailbox_is_released_on_reactivation_and_receipted_once(pair: Pair) -> None:
    a, b = pair
    active = a.network.view
    [said] = await a.send(send_body())
    await a.deliver.peer(b.me)
    await learn(b, says(active, DE, MemberStatus.SUSPENDED))
    await b.collect.run(wait=0)
    assert await quarantined(b) == ["sender-suspended"]
    again = replace(active, version=3, digest="ab" * 32)
    for _ in range(2):
        await learn(b, again)
        await settle(a, b)
    a.network.clock.now += limits.ASK_AFTER_SECONDS + 1
    for _ in range(2):
        await a.sweep.run()
        await settle(a, b)
    assert await received(b) == [said["referral"]]
    assert await states(a) == {said["referral"]: "received"}
    assert len(await b.rows("SELECT * FROM outbox WHERE type = 'receipt/1'")) == 1
    assert len(await a.rows("SELECT * FROM inbox WHERE type = 'receipt/1'")) == 1


async def test_what_was_committed_before_stays_valid_and_its_answers_wait(pair: Pair) -> None:
    a, b = pair
    active = a.network.view
    [said] = await a.send(send_body())
    await settle(a, b)
    await learn(b, says(active, DE, MemberStatus.SUSPENDED))
    await b.say(said["referral"], "removed")
    await settle(a, b)
    [held] = await b.rows("SELECT state FROM referrals")
    assert held["state"] == "removed"
    assert list((await states(b)).values()) == ["waiting"]
    assert (await errors(b))[a.me] == "member-suspended"
    [ours] = await a.rows("SELECT state FROM referrals")
    assert ours["state"] == "received"
    await learn(b, replace(active, version=3, digest="ab" * 32))
    await settle(a, b)
    [ours] = await a.rows("SELECT state FROM referrals")
    assert ours["state"] == "removed"
    assert list((await states(b)).values()) == ["received"]


async def test_what_waits_for_a_member_that_left_becomes_dead_letters(pair: Pair) -> None:
    a, b = pair
    [said] = await a.send(send_body())
    await learn(a, says(a.network.view, NL, MemberStatus.LEFT))
    await a.round()
    assert (await errors(a))[b.me] == "member-left"
    await a.sweep.run()
    [row] = await a.rows("SELECT document_id, state, dead_code FROM outbox")
    assert (row["document_id"], row["state"], row["dead_code"]) == (said["referral"], "dead", "member-left")
    alarms = [r["code"] for r in await a.rows("SELECT code FROM feed WHERE kind = 'alarm'")]
    assert alarms == ["dead-letter-member-left"]
    assert a.network.wire == []


@pytest.mark.parametrize(
    "status", [MemberStatus.PENDING, MemberStatus.SUSPENDED, MemberStatus.LEFT, None], ids=str
)
async def test_while_we_are_not_active_nothing_is_sent_to_be_refused(
    pair: Pair, status: MemberStatus | None
) -> None:
    a, b = pair
    active = a.network.view
    [before] = await a.send(send_body("http://192.0.2.1/before"))
    others = {name: one for name, one in active.members.items() if name != DE}
    ours = replace(active, members=others, version=2) if status is None else says(active, DE, status)
    for node in pair:
        await learn(node, ours)
    [after] = await a.send(send_body("http://192.0.2.1/after"))
    assert (after["state"], after["reason"]) == ("unroutable", "not-active")
    [home] = await a.send(send_body("http://192.0.2.1/home", country="DE"))
    assert home["reason"] == "domestic"
    await settle(a, b)
    assert not await a.deliver.peer(b.me)
    assert a.network.wire == []
    assert await states(a) == {before["referral"]: "waiting"}
    for node in pair:
        await learn(node, replace(active, version=3, digest="ab" * 32))
    await settle(a, b)
    assert len(await received(b)) == 2
    assert set((await states(a)).values()) == {"received"}
    reasons = await a.rows("SELECT reason FROM submissions WHERE state <> 'routed'")
    assert [row["reason"] for row in reasons] == ["domestic"]


async def test_receipts_go_past_what_waits_while_we_are_pending(pair: Pair) -> None:
    """A member that left and comes back has old documents and is tested: the receipt does not wait."""
    a, b = pair
    [said] = await a.send(send_body())
    for node in pair:
        await learn(node, says(a.network.view, DE, MemberStatus.PENDING))
    document, _ = await b.probe.start(DE, LOCAL)
    await settle(a, b)
    assert (await b.probe.reading(document))["state"] == "received"
    assert await states(a) == {said["referral"]: "waiting"}
    assert (await errors(a))[b.me] is None


async def test_a_recipient_that_still_calls_the_sender_pending_takes_it_after_its_refresh(pair: Pair) -> None:
    a, b = pair
    active = a.network.view
    await learn(b, says(active, DE, MemberStatus.PENDING))
    [said] = await a.send(send_body())
    await settle(a, b)
    assert (await quarantined(b), await received(b)) == (["sender-pending"], [])
    assert await rung(b), "a newer registry is looked for at once"
    await learn(b, replace(active, version=3, digest="ab" * 32))
    a.network.clock.now += LATER
    await settle(a, b)
    assert await received(b) == [said["referral"]]
    assert await states(a) == {said["referral"]: "received"}


async def rung(node: TestNode) -> bool:
    """Whether somebody asked for a look at the registry since the last time."""
    return await node.bells.refresh.wait(0, node.world.sleep)


STOLEN = {
    "the revocation says nothing of when": None,
    "valid until after the message was made": NOW + 3600,
    "valid until before it was made": NOW - 30 * 86400,
}


@pytest.mark.parametrize("invalid_after", STOLEN.values(), ids=STOLEN.keys())
@pytest.mark.parametrize("made", [0, -86400], ids=["in flight", "backdated by a day"])
async def test_a_message_of_a_revoked_key_is_refused_whatever_its_date_and_arrives_under_the_new_key(
    pair: Pair, made: int, invalid_after: int | None
) -> None:
    """The key is revoked after `iat`, and `invalid_after` may even be later: it serves evidence only."""
    a, b = pair
    network = a.network
    [said] = await a.send(send_body())
    network.clock.now = NOW - 2 * DAY
    await b.cards.rotate()
    network.clock.now = NOW + made
    await a.deliver.peer(b.me)
    assert len(network.wire) == 1, await errors(a)
    network.clock.now = NOW + 60
    renewed = member_keys(DE, "2")
    (old,) = network.view.members[a.me].signing
    revoked = replace(old, revoked=Revocation(NOW + 30, "stolen", invalid_after))
    a.ring.signing.insert(0, renewed.signing)
    view = changed(network.view, DE, signing=(signing_record(renewed.signing), revoked))
    for node in pair:
        await learn(node, view)
    await b.collect.run(wait=0)
    assert (await quarantined(b), await received(b)) == (["key-revoked"], [])

    await a.cards.tend()
    for _ in range(4):
        await settle(a, b)
        network.clock.now += LATER
    assert await received(b) == [said["referral"]]
    assert await states(a) == {said["referral"]: "received"}
    [taken] = await b.rows("SELECT manifest FROM inbox WHERE document_id = ?", said["referral"])
    [kept] = await b.rows("SELECT jws FROM manifests WHERE jti = ?", taken["manifest"])
    by_new_key = jws.verify(bytes(kept["jws"]), jws.Typ.MANIFEST, [signing_record(renewed.signing)])
    assert by_new_key.record.ed25519 == renewed.signing.entry[0]
    assert "envelope-refused" not in [r["code"] for r in await a.rows("SELECT code FROM feed")]


def foreign(node: TestNode) -> bytes:
    """The card of another member, in place of this one's."""
    keys = member_keys(GUEST)
    return key_card.issue(MemberId(GUEST), keys.signing, keys.encryption.jwk, serial=NOW, iat=NOW)


def issued(node: TestNode, *, serial: int, iat: int, keys: str = "1") -> bytes:
    signing = member_keys(node.me, keys).signing
    return key_card.issue(node.me, signing, member_keys(node.me).encryption.jwk, serial=serial, iat=iat)


CARDS: dict[str, tuple[Any, str]] = {
    "expired": (lambda b: issued(b, serial=NOW, iat=NOW - 46 * DAY), "card-time"),
    "of the future": (lambda b: issued(b, serial=NOW + DAY, iat=NOW + DAY), "card-time"),
    "rolled back": (lambda b: issued(b, serial=NOW - 5, iat=NOW - 5), "card-rollback"),
    "of another member": (foreign, "card-signature"),
    "signed by keys that are not its own": (
        lambda b: issued(b, serial=NOW, iat=NOW, keys="9"),
        "card-signature",
    ),
    "no card": (lambda b: b"<html>", "card-signature"),
}


@pytest.mark.parametrize(("card", "code"), CARDS.values(), ids=CARDS.keys())
async def test_a_wrong_card_is_refused_by_name_and_the_right_one_taken_when_it_is_there(
    pair: Pair, card: Any, code: str
) -> None:
    a, b = pair
    since = signing_record(member_keys(NL).signing, nbf=NBF - 60 * DAY)
    await learn(a, changed(a.network.view, NL, signing=(since,)))
    [first] = await a.send(send_body("http://192.0.2.1/1"))
    await settle(a, b)
    async with a.db.transaction() as tx:
        await peers.forget_card(tx, b.me)
    a.network.cards[b.me] = card(b)
    sealed = len(a.network.wire)
    [second] = await a.send(send_body("http://192.0.2.1/2"))
    await a.round()
    assert (await errors(a))[b.me] == code
    assert len(a.network.wire) == sealed, "nothing is sealed to it"
    assert await rung(a), "the registry may know better"
    del a.network.cards[b.me]
    a.network.clock.now += LATER
    await settle(a, b)
    assert await received(b) == [first["referral"], second["referral"]]
    assert (await errors(a))[b.me] is None


async def test_a_card_below_min_card_is_refused_until_its_owner_makes_a_new_one(pair: Pair) -> None:
    """The way out of a stolen card: the member makes a new one, the registry refuses all before it."""
    a, b = pair
    await a.send(send_body("http://192.0.2.1/1"))
    await settle(a, b)
    await learn(a, changed(a.network.view, NL, min_card=NOW + 60))
    [second] = await a.send(send_body("http://192.0.2.1/2"))
    await a.round()
    assert (await errors(a))[b.me] == "card-rollback"
    a.network.clock.now += LATER
    await b.cards.rotate(retire=True)
    await settle(a, b)
    assert second["referral"] in await received(b)


async def test_a_card_signed_by_a_revoked_key_is_not_used_though_we_hold_it(pair: Pair) -> None:
    a, b = pair
    await a.send(send_body("http://192.0.2.1/1"))
    await settle(a, b)
    renewed = member_keys(NL, "2")
    (old,) = a.network.view.members[b.me].signing
    revoked = replace(old, revoked=Revocation(NOW, "stolen", None))
    view = changed(a.network.view, NL, signing=(signing_record(renewed.signing), revoked))
    await learn(a, view)
    [second] = await a.send(send_body("http://192.0.2.1/2"))
    await a.round()
    assert (await errors(a))[b.me] == "card-signing-key"
    b.ring.signing.insert(0, renewed.signing)
    await learn(b, view)
    a.network.clock.now += LATER
    await b.cards.tend()
    await settle(a, b)
    assert second["referral"] in await received(b)


async def test_a_changed_registry_lets_everybody_be_tried_at_once(pair: Pair) -> None:
    """A member moves its mailbox: whoever waits for the old one need not wait for longer."""
    a, b = pair
    a.network.faults = [("card", "before")] * 9
    [said] = await a.send(send_body())
    for _ in range(9):
        async with a.db.transaction() as tx:
            await peers.due_now(tx, b.me)
        await a.round()
    await settle(a, b)
    assert (await errors(a))[b.me] == "card-network"
    await learn(a, changed(a.network.view, NL, site="https://moved.example"))
    await settle(a, b)
    assert await received(b) == [said["referral"]]
