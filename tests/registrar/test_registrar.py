"""The administrators' side: a quorum over the same bytes, files that stand whole, keys that never go."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.keys import NOW, member, member_keys, signing_record
from support.registry import NETWORK, Office, schemas, targets_of
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from exchange.core.names import MemberId
from exchange.core.registry_documents import member_to_json, network_to_json
from exchange.errors import Invalid
from exchange.registrar import admins, repository, sources
from exchange.registrar.admins import Admin, generate

DAY = 86400


def code_of(error: pytest.ExceptionInfo[Invalid]) -> str:
    return error.value.code


def make(
    directory: Path, people: list[Admin], signers: list[Admin], root: int = 2, targets: int = 2
) -> bytes:
    return repository.create(
        directory,
        [one.public for one in people],
        signers,
        root_threshold=root,
        targets_threshold=targets,
        now=NOW,
    )


def three() -> list[Admin]:
    return [generate(name) for name in ("anna", "bert", "cleo")]


def read(office: Office, name: str) -> Any:
    return Metadata.from_file(str(office.mirror / "metadata" / name))


def test_the_first_publish_is_complete_and_expires_as_the_protocol_says(tmp_path: Path) -> None:
    office = Office(tmp_path / "mirror")
    done = office.publish(targets_of([member("de-x")]))
    assert done == repository.Published(1, 1, True)
    days = {}
    for name, role in (
        ("1.root.json", Root),
        ("1.targets.json", Targets),
        ("1.snapshot.json", Snapshot),
        ("timestamp.json", Timestamp),
    ):
        metadata = read(office, name)
        assert isinstance(metadata.signed, role)
        days[metadata.signed.type] = (metadata.signed.expires.timestamp() - NOW) / DAY
    assert days == {"root": 400, "targets": 120, "snapshot": 14, "timestamp": 14}
    assert len(read(office, "1.root.json").signatures) == 2
    assert len(read(office, "1.targets.json").signatures) == 2
    assert read(office, "1.root.json").signed.consistent_snapshot
    assert not list(office.mirror.rglob("*.new"))


def test_renewing_needs_one_daily_key_and_touches_no_list(tmp_path: Path) -> None:
    office = Office(tmp_path / "mirror")
    targets = targets_of([member("de-x")])
    office.publish(targets)
    before = (office.mirror / "metadata" / "1.targets.json").read_bytes()
    daily = replace(office.admins[2], offline=None)
    done = repository.publish(office.mirror, targets, [daily], now=NOW + 7 * DAY)
    assert done == repository.Published(1, 2, False)
    assert (office.mirror / "metadata" / "1.targets.json").read_bytes() == before
    late = repository.publish(office.mirror, targets, [daily], now=NOW + 100 * DAY)
    assert late == repository.Published(1, 3, False)
    assert office.publish(targets, now=NOW + 100 * DAY) == repository.Published(2, 4, True)


@pytest.mark.parametrize("signers", [0, 1])
def test_a_change_needs_a_quorum(tmp_path: Path, signers: int) -> None:
    office = Office(tmp_path / "mirror")
    office.publish(targets_of([member("de-x")]))
    with pytest.raises(Invalid) as error:
        repository.publish(office.mirror, targets_of([member("gb-iwf")]), office.admins[:signers], now=NOW)
    assert code_of(error) == "signers"
    assert read(office, "timestamp.json").signed.version == 1
    assert not (office.mirror / "metadata" / "2.targets.json").exists()


def test_strangers_and_repeated_signers_do_not_count(tmp_path: Path) -> None:
    office = Office(tmp_path / "mirror")
    for signers in ([office.admins[0], office.admins[0]], [office.admins[0], generate("mallory")]):
        with pytest.raises(Invalid) as error:
            repository.publish(office.mirror, targets_of([member("de-x")]), signers, now=NOW)
        assert code_of(error) == "signers"


def test_a_publish_that_died_is_repeated_under_the_same_version(tmp_path: Path) -> None:
    office = Office(tmp_path / "mirror")
    office.publish(targets_of([member("de-x")]))
    timestamp = (office.mirror / "metadata" / "timestamp.json").read_bytes()
    office.publish(targets_of([member("gb-iwf")]))
    (office.mirror / "metadata" / "timestamp.json").write_bytes(timestamp)
    again = office.publish(targets_of([member("fr-pdc")]))
    assert again == repository.Published(2, 2, True)


@pytest.mark.parametrize(
    ("root", "targets", "signers", "code"),
    [
        (0, 2, 2, "threshold"),
        (4, 2, 2, "threshold"),
        (2, 4, 2, "threshold"),
        (2, 0, 2, "threshold"),
        (3, 2, 2, "signers"),
    ],
)
def test_a_root_that_cannot_work_is_not_made(
    tmp_path: Path, root: int, targets: int, signers: int, code: str
) -> None:
    people = three()
    with pytest.raises(Invalid) as error:
        make(tmp_path / "mirror", people, people[:signers], root, targets)
    assert code_of(error) == code
    assert not (tmp_path / "mirror").exists()


def test_one_key_is_not_two_people(tmp_path: Path) -> None:
    people = three()
    twice = [*people[:2], replace(people[0], name="other")]
    same = replace(people[2], daily=people[2].offline or people[2].daily)
    for wrong in (twice, [*people[:2], same]):
        with pytest.raises(Invalid) as error:
            make(tmp_path / "mirror", wrong, people)
        assert code_of(error) == "key-twice"


def test_a_registry_is_not_made_over_another(tmp_path: Path) -> None:
    office = Office(tmp_path / "mirror")
    with pytest.raises(Invalid) as error:
        make(office.mirror, office.admins, office.admins)
    assert code_of(error) == "exists"


def test_a_registry_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as error:
        repository.publish(tmp_path, {}, [], now=NOW)
    assert code_of(error) == "registry-missing"
    office = Office(tmp_path / "mirror")
    office.publish(targets_of([member("de-x")]))
    for name, data in (("1.targets.json", b"{}"), ("1.targets.json", office.root), ("1.root.json", b"")):
        (office.mirror / "metadata" / name).write_bytes(data)
        with pytest.raises(Invalid) as error:
            office.publish(targets_of([member("de-x")]))
        assert code_of(error) == "registry-damaged"


def test_keys_are_kept_private_and_found_again(tmp_path: Path) -> None:
    admin = generate("anna")
    place = tmp_path / "anna"
    admins.save(admin, place)
    for name in (admins.OFFLINE, admins.DAILY):
        assert stat.S_IMODE((place / name).stat().st_mode) == 0o600
    assert "PRIVATE" not in (place / admins.PUBLIC).read_text()
    found = admins.load(place)
    assert found.public == admin.public
    assert found.offline is not None
    assert found.offline.sign(b"x").signature == (admin.offline or admin.daily).sign(b"x").signature
    with pytest.raises(Invalid) as error:
        admins.save(admin, place)
    assert code_of(error) == "exists"
    (place / admins.OFFLINE).unlink()
    daily = admins.load(place)
    assert daily.offline is None
    assert admins.load_public(place) == admin.public
    with pytest.raises(Invalid) as error:
        _ = daily.public
    assert code_of(error) == "offline-key"
    with pytest.raises(Invalid):
        admins.save(daily, tmp_path / "other")


def loosen(place: Path) -> None:
    (place / admins.DAILY).chmod(0o640)


def lose(place: Path) -> None:
    (place / admins.DAILY).unlink()


def garble(place: Path) -> None:
    (place / admins.DAILY).write_text("no key")


def swap(place: Path) -> None:
    (place / admins.DAILY).write_bytes((place / admins.OFFLINE).read_bytes())


def lose_public(place: Path) -> None:
    (place / admins.PUBLIC).unlink()


def garble_public(place: Path) -> None:
    (place / admins.PUBLIC).write_text("{}")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (loosen, "file-mode"),
        (lose, "key-missing"),
        (garble, "key-form"),
        (swap, "key-form"),
        (lose_public, "key-missing"),
        (garble_public, "key-form"),
    ],
)
def test_keys_that_are_not_as_they_should_be_are_named(tmp_path: Path, damage: Any, code: str) -> None:
    place = tmp_path / "anna"
    admins.save(generate("anna"), place)
    damage(place)
    with pytest.raises(Invalid) as error:
        admins.load(place)
    assert code_of(error) == code


def fill(directory: Path) -> None:
    sources.add(directory, schemas(), "network", network_to_json(NETWORK))
    sources.add(directory, schemas(), "member", member_to_json(member("gb-iwf")))
    destination = {"member": "gb-iwf", "basis": "hotline", "rank": 1}
    sources.add(directory, schemas(), "country", {"v": 1, "country": "GB", "destinations": [destination]})


def test_reviewable_files_are_what_is_published(tmp_path: Path) -> None:
    fill(tmp_path / "peers")
    targets = sources.read_all(tmp_path / "peers", schemas())
    assert set(targets) == {"network.json", "members/gb-iwf.json", "countries/GB.json"}
    office = Office(tmp_path / "mirror")
    office.publish(targets)
    (name,) = (office.mirror / "targets" / "members").iterdir()
    assert name.read_bytes() == (tmp_path / "peers" / "members" / "gb-iwf.json").read_bytes()


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("member", {"v": 1, "id": "gb-iwf"}, "registry-file"),
        ("member", {"v": 1, "id": "../../x"}, "registry-file"),
        ("member", {}, "registry-file"),
        ("country", {"v": 1, "country": "UK", "destinations": []}, "registry-file"),
        ("network", {"v": 1}, "registry-file"),
        ("virus", {}, "kind"),
    ],
)
def test_a_file_that_is_not_of_its_form_is_not_added(
    tmp_path: Path, kind: str, value: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as error:
        sources.add(tmp_path / "peers", schemas(), kind, value)
    assert code_of(error) == code
    assert not (tmp_path / "peers").exists()


def test_a_wrong_thumbprint_is_not_added(tmp_path: Path) -> None:
    value = member_to_json(member("gb-iwf"))
    value["keys"]["http"][0]["key"]["kid"] = "A" * 43
    with pytest.raises(Invalid) as error:
        sources.add(tmp_path, schemas(), "member", value)
    assert code_of(error) == "jwk"


def test_a_key_is_added_and_never_removed(tmp_path: Path) -> None:
    one = member("gb-iwf")
    newer = signing_record(member_keys("gb-iwf", "2").signing)
    sources.add(tmp_path, schemas(), "member", member_to_json(one))
    both = replace(one, signing=(*one.signing, newer))
    sources.add(tmp_path, schemas(), "member", member_to_json(both))
    with pytest.raises(Invalid) as error:
        sources.add(tmp_path, schemas(), "member", member_to_json(replace(one, signing=(newer,))))
    assert code_of(error) == "key-removed"
    kept = json.loads((tmp_path / "members" / "gb-iwf.json").read_bytes())
    assert len(kept["keys"]["signing"]) == 2


def test_files_that_do_not_fit_each_other_are_not_published(tmp_path: Path) -> None:
    fill(tmp_path)
    thief = replace(member("de-x"), http=member("gb-iwf").http, deputy=MemberId("fr-pdc"))
    sources.add(tmp_path, schemas(), "member", member_to_json(thief))
    with pytest.raises(Invalid) as error:
        sources.read_all(tmp_path, schemas())
    assert code_of(error) == "registry-sources"
    assert {problem.code for problem in error.value.problems} == {"key-shared", "member-unknown"}


def test_sources_without_a_network_file_are_not_published(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "network.json").unlink()
    with pytest.raises(Invalid) as error:
        sources.read_all(tmp_path, schemas())
    assert [problem.code for problem in error.value.problems] == ["registry-network"]
