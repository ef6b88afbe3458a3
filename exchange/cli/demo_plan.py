"""Who takes part in the demo's network, decided by where the feed's content is hosted.

Rules: the same feed gives the same network. The four countries that host most have a member each; the fourth
is the sender, so that some content turns out to be hosted at home. Some further countries are somebody's by
mandate: half by a country's own file, half by the network's. Nobody answers for the rest: what is hosted
there stays with the sender as *unroutable*, which is a main road and no accident. All members are made up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exchange.core.names import MemberId
from exchange.core.registry_view import Basis

USUAL: Final = ("US", "DE", "NL", "GB")
"""Countries to fill up with when a feed has fewer than four."""
MANDATES: Final = 12
"""Further countries for which a member has a mandate."""


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up member; `host` is the member that has its mailbox, None when it has its own."""

    id: MemberId
    country: str
    host: MemberId | None = None

    @property
    def name(self) -> str:
        return f"Demo Hotline {self.country}"


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """`by_file` are mandates in countries' files, `by_network` those in network.json."""

    sender: Person
    recipients: tuple[Person, ...]
    by_file: Mapping[str, tuple[MemberId, Basis]]
    by_network: Mapping[str, MemberId]

    @property
    def everybody(self) -> tuple[Person, ...]:
        return (self.sender, *self.recipients)


def make_plan(countries: Counter[str]) -> NetworkPlan:
    """The network for a feed whose lines are hosted in `countries`."""
    ranked = [code for code, _ in sorted(countries.items(), key=lambda pair: (-pair[1], pair[0]))]
    homes = (ranked + [code for code in USUAL if code not in ranked])[:4]
    first, second, third, home = (MemberId(f"{code.lower()}-demo") for code in homes)
    recipients = (Person(first, homes[0]), Person(second, homes[1]), Person(third, homes[2], host=second))
    takers = (first, second, third)
    others = [code for code in ranked if code not in homes][:MANDATES]
    return NetworkPlan(
        sender=Person(home, homes[3]),
        recipients=recipients,
        by_file={code: (takers[index % 3], Basis.ORPHAN_MANDATE) for index, code in enumerate(others[0::2])},
        by_network={code: takers[index % 3] for index, code in enumerate(others[1::2])},
    )
