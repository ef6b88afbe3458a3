"""The life of the root: who administers the registry, how many sign, and what would lock everybody out."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from support.ceremony import DE, FIVE, Ceremony
from support.keys import NOW
from support.registry import schemas
from tuf.api.metadata import Key, Metadata, MetaFile, Root, Timestamp

from exchange.client.registry import Known, Registry
from exchange.core.expiry import Stage
from exchange.core.registry_root import RootKey, key_id
from exchange.core.strict_json import INTEGER_MAX
from exchange.errors import ExchangeError, Invalid, Refused
from exchange.registrar import draft, roots
from exchange.registrar.admins import AdminPublic, Part, generate
from exchange.registrar.draft import Draft
from exchange.registrar.lives import lives
from exchange.registrar.root_changes import warnings
from exchange.registrar.roots import Thresholds, expiry

DAY = 86400


@pytest.fixture
def net(tmp_path: Path) -> Ceremony:
    made = Ceremony(tmp_path / "net")
    made.enter()
    made.publish(made.signed(made.draft(), "anna", "ben"))
    return made


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ExchangeError) as error:
        call()
    return error.value.code


def new(net: Ceremony, name: str) -> AdminPublic:
    """Fresh keys for `name`, which signs with them from now on."""
    net.admins[name] = generate(name)
    return net.admins[name].public


def read(net: Ceremony, now: int = NOW) -> Known:
    """What a node sees that pins the first root."""
    registry = Registry(net.space.path / "node", net.space.pinned(), [str(net.space.repository)], schemas())
    return asyncio.run(registry.refresh(now))


def names(net: Ceremony) -> list[str]:
    return [person.name for person in roots.people(net.root())]


def rebuilt(root: Root, change: Callable[[Root], None]) -> Draft:
    """A root of a hostile administrator, as it comes from a file."""
    change(root)
    return Draft(root=Metadata(root))


@pytest.mark.parametrize(
    ("admins", "usual"),
    [(1, (1, 1)), (2, (2, 2)), (3, (2, 2)), (4, (3, 3)), (5, (3, 2)), (7, (4, 2))],
)
def test_the_usual_thresholds_are_three_and_two_of_five(admins: int, usual: tuple[int, int]) -> None:
    assert roots.usual_thresholds(admins) == Thresholds(*usual)


def test_a_first_root_names_everybody_once_and_lives_400_days(net: Ceremony) -> None:
    root = net.load().chain[0].signed
    assert (root.version, root.expires) == (1, expiry(NOW, 400))
    assert names(net) == sorted(FIVE)
    assert roots.thresholds_of(root) == Thresholds(3, 2)
    for name, person in zip(sorted(FIVE), roots.people(root), strict=True):
        assert person.offline.keyid == net.admins[name].public.offline.keyid
        assert person.daily.keyid == net.admins[name].public.daily.keyid
    assert net.space.pinned() == (net.space.repository / "metadata/1.root.json").read_bytes()


@pytest.mark.parametrize("signers", [(), ("anna",), ("anna", "ben")])
def test_a_first_root_needs_its_threshold(tmp_path: Path, signers: tuple[str, ...]) -> None:
    net = Ceremony(tmp_path, founded=False)
    assert refused(lambda: net.publish(net.signed(net.first, *signers))) == "signers"
    assert not net.space.root.exists()
    assert not net.space.repository.exists()
    assert refused(net.root) == "root-missing"


@pytest.mark.parametrize("thresholds", [(0, 2), (6, 2), (3, 0), (3, 6)])
def test_thresholds_that_would_lock_everybody_out_are_refused(
    tmp_path: Path, thresholds: tuple[int, int], net: Ceremony
) -> None:
    wanted = Thresholds(*thresholds)
    with pytest.raises(Invalid, match="locked out for good") as error:
        Ceremony(tmp_path / "other", thresholds=wanted)
    assert error.value.code == "threshold"
    assert refused(lambda: roots.with_thresholds(net.root(), wanted, NOW)) == "threshold"


def test_one_key_of_two_administrators_is_refused(net: Ceremony) -> None:
    anna, ben = net.admins["anna"].public, net.admins["ben"].public
    for wrong in (
        replace(anna, name="other"),
        AdminPublic("other", anna.offline, generate("x").public.daily),
        AdminPublic("other", generate("x").public.offline, ben.daily),
        AdminPublic("other", anna.daily, generate("x").public.daily),
    ):
        assert refused(lambda wrong=wrong: roots.with_added(net.root(), [wrong], NOW)) == "key-twice"  # type: ignore[misc]


def test_one_key_of_two_administrators_in_two_texts_is_refused(net: Ceremony) -> None:
    pem = CryptoSigner.generate_ecdsa().public_key.keyval["public"]
    one, two = (ecdsa_key(text) for text in (pem, f"{pem}\n"))
    assert one.keyid != two.keyid
    people = [AdminPublic(name, key, generate(name).public.daily) for name, key in (("x", one), ("y", two))]
    with pytest.raises(Invalid) as error:
        roots.with_added(net.root(), people, NOW)
    assert error.value.code == "key-form"


def ecdsa_key(pem: str) -> Key:
    keyid = key_id(RootKey("ecdsa", "ecdsa-sha2-nistp256", {"public": pem}))
    value = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}
    return Key.from_dict(keyid, value)


def test_an_offline_key_that_is_the_daily_key_is_refused(net: Ceremony) -> None:
    one = generate("other").public
    assert (
        refused(lambda: roots.with_added(net.root(), [replace(one, daily=one.offline)], NOW)) == "key-twice"
    )


def test_two_administrators_of_one_name_are_refused(net: Ceremony) -> None:
    assert refused(lambda: roots.with_added(net.root(), [generate("anna").public], NOW)) == "admin-twice"


def test_names_that_read_alike_are_refused(net: Ceremony) -> None:
    for name in ("Anna", "ANNA"):
        assert refused(lambda name=name: roots.with_added(net.root(), [generate(name).public], NOW)) == (  # type: ignore[misc]
            "admin-twice"
        )


def test_what_would_change_nothing_is_refused(net: Ceremony) -> None:
    anna = net.admins["anna"].public
    for call in (
        lambda: roots.with_thresholds(net.root(), Thresholds(3, 2), NOW),
        lambda: roots.with_replaced(net.root(), "anna", anna, NOW),
        lambda: roots.with_replaced(net.root(), "anna", replace(anna, name="another"), NOW),
    ):
        with pytest.raises(Invalid, match="nothing changes") as error:
            call()
        assert error.value.code == "unchanged"


@pytest.mark.parametrize("stays", list(Part))
def test_one_stolen_key_is_replaced_and_the_other_is_said_to_stay(net: Ceremony, stays: Part) -> None:
    anna, new = net.admins["anna"].public, generate("anna").public
    mixed = replace(new, offline=anna.offline) if stays is Part.OFFLINE else replace(new, daily=anna.daily)
    changes = net.check(net.root_draft(roots.with_replaced(net.root(), "anna", mixed, NOW))).changes
    assert f"anna: the {stays} key stays" in changes
    assert sum(": new " in one for one in changes) == 1
    heir = replace(mixed, name="frida")
    changes = net.check(net.root_draft(roots.with_replaced(net.root(), "anna", heir, NOW))).changes
    assert f"frida: has the {stays} key that was the one of anna" in changes


def test_an_administrator_nobody_knows_is_named(net: Ceremony) -> None:
    for call in (
        lambda: roots.without(net.root(), "mallory", NOW),
        lambda: roots.with_replaced(net.root(), "mallory", generate("x").public, NOW),
    ):
        with pytest.raises(Invalid) as error:
            call()
        assert (error.value.code, error.value.hint) == ("admin-unknown", f"one of: {', '.join(FIVE)}")


def under_two_ids(root: Root) -> None:
    """The same key value once more, under an id of its own."""
    key = root.keys[root.roles["root"].keyids[0]]
    again = Key.from_dict("0" * 64, key.to_dict())
    root.add_key(again, "root")
    root.add_key(again, "targets")


def in_upper_case(root: Root) -> None:
    key = root.keys[root.roles["root"].keyids[0]]
    value = key.to_dict()
    value["keyval"] = {"public": value["keyval"]["public"].upper()}
    root.add_key(Key.from_dict("0" * 64, value), "root")


def daily_signs_the_list(root: Root) -> None:
    root.roles["targets"].keyids.append(root.roles["timestamp"].keyids[0])


def only_some_sign(root: Root) -> None:
    root.roles["targets"].keyids.pop()


def two_dailies(root: Root) -> None:
    root.roles["timestamp"].threshold = 2


def no_consistent_snapshot(root: Root) -> None:
    root.consistent_snapshot = False


def nameless(root: Root) -> None:
    next(iter(root.keys.values())).unrecognized_fields["x-hx-name"] = ""


def a_name_that_moves_the_cursor(root: Root) -> None:
    next(iter(root.keys.values())).unrecognized_fields["x-hx-name"] = "an\x1b[2Jna"


def a_name_that_is_a_list(root: Root) -> None:
    next(iter(root.keys.values())).unrecognized_fields["x-hx-name"] = ["anna"]


def a_part_nobody_knows(root: Root) -> None:
    next(iter(root.keys.values())).unrecognized_fields["x-hx-part"] = "weekly"


def two_people_of_one_name(root: Root) -> None:
    for key in root.keys.values():
        if key.unrecognized_fields["x-hx-name"] == "ben":
            key.unrecognized_fields["x-hx-name"] = "anna"


def a_name_of_another_script(root: Root) -> None:
    rename(root, "emil", "еmil")


def a_name_with_a_letter_that_nobody_sees(root: Root) -> None:
    rename(root, "emil", "anna\u3164")


def a_name_that_reads_like_another(root: Root) -> None:
    rename(root, "emil", "Anna")


def rename(root: Root, name: str, new: str) -> None:
    for key in root.keys.values():
        if key.unrecognized_fields["x-hx-name"] == name:
            key.unrecognized_fields["x-hx-name"] = new


def text_before_a_key(root: Root) -> None:
    """300,000 lines that no signer was shown, and a root that no node could read any more."""
    text = "x\n" * 300_000 + CryptoSigner.generate_ecdsa().public_key.keyval["public"]
    old = next(keyid for keyid, key in root.keys.items() if roots.name_of(key) == "emil")
    fields = {"x-hx-name": "emil", "x-hx-part": root.keys.pop(old).unrecognized_fields["x-hx-part"]}
    keyid = key_id(RootKey("ecdsa", "ecdsa-sha2-nistp256", {"public": text}))
    value = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": text}}
    root.keys[keyid] = Key.from_dict(keyid, {**value, **fields})
    for role in root.roles.values():
        role.keyids = [keyid if one == old else one for one in role.keyids]


def a_threshold_of_six(root: Root) -> None:
    root.roles["root"].threshold = 6


def a_key_of_nobody(root: Root) -> None:
    key = generate("mallory").public.offline
    fields = {"x-hx-name": "anna", "x-hx-part": "offline"}
    root.keys[key.keyid] = Key.from_dict(key.keyid, {**key.to_dict(), **fields})


def one_value_in_two_texts(root: Root) -> None:
    """Another administrator whose offline and daily key are one ECDSA key, written in two ways."""
    text = CryptoSigner.generate_ecdsa().public_key.keyval["public"]
    for part, roles, pem in (
        (Part.OFFLINE, ("root", "targets"), text),
        (Part.DAILY, ("snapshot", "timestamp"), text + "\n"),
    ):
        keyid = key_id(RootKey("ecdsa", "ecdsa-sha2-nistp256", {"public": pem}))
        fields = {"x-hx-name": "finn", "x-hx-part": part.value, "keyval": {"public": pem}}
        value = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", **fields}
        for role in roles:
            root.add_key(Key.from_dict(keyid, copy.deepcopy(value)), role)


ODD_ROOTS: dict[str, tuple[Callable[[Root], None], str]] = {
    "one key under two ids": (under_two_ids, "registry-key-id"),
    "one key in two writings": (in_upper_case, "registry-key-id"),
    "one key in two texts, offline and daily": (one_value_in_two_texts, "registry-key-form"),
    "a daily key that signs the list": (daily_signs_the_list, "root-form"),
    "somebody who signs only the root": (only_some_sign, "root-form"),
    "two daily keys needed": (two_dailies, "root-form"),
    "no consistent snapshots": (no_consistent_snapshot, "root-form"),
    "a key without a name": (nameless, "root-form"),
    "a name that moves the cursor": (a_name_that_moves_the_cursor, "root-form"),
    "a name that is a list": (a_name_that_is_a_list, "root-form"),
    "a part nobody knows": (a_part_nobody_knows, "root-form"),
    "two people of one name": (two_people_of_one_name, "root-form"),
    "a name of another script": (a_name_of_another_script, "root-form"),
    "a name with a letter that nobody sees": (a_name_with_a_letter_that_nobody_sees, "root-form"),
    "a name that reads like another": (a_name_that_reads_like_another, "root-form"),
    "a key with text before it": (text_before_a_key, "draft-size"),
    "a threshold of six of five": (a_threshold_of_six, "registry-role"),
    "a key of nobody": (a_key_of_nobody, "root-form"),
}


@pytest.mark.parametrize(("change", "code"), ODD_ROOTS.values(), ids=ODD_ROOTS.keys())
def test_a_root_of_another_shape_is_refused(net: Ceremony, change: Callable[[Root], None], code: str) -> None:
    made = rebuilt(roots.renewed(net.root(), NOW), change)
    assert refused(lambda: net.check(made)) == code


@pytest.mark.parametrize(("days", "good"), [(401, True), (402, False), (4000, False), (0, False)])
def test_a_root_that_lives_too_long_is_refused(net: Ceremony, days: int, good: bool) -> None:
    def live(root: Root) -> None:
        root.expires = expiry(NOW, days)

    made = rebuilt(roots.renewed(net.root(), NOW), live)
    if good:
        net.check(made)
    else:
        assert refused(lambda: net.check(made)) == "draft-expiry"


@pytest.mark.parametrize("version", [1, 3, 2**40])
def test_a_root_of_another_version_is_refused(net: Ceremony, version: int) -> None:
    def forward(root: Root) -> None:
        root.version = version

    made = rebuilt(roots.renewed(net.root(), NOW + 1), forward)
    assert refused(lambda: net.check(made)) == "draft-version"


def test_a_root_rotated_without_the_old_ones_is_refused(net: Ceremony) -> None:
    """Three newcomers make themselves the administrators: their own signatures are not enough."""
    thieves = [new(net, f"thief{number}") for number in range(3)]
    root = roots.first(thieves, Thresholds(2, 2), NOW)
    root.version = 2
    made = net.signed(net.root_draft(root), "thief0", "thief1", "thief2")
    checked = net.check(made)
    assert [(one.what, one.missing) for one in checked.tallies][:2] == [
        ("the present root", 3),
        ("the new root", 0),
    ]
    assert refused(lambda: net.publish(made, by="thief0")) == "signers"
    assert made.root is not None
    (net.space.repository / "metadata/2.root.json").write_bytes(made.root.to_bytes())
    assert refused(net.load) == "registry-signature"


def test_a_new_root_needs_its_own_quorum_too(net: Ceremony) -> None:
    more = [new(net, name) for name in ("finn", "gerd", "hans")]
    root = roots.with_added(net.root(), more, NOW)
    root.roles["root"].threshold = 4
    made = net.root_draft(root)
    assert refused(lambda: net.publish(net.signed(made, "anna", "ben", "carla"))) == "signers"
    assert net.publish(net.signed(made, "anna", "ben", "carla", "finn")).version == 2


def test_a_lost_key_is_replaced_by_the_others(net: Ceremony) -> None:
    lost = net.admins["emil"]
    root = roots.with_replaced(net.root(), "emil", new(net, "emil"), NOW)
    made = net.root_draft(root)
    assert made.targets is None
    said = net.check(made).changes
    assert any(sentence.startswith("emil: new offline key, fingerprint ") for sentence in said)
    net.publish(net.signed(made, "anna", "ben", "carla"))
    assert names(net) == sorted(FIVE)
    assert net.load().sound
    net.change("network.json", name="Renamed")
    net.publish(net.signed(net.draft(), "anna", "emil"), by="emil")
    assert read(net).view.network.name == "Renamed"
    net.admins["emil"] = lost
    net.change("network.json", name="Renamed again")
    assert refused(lambda: net.check(net.signed(net.draft(), "emil"))) == "signature-revoked"


def test_a_stolen_key_is_replaced_and_what_it_signed_is_signed_again(net: Ceremony) -> None:
    """Anna and Ben signed the list, Anna renewed it: a root without Anna's old keys brings the list along."""
    thief = net.admins["anna"]
    root = roots.with_replaced(net.root(), "anna", new(net, "anna"), NOW)
    made = net.root_draft(root)
    assert made.targets is not None
    assert made.targets.signed.version == 2
    assert "the list of files does not change" in net.check(made).changes[-1]
    made = net.signed(made, "ben", "carla", "dora")
    assert refused(lambda: net.publish(made, by="anna")) == "daily-key"
    assert net.publish(made, by="ben").wrote
    assert (net.root().version, net.load().version) == (2, 2)
    assert net.load().sound
    assert read(net).view.members.keys() == {DE}
    net.admins["anna"] = thief
    assert refused(net.renew) == "daily-key"
    net.change("network.json", name="Renamed")
    by_thief = net.signed(net.draft(), "anna", "ben")
    with pytest.raises(Refused, match="anna") as error:
        net.check(by_thief)
    assert error.value.code == "signature-revoked"


