"""Hostile mirrors, stolen keys and a hostile minority of administrators, each against a real node's registry.

What they can do is in the names: delay, never decide. More of it is in test_registry.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical
from support.forged_registry import Change, Forge
from support.keys import NOW, member, member_keys
from support.registry import schemas, targets_of
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, TargetFile, Targets

from exchange.client.registry import Known, Registry
from exchange.core.registry_view import HttpRecord, MemberStatus
from exchange.errors import ExchangeError, Refused

DAY = 86400
YEAR = 365 * DAY
HUGE = 2**31
TWO = [member("de-x"), member("gb-iwf")]
FILES = targets_of(TWO)
SUSPENDED = targets_of([TWO[0], replace(TWO[1], status=MemberStatus.SUSPENDED)])
MORE = targets_of([*TWO, member("fr-pdc")])


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    made = Forge(tmp_path / "mirror")
    made.publish(FILES)
    return made


def node(forge: Forge, *mirrors: Path) -> Registry:
    """A node that has just started: all that it knows is on its disk."""
    shown = [str(one) for one in mirrors or (forge.mirror,)]
    return Registry(forge.mirror.parent / "node", forge.pinned, shown, schemas())


async def refresh(forge: Forge, *mirrors: Path, now: int = NOW) -> Known:
    return await node(forge, *mirrors).refresh(now)


async def refused(forge: Forge, *mirrors: Path, now: int = NOW) -> str:
    with pytest.raises(Refused) as error:
        await node(forge, *mirrors).refresh(now)
    return error.value.code


async def knows(forge: Forge, now: int = NOW) -> Known:
    known = await node(forge).last_good(now)
    assert known is not None
    return known


def copied(forge: Forge, name: str) -> Path:
    """A mirror that stands still from now on."""
    return Path(shutil.copytree(forge.mirror, forge.mirror.parent / name))


Attack = Callable[[Forge], object]


def twice(forge: Forge) -> None:
    forge.publish(MORE, 2)
    forge.edit("timestamp.json", lambda value: value["signatures"].append(value["signatures"][0]))


def padded(forge: Forge) -> None:
    """One real signature, and one with the second administrator's id and nothing behind it."""
    data = Metadata[Targets].from_bytes(forge.targets(MORE, 2, by=(0, 1)))
    second = forge.offline(1)[0].public_key.keyid
    data.signatures[second].signature = data.signatures[forge.offline(0)[0].public_key.keyid].signature
    (forge.metadata / "2.targets.json").write_bytes(data.to_bytes())
    forge.lead(2)


SIGNERS: dict[str, tuple[Attack, str]] = {
    "a list by one administrator": (lambda f: f.publish(MORE, 2, by=(0,)), "registry-signature"),
    "a list by nobody": (lambda f: f.publish(MORE, 2, by=()), "registry-signature"),
    "a list by one administrator and a stranger": (
        lambda f: f.publish(MORE, 2, by=(0, 5)),
        "registry-signature",
    ),
    "one signature under two administrators' ids": (padded, "registry-signature"),
    "a timestamp by a stranger": (lambda f: f.publish(MORE, 2, daily=5), "registry-signature"),
    "a timestamp by an offline key": (
        lambda f: f.people.__setitem__(0, f.people[0][::-1]) or f.lead(1, snapshot=2),
        "registry-signature",
    ),
    "a root by one administrator": (lambda f: f.root(2, (0, 3, 4), by=(0, 3, 4)), "registry-signature"),
    "the daily signature twice": (twice, "registry-malformed"),
}


@pytest.mark.parametrize(("attack", "code"), SIGNERS.values(), ids=SIGNERS)
async def test_fewer_than_a_quorum_changes_nothing(forge: Forge, attack: Attack, code: str) -> None:
    await refresh(forge)
    attack(forge)
    assert await refused(forge) == code
    assert set((await knows(forge)).view.members) == {"de-x", "gb-iwf"}


