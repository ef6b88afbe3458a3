"""The registry's past is kept, can be asked for, and is what its roots stand behind."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from securesystemslib.signer import Signer
from support.keys import NOW, member
from support.registry import Office, schemas, targets_of
from tuf.api.metadata import Metadata, Root, Targets

from exchange.client import evidence_chain, registry_copy
from exchange.client.evidence_chain import signed_under
from exchange.client.registry import Registry
from exchange.client.registry_history import History
from exchange.client.registry_past import Archive, Past
from exchange.core import evidence_parts
from exchange.core.evidence import Evidence
from exchange.core.evidence_report import Verdict
from exchange.core.evidence_statement import Statement, Subject
from exchange.core.manifest import RegistryMark
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.errors import Refused, Unavailable
from exchange.registrar.admins import Admin, generate

DAY = 86400
MEMBERS = [member("de-x"), member("gb-iwf")]
WANTED = ["members/de-x.json", "members/gb-iwf.json"]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "mirror")
    made.publish(targets_of(MEMBERS))
    return made


def registry(place: Path, office: Office, *mirrors: Path) -> Registry:
    return Registry(place, office.root, [str(one) for one in mirrors or (office.mirror,)], schemas())


def archive(place: Path, office: Office, *mirrors: Path) -> Archive:
    return Archive(place, office.root, [str(one) for one in mirrors or (office.mirror,)])


def spoken(office: Office, *languages: str, now: int = NOW) -> None:
    """Publish the registry with another content."""
    office.publish(targets_of([replace(MEMBERS[0], languages=languages), *MEMBERS[1:]]), now=now)


def list_of(office: Office, version: int) -> bytes:
    return (office.mirror / "metadata" / f"{version}.targets.json").read_bytes()


def signed(root: Metadata[Root], *signers: Signer | None) -> bytes:
    root.signatures.clear()
    for signer in signers:
        assert signer is not None
        root.sign(signer, append=True)
    return root.to_bytes()


def rotate(office: Office, admins: list[Admin]) -> bytes:
    """A second root, under which `admins` sign lists and daily files; the first ones keep the root."""
    root = Metadata[Root].from_bytes(office.root)
    root.signed.version = 2
    for role in (Targets.type, "snapshot", "timestamp"):
        for keyid in list(root.signed.roles[role].keyids):
            root.signed.revoke_key(keyid, role)
    for admin in admins:
        root.signed.add_key(admin.public.offline, Targets.type)
        for role in ("snapshot", "timestamp"):
            root.signed.add_key(admin.public.daily, role)
    data = signed(root, *(admin.offline for admin in office.admins[:2]))
    (office.mirror / "metadata" / "2.root.json").write_bytes(data)
    office.admins = admins
    return data


async def test_every_state_that_was_gone_by_is_kept(tmp_path: Path, office: Office) -> None:
    reader = registry(tmp_path / "n", office)
    await reader.refresh(NOW)
    for count, language in enumerate(("fr", "nl"), start=1):
        spoken(office, language, now=NOW + count * DAY)
        await reader.refresh(NOW + count * DAY)
    gone = archive(tmp_path / "n", office, tmp_path / "nowhere")
    for version in (1, 2, 3):
        past = await gone.past(version, Digest.of(list_of(office, version)), WANTED)
        assert past is not None
        assert (past.version, past.targets) == (version, list_of(office, version))
        assert past.files.keys() == set(WANTED)
    newest = await gone.newest(WANTED)
    assert (newest.version, newest.roots) == (3, {1: office.root})
    assert json.loads(newest.files["members/de-x.json"])["languages"] == ["nl"]


async def test_a_state_from_before_our_time_is_had_from_a_mirror(tmp_path: Path, office: Office) -> None:
    spoken(office, "fr")
    spoken(office, "nl")
    await registry(tmp_path / "n", office).refresh(NOW)
    first = list_of(office, 1)
    asked = archive(tmp_path / "n", office, tmp_path / "dead", office.mirror)
    past = await asked.past(1, Digest.of(first), WANTED)
    assert past is not None
    assert past.targets == first
    assert json.loads(past.files["members/de-x.json"])["languages"] == ["en"]
    shutil.rmtree(office.mirror)
    assert await asked.past(1, Digest.of(first), WANTED) == past, "it is kept from then on"


async def test_a_mirror_cannot_invent_a_past(tmp_path: Path, office: Office) -> None:
    spoken(office, "fr")
    await registry(tmp_path / "n", office).refresh(NOW)
    asked = archive(tmp_path / "n", office)
    thief = Office(tmp_path / "thief")
    thief.publish(targets_of([replace(MEMBERS[0], languages=("xx",))]))
    place = office.mirror / "metadata" / "1.targets.json"
    forged = list_of(thief, 1)
    place.write_bytes(forged)
    assert await asked.past(1, Digest.of(forged), WANTED) is None, "no root of ours stands behind it"
    assert await asked.past(1, Digest.of(b""), WANTED) is None, "it is not what was asked for"
    place.write_bytes(b"{}")
    assert await asked.past(3, Digest.of(b"{}"), WANTED) is None


async def test_a_list_under_another_version_is_not_that_version(tmp_path: Path, office: Office) -> None:
    spoken(office, "fr")
    spoken(office, "nl")
    await registry(tmp_path / "n", office).refresh(NOW)
    (office.mirror / "metadata" / "1.targets.json").write_bytes(list_of(office, 2))
    assert await archive(tmp_path / "n", office).past(1, Digest.of(list_of(office, 2)), WANTED) is None


async def test_a_file_of_another_hash_is_not_taken(tmp_path: Path, office: Office) -> None:
    await registry(tmp_path / "n", office).refresh(NOW)
    for kept in (tmp_path / "n").glob("*/targets/*"):
        kept.write_bytes(b"{}")
    [path] = (office.mirror / "targets" / "members").glob("*.gb-iwf.json")
    path.write_bytes(b"{}")
    assert (await archive(tmp_path / "n", office).newest(WANTED)).files.keys() == {"members/de-x.json"}
    assert (await archive(tmp_path / "n", office).newest(["members/fr-no.json"])).files == {}


async def test_the_nearest_later_state_is_found(tmp_path: Path, office: Office) -> None:
    reader = registry(tmp_path / "n", office)
    for language in ("aa", "bb", "cc"):
        spoken(office, language)
        await reader.refresh(NOW)
    asked = archive(tmp_path / "n", office)

    async def version(of: int) -> int | None:
        found: Past | None = await asked.after(of, ())
        return None if found is None else found.version

    assert [await version(of) for of in (1, 2, 3, 4, 5)] == [2, 2, 3, 4, None]


async def test_before_the_first_look_there_is_nothing(tmp_path: Path, office: Office) -> None:
    with pytest.raises(Unavailable) as caught:
        await archive(tmp_path / "n", office).newest(WANTED)
    assert caught.value.code == "registry-missing"
    assert await archive(tmp_path / "n", office).after(1, ()) is None
    assert await archive(tmp_path / "n", office, tmp_path / "x").past(1, Digest.of(b""), ()) is None


async def test_two_contents_of_one_version_are_both_kept(tmp_path: Path) -> None:
    admins = [generate(name) for name in ("anna", "bert", "cleo")]
    one, other = Office(tmp_path / "one", admins=admins), Office(tmp_path / "other", admins=admins)
    one.publish(targets_of(MEMBERS))
    other.publish(targets_of(MEMBERS[:1]))
    await registry(tmp_path / "n", one).refresh(NOW)
    other.publish(targets_of(MEMBERS[:1]), now=NOW + DAY)
    await registry(tmp_path / "n", one, one.mirror, other.mirror).refresh(NOW + DAY)
    asked = archive(tmp_path / "n", one, tmp_path / "nowhere")
    for office in (one, other):
        assert await asked.past(1, Digest.of(list_of(office, 1)), ()) is not None
    assert await asked.published("metadata/1.targets.json") == list_of(one, 1), "the one we go by"


async def test_a_history_that_was_lost_heals(tmp_path: Path, office: Office) -> None:
    reader = registry(tmp_path / "n", office)
    await reader.refresh(NOW)
    [history] = (tmp_path / "n").glob("*/history")
    shutil.rmtree(history)
    assert not (await reader.refresh(NOW)).changed
    assert await archive(tmp_path / "n", office).published("metadata/timestamp.json") is not None
    next(history.glob("*.targets.json")).write_bytes(b"damaged")
    damaged = archive(tmp_path / "n", office, tmp_path / "nowhere")
    assert await damaged.past(1, Digest.of(list_of(office, 1)), ()) is None
    assert await damaged.after(1, ()) is None
    digest = Digest.of(targets_of(MEMBERS)["network.json"])
    assert await damaged.published(f"targets/{digest}.network.json") is None
    (history / "1.root.json").unlink()
    (history / "x.root.json").write_bytes(b"")
    assert History(history.parent).roots() == {}


async def test_a_list_in_the_history_that_is_none_lists_nothing(tmp_path: Path, office: Office) -> None:
    await registry(tmp_path / "n", office).refresh(NOW)
    own = registry_copy.own(tmp_path / "n", Digest.of(office.root))
    History(own).keep_list(9, b"{}")
    assert not History(own).lists("network.json", Digest.of(b""))


async def test_a_list_of_former_administrators_counts_under_their_root(
    tmp_path: Path, office: Office
) -> None:
    reader = registry(tmp_path / "n", office)
    await reader.refresh(NOW)
    first = list_of(office, 1)
    second_root = rotate(office, [generate("dora"), generate("emil")])
    spoken(office, "fr")
    await reader.refresh(NOW)
    newest = await archive(tmp_path / "n", office).newest(())
    assert (newest.version, newest.roots) == (2, {1: office.root, 2: second_root})
    chain = tuple(newest.roots.values())
    assert signed_under(chain, first).signed.version == 1
    assert signed_under(chain, newest.targets).signed.version == 2
    with pytest.raises(Refused):
        signed_under(chain[1:], first)


def evidence(roots: dict[int, bytes], then: bytes, newest: bytes, made_at: int = NOW) -> Evidence:
    """As much of an evidence file as the registry's part looks at."""
    parts = {evidence_parts.root(version): data for version, data in roots.items()}
    parts |= {evidence_parts.IN_FORCE: then, evidence_parts.NEWEST: newest}
    ends = MemberId("de-x"), MemberId("gb-iwf")
    document = DocumentId("019b76da-a800-7000-8000-000000000001")
    subject = Subject(*ends, document, "referral/1", Digest.of(b""))
    return Evidence(Statement(ends[0], made_at, subject, ()), b"", parts)