def test_a_root_that_leaves_the_list_without_signatures_is_refused(net: Ceremony) -> None:
    root = roots.without(net.root(), "anna", NOW)
    assert refused(lambda: net.check(Draft(root=Metadata(root)))) == "draft-list"


def test_a_root_that_changes_the_list_is_refused(net: Ceremony) -> None:
    made = net.root_draft(roots.without(net.root(), "anna", NOW))
    assert made.targets is not None
    made.targets.signed.targets.pop("countries/DE.json")
    assert refused(lambda: net.check(made)) == "draft-file"


@pytest.mark.parametrize(("version", "days", "code"), [(9, 120, "draft-version"), (2, 400, "draft-expiry")])
def test_the_list_of_a_root_is_checked_as_any_other(
    net: Ceremony, version: int, days: int, code: str
) -> None:
    made = net.root_draft(roots.without(net.root(), "anna", NOW))
    assert made.targets is not None
    made.targets.signed.version, made.targets.signed.expires = version, expiry(NOW, days)
    assert refused(lambda: net.check(made)) == code


def test_a_revoked_administrator_signs_nothing_any_more(net: Ceremony) -> None:
    out = net.root_draft(roots.without(net.root(), "emil", NOW))
    net.publish(net.signed(out, "anna", "ben", "carla"))
    for one in (net.root_draft(roots.renewed(net.root(), NOW)), net.draft(NOW + 100 * DAY)):
        with pytest.raises(Refused, match="emil") as error:
            net.check(net.signed(one, "emil"), NOW + 100 * DAY)
        assert error.value.code == "signature-revoked"
    assert refused(lambda: net.renew("emil")) == "daily-key"


