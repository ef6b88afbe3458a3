"""What mirrors, thieves and power cuts can do to a node's registry: delay it, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from securesystemslib.signer import CryptoSigner, SSlibKey
from support.host import http_host
from support.keys import NOW, member
from support.registry import Office, publish_registry, schemas, targets_of
from tuf.api.metadata import Metadata, Root, Timestamp
from tuf.ngclient import Updater

from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.registry import Registry
from exchange.core.registry_view import MemberStatus, RegistryState
from exchange.errors import ExchangeError, Refused, Unavailable
from exchange.registrar.admins import generate

DAY = 86400
TWO = [member("de-x"), member("gb-iwf")]
THREE = [*TWO, member("fr-pdc")]


def reader(directory: Path, office: Office, *mirrors: Path | str, bootstrap: bytes | None = None) -> Registry:
    shown = [str(mirror) for mirror in mirrors] or [str(office.mirror)]
    return Registry(directory / "node", bootstrap or office.root, shown, schemas())


async def refused(registry: Registry, now: int = NOW) -> str:
    with pytest.raises(Refused) as error:
        await registry.refresh(now)
    return error.value.code


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "mirror")
    made.publish(targets_of(TWO))
    return made


async def test_a_node_reads_what_the_administrators_published(tmp_path: Path) -> None:
    root, mirror = publish_registry(tmp_path, TWO)
    known = await Registry(tmp_path / "node", root, [str(mirror)], schemas()).refresh(NOW)
    assert set(known.view.members) == {"de-x", "gb-iwf"}
    assert known.view.members["gb-iwf"] == TWO[1]  # type: ignore[index]
    assert [to.member for to in known.view.destinations("GB")] == ["gb-iwf"]
    assert (known.state, known.changed, known.split, known.left_out) == (RegistryState.FRESH, True, False, ())
    assert known.view.expires_at == NOW + 14 * DAY


async def test_a_change_is_learnt_and_no_change_keeps_the_view(tmp_path: Path, office: Office) -> None:
    registry = reader(tmp_path, office)
    first = await registry.refresh(NOW)
    again = await registry.refresh(NOW)
    assert again.view is first.view
    assert not again.changed
    office.publish(targets_of(TWO), now=NOW + 7 * DAY)
    renewed = await registry.refresh(NOW + 7 * DAY)
    assert not renewed.changed
    assert renewed.view.members is first.view.members
    assert renewed.view.expires_at == NOW + 21 * DAY
    office.publish(targets_of([replace(TWO[0], status=MemberStatus.SUSPENDED), TWO[1]]), now=NOW + 8 * DAY)
    changed = await registry.refresh(NOW + 8 * DAY)
    assert changed.changed
    assert changed.view.members[TWO[0].id].status is MemberStatus.SUSPENDED
    assert changed.view.version == first.view.version + 1
    assert changed.view.digest != first.view.digest


async def test_a_look_without_change_costs_two_requests(tmp_path: Path, office: Office) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        path = office.mirror / request.path.removeprefix("/registry/")
        return web.Response(body=path.read_bytes()) if path.is_file() else web.Response(status=404)

    guard = AddressGuard.of((), development=True)
    async with http_host(answer) as base, GuardedClient(guard, development=True) as client:
        registry = Registry(tmp_path / "node", office.root, [f"{base}/registry/"], schemas(), client)
        first = await registry.refresh(NOW)
        assert len(first.view.members) == 2
        asked.clear()
        assert (await registry.refresh(NOW)).view is first.view
    assert asked == ["/registry/metadata/2.root.json", "/registry/metadata/timestamp.json"]


@pytest.mark.parametrize("status", [500, 503, 302, 200])
async def test_a_mirror_that_answers_nonsense_changes_nothing(
    tmp_path: Path, office: Office, status: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>sign in</html>")

    guard = AddressGuard.of((), development=True)
    async with http_host(answer) as base, GuardedClient(guard, development=True) as client:
        registry = Registry(tmp_path / "node", office.root, [base], schemas(), client)
        with pytest.raises(ExchangeError) as error:
            await registry.refresh(NOW)
    assert error.value.code in {"registry-mirror", "registry-malformed"}


async def test_a_dead_mirror_leaves_the_last_good_copy(tmp_path: Path, office: Office) -> None:
    registry = reader(tmp_path, office)
    view = (await registry.refresh(NOW)).view
    shutil.rmtree(office.mirror)
    with pytest.raises(Unavailable) as error:
        await registry.refresh(NOW)
    assert error.value.code == "registry-mirror"
    kept = await reader(tmp_path, office).last_good(NOW)
    assert kept is not None
    assert kept.view == view


async def test_a_mirror_on_the_network_that_is_dead_or_private_is_no_answer(
    tmp_path: Path, office: Office
) -> None:
    guard = AddressGuard.of((), development=True)
    async with GuardedClient(guard, development=True) as client:
        for mirror in ("http://127.0.0.1:1", "https://10.0.0.1", "https://user@mirror.example"):
            registry = Registry(tmp_path / "node", office.root, [mirror], schemas(), client)
            with pytest.raises(Unavailable) as error:
                await registry.refresh(NOW)
            assert error.value.code == "registry-mirror"


async def test_a_mirror_on_the_network_needs_a_client(tmp_path: Path, office: Office) -> None:
    with pytest.raises(Unavailable):
        await reader(tmp_path, office, "https://mirror.example").refresh(NOW)
    with pytest.raises(Unavailable):
        await Registry(tmp_path / "node", office.root, [], schemas()).refresh(NOW)


@pytest.mark.parametrize(
    ("later", "state"),
    [
        (14 * DAY - 1, RegistryState.FRESH),
        (14 * DAY, RegistryState.GRACE),
        (21 * DAY - 1, RegistryState.GRACE),
        (21 * DAY, RegistryState.EXPIRED),
    ],
)
async def test_an_expired_registry_is_kept_and_teaches_nobody_new(
    tmp_path: Path, office: Office, later: int, state: RegistryState
) -> None:
    await reader(tmp_path, office).refresh(NOW)
    registry = reader(tmp_path, office)
    kept = await registry.last_good(NOW + later)
    assert kept is not None
    assert kept.state is state
    assert len(kept.view.members) == 2
    if state is not RegistryState.FRESH:
        office.publish(targets_of(THREE), now=NOW)
        assert await refused(registry, NOW + later) == "registry-expired"
        still = await registry.last_good(NOW + later)
        assert still is not None
        assert len(still.view.members) == 2


async def test_the_clock_of_the_caller_decides_about_expiry(tmp_path: Path, office: Office) -> None:
    """Holds the one private line: python-tuf's own clock is years away from NOW in either direction."""
    assert (await reader(tmp_path, office).refresh(NOW)).state is RegistryState.FRESH
    far = Office(tmp_path / "far", now=NOW + 20 * 365 * DAY)
    far.publish(targets_of(TWO), now=NOW + 20 * 365 * DAY)
    assert await refused(reader(tmp_path / "b", far), NOW + 21 * 365 * DAY) == "registry-expired"
    made = Updater(str(tmp_path / "u"), "", bootstrap=office.root)
    assert hasattr(made._trusted_set, "reference_time")


