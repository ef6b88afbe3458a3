"""What administrators do to a member by themselves, and what is not theirs to do."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, applicant, changed, enter, entry, file_of, http, joined
from support.documents import schemas
from support.keys import NOW, member_keys
from support.messages import DE, FR, GB

from exchange.core import limits
from exchange.core.registry_view import MemberStatus
from exchange.core.times import format_time
from exchange.errors import Invalid, Refused
from exchange.registrar import members

FIRST = member_keys(DE)
SIGNING, HTTP = FIRST.signing.entry[0]["kid"], FIRST.http.jwk["kid"]
HALF = FIRST.signing.entry[1]["kid"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def move(desk: Desk, status: str, name: str = DE) -> list[str]:
    changes = members.set_status(desk.space, schemas(), name, MemberStatus(status), NOW)
    return [change.sentence for change in changes]


def revoke(desk: Desk, kid: str, reason: str = "stolen", until: int | None = None) -> members.Revoked:
    return members.revoke(desk.space, schemas(), DE, kid, reason, desk.now, until)


def code(error: pytest.ExceptionInfo[Invalid]) -> str:
    assert error.value.hint
    return error.value.code


def test_a_member_is_suspended_and_active_again(desk: Desk) -> None:
    joined(desk, DE)
    assert move(desk, "suspended") == [
        f"{DE}: status active -> suspended",
        f"DE: answers now nobody, before {DE} (hotline)",
    ]
    assert move(desk, "suspended") == []
    desk.publish()
    assert f"{DE}: status suspended -> active" in move(desk, "active")
    desk.publish()


def test_what_is_not_published_yet_can_be_taken_back(desk: Desk) -> None:
    joined(desk, DE)
    move(desk, "left")
    assert f"{DE}: status left -> active" in move(desk, "active")


MOVES = {
    "pending to suspended": ([], "suspended", "status-move", "active or left"),
    "active to pending": (["active"], "pending", "status-move", "left or suspended"),
    "left to active": (["active", "left"], "active", "status-move", "with a new registration"),
}


@pytest.mark.parametrize(("before", "to", "wanted", "hint"), MOVES.values(), ids=MOVES.keys())
def test_a_status_does_not_jump(desk: Desk, before: list[str], to: str, wanted: str, hint: str) -> None:
    joined(desk, DE, MemberStatus.PENDING)
    for status in before:
        move(desk, status)
        desk.publish()
    with pytest.raises(Invalid) as error:
        move(desk, to)
    assert code(error) == wanted
    assert hint in (error.value.hint or "")


def test_nobody_is_active_who_was_never_published(desk: Desk) -> None:
    enter(desk, applicant(DE))
    with pytest.raises(Invalid) as error:
        move(desk, "active")
    assert code(error) == "member-unpublished"


@pytest.mark.parametrize(("name", "wanted"), [(FR, "member-unknown"), ("nobody", "member-id")])
def test_an_unknown_member_is_named(desk: Desk, name: str, wanted: str) -> None:
    with pytest.raises(Invalid) as error:
        move(desk, "active", name)
    assert error.value.code == wanted


def test_a_file_edited_by_hand_is_not_written_over(desk: Desk) -> None:
    joined(desk, DE)
    path = desk.space.peers / f"members/{DE}.json"
    path.write_bytes(path.read_bytes().replace(b"https://mx.", b"https://my."))
    with pytest.raises(Refused) as error:
        move(desk, "suspended")
    assert error.value.problems[0].code == "registration-replayed"
    assert "mailbox: the registration at hand does not ask for this" in error.value.problems[0].message


def test_a_change_that_waits_for_its_draft_can_be_followed_by_another(desk: Desk) -> None:
    who = joined(desk, DE)
    enter(desk, changed(who, site="https://new.example"))
    assert move(desk, "suspended")[0] == f"{DE}: status active -> suspended"
    desk.publish()


# Keys.


def test_both_halves_of_a_signing_entry_go_together(desk: Desk) -> None:
    joined(desk, DE)
    done = revoke(desk, HALF)
    assert desk.file(DE)["keys"]["signing"][0]["revoked"] == {"at": NOW, "reason": "stolen"}
    assert done.without == ("signing",)
    assert "are revoked (stolen)" in done.changes[0].sentence
    assert revoke(desk, SIGNING).changes == ()


def test_a_key_is_revoked_and_the_others_stay(desk: Desk) -> None:
    second = member_keys(DE, "2")
    who = joined(desk, DE)
    keys = {"signing": [entry(second), entry(FIRST)], "http": [http(second), http(FIRST)]}
    enter(desk, changed(who, second, FIRST, keys=keys))
    desk.publish()
    assert revoke(desk, HTTP, until=NOW - 60).without == ()
    assert revoke(desk, second.http.jwk["kid"]).without == ("http",)
    desk.publish()
    rows = [row["revoked"] for row in desk.file(DE)["keys"]["http"]]
    assert rows == [
        {"at": NOW, "reason": "stolen"},
        {"at": NOW, "reason": "stolen", "invalid_after": NOW - 60},
    ]


def test_a_published_revocation_is_dated_back_and_nothing_else(desk: Desk) -> None:
    joined(desk, DE)
    revoke(desk, HTTP)
    desk.publish()
    desk.now = NOW + 50
    revoke(desk, HTTP, until=NOW - 60)
    assert desk.file(DE)["keys"]["http"][0]["revoked"] == {
        "at": NOW, "reason": "stolen", "invalid_after": NOW - 60,
    }  # fmt: skip
    desk.publish()
    with pytest.raises(Refused) as error:
        revoke(desk, HTTP, until=NOW - 30)
    assert error.value.problems[0].code == "change-revocation"
    with pytest.raises(Invalid) as wrong:
        revoke(desk, HTTP, "lost")
    assert code(wrong) == "revoked"
    assert "--reason stolen" in (wrong.value.hint or "")


def test_a_revocation_that_is_not_published_may_still_be_put_right(desk: Desk) -> None:
    joined(desk, DE)
    revoke(desk, HTTP, "lost")
    desk.now = NOW + 50
    revoke(desk, HTTP, "stolen")
    assert desk.file(DE)["keys"]["http"][0]["revoked"] == {"at": NOW + 50, "reason": "stolen"}


REVOCATIONS: dict[str, tuple[tuple[Any, ...], str]] = {
    "an unknown key": (("k" * 43,), "key-unknown"),
    "a reason in words": ((HTTP, "It was stolen"), "revoked"),
    "a date to come": ((HTTP, "stolen", NOW + 1), "revoked"),
}


@pytest.mark.parametrize(("given", "wanted"), REVOCATIONS.values(), ids=REVOCATIONS.keys())
def test_a_revocation_that_means_nothing_is_refused(desk: Desk, given: tuple[Any, ...], wanted: str) -> None:
    joined(desk, DE, MemberStatus.PENDING)
    with pytest.raises(Invalid) as error:
        revoke(desk, *given)
    assert code(error) == wanted
    assert desk.file(DE) == file_of(DE)


def test_min_card_rises_and_never_falls_nor_runs_ahead(desk: Desk) -> None:
    joined(desk, DE)
    desk.now = NOW + 100

    def raised(serial: int) -> list[str]:
        changes = members.raise_min_card(desk.space, schemas(), DE, serial, desk.now)
        return [change.sentence for change in changes]

    assert raised(NOW + 50) == [f"{DE}: min_card {format_time(NOW)} -> {format_time(NOW + 50)}"]
    desk.publish()
    assert raised(NOW + 100 + limits.CLOCK_SKEW_SECONDS), "the card of this moment, by a clock ahead of ours"
    for serial in (NOW + 49, NOW + 101 + limits.CLOCK_SKEW_SECONDS):
        with pytest.raises(Invalid) as error:
            raised(serial)
        assert code(error) == "min-card"


# Ready files.


def put(desk: Desk, value: Any) -> list[str]:
    changes = members.put(desk.space, schemas(), json.dumps(value).encode())
    return [change.sentence for change in changes]


def test_a_ready_file_finds_its_place(desk: Desk) -> None:
    joined(desk, DE)
    rows = [{"member": DE, "basis": "territory", "rank": 0}]
    assert put(desk, {"v": 1, "country": "NL", "destinations": rows})[0] == (
        f"NL: first destination nobody -> {DE} (territory)"
    )
    network = {"v": 1, "name": "Other", "orphan_mandates": {"*": [DE]}, "agencies": [], "escalation": []}
    assert f"network: orphan mandate for every country is {DE}" in put(desk, network)
    assert put(desk, network) == []
    desk.publish()


FILES: dict[str, tuple[Any, str]] = {
    "a member's file": (file_of(GB), "put"),
    "a list": ([], "json-object"),
    "an unknown field": ({"v": 1, "country": "NL", "destinations": [], "note": 1}, "registry-file"),
    "no country": ({"v": 1, "country": "../network", "destinations": []}, "registry-file"),
    "a member that is not there": (
        {"v": 1, "country": "NL", "destinations": [{"member": FR, "basis": "hotline", "rank": 0}]},
        "put",
    ),
}


@pytest.mark.parametrize(("value", "wanted"), FILES.values(), ids=FILES.keys())
def test_what_is_no_country_and_no_network_is_not_put(desk: Desk, value: Any, wanted: str) -> None:
    before = sorted(desk.space.path.rglob("*"))
    with pytest.raises(Invalid) as error:
        put(desk, value)
    assert error.value.code == wanted
    assert sorted(desk.space.path.rglob("*")) == before