def test_a_threshold_goes_up_and_down(net: Ceremony) -> None:
    up = net.root_draft(roots.with_thresholds(net.root(), Thresholds(5, 3), NOW))
    assert up.targets is not None
    assert "root: 3 of 5 sign -> 5 of 5" in net.check(up).changes
    assert any("cannot be replaced" in sentence for sentence in warnings(up.parts[0].signed))
    assert refused(lambda: net.publish(net.signed(up, "anna", "ben", "carla"))) == "signers"
    net.publish(net.signed(up, *FIVE))
    net.change("network.json", name="Renamed")
    assert refused(lambda: net.publish(net.signed(net.draft(), "anna", "ben"))) == "signers"
    net.publish(net.signed(net.draft(), "anna", "ben", "emil"))
    down = net.root_draft(roots.with_thresholds(net.root(), Thresholds(2, 1), NOW))
    assert any("one administrator alone" in sentence for sentence in warnings(down.parts[0].signed))
    assert refused(lambda: net.publish(net.signed(down, "anna", "ben"))) == "signers"
    net.publish(net.signed(down, *FIVE))
    assert roots.thresholds_of(net.root()) == Thresholds(2, 1)
    assert read(net).view.network.name == "Renamed"


def test_a_removal_that_leaves_fewer_than_a_threshold_is_refused(tmp_path: Path) -> None:
    net = Ceremony(tmp_path, names=("anna", "ben"), thresholds=Thresholds(2, 2))
    assert refused(lambda: roots.without(net.root(), "ben", NOW)) == "threshold"
    lower = net.root_draft(roots.with_thresholds(net.root(), Thresholds(1, 1), NOW))
    net.publish(net.signed(lower, "anna", "ben"))
    net.publish(net.signed(net.root_draft(roots.without(net.root(), "ben", NOW)), "anna"))
    assert names(net) == ["anna"]
    assert len(list(warnings(net.root()))) == 2
    assert refused(lambda: roots.without(net.root(), "anna", NOW)) == "threshold"