async def test_a_foreign_root_is_refused(tmp_path: Path, office: Office) -> None:
    foreign = Office(tmp_path / "foreign")
    foreign.publish(targets_of(THREE))
    assert await refused(reader(tmp_path, office, foreign.mirror)) == "registry-signature"


async def test_a_foreign_second_root_is_refused(tmp_path: Path, office: Office) -> None:
    foreign = Office(tmp_path / "foreign")
    root = Metadata[Root].from_bytes(foreign.root)
    root.signed.version = 2
    sign(root, foreign.admins[:2])
    root.to_file(str(office.mirror / "metadata" / "2.root.json"))
    assert await refused(reader(tmp_path, office)) == "registry-signature"


async def test_one_administrator_is_not_a_quorum(tmp_path: Path, office: Office) -> None:
    lone = Metadata[Root].from_bytes(office.root)
    lone.signed.version = 2
    sign(lone, office.admins[:1])
    lone.to_file(str(office.mirror / "metadata" / "2.root.json"))
    assert await refused(reader(tmp_path, office)) == "registry-signature"


def sign(metadata: Metadata[Root], admins: list) -> None:  # type: ignore[type-arg]
    metadata.signatures.clear()
    for admin in admins:
        metadata.sign(admin.offline, append=True)


async def test_a_mirror_that_goes_back_in_time_is_refused(tmp_path: Path, office: Office) -> None:
    old = tmp_path / "old"
    shutil.copytree(office.mirror, old)
    registry = reader(tmp_path, office)
    office.publish(targets_of(THREE))
    assert len((await registry.refresh(NOW)).view.members) == 3
    shutil.rmtree(office.mirror)
    shutil.copytree(old, office.mirror)
    assert await refused(registry) == "registry-rollback"
    kept = await registry.last_good(NOW)
    assert kept is not None
    assert len(kept.view.members) == 3