async def test_one_signature_that_stands_twice_is_no_quorum_though_its_hash_is_right(forge: Forge) -> None:
    """The thief of a daily key leads to a list with one administrator's signature, written twice."""
    forge.targets(MORE, 2, by=(0,))
    forge.edit("2.targets.json", lambda value: value["signatures"].append(value["signatures"][0]))
    forge.lead(2)
    assert await refused(forge) == "registry-malformed"


def name_twice(root: Any) -> None:
    root.roles["root"].keyids = [root.roles["root"].keyids[0]] * 2


async def test_a_root_that_names_one_key_twice_is_refused(forge: Forge) -> None:
    forge.root(2, change=name_twice)
    assert await refused(forge) == "registry-malformed"


async def test_a_new_administrator_counts_and_a_revoked_one_does_not(forge: Forge) -> None:
    await refresh(forge)
    forge.root(2, (1, 2, 3), by=(1, 2))
    forge.publish(MORE, 2, by=(0, 1), daily=1)
    assert await refused(forge) == "registry-signature", "he signs a list"
    forge.publish(MORE, 3, by=(1, 3), daily=0)
    assert await refused(forge) == "registry-signature", "he signs a timestamp"
    forge.root(3, (0, 1, 2), by=(0, 1))
    forge.publish(MORE, 4, by=(1, 3), daily=1)
    assert await refused(forge) == "registry-signature", "he signs a root"
    (forge.metadata / "3.root.json").unlink()
    assert len((await refresh(forge)).view.members) == 3


@pytest.mark.parametrize("by", [(3, 4), (3, 4, 5), (0, 3, 4), (0, 1)])
async def test_a_root_needs_a_quorum_of_the_old_and_of_the_new(forge: Forge, by: Sequence[int]) -> None:
    await refresh(forge)
    forge.root(2, (3, 4, 5), by=by)
    assert await refused(forge) == "registry-signature"
    forge.root(2, (3, 4, 5), by=(0, 1, 3, 4))
    forge.publish(MORE, 2, by=(4, 5), daily=3)
    assert len((await refresh(forge)).view.members) == 3


async def test_no_root_is_skipped(forge: Forge) -> None:
    await refresh(forge)
    forge.root(3, (3, 4, 5), by=(0, 1, 3, 4))
    forge.publish(MORE, 2, by=(4, 5), daily=3)
    assert await refused(forge) == "registry-signature", "the third root is not even looked at"
    shutil.copy(forge.metadata / "3.root.json", forge.metadata / "2.root.json")
    assert await refused(forge) == "registry-rollback"


async def test_a_node_that_was_off_for_years_walks_the_chain_of_roots_that_have_all_expired(
    tmp_path: Path,
) -> None:
    forge = Forge(tmp_path / "mirror")
    forge.publish(FILES)
    await refresh(forge)
    for version in range(2, 8):
        forge.now = NOW + (version - 1) * YEAR
        forge.root(version, (0, 1 + version % 5, version % 5 or 5), by=(0, version % 5 or 5))
    forge.publish(MORE, 40, by=(0, 3), daily=0)
    later = forge.now + DAY
    known = await refresh(forge, now=later)
    assert len(known.view.members) == 3
    for version in range(2, 8):
        (forge.metadata / f"{version}.root.json").unlink()
    fresh = Registry(tmp_path / "new", forge.pinned, [str(forge.mirror)], schemas())
    with pytest.raises(Refused) as error:
        await fresh.refresh(later)
    assert error.value.code == "registry-expired", "a mirror that hides the chain shows nothing"


async def test_a_registry_under_an_expired_root_is_refused(forge: Forge) -> None:
    await refresh(forge)
    forge.now += 400 * DAY
    forge.publish(MORE, 2)
    assert await refused(forge, now=forge.now) == "registry-expired"


ROLLBACKS: dict[str, Attack] = {
    "an older timestamp": lambda f: f.publish(SUSPENDED, 3, timestamp=4),
    "an older snapshot": lambda f: f.lead(3, snapshot=4, timestamp=9),
    "an older list": lambda f: (f.targets(FILES, 2), f.lead(2, snapshot=9)),
}