def test_an_expired_local_root_is_renewed_by_the_quorum(net: Ceremony) -> None:
    late = NOW + 500 * DAY
    with pytest.raises(Refused) as error:
        read(net, late)
    assert error.value.code == "registry-expired"
    assert {life.stage for life in lives(net.space, net.load(), late)} == {Stage.OVER}
    made = net.root_draft(roots.renewed(net.root(), late), late)
    net.publish(net.signed(made, "carla", "dora", "emil"), now=late)
    net.publish(net.signed(net.draft(late), "dora", "emil"), by="emil", now=late)
    net.renew("ben", late)
    assert read(net, late + DAY).view.members.keys() == {DE}


def test_the_daily_parts_are_renewed_by_one_administrator(net: Ceremony) -> None:
    later = NOW + 7 * DAY
    listed = (net.space.repository / "metadata/1.targets.json").read_bytes()
    net.renew("emil", later)
    state = net.load()
    assert state.timestamp is not None
    assert state.snapshot is not None
    assert (state.timestamp.signed.version, state.snapshot.signed.version) == (2, 2)
    assert state.timestamp.signed.expires == expiry(later, 14)
    assert (net.space.repository / "metadata/1.targets.json").read_bytes() == listed
    assert read(net, later + 13 * DAY).view.members.keys() == {DE}


