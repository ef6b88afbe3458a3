"""The right member gets it, or the answer says why nobody does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core import countries
from exchange.core.names import MemberId
from exchange.core.registry_view import Basis, Destination, Member, MemberStatus, Network, RegistryView
from exchange.core.routing import Alternative, Order, Routed, Rule, Unroutable, route, weight

STATUS = {
    "fr-hotline": "active",
    "fr-second": "active",
    "fr-police": "active",
    "us-orphans": "active",
    "nl-asleep": "suspended",
    "it-soon": "pending",
    "es-gone": "left",
    "be-deaf": "active",
    "de-home": "active",
}


def member(name: str) -> Member:
    return Member(
        id=MemberId(name),
        kind="hotline",
        country=name[:2].upper(),
        name=name,
        site="https://example.invalid",
        status=MemberStatus(STATUS[name]),
        mailbox="https://mx.example.invalid",
        card="https://mx.example.invalid/card",
        min_card=0,
        signing=(),
        http=(),
        accepts=() if name == "be-deaf" else ("referral/1",),
        deputy=None,
        languages=(),
        office_hours=None,
    )


def view() -> RegistryView:
    def to(name: str, basis: Basis, rank: int) -> Destination:
        return Destination(MemberId(name), basis, rank)

    return RegistryView(
        version=1,
        digest="0" * 64,
        expires_at=2_000_000_000,
        members={MemberId(name): member(name) for name in STATUS},
        countries={
            "FR": (
                to("fr-police", Basis.POLICE, 1),
                to("fr-second", Basis.HOTLINE, 2),
                to("fr-hotline", Basis.HOTLINE, 1),
            ),
            "GP": (to("fr-hotline", Basis.TERRITORY, 1),),
            "NL": (to("nl-asleep", Basis.HOTLINE, 1), to("us-orphans", Basis.ORPHAN_MANDATE, 1)),
            "IT": (to("it-soon", Basis.HOTLINE, 1),),
            "ES": (to("es-gone", Basis.HOTLINE, 1), to("fr-police", Basis.POLICE, 1)),
            "BE": (to("be-deaf", Basis.HOTLINE, 1),),
            "XK": (to("xk-nobody", Basis.HOTLINE, 1),),
            "GL": (to("de-home", Basis.TERRITORY, 1),),
        },
        network=Network(
            name="test",
            orphan_mandates={
                "IT": (MemberId("us-orphans"),),
                "SC": (MemberId("us-orphans"),),
                "NL": (MemberId("us-orphans"),),
            },
            agencies=frozenset(),
            escalation=(),
        ),
    )


ROUTED = [
    ("FR", None, "fr-hotline", Basis.HOTLINE, Rule.HOTLINE),
    ("GP", None, "fr-hotline", Basis.TERRITORY, Rule.TERRITORY),
    ("NL", None, "us-orphans", Basis.ORPHAN_MANDATE, Rule.ORPHAN_MANDATE),
    ("IT", None, "us-orphans", Basis.ORPHAN_MANDATE, Rule.NETWORK_ORPHAN_MANDATE),
    ("SC", None, "us-orphans", Basis.ORPHAN_MANDATE, Rule.NETWORK_ORPHAN_MANDATE),
    ("ES", None, "fr-police", Basis.POLICE, Rule.POLICE),
    ("FR", "us-orphans", "us-orphans", Basis.ANALYST, Rule.CHOICE),
    (None, "us-orphans", "us-orphans", Basis.ANALYST, Rule.CHOICE),
    ("DE", "us-orphans", "us-orphans", Basis.ANALYST, Rule.CHOICE),
]


@pytest.mark.parametrize(("country", "choice", "to", "basis", "rule"), ROUTED)
def test_the_ladder_leads_to_one_member_and_says_by_which_rung(
    country: str | None, choice: str | None, to: str, basis: Basis, rule: Rule
) -> None:
    routed = route(view(), country, "DE", MemberId(choice) if choice else None, MemberId("de-home"))
    assert isinstance(routed, Routed)
    assert (routed.member, routed.basis, routed.rule) == (to, basis, rule)


UNROUTABLE = [
    (None, None, "country-unknown"),
    ("DE", None, "domestic"),
    ("GL", None, "domestic"),
    ("JP", None, "no-destination"),
    ("BE", None, "no-active-destination"),
    ("XK", None, "no-active-destination"),
    ("FR", "nl-asleep", "choice-suspended"),
    ("FR", "it-soon", "choice-pending"),
    ("FR", "es-gone", "choice-left"),
    ("FR", "xx-stranger", "choice-unknown"),
    ("FR", "be-deaf", "choice-takes-no-referrals"),
    ("FR", "de-home", "choice-self"),
]


@pytest.mark.parametrize(("country", "choice", "code"), UNROUTABLE)
def test_what_cannot_be_routed_says_why(country: str | None, choice: str | None, code: str) -> None:
    answer = route(view(), country, "DE", MemberId(choice) if choice else None, MemberId("de-home"))
    assert isinstance(answer, Unroutable)
    assert answer.code == code
    assert answer.sentence.endswith(".")


def test_a_mandate_for_every_country_comes_after_the_country_s_own() -> None:
    own = view()
    everywhere = {**own.network.orphan_mandates, "*": (MemberId("us-orphans"), MemberId("fr-second"))}
    wide = replace(own, network=replace(own.network, orphan_mandates=everywhere))
    routed = route(wide, "JP", "DE", None)
    assert isinstance(routed, Routed)
    assert (routed.member, routed.rule) == ("us-orphans", Rule.NETWORK_ORPHAN_MANDATE)
    own_first = route(wide, "SC", "DE", None)
    assert isinstance(own_first, Routed)
    assert [other.member for other in own_first.alternatives] == ["fr-second"]


def test_a_suspended_hotline_is_passed_over_and_named() -> None:
    routed = route(view(), "NL", "DE", None)
    assert isinstance(routed, Routed)
    assert routed.alternatives == (
        Alternative(MemberId("nl-asleep"), Basis.HOTLINE, Rule.HOTLINE, "suspended"),
    )
    nobody = route(view(), "BE", "DE", None)
    assert isinstance(nobody, Unroutable)
    assert "be-deaf takes no referrals" in nobody.sentence


def test_who_would_come_next_is_shown_in_order() -> None:
    routed = route(view(), "FR", "DE", None)
    assert isinstance(routed, Routed)
    assert [(other.member, other.skipped) for other in routed.alternatives] == [
        ("fr-second", None),
        ("fr-police", None),
    ]


def test_a_choice_that_cannot_take_it_is_not_replaced_by_the_ladder() -> None:
    assert isinstance(route(view(), "FR", "DE", MemberId("nl-asleep")), Unroutable)


DESKS = ("fr-hotline", "fr-second", "us-orphans")
SITES = [f"site-{number}.example" for number in range(2000)]


def shared(*desks: str, asleep: str = "", rank: int = 1) -> RegistryView:
    """France with `desks` of one rank; `asleep` is suspended."""
    known = view()
    members = dict(known.members)
    if asleep:
        members[MemberId(asleep)] = replace(members[MemberId(asleep)], status=MemberStatus.SUSPENDED)
    rows = tuple(Destination(MemberId(desk), Basis.HOTLINE, rank) for desk in desks)
    police = Destination(MemberId("fr-police"), Basis.POLICE, 1)
    return replace(known, members=members, countries={"FR": (*rows, police)})


def desk_of(known: RegistryView, site: str) -> str:
    routed = route(known, "FR", "DE", None, None, site)
    assert isinstance(routed, Routed)
    return routed.member


def test_a_site_stays_with_one_desk_at_every_sender_and_in_whatever_order_the_file_is() -> None:
    for site in SITES[:200]:
        found = {desk_of(shared(*order), site) for order in (DESKS, DESKS[::-1], DESKS[1:] + DESKS[:1])}
        assert len(found) == 1


def test_desks_of_one_rank_share_the_sites_about_evenly() -> None:
    counted = Counter(desk_of(shared(*DESKS), site) for site in SITES)
    assert set(counted) == set(DESKS)
    assert min(counted.values()) > len(SITES) / len(DESKS) * 0.85


@pytest.mark.parametrize("gone", DESKS)
def test_a_desk_that_goes_moves_its_own_sites_only_and_takes_them_back_when_it_returns(gone: str) -> None:
    with_all, suspended = shared(*DESKS), shared(*DESKS, asleep=gone)
    removed = shared(*(desk for desk in DESKS if desk != gone))
    moved = 0
    for site in SITES:
        before, while_away = desk_of(with_all, site), desk_of(suspended, site)
        assert while_away == desk_of(removed, site)
        assert while_away != gone
        assert before in (while_away, gone)
        moved += before != while_away
    assert 0 < moved < len(SITES) / 2


@given(
    st.lists(st.from_regex(r"[a-z]{2}-[a-z0-9]{1,10}", fullmatch=True), min_size=2, max_size=8, unique=True),
    st.text(max_size=40),
)
def test_whichever_desk_goes_the_order_of_the_others_stays(desks: list[str], site: str) -> None:
    def order(names: list[str]) -> list[str]:
        return sorted(names, key=lambda name: weight(MemberId(name), site), reverse=True)

    for gone in desks:
        assert order([desk for desk in desks if desk != gone]) == [
            desk for desk in order(desks) if desk != gone
        ]


def test_the_weight_is_what_other_implementers_compute() -> None:
    assert f"{weight(MemberId('de-eco'), 'example.com'):064x}" == WEIGHT


WEIGHT = "e4054695d7baf93cf851b2143ed81f5cf0fd07d2039c8fb7221b17b362505948"
"""`printf 'de-eco\\0example.com' | sha256sum`"""


def test_a_lower_rank_goes_first_whoever_the_site_would_belong_to() -> None:
    rows = (
        Destination(MemberId("fr-second"), Basis.HOTLINE, 0),
        Destination(MemberId("fr-hotline"), Basis.HOTLINE, 1),
    )
    ranked = replace(shared(), countries={"FR": rows})
    assert {desk_of(ranked, site) for site in SITES[:100]} == {"fr-second"}
    routed = route(ranked, "FR", "DE", None, None, SITES[0])
    assert isinstance(routed, Routed)
    assert routed.order is Order.RANK


def test_the_answer_says_what_decided_between_desks_of_one_rank() -> None:
    asked = {
        Order.SITE: (shared(*DESKS), SITES[0]),
        Order.ID: (shared(*DESKS[::-1]), None),
        Order.RANK: (shared("fr-hotline", "fr-second", asleep="fr-second"), SITES[0]),
    }
    for order, (known, site) in asked.items():
        routed = route(known, "FR", "DE", None, None, site)
        assert isinstance(routed, Routed)
        assert routed.order is order
    by_id = route(shared(*DESKS[::-1]), "FR", "DE", None)
    assert isinstance(by_id, Routed)
    assert [by_id.member, *(other.member for other in by_id.alternatives)] == [*DESKS, "fr-police"]


def test_a_mandate_of_the_network_goes_by_its_order_not_by_the_site() -> None:
    known = view()
    mandates = {"JP": (MemberId("us-orphans"), MemberId("fr-second"))}
    wide = replace(known, network=replace(known.network, orphan_mandates=mandates))
    for site in SITES[:50]:
        routed = route(wide, "JP", "DE", None, None, site)
        assert isinstance(routed, Routed)
        assert (routed.member, routed.order) == ("us-orphans", Order.RANK)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("country", sorted(countries.ALL))
def test_every_country_has_an_answer_even_if_it_is_nobody(country: str, listed: bool) -> None:
    known = replace(
        view(),
        countries={country: ()} if listed else {},
        network=Network("test", {}, frozenset(), ()),
    )
    answer = route(known, country, "", None, None, "example.com")
    assert answer == Unroutable(
        "no-destination", f"The registry names nobody for {country}; an operator has to decide."
    )
