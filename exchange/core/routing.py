"""Who gets a referral: from the hosting country and the registry to one member, and why.

Rules: a ladder, tried in this order: the country's hotline, the member responsible for the territory, a
member with an orphan mandate (of the country's file, then of network.json), the police desk. On one rung the
lower rank goes first; of equal rank, the site decides by rendezvous hashing (Thaler and Ravishankar 1998), so
that a site stays with one desk at every sender, and a desk that comes or goes moves its own sites only; with
no site known, the lower id. A member that is not active, that the registry does not know or that takes no
referrals is passed over, and the answer says so. An analyst's choice replaces the ladder and is never
silently replaced by it. Content hosted at home, or whose destination is this node's own member, is
*domestic*. What cannot be routed says why in a code and a sentence; it is never dropped. This module knows
the registry's values only: not the URL, not where country and site came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.core.names import MemberId
from exchange.core.registry_view import Basis, MemberStatus, RegistryView

REFERRAL_TYPE: Final = "referral/1"
EVERY_COUNTRY: Final = "*"
"""Key of network.json's orphan mandates for what nobody else takes."""


class Rule(StrEnum):
    """The rung that decided."""

    CHOICE = "choice"
    HOTLINE = "hotline"
    TERRITORY = "territory"
    ORPHAN_MANDATE = "orphan_mandate"
    NETWORK_ORPHAN_MANDATE = "network_orphan_mandate"
    POLICE = "police"


class Order(StrEnum):
    """What put the member before others that could take it on the same rung."""

    RANK = "rank"
    """Its rank, or there is no other."""
    SITE = "site"
    """Others have its rank: the site belongs to it."""
    ID = "id"
    """Others have its rank and no site is known: its id comes first."""


LADDER: Final[tuple[tuple[Rule, Basis], ...]] = (
    (Rule.HOTLINE, Basis.HOTLINE),
    (Rule.TERRITORY, Basis.TERRITORY),
    (Rule.ORPHAN_MANDATE, Basis.ORPHAN_MANDATE),
    (Rule.NETWORK_ORPHAN_MANDATE, Basis.ORPHAN_MANDATE),
    (Rule.POLICE, Basis.POLICE),
)
"""Rung and the basis that a referral then carries, in the order tried."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A member that was passed over (`skipped` says why) or that would come next (`skipped` is None)."""

    member: MemberId
    basis: Basis
    rule: Rule
    skipped: str | None


@dataclass(frozen=True, slots=True)
class Routed:
    member: MemberId
    basis: Basis
    rule: Rule
    alternatives: tuple[Alternative, ...]
    order: Order = Order.RANK


@dataclass(frozen=True, slots=True)
class Unroutable:
    """`code` is stable kebab-case, `sentence` is for people."""

    code: str
    sentence: str
    alternatives: tuple[Alternative, ...] = ()


REASONS: Final = {
    "unknown": "is not in the registry",
    "pending": "is not active yet",
    "suspended": "is suspended",
    "left": "has left the network",
    "takes-no-referrals": "takes no referrals",
}
"""Why a member cannot get a referral, as it is said of it."""


def route(
    view: RegistryView,
    country: str | None,
    home: str,
    choice: MemberId | None,
    me: MemberId | None = None,
    site: str | None = None,
) -> Routed | Unroutable:
    """The destination of content hosted in `country` (ISO alpha-2, None when unknown), seen from `home`.

    `choice` is the analyst's; `me` is this node's member, to whom nothing is sent; `site` is
    `sites.site_of` the URL, None when only the country is known.
    """
    if choice is not None:
        return _chosen(view, choice, me)
    if country is None:
        return Unroutable("country-unknown", "The hosting country is not known; an analyst has to choose.")
    if country == home:
        return Unroutable("domestic", f"The content is hosted at home ({home}).")
    return _by_ladder(view, country, me, site)


def _chosen(view: RegistryView, choice: MemberId, me: MemberId | None) -> Routed | Unroutable:
    if choice == me:
        return Unroutable("choice-self", "The chosen member is this node's own.")
    reason = obstacle(view, choice)
    if reason is not None:
        return Unroutable(f"choice-{reason}", f"The chosen member {choice} {REASONS[reason]}.")
    return Routed(choice, Basis.ANALYST, Rule.CHOICE, ())


def weight(member: MemberId, site: str) -> int:
    """How strongly `site` belongs to `member`: SHA-256 over the id, a zero byte and the site, as a number."""
    return int.from_bytes(hashlib.sha256(f"{member}\0{site}".encode()).digest())


@dataclass(frozen=True, slots=True)
class _Rung:
    """A named member; `rank` is its place among those named by the same rule."""

    alternative: Alternative
    rank: int

    def beside(self, other: _Rung) -> bool:
        return (self.alternative.rule, self.rank) == (other.alternative.rule, other.rank)


def _by_ladder(
    view: RegistryView, country: str, me: MemberId | None, site: str | None
) -> Routed | Unroutable:
    rungs = tuple(_named(view, country, site))
    usable = [rung for rung in rungs if rung.alternative.skipped is None]
    every = tuple(rung.alternative for rung in rungs)
    if not every:
        sentence = f"The registry names nobody for {country}; an operator has to decide."
        return Unroutable("no-destination", sentence)
    if not usable:
        reasons = "; ".join(f"{one.member} {REASONS[one.skipped or '']}" for one in every)
        return Unroutable("no-active-destination", f"Nobody for {country} can take it: {reasons}.", every)
    first = usable[0].alternative
    others = tuple(one for one in every if one is not first)
    if first.member == me:
        return Unroutable("domestic", f"This node's own member answers for {country}.", others)
    shared = any(usable[0].beside(other) for other in usable[1:])
    by_equals = Order.ID if site is None else Order.SITE
    return Routed(first.member, first.basis, first.rule, others, by_equals if shared else Order.RANK)


def _named(view: RegistryView, country: str, site: str | None) -> Iterator[_Rung]:
    """Each member once, on the first rung that names it."""
    seen: set[MemberId] = set()
    listed = sorted(
        view.destinations(country),
        key=lambda to: (to.rank, 0 if site is None else -weight(to.member, site), to.member),
    )
    for rule, basis in LADDER:
        rows: list[tuple[MemberId, int]]
        if rule is Rule.NETWORK_ORPHAN_MANDATE:
            mandates = view.network.orphan_mandates
            own = mandates.get(country, ()) + mandates.get(EVERY_COUNTRY, ())
            rows = [(member, place) for place, member in enumerate(own)]
        else:
            rows = [(entry.member, entry.rank) for entry in listed if entry.basis is basis]
        for member, rank in rows:
            if member not in seen:
                seen.add(member)
                yield _Rung(Alternative(member, basis, rule, obstacle(view, member)), rank)


def obstacle(view: RegistryView, member_id: MemberId) -> str | None:
    """Why `member_id` cannot get a referral, as a key of `REASONS`."""
    member = view.member(member_id)
    if member is None:
        return "unknown"
    if member.status is not MemberStatus.ACTIVE:
        return member.status.value
    return None if REFERRAL_TYPE in member.accepts else "takes-no-referrals"