@pytest.mark.parametrize("attack", ROLLBACKS.values(), ids=ROLLBACKS)
async def test_each_role_alone_cannot_go_back(forge: Forge, attack: Attack) -> None:
    """Even by a daily key that was stolen."""
    forge.publish(SUSPENDED, 3, snapshot=5, timestamp=5)
    await refresh(forge)
    attack(forge)
    assert await refused(forge) == "registry-rollback"


async def test_a_thief_of_a_daily_key_with_a_mirror_of_his_own_cannot_bring_back_an_old_list(
    forge: Forge,
) -> None:
    his = Forge(forge.mirror.parent / "his", root=False)
    his.people = forge.people
    his.publish(FILES, 1, snapshot=50)
    forge.publish(SUSPENDED, 2)
    await refresh(forge)
    assert await refused(forge, his.mirror) == "registry-rollback"
    known = await refresh(forge, his.mirror, forge.mirror)
    assert known.view.members[TWO[1].id].status is MemberStatus.SUSPENDED


@pytest.mark.parametrize("people", [(0, 1, 2), (0, 1, 3)])
async def test_a_new_root_is_no_leave_to_bring_back_an_old_list(forge: Forge, people: Sequence[int]) -> None:
    """A mirror that was never looked at shows the newest root beside last week's timestamp: all of it is
    signed and none has expired, and the suspended member would be back.
    """
    stale = copied(forge, "stale")
    forge.publish(SUSPENDED, 2)
    await refresh(forge)
    forge.root(2, people)
    shutil.copy(forge.metadata / "2.root.json", stale / "metadata" / "2.root.json")
    assert await refused(forge, stale) == "registry-rollback"
    known = await refresh(forge, stale, forge.mirror)
    assert known.view.members[TWO[1].id].status is MemberStatus.SUSPENDED


async def test_a_freeze_lasts_until_the_timestamp_expires_and_no_longer(forge: Forge) -> None:
    frozen = copied(forge, "frozen")
    await refresh(forge, frozen)
    forge.publish(SUSPENDED, 2)
    for days in (1, 7, 13):
        known = await refresh(forge, frozen, now=NOW + days * DAY)
        assert (known.changed, known.view.version) == (False, 1)
    assert await refused(forge, frozen, now=NOW + 14 * DAY) == "registry-expired"


async def test_a_frozen_mirror_beside_a_fresh_one_freezes_nobody(forge: Forge) -> None:
    frozen = copied(forge, "frozen")
    await refresh(forge, frozen)
    forge.publish(SUSPENDED, 2)
    known = await refresh(forge, frozen, forge.mirror)
    assert known.view.members[TWO[1].id].status is MemberStatus.SUSPENDED


@pytest.mark.parametrize("other_mirror", [False, True])
@pytest.mark.parametrize("number", [{"timestamp": HUGE}, {"snapshot": HUGE}], ids=str)
async def test_a_fast_forward_by_a_stolen_daily_key_ends_with_a_root_that_revokes_it(
    forge: Forge, number: dict[str, int], other_mirror: bool
) -> None:
    """TUF specification 5.3.11. Until then nothing new is learnt, from no mirror."""
    forge.lead(1, daily=2, **number)
    await refresh(forge)
    if other_mirror:
        forge.mirror.rename(forge.mirror.parent / "old")
        forge.mirror = Path(shutil.copytree(forge.mirror.parent / "old", forge.mirror.parent / "other"))
        forge.metadata = forge.mirror / "metadata"
    forge.publish(SUSPENDED, 2, daily=0)
    assert await refused(forge) == "registry-rollback"
    forge.root(2, (0, 1, 2), daily=(0, 1))
    known = await refresh(forge)
    assert known.view.members[TWO[1].id].status is MemberStatus.SUSPENDED
    forge.publish(FILES, 3, daily=1)
    assert (await refresh(forge)).view.version == 3