async def test_another_mirror_cannot_take_the_node_back_either(tmp_path: Path, office: Office) -> None:
    old = tmp_path / "old"
    shutil.copytree(office.mirror, old)
    office.publish(targets_of(THREE))
    await reader(tmp_path, office).refresh(NOW)
    assert await refused(reader(tmp_path, office, old)) == "registry-rollback"


async def test_of_two_mirrors_the_newest_wins_and_the_others_are_reported(
    tmp_path: Path, office: Office
) -> None:
    stale = tmp_path / "stale"
    shutil.copytree(office.mirror, stale)
    office.publish(targets_of(THREE))
    registry = reader(tmp_path, office, stale, office.mirror, tmp_path / "nowhere")
    known = await registry.refresh(NOW)
    assert len(known.view.members) == 3
    assert [(one.code, one.timestamp_version) for one in known.mirrors] == [
        (None, 1),
        (None, 2),
        ("registry-mirror", None),
    ]


async def test_a_mirror_without_the_files_yields_to_one_that_has_them(tmp_path: Path, office: Office) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(office.mirror, bare)
    shutil.rmtree(bare / "targets")
    assert len((await reader(tmp_path, office, bare, office.mirror).refresh(NOW)).view.members) == 2


Damage = Callable[[Path], None]


def change_target(mirror: Path) -> None:
    path = next((mirror / "targets" / "members").glob("*gb-iwf.json"))
    path.write_bytes(path.read_bytes().replace(b"active", b"inactiv"[:6]))


def lose_targets(mirror: Path) -> None:
    shutil.rmtree(mirror / "targets" / "members")


def change_list(mirror: Path) -> None:
    path = mirror / "metadata" / "1.targets.json"
    path.write_bytes(path.read_bytes().replace(b"gb-iwf", b"gb-ivf"))


def change_timestamp(mirror: Path) -> None:
    path = mirror / "metadata" / "timestamp.json"
    value = json.loads(path.read_bytes())
    value["signed"]["version"] = 99
    path.write_text(json.dumps(value))


def garble_timestamp(mirror: Path) -> None:
    (mirror / "metadata" / "timestamp.json").write_bytes(b"[" * 10_000)