async def test_a_pinned_root_decides_from_where_on_the_chain_counts(tmp_path: Path, office: Office) -> None:
    first = list_of(office, 1)
    second_root = rotate(office, [generate("dora"), generate("emil")])
    spoken(office, "fr")
    second = list_of(office, 2)
    given = evidence({1: office.root, 2: second_root}, first, second)
    mark = RegistryMark(1, Digest.of(first))
    cases = [(None, Verdict.OK), (office.root, Verdict.OK), (second_root, Verdict.DOUBTFUL)]
    for root, verdict in cases:
        pinned = None if root is None else evidence_chain.pinned_root(root)
        chain = evidence_chain.roots(given.parts, pinned)
        assert chain.step.verdict is Verdict.OK
        assert evidence_chain.in_force(given, chain, mark).step.verdict is verdict
        assert evidence_chain.newest(given, chain.roots).step.verdict is Verdict.OK
    foreign = evidence_chain.pinned_root(Office(tmp_path / "foreign").root)
    assert evidence_chain.roots(given.parts, foreign).step.verdict is Verdict.BROKEN
    for roots in ({1: office.root, 3: second_root}, {1: office.root, 2: office.root}, {2: second_root}):
        broken = evidence_chain.roots(evidence(roots, first, second).parts, None).step
        assert broken.verdict is (Verdict.OK if len(roots) == 1 else Verdict.BROKEN)