async def test_a_fast_forward_by_a_stolen_quorum_ends_with_a_root_that_replaces_it(forge: Forge) -> None:
    forge.publish(MORE, HUGE)
    await refresh(forge)
    forge.root(2, (3, 4, 5), by=(0, 1, 3, 4))
    forge.publish(SUSPENDED, 2, by=(3, 4), daily=3)
    assert (await refresh(forge)).view.version == 2


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
async def test_a_version_that_cannot_be_written_down_is_refused_and_forgotten(
    forge: Forge, role: str
) -> None:
    """Beyond 2^53 - 1 our own copy could not be read again."""
    if role != "targets":
        forge.lead(1, **{"snapshot": 3, "timestamp": 3, role: 2**53})
    else:
        forge.publish(MORE, 2**53, snapshot=2)
    assert await refused(forge) == "registry-malformed"
    forge.publish(SUSPENDED, 2)
    assert (await refresh(forge)).view.version == 2
    assert (await knows(forge)).view.version == 2


MIXES: dict[str, tuple[Attack, str]] = {
    "an old snapshot under a new timestamp": (
        lambda f: shutil.copy(f.metadata / "1.snapshot.json", f.metadata / "2.snapshot.json"),
        "registry-hash",
    ),
    "an old list under a new snapshot": (
        lambda f: shutil.copy(f.metadata / "1.targets.json", f.metadata / "2.targets.json"),
        "registry-hash",
    ),
    "an old file under a new list": (
        lambda f: shutil.copy(
            next(f.mirror.glob(f"targets/members/{hash_of(FILES)}.*")),
            f.mirror / "targets" / "members" / f"{hash_of(SUSPENDED)}.gb-iwf.json",
        ),
        "registry-hash",
    ),
    "a file that is shorter than its list says": (
        lambda f: (f.mirror / f"targets/members/{hash_of(SUSPENDED)}.gb-iwf.json").write_bytes(b"{}"),
        "registry-hash",
    ),
    "a file that is longer by one byte": (
        lambda f: (f.mirror / f"targets/members/{hash_of(SUSPENDED)}.gb-iwf.json").write_bytes(
            SUSPENDED["members/gb-iwf.json"] + b"\n"
        ),
        "registry-length",
    ),
}


def hash_of(files: dict[str, bytes]) -> str:
    return TargetFile.from_data("x", files["members/gb-iwf.json"], ["sha256"]).hashes["sha256"]


@pytest.mark.parametrize(("attack", "code"), MIXES.values(), ids=MIXES)
async def test_files_of_two_versions_do_not_mix(forge: Forge, attack: Attack, code: str) -> None:
    await refresh(forge)
    forge.publish(SUSPENDED, 2)
    attack(forge)
    assert await refused(forge) == code
    assert (await knows(forge)).view.version == 1


async def test_files_of_two_versions_do_not_mix_when_nobody_wrote_hashes(forge: Forge) -> None:
    forge.publish(SUSPENDED, 2, hashed=False)
    shutil.copy(forge.metadata / "1.targets.json", forge.metadata / "2.targets.json")
    assert await refused(forge) == "registry-rollback"


def more(files: dict[str, bytes], path: str, **fields: Any) -> dict[str, bytes]:
    return files | {path: json.dumps({**json.loads(files[path]), **fields}).encode()}


@pytest.mark.parametrize("path", ["members/gb-iwf.json", "countries/GB.json"])
async def test_a_file_with_a_field_that_nobody_knows_is_left_out_and_told(forge: Forge, path: str) -> None:
    forge.publish(more(FILES, path, note="x"), 2)
    known = await refresh(forge)
    assert f"{path}#/note" in {problem.pointer for problem in known.left_out}
    assert "de-x" in known.view.members
    assert known.view.destinations("GB") == ()


async def test_a_network_file_with_a_field_that_nobody_knows_leaves_the_last_good_registry(
    forge: Forge,
) -> None:
    await refresh(forge)
    forge.publish(more(MORE, "network.json", note="x"), 2)
    assert await refused(forge) == "registry-network"
    assert (await knows(forge)).view.version == 1