def bloat_timestamp(mirror: Path) -> None:
    (mirror / "metadata" / "timestamp.json").write_bytes(b" " * 100_000)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (change_target, "registry-hash"),
        (lose_targets, "registry-mirror"),
        (change_list, "registry-hash"),
        (change_timestamp, "registry-signature"),
        (garble_timestamp, "registry-malformed"),
        (bloat_timestamp, "registry-length"),
    ],
)
async def test_whatever_a_mirror_changes_is_noticed(
    tmp_path: Path, office: Office, damage: Damage, code: str
) -> None:
    registry = reader(tmp_path, office)
    damage(office.mirror)
    with pytest.raises(ExchangeError) as error:
        await registry.refresh(NOW)
    assert error.value.code == code


async def test_one_key_under_two_ids_does_not_make_a_quorum(tmp_path: Path) -> None:
    """A root that a quorum was talked into: its second "person" is the first one's key under another id."""
    office = Office(tmp_path / "mirror")
    office.publish(targets_of(TWO))
    thief = office.admins[0]
    assert thief.offline is not None
    public = thief.offline.public_key
    alias = SSlibKey("a" * 64, public.keytype, public.scheme, dict(public.keyval))
    root = Metadata[Root].from_bytes(office.root)
    root.signed.version = 2
    root.signed.add_key(alias, Root.type)
    root.signed.add_key(alias, "targets")
    sign(root, office.admins[:2])
    root.sign(CryptoSigner(thief.offline._private_key, alias), append=True)
    (office.mirror / "metadata" / "2.root.json").write_bytes(root.to_bytes())
    registry = reader(tmp_path, office)
    assert await refused(registry) == "registry-key-id"
    lone = Metadata[Root].from_bytes(root.to_bytes())
    lone.signed.version = 3
    lone.signed.revoke_key("a" * 64, Root.type)
    lone.signed.revoke_key("a" * 64, "targets")
    sign(lone, [thief])
    lone.sign(CryptoSigner(thief.offline._private_key, alias), append=True)
    (office.mirror / "metadata" / "3.root.json").write_bytes(lone.to_bytes())
    assert (await refused(registry)).startswith("registry-")


async def test_two_contents_under_one_version_are_a_split_view(tmp_path: Path) -> None:
    admins = [generate(name) for name in ("anna", "bert", "cleo")]
    one, other = Office(tmp_path / "one", admins=admins), Office(tmp_path / "other", admins=admins)
    assert one.root == other.root
    one.publish(targets_of(TWO))
    other.publish(targets_of(THREE))
    both = await reader(tmp_path, one, one.mirror, other.mirror).refresh(NOW)
    assert both.split
    assert not (await reader(tmp_path / "b", one).refresh(NOW)).split
    assert await refused(reader(tmp_path / "b", one, other.mirror)) == "registry-split"


async def test_another_bootstrap_root_starts_from_nothing(tmp_path: Path, office: Office) -> None:
    await reader(tmp_path, office).refresh(NOW)
    foreign = Office(tmp_path / "foreign")
    assert await reader(tmp_path, foreign).last_good(NOW) is None
    assert await reader(tmp_path, office).last_good(NOW) is not None
    garbage = reader(tmp_path, office, bootstrap=b"not a root")
    assert await refused(garbage) == "registry-malformed"


def lose_copy(node: Path) -> None:
    next(node.rglob("last-good.json")).unlink()


def cut_copy(node: Path) -> None:
    path = next(node.rglob("last-good.json"))
    path.write_bytes(path.read_bytes()[:100])


def empty_copy(node: Path) -> None:
    next(node.rglob("last-good.json")).write_bytes(b"{}")


def garble_list(node: Path) -> None:
    path = next(node.rglob("last-good.json"))
    value = json.loads(path.read_bytes())
    path.write_text(json.dumps({**value, "targets": b"{}".hex()}))


def lose_file(node: Path) -> None:
    next((next(node.iterdir()) / "targets").iterdir()).unlink()


def change_file(node: Path) -> None:
    next((next(node.iterdir()) / "targets").iterdir()).write_bytes(b"{}")


