"""Two administrators who do not know of each other, two commands at once, and files that are there."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest
from support.ceremony import Ceremony
from support.keys import NOW
from support.registry import schemas
from tuf.api.metadata import Metadata

from exchange.client.registry import Registry
from exchange.client.registry_chain import PREVIOUS_FIELD, identity
from exchange.errors import ExchangeError, Refused
from exchange.registrar import draft, files
from exchange.registrar.draft import Draft


@pytest.fixture
def net(tmp_path: Path) -> Ceremony:
    made = Ceremony(tmp_path / "net")
    made.enter()
    made.publish(made.signed(made.draft(), "anna", "ben"))
    return made


def refused(net: Ceremony, one: Draft) -> str:
    with pytest.raises(ExchangeError) as error:
        net.check(one)
    return error.value.code


def test_a_draft_names_the_very_list_that_is_published(net: Ceremony, tmp_path: Path) -> None:
    other = net.copy(tmp_path / "other")
    net.change("network.json", name="One")
    net.publish(net.signed(net.draft(), "anna", "ben"))
    other.change("network.json", name="Another")
    other.publish(other.signed(other.draft(), "carla", "dora"), by="carla")
    other.change("network.json", name="A third")
    one = other.draft()
    assert one.targets is not None
    assert one.targets.signed.unrecognized_fields == {PREVIOUS_FIELD: identity(other.load().targets_data)}
    other.check(one)
    assert refused(net, one) == "draft-version"


@pytest.mark.parametrize("value", [None, "", "0" * 64, 1, []])
def test_a_draft_that_names_no_list_or_another_is_refused(net: Ceremony, value: object) -> None:
    net.change("network.json", name="One")
    one = net.draft()
    assert one.targets is not None
    fields = one.targets.signed.unrecognized_fields
    fields.clear()
    if value is not None:
        fields[PREVIOUS_FIELD] = value
    changed = Draft(None, Metadata(one.targets.signed), one.files, one.registrations)
    assert refused(net, changed) in {"draft-version", "draft-form"}


def test_a_draft_has_no_other_field(net: Ceremony) -> None:
    net.change("network.json", name="One")
    one = net.draft()
    assert one.targets is not None
    one.targets.signed.unrecognized_fields["x-more"] = 1
    with pytest.raises(Refused) as error:
        draft.read(one.to_bytes())
    assert error.value.code == "draft-form"


async def test_a_draft_that_was_given_up_is_published_by_one_administrator_and_no_node_follows(
    net: Ceremony, tmp_path: Path
) -> None:
    net.change("network.json", name="Given up")
    given_up = net.signed(net.draft(), "anna", "ben")
    net.change("network.json", name="Test network")
    kept = net.copy(tmp_path / "annas")
    node = Registry(tmp_path / "node", net.space.root.read_bytes(), [str(tmp_path / "www")], schemas())

    async def serve(one: Ceremony) -> str:
        shutil.copytree(one.space.repository, tmp_path / "www", dirs_exist_ok=True)
        return (await node.refresh(NOW)).view.network.name

    net.change("network.json", name="Instead")
    net.publish(net.signed(net.draft(), "ben", "carla"), by="ben")
    assert await serve(net) == "Instead"
    kept.publish(given_up, by="anna")
    kept.renew("anna")
    with pytest.raises(Refused) as error:
        await serve(kept)
    assert error.value.code == "registry-split"
    known = await node.last_good(NOW)
    assert known is not None
    assert known.view.network.name == "Instead"


def test_a_snapshot_that_is_there_is_not_written_over(net: Ceremony, tmp_path: Path) -> None:
    other = net.copy(tmp_path / "other")
    other.renew("ben", NOW + 60)
    number = other.load().snapshot.signed.version  # type: ignore[union-attr]
    name = f"{number}.snapshot.json"
    folder = net.space.repository / "metadata"
    there = (other.space.repository / "metadata" / name).read_bytes()
    for odd in (there, b"x"):
        (folder / name).write_bytes(odd)
        net.renew("anna", NOW + 90)
        assert (folder / name).read_bytes() == odd
        assert net.load().snapshot.signed.version > number  # type: ignore[union-attr]
        number = net.load().snapshot.signed.version + 1  # type: ignore[union-attr]
        name = f"{number}.snapshot.json"


def test_a_renewal_that_died_takes_the_number_that_it_took(net: Ceremony) -> None:
    folder = net.space.repository / "metadata"
    before = (folder / "timestamp.json").read_bytes()
    net.renew("anna", NOW + 60)
    made = sorted(path.name for path in folder.iterdir())
    (folder / "timestamp.json").write_bytes(before)
    net.renew("anna", NOW + 60)
    assert sorted(path.name for path in folder.iterdir()) == made


def test_two_writers_of_one_file_leave_one_of_both_whole(tmp_path: Path) -> None:
    path, failed = tmp_path / "x.json", []

    def write(letter: bytes) -> None:
        for _ in range(50):
            try:
                files.write_whole(path, letter * 2000)
            except OSError as error:
                failed.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert path.read_bytes() in {b"a" * 2000, b"b" * 2000}
    assert [one.name for one in tmp_path.iterdir()] == ["x.json"]


def test_a_link_that_waits_for_the_next_write_is_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "FR.json"
    victim.write_text("mine")
    (tmp_path / ".FR.json.new").symlink_to(victim)
    path.symlink_to(victim)
    files.write_whole(path, b"{}")
    assert (victim.read_text(), path.read_bytes(), path.is_symlink()) == ("mine", b"{}", False)


def test_a_node_and_a_signer_stay_fast_with_three_hundred_members(tmp_path: Path) -> None:
    net = Ceremony(tmp_path / "net")
    for number in range(300):
        net.enter(f"de-m{number:03}")
    made = net.signed(net.draft(), "anna", "ben")
    began = time.monotonic()
    net.publish(made)
    net.change("network.json", name="Renamed")
    checked = net.check(net.draft())
    assert checked.missing == 2
    assert time.monotonic() - began < 60