async def test_fields_of_metadata_that_nobody_knows_are_tolerated_as_tuf_says(tmp_path: Path) -> None:
    def change(signed: Any) -> None:
        signed.unrecognized_fields["x-note"] = {"a": [1, "x"]}

    forge = Forge(tmp_path / "mirror", root=False)
    forge.pinned = forge.root(1, change=change)
    forge.publish(FILES, change=change)
    snapshot = (forge.metadata / "1.snapshot.json").read_bytes()
    forge.timestamp(2, 1, snapshot, change=change)
    forge.edit("timestamp.json", lambda value: value.update({"x-note": 1}))
    assert len((await refresh(forge)).view.members) == 2


def delegate(forge: Forge) -> Change:
    signer = forge.daily(0)[0]
    role = DelegatedRole("desk", [signer.public_key.keyid], 1, False, paths=["members/*", "*"])

    def change(listed: Any) -> None:
        del listed.targets["members/gb-iwf.json"]
        listed.delegations = Delegations({signer.public_key.keyid: signer.public_key}, {"desk": role})

    return change


async def test_a_file_that_only_a_delegation_lists_is_no_file_of_the_registry(forge: Forge) -> None:
    forge.publish(FILES, 2, change=delegate(forge))
    infos = {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in MORE.items()}
    desk = Targets(version=1, expires=forge._in(100), targets=infos)
    forge.write("1.desk.json", desk, forge.daily(0))
    known = await refresh(forge)
    assert set(known.view.members) == {"de-x"}
    assert not list((forge.mirror.parent / "node").rglob("*desk*"))


PATHS = [
    "../members/de-y.json",
    "members/../../../de-y.json",
    "members/../network.json",
    "/etc/hosts",
    "//evil.example/members/de-y.json",
    "https://evil.example/members/de-y.json",
    "members/de-y.json?x=1",
    "members/de-y.json\n",
    "members/\x1b[2Jde-y.json",
    "members/de-Y.json",
    "members/de-y",
    "members/%2e%2e/de-y.json",
    "countries/de.json",
    "countries/\u0130T.json",
    "members\\de-y.json",
    "",
    "x" * 5000,
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ascii(path[:40]))
async def test_a_path_that_the_registry_does_not_know_is_told_and_never_fetched(
    forge: Forge, path: str
) -> None:
    """A quorum signed it, or a careless tool: it costs no other member its place, and leads nowhere."""
    listed = {path: TargetFile.from_data(path, b"evil", ["sha256"])}
    forge.publish(FILES, 2, change=lambda signed: signed.targets.update(listed))
    before = {one for one in forge.mirror.parent.rglob("*") if "node" not in one.parts}
    known = await refresh(forge)
    assert len(known.view.members) == 2
    (problem,) = known.left_out
    assert problem.code == "target-unknown"
    assert problem.pointer.isprintable()
    assert len(problem.pointer) < 200
    assert {one for one in forge.mirror.parent.rglob("*") if "node" not in one.parts} == before
    files = next((forge.mirror.parent / "node").glob("*/targets"))
    assert all(len(one.name) == 64 for one in files.iterdir())
    assert len((await knows(forge)).view.members) == 2


async def test_a_file_that_is_listed_as_too_long_is_left_out_unread(forge: Forge) -> None:
    def change(signed: Any) -> None:
        signed.targets["members/gb-iwf.json"].length = 10**12

    forge.publish(FILES, 2, change=change)
    known = await refresh(forge)
    assert set(known.view.members) == {"de-x"}


KEYS = member_keys("gb-iwf")
STOLEN = replace(member("fr-pdc"), http=TWO[1].http)
CLAIMS: dict[str, tuple[dict[str, bytes], str, set[str]]] = {
    "two files claim one id": (
        MORE | {"members/fr-pdc.json": MORE["members/gb-iwf.json"]},
        "file-name",
        {"de-x", "gb-iwf"},
    ),
    "two members claim one key": (targets_of([*TWO, STOLEN]), "key-shared", {"de-x"}),
    "one key signs messages and requests": (
        targets_of(
            [
                TWO[0],
                replace(TWO[1], http=(HttpRecord(KEYS.signing.entry[0], NOW - DAY, NOW + DAY, None),)),
            ]
        ),
        "key-shared",
        {"de-x"},
    ),
}


