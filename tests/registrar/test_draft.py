"""Drafts: one form, the same bytes for everybody, and what a hostile one would have signed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.ceremony import DE, GB, Ceremony
from support.keys import NOW, member_keys
from support.registry import schemas
from tuf.api.metadata import Metadata, TargetFile, Targets

from exchange.core import base64url, limits, registration
from exchange.core.registry_view import HttpRecord
from exchange.errors import ExchangeError, Invalid, Refused
from exchange.registrar import draft, draft_check, roots, sources
from exchange.registrar.admins import Part, generate
from exchange.registrar.draft import Draft, Kind
from exchange.registrar.roots import expiry

DAY = 86400


@pytest.fixture
def net(tmp_path: Path) -> Ceremony:
    return Ceremony(tmp_path)


@pytest.fixture
def live(net: Ceremony) -> Ceremony:
    """With one member that is published."""
    net.enter()
    net.publish(net.signed(net.draft(), "anna", "ben"))
    return net


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ExchangeError) as error:
        call()
    return error.value.code


def reasons(call: Callable[[], object]) -> set[str]:
    with pytest.raises(Refused) as error:
        call()
    return {problem.code for problem in error.value.problems}


def altered(one: Draft, change: Callable[[Any], None], part: str | None = None) -> bytes:
    """The file of `one` with its JSON changed, or that of one of its metadata."""
    value = json.loads(one.to_bytes())
    if part is None:
        change(value)
    else:
        inner = json.loads(base64url.decode(value[part], part))
        change(inner)
        text = json.dumps(inner, separators=(",", ":"), sort_keys=True)
        value[part] = base64url.encode(text.encode())
    return json.dumps(value, separators=(",", ":")).encode()


def listing(net: Ceremony, one: Draft, change: Callable[[Targets], None]) -> Draft:
    """`one` with another list of files: what a hostile administrator would hand round."""
    assert one.targets is not None
    change(one.targets.signed)
    return Draft(None, Metadata(one.targets.signed), one.files, one.registrations)


def test_the_same_bytes_travel_until_the_threshold_has_signed(net: Ceremony) -> None:
    net.enter()
    made = net.draft()
    fingerprint = made.fingerprint
    assert (made.kind, made.version) == (Kind.TARGETS, 1)
    checked = net.check(made)
    assert (checked.missing, checked.tallies[0].signed) == (2, ())
    assert any(f"{DE}: new member, pending" in sentence for sentence in checked.changes)
    for count, name in enumerate(("dora", "ben"), start=1):
        made = draft.read(net.signed(made, name).to_bytes())
        assert made.fingerprint == fingerprint
        assert net.check(made).missing == 2 - count
    assert net.check(made).tallies[0].signed == ("ben", "dora")
    assert net.check(made).tallies[0].absent == ("anna", "carla", "emil")
    assert net.publish(made).wrote
    assert net.load().version == 1
    assert net.load().contents() == sources.read_files(net.space.peers)


def test_a_draft_read_and_written_is_the_same_file(net: Ceremony) -> None:
    net.enter()
    for one in (net.first, net.signed(net.draft(), "anna", "ben"), net.signed(net.draft(), "ben", "anna")):
        assert draft.read(one.to_bytes()).to_bytes() == one.to_bytes()
    assert (
        net.signed(net.draft(), "anna", "ben").to_bytes() == net.signed(net.draft(), "ben", "anna").to_bytes()
    )


def test_signing_twice_changes_nothing(net: Ceremony) -> None:
    once = net.signed(net.draft(), "anna")
    assert net.signed(once, "anna").to_bytes() == once.to_bytes()


def test_copies_that_were_signed_in_parallel_are_merged(net: Ceremony) -> None:
    made = net.draft()
    copies = [net.signed(made, name) for name in ("ben", "anna")]
    assert refused(lambda: net.publish(copies[0])) == "signers"
    assert draft.merge(copies).to_bytes() == draft.merge(copies[::-1]).to_bytes()
    assert net.publish(draft.merge(copies)).wrote


def test_drafts_that_are_no_copies_are_not_merged(net: Ceremony) -> None:
    made = net.draft()
    later = net.draft(NOW + 1)
    net.enter()
    more = net.draft()
    for others, named in (
        ([made, later], "metadata"),
        ([made, more], "files"),
        ([made, net.first], "kind"),
        ([more, Draft(None, more.targets, more.files, {})], "registrations"),
    ):
        with pytest.raises(Refused, match=f"^{named}: ") as error:
            draft.merge(others)
        assert error.value.code == "draft-differs"


def test_nothing_is_drafted_when_nothing_changed_and_a_late_list_is_renewed(live: Ceremony) -> None:
    contents = sources.read_files(live.space.peers)
    for days, there in ((0, False), (89, False), (90, True), (200, True)):
        now = NOW + days * DAY
        made = draft_of(live, contents, now)
        assert (made is not None) is there
        if made is not None:
            assert (made.files, made.registrations) == ({}, {})
            assert "no file changes" in live.check(made, now).changes[0]


def draft_of(net: Ceremony, contents: dict[str, bytes], now: int) -> Draft | None:
    from_peers = sources.read_files(net.space.peers)
    assert from_peers == contents
    try:
        return net.draft(now)
    except AssertionError:
        return None


def key_of(value: Any) -> Any:
    return next(iter(value["signed"]["keys"].values()))


def target_of(value: Any) -> Any:
    return next(iter(value["signed"]["targets"].values()))


UNKNOWN_FIELDS: dict[str, tuple[str | None, str, Callable[[Any], Any]]] = {
    "of the draft": (None, "root", lambda value: value.update(note="x")),
    "targets beside a list": (None, "targets", lambda value: value.update(targets="x")),
    "of the metadata": ("metadata", "root", lambda value: value.update(note="x")),
    "of the signed part": ("metadata", "root", lambda value: value["signed"].update(note="x")),
    "of a signature": ("metadata", "root", lambda value: value["signatures"][0].update(note="x")),
    "of a role": ("metadata", "root", lambda value: value["signed"]["roles"]["root"].update(note="x")),
    "of a key": ("metadata", "root", lambda value: key_of(value).update(note="x")),
    "no name of a key": ("metadata", "root", lambda value: key_of(value).pop("x-hx-name")),
    "of the signed list": ("metadata", "targets", lambda value: value["signed"].update(note="x")),
    "of a listed file": ("metadata", "targets", lambda value: target_of(value).update(custom={})),
    "another hash": ("metadata", "targets", lambda value: target_of(value)["hashes"].update(md5="00")),
    "delegations": (
        "metadata",
        "targets",
        lambda value: value["signed"].update(delegations={"keys": {}, "roles": []}),
    ),
}


@pytest.mark.parametrize(("part", "kind", "change"), UNKNOWN_FIELDS.values(), ids=UNKNOWN_FIELDS.keys())
def test_an_unknown_field_is_refused(
    net: Ceremony, part: str | None, kind: str, change: Callable[[Any], Any]
) -> None:
    one = net.signed(net.first if kind == "root" else net.draft(), "anna")
    assert draft.read(altered(one, lambda _: None, part)) == draft.read(one.to_bytes())
    assert refused(lambda: draft.read(altered(one, change, part))) == "draft-form"


def spaced(value: Any) -> None:
    text = base64url.decode(value["metadata"], "x").replace(b'"signed":', b'"signed": ')
    value["metadata"] = base64url.encode(text)


def twice(value: Any) -> None:
    text = base64url.decode(value["metadata"], "x").replace(b'"version":1', b'"version":2,"version":1')
    value["metadata"] = base64url.encode(text)


FORMS: dict[str, bytes | tuple[str | None, Callable[[Any], Any]]] = {
    "not JSON": b"x",
    "a list": b"[]",
    "nothing": b"{}",
    "another version": (None, lambda value: value.update(v=2)),
    "a version that is true": (None, lambda value: value.update(v=True)),
    "another kind": (None, lambda value: value.update(kind="snapshot")),
    "the kind of other metadata": (None, lambda value: value.update(kind="root")),
    "a kind that is a list": (None, lambda value: value.update(kind=[])),
    "metadata that is none": (None, lambda value: value.update(metadata="e30")),
    "metadata with padding": (None, lambda value: value.update(metadata=value["metadata"] + "=")),
    "metadata in another form": (None, spaced),
    "a name that stands twice": (None, twice),
    "files that are a list": (None, lambda value: value.update(files=[])),
    "a file that is a number": (None, lambda value: value["files"].update({"network.json": 1})),
    "a registration that is an object": (None, lambda value: value["registrations"].update({DE: {}})),
    "a version with a fraction": ("metadata", lambda value: value["signed"].update(version=1.5)),
    "a version that is true in the list": ("metadata", lambda value: value["signed"].update(version=True)),
    "a length that is true": ("metadata", lambda value: target_of(value).update(length=True)),
    "another specification": ("metadata", lambda value: value["signed"].update(spec_version="2.0")),
    "one key id twice": (
        "metadata",
        lambda value: value["signatures"].append(dict(value["signatures"][0])),
    ),
}


@pytest.mark.parametrize("spoilt", FORMS.values(), ids=FORMS.keys())
def test_what_has_not_the_form_of_a_draft_is_refused(net: Ceremony, spoilt: Any) -> None:
    data = spoilt
    if not isinstance(spoilt, bytes):
        part, change = spoilt
        data = altered(net.signed(net.draft(), "anna"), change, part)
    assert refused(lambda: draft.read(data)) == "draft-form"


def test_a_threshold_that_is_true_is_refused(net: Ceremony) -> None:
    change = lambda value: value["signed"]["roles"]["timestamp"].update(threshold=True)  # noqa: E731
    assert refused(lambda: draft.read(altered(net.first, change, "metadata"))) == "draft-form"


def test_a_root_draft_that_carries_files_is_refused(net: Ceremony) -> None:
    data = altered(net.first, lambda value: value["files"].update({"network.json": "e30"}))
    assert refused(lambda: draft.read(data)) == "draft-form"


def test_endless_data_is_refused(net: Ceremony, monkeypatch: pytest.MonkeyPatch) -> None:
    data = net.draft().to_bytes()
    monkeypatch.setattr(limits, "REGISTRY_FILE_BYTES", 100)
    assert refused(lambda: draft.read(data)) == "draft-form"
    monkeypatch.undo()
    monkeypatch.setattr(limits, "DRAFT_BYTES", 100)
    assert refused(lambda: draft.read(data)) == "draft-form"


def test_fewer_signatures_than_the_threshold_publish_nothing(net: Ceremony) -> None:
    for names in ((), ("anna",)):
        assert refused(lambda names=names: net.publish(net.signed(net.draft(), *names))) == "signers"  # type: ignore[misc]
    assert not (net.space.repository / "metadata" / "timestamp.json").exists()


def test_one_key_twice_is_one_signature(net: Ceremony) -> None:
    twice = net.signed(net.signed(net.draft(), "anna"), "anna")
    assert refused(lambda: net.publish(draft.merge([twice, twice]))) == "signers"


def test_a_stranger_is_named_and_refused(net: Ceremony) -> None:
    net.admins["mallory"] = generate("mallory")
    with pytest.raises(Refused) as error:
        net.check(net.signed(net.draft(), "anna", "mallory"))
    assert error.value.code == "signature-unknown"
    assert net.admins["mallory"].public.offline.keyid[:16] in error.value.message


def test_a_daily_key_signs_no_list(net: Ceremony) -> None:
    made = draft.sign(net.draft(), net.admins["anna"].signer(Part.DAILY))
    with pytest.raises(Refused, match="anna") as error:
        net.check(made)
    assert error.value.code == "signature-revoked"


def test_a_revoked_administrator_is_named_and_refused(live: Ceremony) -> None:
    out = live.root_draft(roots.without(live.root(), "emil", NOW))
    live.publish(live.signed(out, "anna", "ben", "carla"))
    live.change("network.json", name="Renamed")
    with pytest.raises(Refused, match="emil") as error:
        live.check(live.signed(live.draft(), "anna", "emil"))
    assert error.value.code == "signature-revoked"


def test_a_signature_over_other_bytes_is_named_and_refused(net: Ceremony) -> None:
    made, other = net.draft(), net.draft(NOW + 1)
    assert made.targets is not None
    assert other.targets is not None
    made.targets.signatures.update(net.signed(other, "carla").parts[0].signatures)
    with pytest.raises(Refused, match="carla") as error:
        net.check(made)
    assert error.value.code == "signature-wrong"


@pytest.mark.parametrize("text", ["00", "00" * 64, "00" * 256])
def test_a_signature_that_is_none_is_named_and_refused(net: Ceremony, text: str) -> None:
    made = net.signed(net.draft(), "carla")
    spoilt = altered(made, lambda value: value["signatures"][0].update(sig=text), "metadata")
    with pytest.raises(Refused, match="carla") as error:
        net.check(draft.read(spoilt))
    assert error.value.code == "signature-wrong"


SPOILT_SIGNATURES: list[dict[str, Any]] = [
    *({"sig": text} for text in ("", "zz", "0", "AA", "00" * 257, None, 7, ["00"])),
    *({"keyid": name} for name in ("", "x", "A" * 64, "\u202e" * 64, None, True, 7, 1.5)),
]


@pytest.mark.parametrize("change", SPOILT_SIGNATURES, ids=[str(one)[:30] for one in SPOILT_SIGNATURES])
def test_a_signature_without_the_form_of_one_is_refused(net: Ceremony, change: dict[str, Any]) -> None:
    made = net.signed(net.draft(), "carla")
    spoilt = altered(made, lambda value: value["signatures"][0].update(change), "metadata")
    assert refused(lambda: draft.read(spoilt)) == "draft-form"


@pytest.mark.parametrize("value", [1.5, "true", 1, None, False])
def test_a_root_is_of_consistent_snapshots_and_can_be_signed(net: Ceremony, value: object) -> None:
    made = net.root_draft(roots.renewed(net.root(), NOW))
    spoilt = altered(made, lambda inner: inner["signed"].update(consistent_snapshot=value), "metadata")
    with pytest.raises(Refused) as error:
        net.check(draft.read(spoilt))
    assert error.value.code in ("draft-form", "root-form")


def test_a_draft_of_an_earlier_state_is_refused(live: Ceremony) -> None:
    live.change("network.json", name="Renamed")
    old = live.signed(live.draft(), "anna", "ben")
    live.change("network.json", name="Renamed again")
    live.publish(live.signed(live.draft(NOW + 1), "anna", "ben"))
    with pytest.raises(Refused, match="made from version 1, the registry is at 2: draft again") as error:
        live.check(old)
    assert error.value.code == "draft-version"


def test_rollback_and_fast_forward_are_refused(live: Ceremony) -> None:
    live.change("network.json", name="Renamed")
    for version in (1, 3, 2**40):

        def forward(targets: Targets, version: int = version) -> None:
            targets.version = version

        assert refused(lambda: live.check(listing(live, live.draft(), forward))) == "draft-version"


def test_a_published_draft_says_so(live: Ceremony) -> None:
    live.change("network.json", name="Renamed")
    made = live.signed(live.draft(), "anna", "ben")
    live.publish(made)
    files = {path: path.read_bytes() for path in live.space.repository.rglob("*.json")}
    assert live.check(made).done
    assert not live.publish(made, by="ben").wrote
    assert files == {path: path.read_bytes() for path in live.space.repository.rglob("*.json")}


@pytest.mark.parametrize(
    ("days", "good"),
    [(121, True), (122, False), (1000, False), (90, True), (89, False), (1, False), (-1, False)],
)
def test_a_list_lives_neither_too_long_nor_too_short(net: Ceremony, days: int, good: bool) -> None:
    def live_long(targets: Targets) -> None:
        targets.expires = expiry(NOW, days)

    made = listing(net, net.draft(), live_long)
    if good:
        net.check(made)
    else:
        assert refused(lambda: net.check(made)) == "draft-expiry"


def longer(data: bytes) -> bytes:
    return data + b" "


def other(data: bytes) -> bytes:
    return data.replace(b"Test network", b"Best network")


@pytest.mark.parametrize("change", [longer, other])
def test_a_file_of_a_wrong_hash_or_length_is_refused(net: Ceremony, change: Callable[[bytes], bytes]) -> None:
    made = net.draft()
    files = {path: change(data) for path, data in made.files.items()}
    assert refused(lambda: net.check(Draft(None, made.targets, files))) == "draft-file"


def test_the_day_on_which_the_list_ends_is_always_told(live: Ceremony) -> None:
    live.change("network.json", name="Renamed")
    checked = live.check(live.draft())
    assert checked.list_expires == expiry(NOW, 120)
    assert live.check(live.root_draft(roots.renewed(live.root(), NOW))).list_expires is None


def test_a_second_signer_can_ask_the_member_for_its_fingerprint(live: Ceremony) -> None:
    """The first one may have made it all up."""
    live.enter(GB)
    live.change(f"members/{DE}.json", status="active")
    made = live.draft()
    asked = registration.check(made.registrations[GB])
    assert live.check(made).requests == (draft_check.Request(GB, asked.fingerprint, fresh=True),)
    live.publish(live.signed(made, "anna", "ben"))
    assert live.check(made).requests == ()


def test_a_registration_that_nothing_needs_is_refused(live: Ceremony) -> None:
    """It would be shown as if somebody had checked it."""
    live.change(f"members/{DE}.json", status="active")
    made = live.draft()
    carried = replace(made, registrations={DE: b"{}"})
    with pytest.raises(Refused, match="nothing that it asks for changes") as error:
        live.check(carried)
    assert error.value.code == "draft-file"


def test_what_no_node_would_read_is_not_signed(net: Ceremony, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [generate(f"somebody {number}").public for number in range(120)]
    crowded = net.root_draft(roots.with_added(net.root(), people, NOW))
    with pytest.raises(Refused, match="root: more than 65536 bytes") as error:
        net.check(crowded)
    assert error.value.code == "draft-size"
    monkeypatch.setattr(draft_check, "REGISTRY_FILE_BYTES", 200)
    assert refused(lambda: net.check(net.draft())) == "draft-size"


def test_a_member_that_is_named_twice_is_not_signed(live: Ceremony) -> None:
    row = {"member": DE, "basis": "hotline", "rank": 0}
    live.change("countries/DE.json", destinations=[row, {**row, "basis": "police", "rank": 5}])
    with pytest.raises(Refused) as error:
        live.check(live.draft())
    (problem,) = error.value.problems
    assert (problem.code, problem.pointer) == (
        "destination-twice",
        "countries/DE.json#/destinations/1/member",
    )
    assert problem.message.startswith("countries/DE.json: ")
    assert refused(lambda: sources.read_all(live.space.peers, schemas())) == "registry-sources"


def test_a_min_card_of_the_year_9999_is_not_signed(live: Ceremony) -> None:
    live.change(f"members/{DE}.json", min_card=253_402_300_799)
    assert reasons(lambda: live.check(live.draft())) == {"change-min-card"}


def test_mix_and_match_is_refused(live: Ceremony) -> None:
    """Files of one draft under the list of another; files that are missing, not listed, or not changed."""
    live.change("network.json", name="Renamed")
    one = live.draft()
    live.enter(GB)
    more = live.draft()
    network = live.load().contents()["network.json"]
    for files in (
        one.files,
        {**more.files, "members/fr-x.json": b"{}"},
        {**more.files, f"members/{DE}.json": live.load().contents()[f"members/{DE}.json"]},
        {**more.files, "network.json": network},
    ):
        mixed = Draft(None, more.targets, files, more.registrations)
        assert refused(lambda mixed=mixed: live.check(mixed)) == "draft-file"  # type: ignore[misc]
    stray = Draft(None, one.targets, one.files, more.registrations)
    assert refused(lambda: live.check(stray)) == "draft-file"


def test_a_path_outside_of_the_registry_is_refused(net: Ceremony) -> None:
    for path in ("../../x.json", "/etc/x", "members/../../x.json", "odd.json"):
        made = net.draft()
        assert made.targets is not None
        made.targets.signed.targets[path] = TargetFile.from_data(path, b"{}", ["sha256"])
        one = Draft(None, Metadata(made.targets.signed), {**made.files, path: b"{}"})
        assert reasons(lambda one=one: net.check(one)) == {"target-unknown"}  # type: ignore[misc]


def test_a_new_member_without_its_registration_is_refused(net: Ceremony) -> None:
    net.enter()
    (net.space.reviews / f"{DE}.registration.json").unlink()
    assert reasons(lambda: net.check(net.draft())) == {"change-unasked"}


def test_a_request_replayed_for_another_member_is_refused(net: Ceremony) -> None:
    net.enter()
    net.enter(GB)
    reviews = net.space.reviews
    (reviews / f"{GB}.registration.json").write_bytes((reviews / f"{DE}.registration.json").read_bytes())
    assert reasons(lambda: net.check(net.draft())) & {"registration-member", "change-unasked"}


def test_a_request_signed_with_foreign_keys_is_refused(net: Ceremony) -> None:
    net.enter(signers=GB)
    assert reasons(lambda: net.check(net.draft())) == {"registration-signature"}


def test_a_request_not_signed_by_one_of_its_keys_is_refused(net: Ceremony) -> None:
    net.enter(http_signs=False)
    assert reasons(lambda: net.check(net.draft())) == {"registration-unsigned"}


def test_a_change_that_the_member_did_not_ask_for_is_refused(live: Ceremony) -> None:
    live.change(f"members/{DE}.json", mailbox="https://mallory.example")
    assert reasons(lambda: live.check(live.draft())) == {"registration-replayed"}
    (live.space.reviews / f"{DE}.registration.json").unlink()
    assert reasons(lambda: live.check(live.draft())) == {"change-unasked"}


def test_a_suspension_needs_no_registration(live: Ceremony) -> None:
    live.change(f"members/{DE}.json", status="active")
    live.publish(live.signed(live.draft(), "anna", "ben"))
    live.change(f"members/{DE}.json", status="suspended")
    made = live.draft()
    assert made.registrations == {}
    assert f"{DE}: status active -> suspended" in live.check(made).changes


def test_a_members_file_that_disappears_is_refused(live: Ceremony) -> None:
    (live.space.peers / f"members/{DE}.json").unlink()
    (live.space.peers / "countries/DE.json").unlink()
    assert reasons(lambda: live.check(live.draft())) == {"change-gone"}


def test_a_members_key_in_two_uses_is_refused(net: Ceremony) -> None:
    keys = member_keys(DE)
    net.enter(http=(HttpRecord(keys.signing.entry[0], NOW - 1, NOW + DAY, None),))
    assert "key-shared" in reasons(lambda: net.check(net.draft()))


def test_two_members_claiming_one_key_are_refused(net: Ceremony) -> None:
    net.enter()
    net.enter(GB, http=(HttpRecord(member_keys(DE).http.jwk, NOW - 1, NOW + DAY, None),))
    assert "key-shared" in reasons(lambda: net.check(net.draft()))


def test_two_members_claiming_one_id_are_refused(net: Ceremony) -> None:
    net.enter()
    (net.space.peers / f"members/{GB}.json").write_bytes(
        (net.space.peers / f"members/{DE}.json").read_bytes()
    )
    assert "file-name" in reasons(lambda: net.check(net.draft()))


def test_a_local_change_is_not_written_over(live: Ceremony) -> None:
    live.change("network.json", name="Renamed")
    made = live.signed(live.draft(), "anna", "ben")
    live.change("network.json", name="Mine")
    with pytest.raises(Invalid, match=r"network\.json") as error:
        live.publish(made)
    assert error.value.code == "local-changes"
    assert live.load().version == 1
    live.change("network.json", name="Renamed")
    live.enter(GB)
    done = live.publish(made)
    assert done.kept == ("countries/GB.json", f"members/{GB}.json")
    assert live.load().version == 2


def test_the_others_peers_follow_what_is_published(live: Ceremony) -> None:
    """A copy of the directory that has not changed is brought to what the draft publishes."""
    old = sources.read_files(live.space.peers)
    live.change("network.json", name="Renamed")
    live.enter(GB)
    made = live.signed(live.draft(), "anna", "ben")
    for path in sources.read_files(live.space.peers):
        (live.space.peers / path).unlink()
    for path, data in old.items():
        (live.space.peers / path).write_bytes(data)
    assert live.publish(made).kept == ()
    assert sources.read_files(live.space.peers) == live.load().contents()


def test_a_country_that_goes_is_taken_away(live: Ceremony) -> None:
    place = live.space.peers / "countries/DE.json"
    data = place.read_bytes()
    place.unlink()
    made = live.signed(live.draft(), "anna", "ben")
    place.write_bytes(data)
    live.publish(made)
    assert not place.exists()


def test_a_root_that_is_not_finished_stops_drafts(live: Ceremony) -> None:
    live.change("network.json", name="Renamed")
    made = live.draft()
    root = live.signed(live.root_draft(roots.without(live.root(), "anna", NOW)), "ben", "carla", "dora")
    assert root.root is not None
    (live.space.repository / "metadata/2.root.json").write_bytes(root.root.to_bytes())
    assert refused(lambda: live.check(made)) == "registry-unfinished"
    assert refused(lambda: live.renew("ben")) == "registry-unfinished"
    assert live.publish(root, by="ben").wrote
    live.check(live.draft())


def test_three_hundred_members_are_drafted_signed_and_published_in_seconds(tmp_path: Path) -> None:
    net = Ceremony(tmp_path)
    letters = "abcdefghijklmnopqrst"
    for number in range(300):
        net.enter(f"de-{letters[number // 20]}{letters[number % 20]}{number}")
    began = time.monotonic()
    made = draft.read(net.draft().to_bytes())
    assert len(made.registrations) == 300
    net.check(made)
    drafted = time.monotonic()
    made = net.signed(made, "anna", "ben")
    net.publish(made)
    ended = time.monotonic()
    assert drafted - began < 10
    assert ended - drafted < 10
