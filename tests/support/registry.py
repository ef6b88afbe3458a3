"""A real signed registry on disk: two of three administrators, files as a web server would hand them out.

`publish_registry(tmp_path, members, countries)` -> root bytes and the mirror's directory; `Office` for tests
that publish again, sign with too few, or forge.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from support.keys import NOW

from exchange.core.names import MemberId
from exchange.core.registry_documents import country_to_json, member_to_json, network_to_json
from exchange.core.registry_view import Basis, Destination, Member, Network
from exchange.core.schema import Schemas
from exchange.registrar import repository
from exchange.registrar.admins import Admin, generate
from exchange.resources import schema_documents

NETWORK = Network("Test network", {}, frozenset({"interpol"}), ("deputy", "orphan_mandate"))
Countries = Mapping[str, tuple[Destination, ...]]


@cache
def schemas() -> Schemas:
    return Schemas(schema_documents())


def targets_of(
    members: Iterable[Member], countries: Countries | None = None, network: Network = NETWORK
) -> dict[str, bytes]:
    """The files of a registry by path; without `countries`, each member is its own country's hotline."""
    known = list(members)
    if countries is None:
        countries = {one.country: (Destination(MemberId(one.id), Basis.HOTLINE, 1),) for one in known}
    values = {
        "network.json": network_to_json(network),
        **{f"members/{one.id}.json": member_to_json(one) for one in known},
        **{f"countries/{code}.json": country_to_json(code, to) for code, to in countries.items()},
    }
    return {path: json.dumps(value, indent=2).encode() for path, value in values.items()}


class Office:
    """Three administrators and their registry in `mirror`; root and targets need two."""

    def __init__(self, mirror: Path, *, now: int = NOW, admins: Iterable[Admin] | None = None) -> None:
        self.mirror = mirror
        self.admins = list(admins or (generate(name) for name in ("anna", "bert", "cleo")))
        self.root = repository.create(
            mirror,
            [admin.public for admin in self.admins],
            self.admins[:2],
            root_threshold=2,
            targets_threshold=2,
            now=now,
        )

    def publish(self, targets: Mapping[str, bytes], *, now: int = NOW) -> repository.Published:
        return repository.publish(self.mirror, targets, self.admins[:2], now=now)


def publish_registry(
    directory: Path,
    members: Iterable[Member],
    countries: Countries | None = None,
    *,
    network: Network = NETWORK,
    now: int = NOW,
) -> tuple[bytes, Path]:
    """Root bytes to pin, and the directory that mirrors serve."""
    office = Office(directory / "mirror", now=now)
    office.publish(targets_of(members, countries, network), now=now)
    return office.root, office.mirror
