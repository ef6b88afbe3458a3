"""Before something ends, people are told three times and once more at its end; never twice of the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.keys import EXP, NBF, NOW, member_keys, signing_record
from support.network import TestNode, make_node

from exchange.core import limits
from exchange.core.registry_view import HttpRecord, Revocation

Pair = tuple[TestNode, TestNode]
DAY = 86400
LIFE = EXP - NBF


async def told(node: TestNode) -> list[str]:
    rows = await node.rows("SELECT code FROM feed WHERE kind = 'alarm' ORDER BY position")
    return [str(row["code"]) for row in rows]


async def told_after(node: TestNode, moment: float) -> list[str]:
    """What is told anew at `moment`."""
    before = await told(node)
    node.network.clock.now = moment
    await node.expiry.run()
    return (await told(node))[len(before) :]


def lasting(node: TestNode) -> None:
    """A registry and a card that do not expire during a test."""
    node.network.view = replace(node.network.view, expires_at=EXP * 2)
    node.cards._expires = EXP * 2


async def test_people_are_told_at_a_third_a_tenth_a_day_and_the_end_of_a_signing_key(pair: Pair) -> None:
    a, _ = pair
    lasting(a)
    member = a.network.view.members[a.me]
    http = (HttpRecord(member_keys(a.me).http.jwk, NBF, EXP * 2, None),)
    a.network.view = replace(a.network.view, members={a.me: replace(member, http=http)})
    assert await told_after(a, EXP - LIFE // 3 - 1) == []
    assert await told_after(a, EXP - LIFE // 3) == ["signing-key-expires-third"]
    assert await told_after(a, EXP - LIFE // 3 + 60) == []
    assert await told_after(a, EXP - LIFE // 10) == ["signing-key-expires-tenth"]
    assert await told_after(a, EXP - DAY) == ["signing-key-expires-day"]
    assert await told_after(a, EXP) == ["signing-key-expired"]
    assert await told_after(a, EXP + DAY) == []


async def test_an_http_key_is_told_of_by_its_own_name(pair: Pair) -> None:
    a, _ = pair
    lasting(a)
    assert await told_after(a, EXP - DAY) == ["signing-key-expires-day", "http-key-expires-day"]


async def test_the_key_card_and_the_registry_are_told_of_too(pair: Pair) -> None:
    a, _ = pair
    assert await told_after(a, a.cards.expires - limits.CARD_LIFE_SECONDS // 10) == [
        "card-expires-tenth",
        "registry-expired",
    ]
    a.network.view = replace(a.network.view, expires_at=int(a.world.now()) + 14 * DAY)
    assert await told_after(a, a.world.now() + 10 * DAY) == ["card-expired", "registry-expires-third"]


async def test_a_registry_that_is_renewed_in_time_is_never_told_of(pair: Pair) -> None:
    a, _ = pair
    for week in range(20):
        a.network.view = replace(a.network.view, expires_at=NOW + (week + 2) * 7 * DAY)
        for day in range(7):
            a.network.clock.now = NOW + (week * 7 + day) * DAY
            await a.cards.tend()
            assert await told_after(a, NOW + (week * 7 + day) * DAY) == []


async def test_a_restart_or_a_clock_that_is_set_back_does_not_repeat_a_warning(
    pair: Pair, tmp_path: Path
) -> None:
    a, _ = pair
    lasting(a)
    await told_after(a, EXP - DAY)
    again = await make_node(a.network, a.me, tmp_path / "a.db")
    again.cards._expires = EXP * 2
    assert await told_after(again, EXP - DAY + 60) == []
    assert await told_after(again, EXP - LIFE // 10) == []
    await again.close()


async def test_a_registered_successor_silences_the_key_before_it(pair: Pair) -> None:
    a, _ = pair
    lasting(a)
    member = a.network.view.members[a.me]
    a.ring.renew(signing=True, http=True)
    assert await told_after(a, EXP - DAY) != [], "a new key that the registry does not have helps nobody"
    signing = (signing_record(a.ring.signing[0], exp=EXP * 2), *member.signing)
    http = (HttpRecord(a.ring.http[0].jwk, NBF, EXP * 2, None), *member.http)
    a.network.view = replace(a.network.view, members={a.me: replace(member, signing=signing, http=http)})
    assert await told_after(a, EXP) == []


async def test_a_revoked_key_is_not_told_of_as_expiring(pair: Pair) -> None:
    a, _ = pair
    lasting(a)
    member = a.network.view.members[a.me]
    revoked = (signing_record(member_keys(a.me).signing, revoked=Revocation(NOW, "stolen", None)),)
    a.network.view = replace(a.network.view, members={a.me: replace(member, signing=revoked)})
    assert await told_after(a, EXP - DAY) == ["http-key-expires-day"]


async def test_a_member_that_no_registry_has_is_told_of_its_card_alone(pair: Pair) -> None:
    a, _ = pair
    a.network.view = replace(a.network.view, members={}, expires_at=EXP * 2)
    assert await told_after(a, a.cards.expires - 1) == ["card-expires-day"]