def test_nothing_is_renewed_before_the_first_publish(tmp_path: Path) -> None:
    assert refused(Ceremony(tmp_path).renew) == "registry-empty"


def test_when_every_daily_key_goes_the_root_comes_first(tmp_path: Path) -> None:
    """One administrator with a lost daily key: nodes see a broken registry for a moment, and then the new."""
    net = Ceremony(tmp_path, names=("anna",), thresholds=Thresholds(1, 1))
    net.enter()
    net.publish(net.signed(net.draft(), "anna"))
    old = net.admins["anna"]
    net.admins["anna"] = replace(generate("anna"), offline=old.offline)
    made = net.root_draft(roots.with_replaced(net.root(), "anna", net.admins["anna"].public, NOW))
    assert made.targets is None
    net.publish(net.signed(made, "anna"))
    assert net.load().sound
    assert read(net).view.members.keys() == {DE}


def test_what_expires_is_warned_of_with_the_command_that_renews_it(net: Ceremony) -> None:
    stages = {}
    for days in (0, 10, 13, 14, 85, 112, 119.5, 300, 365, 399.5):
        found = lives(net.space, net.load(), NOW + int(days * DAY))
        stages[days] = [life.stage and life.stage.value for life in found]
    assert stages == {
        0: [None, None, None, None],
        10: [None, None, "third", "third"],
        13: [None, None, "day", "day"],
        14: [None, None, "over", "over"],
        85: [None, "third", "over", "over"],
        112: [None, "tenth", "over", "over"],
        119.5: [None, "day", "over", "over"],
        300: ["third", "over", "over", "over"],
        365: ["tenth", "over", "over", "over"],
        399.5: ["day", "over", "over", "over"],
    }
    commands = [life.command.split()[2] for life in lives(net.space, net.load(), NOW)]
    assert commands == ["renew-root", "draft", "renew", "renew"]


