"""Two quorums that do not know of each other, a draft that was given up, and daily parts from wrong clocks:
what a node holds stays as long as the newest root stands behind it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.forged_registry import Forge
from support.keys import NOW, member
from support.registry import Office, schemas, targets_of
from support.succession import succeed

from exchange.client.registry import Known, Registry
from exchange.client.registry_chain import PREVIOUS_FIELD, identity
from exchange.core import limits
from exchange.core.registry_view import MemberStatus
from exchange.errors import Refused
from exchange.registrar.admins import generate

DAY = 86400
TWO = [member("de-x"), member("gb-iwf")]
SUSPENDED = targets_of([TWO[0], replace(TWO[1], status=MemberStatus.SUSPENDED)])
RENAMED = targets_of([replace(TWO[0], name="Renamed"), TWO[1]])


class Split:
    """A node that holds list 2, in which gb-iwf is suspended; `other` went another way after list 1."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.one = Office(place / "one", admins=[generate(name) for name in ("anna", "bert", "cleo")])
        self.one.publish(targets_of(TWO))
        shutil.copytree(self.one.mirror, place / "other")
        self.other = Office.__new__(Office)
        self.other.mirror, self.other.root = place / "other", self.one.root
        self.other.admins = [self.one.admins[2], *self.one.admins[:2]]
        self.one.publish(SUSPENDED)
        self.other.publish(RENAMED)
        self.other.publish(RENAMED)

    async def see(self, *offices: Office) -> Known:
        shown = [str(office.mirror) for office in offices]
        return await Registry(self.place / "node", self.one.root, shown, schemas()).refresh(NOW)

    async def holds(self) -> Known:
        known = await Registry(self.place / "node", self.one.root, [], schemas()).last_good(NOW)
        assert known is not None
        return known


@pytest.fixture
async def split(tmp_path: Path) -> Split:
    made = Split(tmp_path)
    await made.see(made.one)
    return made


def same_version(_: Split) -> None:
    pass


def next_version(split: Split) -> None:
    split.other.publish(targets_of(TWO))


@pytest.mark.parametrize("goes_on", [same_version, next_version])
async def test_a_suspension_is_not_undone_by_a_list_that_was_made_without_it(
    split: Split, goes_on: Callable[[Split], None]
) -> None:
    goes_on(split)
    with pytest.raises(Refused) as error:
        await split.see(split.other)
    assert error.value.code == "registry-split"
    known = await split.see(split.one, split.other)
    assert (known.split, known.view.member("gb-iwf").status) == (True, MemberStatus.SUSPENDED)
    split.one.publish(targets_of([*TWO, member("fr-pdc")]))
    assert len((await split.see(split.one)).view.members) == 3


async def test_the_other_way_is_taken_once_the_root_no_longer_stands_behind_ours(split: Split) -> None:
    split.one.mirror, split.one.admins = split.other.mirror, [split.one.admins[0], *split.one.admins[1:]]
    succeed(split.one, "dora")
    split.one.publish(targets_of(TWO))
    known = await split.see(split.one)
    assert known.view.member("gb-iwf").status is MemberStatus.ACTIVE


async def test_a_signature_more_makes_no_other_list(tmp_path: Path) -> None:
    """Two administrators publish one draft, each with the signatures that they have."""
    forge = Forge(tmp_path / "mirror")
    node = Registry(tmp_path / "node", forge.pinned, [str(forge.mirror)], schemas())
    forge.publish(targets_of(TWO), by=(0, 1))
    await node.refresh(NOW)
    forge.publish(targets_of(TWO), by=(0, 1, 2), snapshot=2)
    known = await node.refresh(NOW)
    assert (known.split, known.mirrors[0].timestamp_version) == (False, 2)
    forge.publish(SUSPENDED, 2, snapshot=3)
    assert (await node.refresh(NOW)).view.version == 2


def test_every_list_names_the_one_before_it(tmp_path: Path) -> None:
    office = Office(tmp_path / "mirror")
    office.publish(targets_of(TWO))
    office.publish(SUSPENDED)
    first, second = ((office.mirror / f"metadata/{n}.targets.json").read_bytes() for n in (1, 2))
    assert f'"{PREVIOUS_FIELD}":""'.encode() in first
    assert f'"{PREVIOUS_FIELD}":"{identity(first)}"'.encode() in second


LONGEST = (limits.REGISTRY_LIFE_SECONDS + limits.REGISTRY_LIFE_SPARE_SECONDS) // DAY


@pytest.mark.parametrize(("days", "good"), [(14, True), (LONGEST, True), (LONGEST + 1, False), (3650, False)])
@pytest.mark.parametrize("part", ["both", "timestamp"])
async def test_a_stolen_daily_key_signs_nothing_for_years_ahead(
    tmp_path: Path, days: int, good: bool, part: str
) -> None:
    forge = Forge(tmp_path / "mirror")
    forge.publish(targets_of(TWO), days=days if part == "both" else 14)
    if part == "timestamp":
        forge.timestamp(2, 1, (forge.metadata / "1.snapshot.json").read_bytes(), days=days)
    node = Registry(tmp_path / "node", forge.pinned, [str(forge.mirror)], schemas())
    if good:
        await node.refresh(NOW)
        return
    with pytest.raises(Refused) as error:
        await node.refresh(NOW)
    assert error.value.code == "registry-life"
    forge.publish(targets_of(TWO), timestamp=3)
    assert (await node.refresh(NOW)).view.version == 1
