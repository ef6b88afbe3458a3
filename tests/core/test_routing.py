"""The right member gets it, or the answer says why nobody does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exchange.core.names import MemberId
from exchange.core.registry_view import Basis, Destination, Member, MemberStatus, Network, RegistryView
from exchange.core.routing import Alternative, Routed, Rule, Unroutable, route

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