def test_history_is_kept(net: Ceremony) -> None:
    before = {path: path.read_bytes() for path in net.space.repository.rglob("*.json")}
    net.change("network.json", name="Renamed")
    net.publish(net.signed(net.draft(), "anna", "ben"))
    net.publish(net.signed(net.root_draft(roots.renewed(net.root(), NOW)), "anna", "ben", "carla"))
    for path, data in before.items():
        assert path.name == "timestamp.json" or path.read_bytes() == data


def test_a_draft_read_by_others_keeps_the_names(net: Ceremony) -> None:
    made = draft.read(net.root_draft(roots.renewed(net.root(), NOW)).to_bytes())
    assert made.root is not None
    assert [person.name for person in roots.people(made.root.signed)] == sorted(FIVE)
    keys = made.root.signed.keys.values()
    assert {key.unrecognized_fields["x-hx-part"] for key in keys} == {part.value for part in Part}


def test_who_goes_may_sign_their_own_going_and_the_list(net: Ceremony) -> None:
    out = net.root_draft(roots.without(net.root(), "anna", NOW))
    made = net.signed(out, "anna", "ben", "carla")
    assert [(one.what, one.signed) for one in net.check(made).tallies] == [
        ("the present root", ("anna", "ben", "carla")),
        ("the new root", ("ben", "carla")),
        ("the list of files", ("ben", "carla")),
    ]
    assert refused(lambda: net.publish(made, by="ben")) == "signers"
    net.publish(net.signed(made, "dora"), by="ben")
    assert net.load().sound


