"""Who may change a member's file: only the member, but for its status, min_card and revocations.

`published` is what nodes know, `after` what somebody wants to publish.
"""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from support.documents import schemas
from support.keys import EXP, NBF, NOW, MemberKeys, member, member_keys
from support.messages import DE, GB, compact
from support.registry import targets_of

from exchange.core import key_card, keys, registration
from exchange.core.limits import REGISTRY_AHEAD_SECONDS
from exchange.core.registry_changes import (
    MOVES,
    Change,
    check_changes,
    check_member,
    differences,
    entered,
    needs_registration,
)
from exchange.core.registry_documents import member_to_json
from exchange.core.registry_view import MemberStatus
from exchange.core.times import format_time
from exchange.errors import Refused
from exchange.resources import schema_documents

FIRST, SECOND, THIRD = member_keys(DE), member_keys(DE, "2"), member_keys(DE, "3")
STOLEN = {"at": NOW, "reason": "stolen"}
LATER = NOW + 1


def signing(of: MemberKeys, **changes: Any) -> dict[str, Any]:
    ed25519, ml_dsa_65 = of.signing.entry
    return {"ed25519": dict(ed25519), "ml_dsa_65": dict(ml_dsa_65), "nbf": NBF, "exp": EXP} | changes


def http(of: MemberKeys, **changes: Any) -> dict[str, Any]:
    return {"key": dict(of.http.jwk), "nbf": NBF, "exp": EXP} | changes


