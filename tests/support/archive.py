"""The past of a registry for nodes whose view is made up: the same members, really signed, on first use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from support.keys import NOW
from support.network import Network
from support.registry import Office, schemas, targets_of

from exchange.client.registry import Registry
from exchange.client.registry_past import Archive, Past
from exchange.core.names import Digest


@dataclass
class LateArchive:
    """An archive of the members of a network, published when it is first asked for."""

    network: Network
    place: TemporaryDirectory[str] = field(default_factory=TemporaryDirectory)
    made: Archive | None = None

    async def archive(self) -> Archive:
        if self.made is None:
            place = Path(self.place.name)
            office = Office(place / "mirror")
            office.publish(targets_of(self.network.view.members.values()))
            mirrors = [str(office.mirror)]
            await Registry(place / "node", office.root, mirrors, schemas()).refresh(NOW)
            self.made = Archive(place / "node", office.root, mirrors)
        return self.made

    async def newest(self, wanted: Collection[str]) -> Past:
        return await (await self.archive()).newest(wanted)

    async def past(self, version: int, digest: Digest, wanted: Collection[str]) -> Past | None:
        return await (await self.archive()).past(version, digest, wanted)

    async def after(self, version: int, wanted: Collection[str]) -> Past | None:
        return await (await self.archive()).after(version, wanted)