@pytest.mark.parametrize(
    "damage", [lose_copy, cut_copy, empty_copy, garble_list, lose_file, change_file], ids=lambda f: f.__name__
)
async def test_a_damaged_copy_counts_as_absent_and_heals(
    tmp_path: Path, office: Office, damage: Damage
) -> None:
    await reader(tmp_path, office).refresh(NOW)
    damage(tmp_path / "node")
    registry = reader(tmp_path, office)
    assert await registry.last_good(NOW) is None
    assert len((await registry.refresh(NOW)).view.members) == 2
    healed = await reader(tmp_path, office).last_good(NOW)
    assert healed is not None


async def test_a_disk_that_cannot_be_written_is_not_the_mirror_s_fault(
    tmp_path: Path, office: Office
) -> None:
    (tmp_path / "node").write_text("a file where the directory should be")
    with pytest.raises(Unavailable) as error:
        await reader(tmp_path, office).refresh(NOW)
    assert error.value.code == "registry-disk"


async def test_the_copy_is_on_disk_or_the_refresh_fails(tmp_path: Path, office: Office) -> None:
    await reader(tmp_path, office).refresh(NOW)
    place = next((tmp_path / "node").rglob("last-good.json"))
    place.unlink()
    place.mkdir()
    (place / "x").touch()
    with pytest.raises(Unavailable) as error:
        await reader(tmp_path, office).refresh(NOW)
    assert error.value.code == "registry-disk"


async def test_one_bad_file_is_left_out_and_reported(tmp_path: Path, office: Office) -> None:
    office.publish({**targets_of(TWO), "members/de-x.json": b"{}", "odd/file.json": b"{}"})
    known = await reader(tmp_path, office).refresh(NOW)
    assert set(known.view.members) == {"gb-iwf"}
    assert {problem.pointer.partition("#")[0] for problem in known.left_out} == {
        "members/de-x.json",
        "odd/file.json",
        "countries/DE.json",
    }


async def test_a_registry_without_its_network_file_is_refused(tmp_path: Path, office: Office) -> None:
    registry = reader(tmp_path, office)
    view = (await registry.refresh(NOW)).view
    files = targets_of(THREE)
    del files["network.json"]
    office.publish(files)
    assert await refused(registry) == "registry-network"
    kept = await registry.last_good(NOW)
    assert kept is not None
    assert kept.view is view


async def test_a_list_without_hashes_is_refused(tmp_path: Path, office: Office) -> None:
    registry = reader(tmp_path, office)
    publish = office.publish(targets_of(THREE))
    path = office.mirror / "metadata" / f"{publish.targets_version}.targets.json"
    value = json.loads(path.read_bytes())
    for info in value["signed"]["targets"].values():
        info["hashes"] = {"sha512": "00"}
    republish(office, json.dumps(value).encode(), publish.targets_version)
    assert await refused(registry) == "registry-malformed"


def republish(office: Office, targets: bytes, version: int) -> None:
    """Sign any list with the real keys: what a quorum can do, and a careless tool does."""
    metadata = Metadata.from_bytes(targets)
    metadata.signatures.clear()
    for admin in office.admins[:2]:
        assert admin.offline is not None
        metadata.sign(admin.offline, append=True)
    data = metadata.to_bytes()
    folder = office.mirror / "metadata"
    (folder / f"{version}.targets.json").write_bytes(data)
    timestamp = Metadata[Timestamp].from_file(str(folder / "timestamp.json"))
    snapshot_path = folder / f"{timestamp.signed.snapshot_meta.version}.snapshot.json"
    snapshot = Metadata.from_file(str(snapshot_path))
    info = snapshot.signed.meta["targets.json"]
    info.length, info.hashes = None, None
    snapshot.sign(office.admins[0].daily)
    snapshot.to_file(str(snapshot_path))
    timestamp.signed.snapshot_meta.length, timestamp.signed.snapshot_meta.hashes = None, None
    timestamp.sign(office.admins[0].daily)
    timestamp.to_file(str(folder / "timestamp.json"))
