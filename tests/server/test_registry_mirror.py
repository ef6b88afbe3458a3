"""A node that mirrors the registry gives out what it has verified, and nothing else."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.keys import NOW, member
from support.node_parts import listening
from support.registry import Office, schemas, targets_of

from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import Fetched, GuardedClient, parse_place
from exchange.client.registry import Registry
from exchange.client.registry_past import Archive
from exchange.core.names import Digest
from exchange.errors import Unavailable
from exchange.flow.mirror import LONGEST, Mirror
from exchange.server.registry_mirror import RegistryMirror

DAY = 86400
MEMBERS = [member("de-x"), member("gb-iwf")]


@dataclass
class Served:
    """A node with its own copy of the registry of `office`, served at `base`."""

    office: Office
    registry: Registry
    archive: Archive
    base: str
    client: GuardedClient

    async def get(self, path: str, **headers: str) -> Fetched:
        place = parse_place(f"{self.base}/{path}")
        return await self.client.request("GET", place, headers=headers, cap=10**6)

    def reader(self, place: Path, *more: str) -> Registry:
        return Registry(place, self.office.root, [self.base, *more], schemas(), self.client)


@asynccontextmanager
async def serving(place: Path) -> AsyncIterator[Served]:
    office = Office(place / "mirror")
    office.publish(targets_of(MEMBERS))
    registry = Registry(place / "node", office.root, [str(office.mirror)], schemas())
    archive = Archive(place / "node", office.root, [str(office.mirror)], history=registry.history)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    guard = AddressGuard.of([], development=True)
    routes = RegistryMirror(Mirror(archive)).routes()
    base = f"http://127.0.0.1:{sock.getsockname()[1]}/registry"
    async with listening(routes, sock, lambda: NOW), GuardedClient(guard, development=True) as client:
        yield Served(office, registry, archive, base, client)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as made:
        await made.registry.refresh(NOW)
        yield made


async def test_another_node_reads_the_registry_from_it(served: Served, tmp_path: Path) -> None:
    shutil.rmtree(served.office.mirror)
    other = served.reader(tmp_path / "other")
    known = await other.refresh(NOW)
    assert set(known.view.members) == {"de-x", "gb-iwf"}
    assert (await other.refresh(NOW)).view is known.view


async def test_a_change_goes_from_node_to_node(served: Served, tmp_path: Path) -> None:
    other = served.reader(tmp_path / "other")
    first = await other.refresh(NOW)
    served.office.publish(targets_of([replace(MEMBERS[0], languages=("fr",)), MEMBERS[1]]), now=NOW + DAY)
    assert not (await other.refresh(NOW + DAY)).changed, "it gives out only what it has verified itself"
    await served.registry.refresh(NOW + DAY)
    changed = await other.refresh(NOW + DAY)
    assert changed.changed
    assert changed.view.version == first.view.version + 1


async def test_of_several_mirrors_the_freshest_valid_one_wins(served: Served, tmp_path: Path) -> None:
    served.office.publish(targets_of(MEMBERS[:1]), now=NOW + DAY)
    both = served.reader(tmp_path / "both", str(served.office.mirror))
    known = await both.refresh(NOW + DAY)
    assert set(known.view.members) == {"de-x"}
    assert [one.timestamp_version for one in known.mirrors] == [1, 2]


async def test_the_past_is_had_over_http_too(served: Served, tmp_path: Path) -> None:
    first = await served.archive.newest(())
    served.office.publish(targets_of(MEMBERS[:1]), now=NOW + DAY)
    await served.registry.refresh(NOW + DAY)
    shutil.rmtree(served.office.mirror)
    await served.reader(tmp_path / "other").refresh(NOW + DAY)
    late = Archive(tmp_path / "other", served.office.root, [served.base], served.client)
    past = await late.past(1, first.digest, ["members/gb-iwf.json"])
    assert past is not None
    assert (past.targets, set(past.files)) == (first.targets, {"members/gb-iwf.json"})
    alone = Archive(tmp_path / "other", served.office.root, [served.base])
    assert await alone.past(9, first.digest, ()) is None, "a mirror on the network needs a client"


async def test_the_files_are_those_of_a_tuf_repository(served: Served) -> None:
    for path in served.office.mirror.rglob("*.json"):
        name = path.relative_to(served.office.mirror).as_posix()
        given = await served.get(name)
        assert (given.status, given.body) == (200, path.read_bytes())
        assert given.headers["content-type"].startswith("application/json")
        lasting = "immutable" in given.headers["cache-control"]
        assert lasting == name.startswith("targets/")
        again = await served.get(name, **{"If-None-Match": given.headers["etag"]})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", given.headers["etag"])


DIGEST = Digest.of(targets_of(MEMBERS)["network.json"])
NOT_THERE = [
    "",
    "metadata/",
    "targets/members/",
    "metadata/root.json",
    "metadata/2.root.json",
    "metadata/01.root.json",
    "metadata/1.root.json.new",
    "metadata/targets.json",
    "metadata/snapshot.json",
    "metadata/1.timestamp.json",
    "metadata/last-good.json",
    f"metadata/1.{DIGEST}.targets.json",
    "metadata/9.targets.json",
    "last-good.json",
    "targets/network.json",
    f"targets/{DIGEST}",
    f"targets/{DIGEST}.members.json",
    f"targets/members/{DIGEST}.de-x.json",
    f"targets/countries/{DIGEST}.network.json",
    f"targets/odd/{DIGEST}.de-x.json",
    f"targets/{DIGEST[:-1]}0.network.json",
    f"targets/members/{'0' * 64}.de-x.json",
]


@pytest.mark.parametrize("path", NOT_THERE)
async def test_whatever_is_not_exactly_a_file_of_the_registry_is_not_there(served: Served, path: str) -> None:
    given = await served.get(path)
    assert given.status == 404
    assert DIGEST not in given.body.decode()


async def test_no_path_leads_out_of_it(served: Served) -> None:
    host, _, port = served.base.removeprefix("http://").partition("/")[0].partition(":")
    for path in ("metadata/../../../root.json", "metadata/%2e%2e/last-good.json", "metadata//1.root.json"):
        answer = await _raw(host, int(port), f"/registry/{path}")
        assert answer.split(b" ")[1] in (b"400", b"404"), path


async def _raw(host: str, port: int, target: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_damaged_file_is_not_given_out(served: Served, tmp_path: Path) -> None:
    name = f"targets/{DIGEST}.network.json"
    assert (await served.get(name)).status == 200
    next((tmp_path / "node").glob(f"*/targets/{DIGEST}")).write_bytes(b"{}")
    assert (await served.get(name)).status == 404


async def test_before_the_first_look_there_is_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as made:
        assert (await made.get("metadata/timestamp.json")).status == 404
        with pytest.raises(Unavailable):
            await made.reader(tmp_path / "other").refresh(NOW)


async def test_a_name_of_any_length_costs_nothing(served: Served) -> None:
    assert (await served.get("targets/" + "a" * LONGEST)).status == 404