def file(
    of: str = DE, entries: Sequence[Any] | None = None, https: Sequence[Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """The member's file, as the network has it unless something is changed."""
    value = member_to_json(member(of, min_card=NOW))
    own = member_keys(of)
    value["keys"] = {
        "signing": [signing(own)] if entries is None else list(entries),
        "http": [http(own)] if https is None else list(https),
    }
    return value | changes


def asked(
    said: dict[str, Any], signers: Sequence[MemberKeys] = (FIRST,), card: MemberKeys | None = None
) -> bytes:
    """The registration that asks for `said`; `signers` each sign with all their keys."""
    by = card or signers[0]
    every: list[keys.Signer] = [one for of in signers for one in (*of.signing.halves, of.http)]
    return registration.request(compact(said), card_of(said, by), every)


def card_of(said: dict[str, Any], by: MemberKeys) -> bytes:
    return key_card.issue(by.id, by.signing, by.encryption.jwk, serial=said["min_card"], iat=NOW)


def codes(
    before: dict[str, Any] | None, after: dict[str, Any], request: bytes | None = None, now: int = NOW
) -> list[str]:
    """Codes of what is wrong with a change; none, if it may be made."""
    try:
        check_member(before, after, request, now)
    except Refused as error:
        return [each.code for each in error.problems]
    return []


PUBLISHED = file()
NEW = file(status="pending")
MOVED = file(mailbox="https://new.example", min_card=LATER)
ROTATED = file(entries=[signing(SECOND), signing(FIRST)], https=[http(SECOND), http(FIRST)], min_card=LATER)
REVOKED = file(entries=[signing(FIRST, revoked=STOLEN)])


def test_a_member_joins_and_starts_pending() -> None:
    assert codes(None, NEW, asked(NEW)) == []
    assert codes(None, file(), asked(NEW)) == ["change-status"]


def test_nobody_joins_without_a_registration() -> None:
    assert codes(None, NEW) == ["change-unasked"]


def test_a_member_changes_its_own_part_with_a_registration() -> None:
    assert codes(PUBLISHED, MOVED, asked(MOVED)) == []
    assert codes(PUBLISHED, ROTATED, asked(ROTATED, (SECOND, FIRST))) == []


def test_what_nobody_changed_needs_nothing() -> None:
    assert codes(PUBLISHED, PUBLISHED) == []


BY_HAND: dict[str, dict[str, Any]] = {
    "name": file(name="Another"),
    "mailbox": file(mailbox="https://mallory.example"),
    "card": file(card="https://mallory.example/card"),
    "deputy": file(deputy=GB),
    "site": file(site="https://mallory.example"),
    "kind": file(kind="police"),
    "what it accepts": file(accepts=["receipt/1"]),
    "a key more": file(entries=[signing(FIRST), signing(SECOND)]),
    "an unknown field": file(note="x"),
    "an unknown use of keys": file() | {"keys": {**file()["keys"], "other": []}},
}


@pytest.mark.parametrize("after", BY_HAND.values(), ids=BY_HAND.keys())
def test_an_administrator_who_edits_by_hand_is_refused(after: dict[str, Any]) -> None:
    assert codes(PUBLISHED, after) == ["change-unasked"]
    assert codes(PUBLISHED, after | {"min_card": LATER}, asked(file(min_card=LATER))) == ["change-unasked"]
    with pytest.raises(Refused) as error:
        check_member(PUBLISHED, after, None, NOW)
    assert error.value.code == "registry-change"
    assert "hotline-exchange change" in (error.value.hint or "")
    assert error.value.problems[0].pointer == f"members/{DE}.json#"
    field = next(name for name in after if after.get(name) != PUBLISHED.get(name))
    assert f"{field}: only the member" in error.value.problems[0].message


def test_a_request_not_signed_by_one_of_its_keys_is_refused() -> None:
    half = registration.request(
        compact(ROTATED),
        card_of(ROTATED, FIRST),
        [*FIRST.signing.halves, FIRST.http, *SECOND.signing.halves],
    )
    assert codes(PUBLISHED, ROTATED, half) == ["registration-unsigned"]


def test_a_request_signed_with_a_foreign_key_is_refused() -> None:
    assert codes(PUBLISHED, MOVED, asked(MOVED, (FIRST, THIRD))) == ["registration-signature"]


def test_a_request_replayed_for_another_member_is_refused() -> None:
    gb = file(GB)
    assert codes(gb, file(GB, mailbox="https://new.example"), asked(MOVED)) == ["registration-member"]
    assert codes(None, file(GB, status="pending"), asked(NEW)) == ["change-unasked"]
    assert codes(gb, MOVED, asked(MOVED)) == ["change-id"]


def test_a_request_replayed_later_for_the_same_member_is_refused() -> None:
    """Whoever keeps an old request cannot bring the old mailbox back: min_card has moved on."""
    back = file(mailbox="https://newest.example", min_card=LATER + 1)
    assert codes(back, {**MOVED, "min_card": LATER + 1}, asked(MOVED)) == ["registration-replayed"]


def test_new_keys_without_a_present_one_are_refused() -> None:
    assert codes(PUBLISHED, ROTATED, asked(ROTATED, (SECOND,))) == ["registration-rotation"]


def test_whoever_lost_every_signing_key_registers_afresh() -> None:
    after = file(
        entries=[signing(SECOND), signing(FIRST, revoked=STOLEN)],
        https=[http(SECOND), http(FIRST, revoked=STOLEN)],
        min_card=LATER,
    )
    before = file(entries=[signing(FIRST, revoked=STOLEN)], https=[http(FIRST, revoked=STOLEN)])
    assert codes(before, after, asked(after, (SECOND,))) == []
    assert codes(PUBLISHED, after, asked(after, (SECOND,))) == ["registration-revocation"]


def path(before: MemberStatus | None, after: MemberStatus) -> str:
    return f"{before} to {after}"


STEPS = [(old, new) for old in (None, *MemberStatus) for new in MemberStatus if old is not new]


@pytest.mark.parametrize(("old", "new"), STEPS, ids=[path(*step) for step in STEPS])
def test_a_status_moves_along_its_ways_only(old: MemberStatus | None, new: MemberStatus) -> None:
    allowed = {
        (None, "pending"), ("pending", "active"), ("pending", "left"), ("active", "suspended"),
        ("active", "left"), ("suspended", "active"), ("suspended", "left"), ("left", "pending"),
    }  # fmt: skip
    before = None if old is None else file(status=old.value)
    after = file(status=new.value, min_card=LATER)
    request = asked(after) if old in (None, MemberStatus.LEFT) else None
    assert codes(before, after, request) == ([] if (old, new) in allowed else ["change-status"])
    assert (new in MOVES[old]) is ((old, new) in allowed)


def test_who_left_comes_back_with_a_registration_only() -> None:
    before, after = file(status="left"), file(status="pending", min_card=LATER)
    assert needs_registration(before, after)
    assert codes(before, after) == ["change-unasked"]
    assert codes(before, after, asked(after)) == []
    assert not needs_registration(before, file(status="left", min_card=LATER))


@pytest.mark.parametrize("period", [{"exp": EXP + 1}, {"exp": NBF + 10}, {"nbf": NBF + 10}])
@pytest.mark.parametrize("use", ["signing", "http"])
def test_the_period_of_a_key_stays_even_when_the_member_asks(use: str, period: dict[str, int]) -> None:
    """Evidence signed by a key that "was over" then would be worthless."""
    keys = {"entries": [signing(FIRST, **period)]} if use == "signing" else {"https": [http(FIRST, **period)]}
    after = file(min_card=LATER, **keys)
    assert codes(PUBLISHED, after) == ["change-key-period", "change-unasked"]
    assert codes(PUBLISHED, after, asked(after)) == ["change-key-period", "registration-history"]


def test_a_removed_key_is_refused_even_when_the_member_asks() -> None:
    after = file(entries=[signing(SECOND)], min_card=LATER)
    assert codes(PUBLISHED, after) == ["change-key-removed", "change-unasked"]
    assert codes(PUBLISHED, after, asked(after, (SECOND, FIRST))) == [
        "change-key-removed",
        "registration-history",
    ]


DATED = {**STOLEN, "invalid_after": NOW - 10}
SOFTENED: dict[str, tuple[Any, Any]] = {
    "dropped": (STOLEN, None),
    "another reason": (STOLEN, {**STOLEN, "reason": "rotated"}),
    "another time": (STOLEN, {**STOLEN, "at": NOW + 9}),
    "no last good moment any more": (DATED, STOLEN),
    "a later last good moment": (DATED, {**DATED, "invalid_after": NOW}),
}


def revoked(said: Any) -> dict[str, Any]:
    return file(entries=[signing(FIRST)] if said is None else [signing(FIRST, revoked=said)])


@pytest.mark.parametrize(("was", "now"), SOFTENED.values(), ids=SOFTENED.keys())
def test_a_revocation_is_neither_dropped_nor_softened(was: Any, now: Any) -> None:
    assert codes(revoked(was), revoked(now)) == ["change-revocation"]


@pytest.mark.parametrize(("was", "now"), [(None, STOLEN), (STOLEN, DATED), (DATED, DATED)])
def test_administrators_revoke_and_date_it_back(was: Any, now: Any) -> None:
    assert codes(revoked(was), revoked(now)) == []


def test_a_min_card_that_falls_is_refused() -> None:
    assert codes(PUBLISHED, file(min_card=NOW - 1)) == ["change-min-card"]
    assert codes(PUBLISHED, file(min_card=LATER)) == []
    assert codes(PUBLISHED, {**MOVED, "min_card": NOW}, asked(MOVED)) == ["change-min-card"]


FAR = 253_402_300_799
"""The last second that a member's file can name: the end of the year 9999."""


@pytest.mark.parametrize("serial", [NOW + REGISTRY_AHEAD_SECONDS + 1, FAR])
def test_a_min_card_of_the_future_cuts_nobody_off(serial: int) -> None:
    assert codes(PUBLISHED, file(min_card=NOW + REGISTRY_AHEAD_SECONDS)) == []
    assert codes(PUBLISHED, file(min_card=serial)) == ["change-min-card"]
    asked_for = NEW | {"min_card": serial}
    assert codes(None, asked_for, asked(asked_for)) == ["change-min-card", "registration-future"]
    assert codes(file(min_card=serial), file(min_card=serial, status="suspended")) == []


@pytest.mark.parametrize(
    "said",
    [
        {**STOLEN, "at": NOW + REGISTRY_AHEAD_SECONDS + 1},
        {**STOLEN, "at": FAR, "invalid_after": NOW},
        {**STOLEN, "invalid_after": NOW + 1},
    ],
)
def test_a_revocation_is_not_of_the_future_nor_doubts_what_came_after_it_alone(said: dict[str, Any]) -> None:
    assert codes(PUBLISHED, revoked(said)) == ["change-revocation"]
    assert codes(revoked(said), revoked(said) | {"status": "suspended"}) == []


def test_a_member_does_not_unsay_what_it_signed_by_revoking_its_own_key() -> None:
    early = {"at": NBF, "reason": "stolen", "invalid_after": NBF - 100}
    entries, https = [signing(SECOND), signing(FIRST, revoked=early)], [http(SECOND), http(FIRST)]
    after = file(entries=entries, https=https, min_card=LATER)
    assert codes(PUBLISHED, after, asked(after, (FIRST, SECOND))) == ["registration-revocation"]
    assert codes(PUBLISHED, entered(after, PUBLISHED, PUBLISHED)) == ["change-unasked"]


def test_a_key_that_the_member_calls_revoked_is_not_entered_unproven() -> None:
    said = file(https=[http(FIRST), http(SECOND, revoked=STOLEN)], min_card=LATER)
    assert codes(PUBLISHED, said, asked(said)) == ["registration-revocation"]
    assert codes(None, NEW | {"keys": said["keys"]}, asked(said)) == ["registration-revocation"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    after = file(status="pending", min_card=0, entries=[signing(SECOND)], mailbox="https://mallory.example")
    assert codes(PUBLISHED, after) == [
        "change-status", "change-min-card", "change-key-removed", "change-unasked",
    ]  # fmt: skip


def test_what_is_entered_is_what_may_be_published() -> None:
    assert entered(file(status="active"), None, None) == file(status="pending")
    changed = file(status="suspended", min_card=LATER + 9, entries=[signing(FIRST, revoked=STOLEN)])
    mine = file(
        entries=[signing(SECOND), signing(FIRST)],
        https=[http(SECOND), http(FIRST)],
        min_card=LATER,
        name="New name",
    )
    got = entered(mine, PUBLISHED, changed)
    assert (got["status"], got["min_card"], got["name"]) == ("suspended", LATER + 9, "New name")
    assert got["keys"] == {
        "signing": [signing(SECOND), signing(FIRST, revoked=STOLEN)],
        "http": [http(SECOND), http(FIRST)],
    }
    assert codes(PUBLISHED, got, asked(mine, (SECOND, FIRST))) == []


def test_two_revocations_of_one_key_are_entered_as_the_published_one() -> None:
    before = present = file(https=[http(FIRST, revoked=STOLEN)])
    mine = file(https=[http(SECOND), http(FIRST, revoked=DATED)], min_card=LATER)
    request = registration.request(
        compact(mine),
        card_of(mine, FIRST),
        [*FIRST.signing.halves, SECOND.http],
    )
    assert codes(before, entered(mine, before, present), request) == []


def test_who_left_and_asks_again_is_entered_as_pending() -> None:
    before = file(status="left")
    assert entered(file(min_card=LATER), before, before)["status"] == "pending"
    assert entered(file(min_card=LATER), file(), before)["status"] == "left"


# A whole registry.

OTHER = member(GB)
BEFORE = targets_of([member(DE, min_card=NOW), OTHER])


def with_file(value: dict[str, Any], name: str | None = None) -> dict[str, bytes]:
    return BEFORE | {f"members/{name or value['id']}.json": compact(value)}


def all_codes(
    after: dict[str, bytes], requests: dict[str, bytes] | None = None, before: dict[str, bytes] = BEFORE
) -> list[str]:
    try:
        check_changes(schemas(), before, after, requests or {}, NOW)
    except Refused as error:
        return [each.code for each in error.problems] or [error.code]
    return []


def without(path: str) -> dict[str, bytes]:
    return {name: data for name, data in BEFORE.items() if name != path}


def test_a_registry_changes_as_its_members_asked() -> None:
    assert all_codes(BEFORE) == []
    assert all_codes(with_file(file(status="suspended"))) == []
    assert all_codes(with_file(MOVED), {DE: asked(MOVED)}) == []
    assert all_codes(without("countries/DE.json")) == []
    joins = without(f"members/{DE}.json")
    assert all_codes(with_file(NEW), {DE: asked(NEW)}, joins | {"countries/DE.json": b"{}"}) == []


def test_a_request_that_was_carried_out_lies_about_without_harm() -> None:
    """It is looked at only where a change needs it; else it would be refused as replayed."""
    assert all_codes(with_file(file(status="suspended")), {DE: asked(file())}) == []


def destinations(country: str, *rows: tuple[str, str, int]) -> dict[str, bytes]:
    listed = [{"member": name, "basis": basis, "rank": rank} for name, basis, rank in rows]
    return {f"countries/{country}.json": compact({"v": 1, "country": country, "destinations": listed})}


SHARED = file(GB, entries=[signing(FIRST)], https=[http(member_keys(GB))])
REGISTRIES: dict[str, tuple[dict[str, bytes], list[str]]] = {
    "an unknown field": (with_file(file(note="x")), ["schema"]),
    "a member that is named twice in a country": (
        BEFORE | destinations("DE", (GB, "hotline", 0), (DE, "hotline", 0), (GB, "police", 5)),
        ["destination-twice"],
    ),
    "two members claiming one id": (with_file(file(), "de-z"), ["file-name"]),
    "two members claiming one key": (with_file(SHARED), ["key-shared", "key-shared"]),
    "a key in two uses": (
        with_file(file(https=[http(FIRST), {**http(FIRST), "key": dict(FIRST.signing.entry[0])}])),
        ["key-shared"],
    ),
    "a key under another kid": (
        with_file(file(https=[{**http(FIRST), "key": {**FIRST.http.jwk, "kid": "k" * 43}}])),
        ["jwk"],
    ),
    "a member that disappears": (
        {name: data for name, data in without(f"members/{GB}.json").items() if "countries" not in name},
        ["change-gone"],
    ),
    "a mailbox edited by hand": (with_file(file(mailbox="https://mallory.example")), ["change-unasked"]),
    "no network.json": (without("network.json"), ["registry-network"]),
}


@pytest.mark.parametrize(("after", "wanted"), REGISTRIES.values(), ids=REGISTRIES.keys())
def test_a_registry_that_breaks_a_rule_is_refused_with_its_problems(
    after: dict[str, bytes], wanted: list[str]
) -> None:
    got = [code for code in all_codes(after) if code != "member-unknown"]
    assert [("schema" if wanted == ["schema"] else code) for code in got] == wanted


# In words.


def told(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    return [change.sentence for change in differences(schemas(), before, after)]


def network(**changes: Any) -> dict[str, bytes]:
    return {"network.json": compact(json.loads(BEFORE["network.json"]) | changes)}


def kid(of: MemberKeys, use: str = "signing") -> str:
    return of.http.jwk["kid"] if use == "http" else of.signing.entry[0]["kid"]


Sentences = dict[str, tuple[dict[str, bytes], list[str]]]
TOLD: Sentences = {
    "a status": (
        with_file(file(status="suspended")),
        [f"{DE}: status active -> suspended", "DE: answers now nobody, before de-a (hotline)"],
    ),
    "a mailbox": (
        with_file(file(mailbox="https://new.example")),
        [f"{DE}: mailbox {file()['mailbox']} -> https://new.example"],
    ),
    "languages, hours, deputy": (
        with_file(file(languages=[], office_hours="Mo-Fr", deputy=GB)),
        [f"{DE}: deputy is {GB}", f"{DE}: languages en -> none", f"{DE}: office_hours is Mo-Fr"],
    ),
    "a revocation": (
        with_file(file(https=[http(FIRST, revoked=DATED)])),
        [
            f"{DE}: http keys {kid(FIRST, 'http')} are revoked (stolen) at 2026-02-02T02:40:00Z, "
            "nothing after 2026-02-02T02:39:50Z counts"
        ],
    ),
    "a period": (
        with_file(file(https=[http(FIRST, exp=NOW)])),
        [f"{DE}: http keys {kid(FIRST, 'http')} exp 2028-01-03T02:40:00Z -> 2026-02-02T02:40:00Z"],
    ),
    "keys gone": (
        with_file(file(https=[])),
        [f"members/{DE}.json: cannot be read", "DE: answers now nobody, before de-a (hotline)"],
    ),
    "another first destination": (
        BEFORE | destinations("DE", (GB, "hotline", 0), (DE, "territory", 3)),
        [
            f"DE: first destination {DE} (hotline) -> {GB} (hotline)",
            f"DE: {DE} basis hotline -> territory",
            f"DE: {DE} rank 1 -> 3",
            f"DE: {GB} is added as hotline, rank 0",
            f"DE: answers now {GB} (hotline), before {DE} (hotline)",
        ],
    ),
    "a member that goes later": (
        BEFORE | destinations("DE", (DE, "hotline", 1), (GB, "territory", 4)),
        [f"DE: {GB} is added as territory, rank 4"],
    ),
    "a country more": (
        BEFORE | destinations("NL", (GB, "territory", 0)),
        [
            f"NL: first destination nobody -> {GB} (territory)",
            f"NL: {GB} is added as territory, rank 0",
            f"NL: answers now {GB} (territory), before nobody",
        ],
    ),
    "a country less": (
        without("countries/DE.json"),
        [
            f"DE: first destination {DE} (hotline) -> nobody",
            f"DE: {DE} is no longer a destination",
            f"DE: answers now nobody, before {DE} (hotline)",
        ],
    ),
    "the network": (
        BEFORE | network(agencies=[], defaults={"answer_hours": 4}, orphan_mandates={"*": [DE], "NL": [GB]}),
        [
            "network: agencies interpol -> none",
            "network: defaults is answer_hours 4",
            f"network: orphan mandate for every country is {DE}",
            f"network: orphan mandate for NL is {GB}",
            f"NL: answers now {GB} (orphan_mandate), before nobody",
        ],
    ),
    "a member gone": (
        without(f"members/{DE}.json"),
        [f"{DE}: the member's file disappears", f"DE: answers now nobody, before {DE} (hotline)"],
    ),
    "a member that is named twice, for the sites of another": (
        BEFORE | destinations("DE", (GB, "hotline", 1), (DE, "hotline", 1), (DE, "police", 5)),
        [
            f"DE: first destination {DE} (hotline) -> {GB} (hotline), {DE} (hotline)",
            f"DE: {DE} is added as police, rank 5",
            f"DE: {GB} is added as hotline, rank 1",
            f"DE: answers now {DE} and {GB} (hotline), before {DE} (hotline)",
        ],
    ),
    "an order that nothing depends on": (
        BEFORE | network(agencies=["x", "interpol"]),
        ["network: agencies interpol -> x, interpol"],
    ),
    "nothing": (dict(BEFORE), []),
    "the same in other bytes": (
        with_file(member_to_json(member(DE, min_card=NOW))),
        [f"members/{DE}.json: says the same in other bytes"],
    ),
    "countries where nobody answers, for the first time": (
        BEFORE | destinations("NL") | destinations("FR"),
        ["2 countries say for the first time: nobody: FR NL"],
    ),
}


@pytest.mark.parametrize(("after", "wanted"), TOLD.values(), ids=TOLD.keys())
def test_every_change_is_told_in_a_sentence(after: dict[str, bytes], wanted: list[str]) -> None:
    assert told(BEFORE, after) == wanted


def test_rows_that_go_while_their_member_stays_are_told() -> None:
    twice = BEFORE | destinations("DE", (DE, "hotline", 1), (DE, "police", 5), (DE, "police", 5))
    assert told(twice, BEFORE) == [f"DE: {DE} is no longer named as police, rank 5"] * 2


def test_a_file_that_says_something_else_is_never_said_to_say_the_same() -> None:
    """An order of rows moves nothing; whoever signs sees that it is another all the same."""
    before = BEFORE | destinations("DE", (DE, "hotline", 1), (GB, "territory", 1))
    after = BEFORE | destinations("DE", (GB, "territory", 1), (DE, "hotline", 1))
    assert told(before, before) == []
    assert [one for one in told(before, after) if "answers" in one] == []
    both = with_file(file(https=[http(FIRST), http(SECOND)]))
    turned = with_file(file(https=[http(SECOND), http(FIRST)]))
    assert f'/keys/http/0/key/kid "{kid(FIRST, "http")}" -> "{kid(SECOND, "http")}"' in "".join(
        told(both, turned)
    )


def test_every_field_of_a_member_is_told_when_it_is_new() -> None:
    full = file(deputy=GB, office_hours="Mo-Fr", languages=["de"], accepts=["referral/1"])
    after = targets_of([OTHER]) | {f"members/{DE}.json": compact(full)}
    sentences = told(targets_of([OTHER]), after)
    known = schema_documents()["member-1"]["properties"].keys() - {"v", "id", "keys"}
    assert {one.split()[1] for one in sentences if " is " in one} | {"status"} == known
    assert f"{DE}: min_card is 2026-02-02T02:40:00Z" in sentences
    assert f"{DE}: accepts is referral/1" in sentences


def test_desks_that_share_a_country_are_told_together() -> None:
    before = BEFORE | destinations("DE", (DE, "hotline", 1))
    shared = BEFORE | destinations("DE", (DE, "hotline", 1), (GB, "hotline", 1))
    assert told(before, shared)[-1] == f"DE: answers now {DE} and {GB} (hotline), before {DE} (hotline)"
    assert told(shared, before)[-1] == f"DE: answers now {DE} (hotline), before {DE} and {GB} (hotline)"


def test_an_answer_that_was_nobody_does_not_go_unmentioned() -> None:
    wanted = ["countries/NL.json: disappears; it named nobody"]
    assert told(BEFORE | destinations("NL"), dict(BEFORE)) == wanted


def test_new_keys_are_told_with_a_fingerprint() -> None:
    sentences = told(BEFORE, with_file(ROTATED))
    assert [one.partition(" fingerprint ")[0] for one in sentences] == [
        f"{DE}: min_card 2026-02-02T02:40:00Z -> 2026-02-02T02:40:01Z",
        f"{DE}: new signing keys {kid(SECOND)},",
        f"{DE}: new http keys {kid(SECOND, 'http')},",
    ]
    assert sentences[1] != sentences[2]
    assert sentences[1].endswith(f", from {format_time(NBF)} until {format_time(EXP)}")


@pytest.mark.parametrize("ended", [{"revoked": STOLEN}, {"exp": NOW - 1}], ids=["revoked", "over"])
def test_a_member_that_registers_afresh_is_told_as_such(ended: dict[str, Any]) -> None:
    before = with_file(file(entries=[signing(FIRST, **ended)]))
    after = with_file(file(entries=[signing(SECOND), signing(FIRST, **ended)]))
    sentences = [change.sentence for change in differences(schemas(), before, after, NOW)]
    assert sentences[-1] == f"{DE}: registers afresh: no earlier signing keys vouch for the new ones"


def test_a_key_that_goes_and_a_revocation_that_goes_are_told() -> None:
    both = with_file(file(https=[http(FIRST, revoked=STOLEN), http(SECOND)]))
    assert told(both, BEFORE) == [
        f"{DE}: http keys {kid(SECOND, 'http')} are gone",
        f"{DE}: http keys {kid(FIRST, 'http')} are no longer revoked",
    ]


def test_the_first_registry_is_all_new() -> None:
    sentences = told({}, targets_of([member(DE)]))
    assert sentences[0] == "DE: first destination nobody -> de-a (hotline)"
    assert f"{DE}: new member, active" in sentences
    assert sentences[-1] == f"DE: answers now {DE} (hotline), before nobody"


def test_a_change_names_its_file() -> None:
    assert differences(schemas(), BEFORE, with_file(file(status="left")))[0] == Change(
        f"members/{DE}.json", f"{DE}: status active -> left"
    )