def test_a_fast_forward_by_a_stolen_daily_key_ends_with_its_root(net: Ceremony) -> None:
    """The thief's timestamp was copied from a mirror: only a root without the key can count from 1 again."""
    thief, folder = net.admins["emil"].signer(Part.DAILY), net.space.repository / "metadata"
    snapshot = b""
    for name in ("1.snapshot.json", "timestamp.json"):
        part: Metadata[Timestamp] = Metadata.from_file(str(folder / name))
        part.signed.version = INTEGER_MAX - 1
        if name == "timestamp.json":
            part.signed.snapshot_meta = MetaFile.from_data(INTEGER_MAX - 1, snapshot, ["sha256"])
        made = thief.sign(part.signed_bytes)
        snapshot = Metadata(part.signed, {made.keyid: made}).to_bytes()
        (folder / name.replace("1.", f"{INTEGER_MAX - 1}.")).write_bytes(snapshot)
    net.renew("anna")
    state = net.load()
    assert state.timestamp is not None
    assert state.timestamp.signed.version == INTEGER_MAX
    net.renew("emil")
    assert refused(lambda: read(net)) == "registry-malformed"
    net.publish(net.signed(net.root_draft(roots.without(net.root(), "emil", NOW)), "anna", "ben", "carla"))
    state = net.load()
    assert state.timestamp is not None
    assert state.timestamp.signed.version == 1
    assert read(net).view.members.keys() == {DE}


def test_a_signature_that_was_taken_off_the_list_is_made_again(net: Ceremony) -> None:
    made = net.signed(net.root_draft(roots.without(net.root(), "anna", NOW)), "ben")
    keyid = net.admins["ben"].public.offline.keyid
    assert made.signed_by(keyid)
    assert made.targets is not None
    made.targets.signatures.clear()
    assert not made.signed_by(keyid)
    assert net.signed(made, "ben").signed_by(keyid)