async def test_the_newest_list_needs_the_newest_root(office: Office) -> None:
    first = list_of(office, 1)
    second_root = rotate(office, [generate("dora"), generate("emil")])
    given = evidence({1: office.root, 2: second_root}, first, first)
    chain = evidence_chain.roots(given.parts, None)
    assert evidence_chain.newest(given, chain.roots).step.verdict is Verdict.BROKEN


async def test_a_list_in_force_is_the_one_that_was_named_or_a_later_one(office: Office) -> None:
    spoken(office, "fr")
    lists = {version: list_of(office, version) for version in (1, 2)}
    given = evidence({1: office.root}, lists[2], lists[2])
    chain = evidence_chain.roots(given.parts, evidence_chain.pinned_root(office.root))
    cases = [
        (RegistryMark(2, Digest.of(lists[2])), Verdict.OK),
        (RegistryMark(1, Digest.of(lists[1])), Verdict.NOT_SHOWN),
        (RegistryMark(2, Digest.of(b"another")), Verdict.NOT_SHOWN),
        (RegistryMark(3, Digest.of(b"newer")), Verdict.NOT_SHOWN),
        (None, Verdict.BROKEN),
    ]
    for mark, verdict in cases:
        assert evidence_chain.in_force(given, chain, mark).step.verdict is verdict
    forged = evidence({1: office.root}, b"{}", lists[2])
    assert evidence_chain.in_force(forged, chain, cases[0][0]).step.verdict is Verdict.BROKEN


def test_a_strangers_request_costs_the_same_however_long_the_history_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists are read once, none for a file that is not here; what is kept later is known without a look."""
    history = History(tmp_path)
    (tmp_path / "history").mkdir()
    for number in range(1, 301):
        data = b"{}%d" % number
        (tmp_path / "history" / f"{number}.{Digest.of(data)}.targets.json").write_bytes(data)
    read: list[str] = []
    whole = History.metadata
    monkeypatch.setattr(History, "metadata", lambda self, name: read.append(name) or whole(self, name))
    assert not history.has(Digest("0" * 64))
    assert read == []
    for _ in range(10):
        assert not history.lists("network.json", Digest("0" * 64))
    assert len(read) == 300
    monkeypatch.setattr(Path, "glob", None)
    history.keep_list(301, b"{}")
    assert history.versions()[-1] == (301, Digest.of(b"{}"))
    assert history.digests(301) == [Digest.of(b"{}")]
    assert history.digests(302) == []
    del read[:]
    assert not history.lists("network.json", Digest("0" * 64))
    assert len(read) == 1


async def test_many_at_once_index_the_history_once(tmp_path: Path, office: Office) -> None:
    await registry(tmp_path / "n", office).refresh(NOW)
    reader = archive(tmp_path / "n", office)
    digest = Digest.of(targets_of(MEMBERS)["network.json"])
    names = [f"targets/{digest}.network.json", f"targets/{digest}.other.json"] * 20
    found = await asyncio.gather(*map(reader.published, names))
    assert [data is not None for data in found] == [True, False] * 20
