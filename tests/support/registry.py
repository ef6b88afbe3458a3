"""A real signed registry on disk: two of three administrators, files as a web server would hand them out.

`publish_registry(tmp_path, members, countries)` -> root bytes and the mirror's directory; `Office` for tests
that publish again, sign with too few, or forge.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from securesystemslib.signer import Signature
from support.keys import NOW
from tuf.api.metadata import Metadata, TargetFile

from exchange.core.names import MemberId
from exchange.core.registry_documents import country_to_json, member_to_json, network_to_json
from exchange.core.registry_view import Basis, Destination, Member, Network
from exchange.core.schema import Schemas
from exchange.registrar import drafting, files, published, publishing, roots
from exchange.registrar.admins import Admin, Part, generate
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


@dataclass(frozen=True, slots=True)
class Versions:
    """After a publish; `targets_changed` says whether a new list was signed."""

    targets_version: int
    timestamp_version: int
    targets_changed: bool


class Office:
    """Three administrators and their registry in `mirror`; root and targets need two.

    It signs and writes as administrators do, but nobody reviews what: tests publish bad registries too.
    """

    def __init__(self, mirror: Path, *, now: int = NOW, admins: Iterable[Admin] | None = None) -> None:
        self.mirror = mirror
        self.admins = list(admins or (generate(name) for name in ("anna", "bert", "cleo")))
        root = roots.first([admin.public for admin in self.admins], roots.Thresholds(2, 2), now)
        self.root = Metadata(root, self.signatures(Metadata(root).signed_bytes)).to_bytes()
        files.write_whole(mirror / "metadata" / "1.root.json", self.root)

    def signatures(self, payload: bytes) -> dict[str, Signature]:
        """By the offline keys of the first two."""
        made = [admin.signer(Part.OFFLINE).sign(payload) for admin in self.admins[:2]]
        return {signature.keyid: signature for signature in made}

    def publish(self, targets: Mapping[str, bytes], *, now: int = NOW) -> Versions:
        """Publish `targets`; if they are what is published, renew snapshot and timestamp."""
        before = published.load_from(self.mirror, self.root)
        infos = {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in targets.items()}
        daily = self.admins[0].signer(Part.DAILY)
        changed = infos != before.listed
        if changed:
            listed = Metadata(drafting.list_after(before, infos, now))
            listed.signatures.update(self.signatures(listed.signed_bytes))
            new = {path: data for path, data in targets.items() if before.listed.get(path) != infos[path]}
            publishing.lay_out(before, listed, new, daily, now)
        else:
            publishing.renew(before, lambda: daily, now)
        timestamp = 1 if before.timestamp is None else before.timestamp.signed.version + 1
        return Versions(before.version + changed, timestamp, changed)


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