@pytest.mark.parametrize(("files", "code", "left"), CLAIMS.values(), ids=CLAIMS)
async def test_who_claims_what_is_another_s_or_uses_a_key_twice_is_left_out(
    forge: Forge, files: dict[str, bytes], code: str, left: set[str]
) -> None:
    forge.publish(files, 2)
    known = await refresh(forge)
    assert set(known.view.members) == left
    assert code in {problem.code for problem in known.left_out}


def alias(root: Any) -> None:
    """A quorum was talked into a second id for the first administrator's key."""
    keyid = root.roles["root"].keyids[0]
    root.keys["a" * 64] = root.keys[keyid]
    root.roles["targets"].keyids.append("a" * 64)


async def test_a_bad_root_is_refused_and_a_sound_one_in_its_place_is_believed(forge: Forge) -> None:
    """No new bootstrap is needed: what the node refused it has not kept."""
    await refresh(forge)
    forge.root(2, change=alias)
    forge.publish(MORE, 2)
    for _ in range(2):
        assert await refused(forge) == "registry-key-id"
        assert (await knows(forge)).view.version == 1
    forge.root(3, (3, 4, 5), by=(0, 1, 3, 4))
    assert await refused(forge) == "registry-key-id", "nor is what follows on it believed"
    (forge.metadata / "3.root.json").unlink()
    forge.root(2)
    assert (await refresh(forge)).view.version == 2


ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e308,
    10**400,
    "",
    "x",
    "\ud800",
    "9" * 5000,
    [],
    [[]],
    {},
    {"": 0},
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize("name", ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
async def test_whatever_json_a_mirror_shows_it_harms_itself_alone(
    forge: Forge, name: str, value: Any
) -> None:
    """Every single value of the file becomes `value`, one after the other; the honest mirror goes on."""
    forge.root(2)
    whole = json.loads((forge.metadata / name).read_bytes())
    bad = copied(forge, "bad")
    for changed in replaced(whole, value):
        (bad / "metadata" / name).write_text(json.dumps(changed))
        await harmless(forge, bad)


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json"])
async def test_whatever_json_a_stolen_daily_key_signs_it_harms_its_mirror_alone(
    forge: Forge, name: str, value: Any
) -> None:
    whole = json.loads((forge.metadata / name).read_bytes())
    bad = copied(forge, "bad")
    for changed in replaced(whole["signed"], value):
        try:
            data = encode_canonical(changed).encode()
        except (FormatError, UnicodeEncodeError):
            continue  # nothing that TUF could verify
        signature = forge.daily(0)[0].sign(data).to_dict()
        file = {"signatures": [signature], "signed": changed}
        (bad / "metadata" / name).write_text(json.dumps(file))
        if name != "timestamp.json":
            lead = json.loads((forge.metadata / "timestamp.json").read_bytes())["signed"]
            lead["meta"]["snapshot.json"] = {"version": 1}
            data = encode_canonical(lead).encode()
            file = {"signatures": [forge.daily(0)[0].sign(data).to_dict()], "signed": lead}
            (bad / "metadata" / "timestamp.json").write_text(json.dumps(file))
        await harmless(forge, bad)


async def harmless(forge: Forge, bad: Path) -> None:
    """A node that sees the bad mirror alone knows the same or is told; beside the honest one it goes on."""
    shutil.rmtree(forge.mirror.parent / "node", ignore_errors=True)
    with suppress(ExchangeError):
        assert len((await refresh(forge, bad)).view.members) == 2
        assert len((await knows(forge)).view.members) == 2
    shutil.rmtree(forge.mirror.parent / "node", ignore_errors=True)
    assert len((await refresh(forge, bad, forge.mirror)).view.members) == 2


def replaced(whole: Any, value: Any) -> list[Any]:
    """`whole` with each of its parts in turn replaced by `value`."""
    found = [value]
    parts = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    for key, part in list(parts):
        for changed in replaced(part, value):
            copy = whole.copy()
            copy[key] = changed
            found.append(copy)
    return found
