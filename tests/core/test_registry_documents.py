"""The registry's files: one reading, one member per key, and one bad file does not silence the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.keys import EXP, NBF, NOW, member, member_keys, registry_view, signing_record
from support.registry import NETWORK, schemas, targets_of

from exchange.core import limits
from exchange.core.names import MemberId
from exchange.core.registry_build import Built, build_view
from exchange.core.registry_documents import (
    member_from_json,
    member_to_json,
    network_to_json,
    read_target,
    schema_of,
)
from exchange.core.registry_view import (
    Basis,
    Destination,
    HttpRecord,
    Member,
    MemberStatus,
    RegistryState,
    Revocation,
)
from exchange.errors import Invalid, Refused


def build(targets: dict[str, bytes]) -> Built:
    return build_view(schemas(), targets, version=3, digest="0" * 64, expires_at=NOW)


def codes(targets: dict[str, bytes]) -> set[tuple[str, str]]:
    return {(problem.pointer, problem.code) for problem in build(targets).problems}


def full() -> Member:
    """A member with everything that a file can say."""
    one = member("gb-iwf")
    gone = Revocation(NOW, "lost", NOW - 9)
    return replace(
        one,
        status=MemberStatus.SUSPENDED,
        min_card=7,
        signing=(*one.signing, signing_record(member_keys("gb-iwf", "2").signing, revoked=gone)),
        http=(
            *one.http,
            HttpRecord(member_keys("gb-iwf", "2").http.jwk, 1, 2, Revocation(2, "rotated", None)),
        ),
        deputy=MemberId("de-x"),
        office_hours="Mo-Fr 09:00-17:00 +01:00",
    )


@pytest.mark.parametrize("one", [full(), member("de-x")], ids=["full", "plain"])
def test_a_member_that_parses_is_written_back_as_it_was(one: Member) -> None:
    value = member_to_json(one)
    assert member_from_json(value) == one
    data = json.dumps(value).encode()
    assert read_target(schemas(), f"members/{one.id}.json", data) == value
    assert member_to_json(member_from_json(value)) == value


def test_all_files_together_are_one_view() -> None:
    network = replace(NETWORK, orphan_mandates={"SC": (MemberId("de-x"),), "*": (MemberId("gb-iwf"),)})
    countries = {
        "GP": (
            Destination(MemberId("de-x"), Basis.POLICE, 2),
            Destination(MemberId("gb-iwf"), Basis.TERRITORY, 1),
        )
    }
    built = build(targets_of([full(), member("de-x")], countries, network))
    assert built.problems == ()
    view = built.view
    assert (view.version, view.digest, view.expires_at) == (3, "0" * 64, NOW)
    assert view.member("gb-iwf") == full()
    assert [to.member for to in view.destinations("GP")] == ["gb-iwf", "de-x"]
    assert view.destinations("FR") == ()
    assert view.network == network
    found = view.http_key(member_keys("gb-iwf").http.kid)
    assert found is not None
    assert found[0].id == "gb-iwf"
    assert view.http_key("x") is None
    assert view.member("fr-nobody") is None


def edited(name: str, edit: Callable[[dict[str, Any]], object]) -> dict[str, bytes]:
    targets = targets_of([member("gb-iwf"), member("de-x")])
    value = json.loads(targets[name])
    edit(value)
    return {**targets, name: json.dumps(value).encode()}


def steal_http_key(value: dict[str, Any]) -> None:
    value["keys"]["http"][0]["key"] = dict(member_keys("de-x").http.jwk)


def one_key_for_two_ends(value: dict[str, Any]) -> None:
    value["keys"]["http"][0]["key"] = value["keys"]["signing"][0]["ed25519"]


def other_kid(value: dict[str, Any]) -> None:
    value["keys"]["http"][0]["key"]["kid"] = "A" * 43


def no_period(value: dict[str, Any]) -> None:
    value["keys"]["signing"][0]["exp"] = value["keys"]["signing"][0]["nbf"]


GB = "members/gb-iwf.json"
WRONG: list[tuple[str, Callable[[dict[str, Any]], object], set[tuple[str, str]]]] = [
    (GB, lambda v: v.update(id="gb-other"), {(f"{GB}#/id", "file-name")}),
    (GB, lambda v: v.update(country="FR"), {(f"{GB}#", "member-country")}),
    (GB, lambda v: v.update(memo="x"), {(f"{GB}#/memo", "unknown-field")}),
    (GB, other_kid, {(f"{GB}#", "jwk")}),
    (GB, no_period, {(f"{GB}#", "key-period")}),
    (GB, one_key_for_two_ends, {(f"{GB}#/keys", "key-shared")}),
    (
        GB,
        steal_http_key,
        {(f"{GB}#/keys", "key-shared"), ("members/de-x.json#/keys", "key-shared")},
    ),
    ("countries/GB.json", lambda v: v.update(country="FR"), {("countries/GB.json#/country", "file-name")}),
]


@pytest.mark.parametrize(("name", "edit", "wanted"), WRONG)
def test_a_file_that_breaks_a_rule_is_left_out_and_said(
    name: str, edit: Callable[[dict[str, Any]], object], wanted: set[tuple[str, str]]
) -> None:
    found = codes(edited(name, edit))
    assert wanted <= found
    extra = {code for pointer, code in found - wanted if pointer.startswith("countries/")}
    assert extra <= {"member-unknown"}


def test_a_key_of_two_members_serves_neither() -> None:
    assert build(edited(GB, steal_http_key)).view.members == {}


def test_a_bad_file_does_not_keep_the_others_from_being_read() -> None:
    view = build(edited(GB, no_period)).view
    assert set(view.members) == {"de-x"}
    assert view.destinations("GB") == ()
    assert view.destinations("DE") != ()


def test_who_is_named_has_to_exist() -> None:
    network = replace(NETWORK, orphan_mandates={"SC": (MemberId("fr-nobody"), MemberId("de-x"))})
    countries = {"GB": (Destination(MemberId("fr-nobody"), Basis.HOTLINE, 1),)}
    strayed = [replace(member("de-x"), deputy=MemberId("fr-nobody"))]
    targets = targets_of(strayed, countries, network)
    assert codes(targets) == {
        ("countries/GB.json#/destinations/0/member", "member-unknown"),
        ("network.json#/orphan_mandates/SC/0", "member-unknown"),
        ("members/de-x.json#/deputy", "deputy-unknown"),
    }
    assert build(targets).view.network.orphan_mandates == {"SC": ("de-x",)}
    itself = targets_of([replace(member("de-x"), deputy=MemberId("de-x"))])
    assert codes(itself) == {("members/de-x.json#/deputy", "deputy-unknown")}


def test_who_is_named_twice_counts_once_at_its_first_place() -> None:
    """A second row moved a share of a country's sites, and was not seen by whoever signed it."""
    gb, x = MemberId("gb-iwf"), MemberId("de-x")
    network = replace(NETWORK, orphan_mandates={"SC": (x, gb, x)})
    rows = (
        Destination(gb, Basis.HOTLINE, 0),
        Destination(x, Basis.HOTLINE, 0),
        Destination(gb, Basis.POLICE, 5),
    )
    targets = targets_of([member("gb-iwf"), member("de-x")], {"GB": rows}, network)
    assert codes(targets) == {
        ("countries/GB.json#/destinations/2/member", "destination-twice"),
        ("network.json#/orphan_mandates/SC/2", "destination-twice"),
    }
    view = build(targets).view
    assert view.destinations("GB") == rows[:2]
    assert view.network.orphan_mandates == {"SC": (x, gb)}


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"v":1,"v":1}', b"\xef\xbb\xbf{}"])
def test_without_a_network_file_there_is_no_registry(content: bytes | None) -> None:
    targets = targets_of([member("de-x")])
    if content is None:
        del targets["network.json"]
    else:
        targets["network.json"] = content
    with pytest.raises(Refused) as error:
        build(targets)
    assert error.value.code == "registry-network"
    assert bool(error.value.problems) == (content is not None)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("network.json", "network-1"),
        ("members/gb-iwf.json", "member-1"),
        ("countries/GB.json", "country-1"),
        ("countries/gb.json", None),
        ("members/../network.json", None),
        ("members/x/gb-iwf.json", None),
        ("notes.txt", None),
    ],
)
def test_the_registry_knows_three_kinds_of_files(path: str, schema: str | None) -> None:
    assert schema_of(path) == schema
    if schema is None:
        with pytest.raises(Invalid) as error:
            read_target(schemas(), path, b"{}")
        assert error.value.problems[0].code == "target-unknown"


def test_the_values_written_are_those_of_the_schemas() -> None:
    assert schemas().accepts("network-1", network_to_json(NETWORK))
    assert EXP > NBF


def test_the_age_of_a_registry_has_three_states() -> None:
    view = registry_view(expires_at=NOW)
    grace = limits.REGISTRY_GRACE_SECONDS
    assert [view.state_at(NOW + later) for later in (-1, 0, grace - 1, grace)] == [
        RegistryState.FRESH,
        RegistryState.GRACE,
        RegistryState.GRACE,
        RegistryState.EXPIRED,
    ]
    one = member("de-x")
    assert [one.signing[0].usable_at(at) for at in (NBF - 1, NBF, EXP, EXP + 1)] == [False, True, True, False]
    assert [one.http[0].usable_at(at) for at in (NBF - 1, NBF, EXP, EXP + 1)] == [False, True, True, False]
    assert not full().signing[1].usable_at(NOW)
