"""Lint finds each fault at its file and field, and finds nothing where nothing is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.keys import EXP, NBF, NOW, member
from support.registry import NETWORK, schemas, targets_of

from exchange.core import countries
from exchange.core.directory import read_directory
from exchange.core.names import MemberId
from exchange.core.registry_lint import KEY_NOTICE_SECONDS, Finding, Severity, lint
from exchange.core.registry_view import Basis, Destination, Member, MemberStatus, Network
from exchange.resources import data_path

DIRECTORY = read_directory(schemas(), data_path("peers", "directory.json").read_bytes())
Rows = dict[str, tuple[Destination, ...]]


def to(name: str, basis: Basis = Basis.HOTLINE, rank: int = 0) -> Destination:
    return Destination(MemberId(name), basis, rank)


def files(*members: Member, rows: Rows | None = None, network: Network = NETWORK) -> dict[str, bytes]:
    """Every country answers, with nobody unless `rows` say who."""
    answers: Rows = dict.fromkeys(sorted(countries.ALL), ())
    return targets_of(members, answers | (rows or {}), network)


def found(targets: dict[str, bytes], now: int = NOW) -> list[Finding]:
    """All but how many countries have nobody, which is true of each of these registries."""
    return [one for one in lint(schemas(), targets, DIRECTORY, now) if one.code != "nobody"]


def told(targets: dict[str, bytes], now: int = NOW) -> list[tuple[str, str, str, str]]:
    return [(one.severity.value, one.file, one.field, one.code) for one in found(targets, now)]


def mandates(**named: tuple[str, ...]) -> Network:
    said = {code: tuple(MemberId(name) for name in names) for code, names in named.items()}
    return replace(NETWORK, orphan_mandates=said)


MALI: Rows = {"ML": (to("ml-desk"),)}


def desk(**changes: object) -> Member:
    return member("ml-desk", **changes)


def in_state(status: MemberStatus) -> Member:
    return desk(status=status)


DESTINATIONS = "countries/ML.json", "/destinations"
OTHER: Rows = {"ML": (to("ml-desk"), to("fr-hotline", Basis.ORPHAN_MANDATE))}
FRANCE: Rows = {
    code: (to("fr-hotline", Basis.HOTLINE if code == "FR" else Basis.TERRITORY),)
    for code in ("FR", *DIRECTORY.territories_of("FR"))
}
CASES: dict[str, tuple[dict[str, bytes], list[tuple[str, str, str, str]]]] = {
    "nothing": (files(desk(), rows=MALI), []),
    "a country without a file": (
        {path: data for path, data in files().items() if path != "countries/ML.json"},
        [("error", "countries/ML.json", "", "country-missing")],
    ),
    "a country named as people say it": (
        {**files(), "countries/UK.json": b'{"v":1,"country":"UK","destinations":[]}'},
        [("error", "countries/UK.json", "", "country")],
    ),
    "a file in small letters": (
        {**files(), "countries/ml.json": b"{}"},
        [("error", "countries/ml.json", "", "country")],
    ),
    "a mandate for no country": (
        files(desk(), rows=MALI, network=mandates(XK=("ml-desk",), ML=("ml-desk",))),
        [("error", "network.json", "/orphan_mandates/XK", "country")],
    ),
    "a mandate for every country": (files(desk(), network=mandates(**{"*": ("ml-desk",)})), []),
    "a destination that nobody knows": (
        files(rows=MALI),
        [("error", "countries/ML.json", "/destinations/0/member", "member-unknown")],
    ),
    "a destination that has left": (
        files(in_state(MemberStatus.LEFT), rows=MALI),
        [
            ("error", *DESTINATIONS, "country-unserved"),
            ("error", *DESTINATIONS, "destination-left"),
        ],
    ),
    "a destination that is suspended": (
        files(in_state(MemberStatus.SUSPENDED), rows=MALI),
        [
            ("error", *DESTINATIONS, "country-unserved"),
            ("warning", *DESTINATIONS, "destination-suspended"),
        ],
    ),
    "a destination that is suspended, and another that is not": (
        files(in_state(MemberStatus.SUSPENDED), member("fr-hotline"), rows=FRANCE | OTHER),
        [("warning", *DESTINATIONS, "destination-suspended")],
    ),
    "a destination that is being tried": (
        files(in_state(MemberStatus.PENDING), rows=MALI),
        [
            ("warning", *DESTINATIONS, "country-unserved"),
            ("info", *DESTINATIONS, "destination-pending"),
        ],
    ),
    "a destination that takes no referrals": (
        files(desk(accepts=("receipt/1",)), rows=MALI),
        [
            ("error", *DESTINATIONS, "country-unserved"),
            ("warning", *DESTINATIONS, "destination-takes-no-referrals"),
        ],
    ),
    "a mandate to a suspended member": (
        files(in_state(MemberStatus.SUSPENDED), network=mandates(KH=("ml-desk",))),
        [
            ("error", "countries/KH.json", "/destinations", "country-unserved"),
            ("warning", "network.json", "/orphan_mandates/KH", "mandate-suspended"),
        ],
    ),
    "a mandate to a stranger": (
        files(network=mandates(KH=("ml-desk",))),
        [("error", "network.json", "/orphan_mandates/KH/0", "member-unknown")],
    ),
    "a deputy that has left": (
        files(desk(deputy=MemberId("se-desk")), member("se-desk", status=MemberStatus.LEFT), rows=MALI),
        [("error", "members/ml-desk.json", "/deputy", "deputy-left")],
    ),
    "a deputy that nobody knows": (
        files(desk(deputy=MemberId("se-desk")), rows=MALI),
        [("error", "members/ml-desk.json", "/deputy", "deputy-unknown")],
    ),
    "a member that nobody names": (
        files(desk()),
        [("warning", "members/ml-desk.json", "", "member-unnamed")],
    ),
    "a suspended member that nobody names": (files(in_state(MemberStatus.SUSPENDED)), []),
    "a deputy is named": (
        files(desk(deputy=MemberId("se-desk")), member("se-desk"), rows=MALI),
        [],
    ),
    "two desks of one rank": (
        files(desk(), member("ml-other"), rows={"ML": (to("ml-desk"), to("ml-other"))}),
        [("info", *DESTINATIONS, "rank-shared")],
    ),
    "two desks of two ranks": (
        files(desk(), member("ml-other"), rows={"ML": (to("ml-desk"), to("ml-other", rank=1))}),
        [],
    ),
    "a hotline and a police desk of one rank": (
        files(desk(), member("ml-other"), rows={"ML": (to("ml-desk"), to("ml-other", Basis.POLICE))}),
        [],
    ),
    "a territory that its parent's hotline could answer for": (
        files(member("fr-hotline"), rows=FRANCE | {"GP": ()}),
        [("warning", "countries/GP.json", "/destinations", "territory-unnamed")],
    ),
    "a territory with a hotline of its own": (
        files(member("fr-hotline"), member("gp-desk"), rows=FRANCE | {"GP": (to("gp-desk"),)}),
        [],
    ),
    "a file that is no json": (
        {**files(), "countries/ML.json": b"{"},
        [("error", "countries/ML.json", "", "json-malformed")],
    ),
    "no network.json": (
        {path: data for path, data in files(desk(), rows=MALI).items() if path != "network.json"},
        [("error", "network.json", "", "registry-network")],
    ),
    "a network.json of another form, and more": (
        {**files(desk()), "network.json": b'{"v":1}'},
        [
            *[
                ("error", "network.json", f"/{name}", "missing")
                for name in ("agencies", "escalation", "name")
            ],
            ("error", "network.json", "/orphan_mandates", "missing"),
            ("warning", "members/ml-desk.json", "", "member-unnamed"),
        ],
    ),
}


@pytest.mark.parametrize(("targets", "expected"), CASES.values(), ids=CASES.keys())
def test_lint_finds_it_at_its_place_and_nothing_else(
    targets: dict[str, bytes], expected: list[tuple[str, str, str, str]]
) -> None:
    assert told(targets) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (EXP - KEY_NOTICE_SECONDS, []),
        (EXP - KEY_NOTICE_SECONDS + 1, [("warning", "key-ends")] * 2),
        (EXP, [("warning", "key-ends")] * 2),
        (EXP + 1, [("error", "key-none")] * 2),
        (NBF - 1, [("error", "key-none")] * 2),
    ],
)
def test_a_member_whose_keys_end_is_told_of_thirty_days_before(
    now: int, expected: list[tuple[str, str]]
) -> None:
    findings = found(files(desk(), rows=MALI), now)
    assert [(one.severity.value, one.code) for one in findings] == expected
    assert {one.field for one in findings} == ({"/keys/http", "/keys/signing"} if expected else set())


def test_only_an_active_member_needs_keys_now() -> None:
    assert told(files(in_state(MemberStatus.SUSPENDED)), EXP + 1) == []


def test_the_worst_is_told_first_and_names_the_way_out() -> None:
    targets = {**files(desk()), "countries/EL.json": b"{}", "countries/XX.json": b"{}"}
    findings = found(targets)
    assert [one.severity for one in findings] == sorted(
        (one.severity for one in findings), key=list(Severity).index
    )
    assert "use GR" in findings[0].sentence
    assert findings[1].sentence.endswith("(alpha-2)")


def test_how_many_countries_have_nobody_is_one_line_of_information() -> None:
    (one,) = lint(schemas(), files(), DIRECTORY, NOW)
    assert (one.severity, one.code) == (Severity.INFO, "nobody")
    assert "249 of 249" in one.sentence
    everywhere = files(desk(), network=mandates(**{"*": ("ml-desk",)}))
    assert lint(schemas(), everywhere, DIRECTORY, NOW) == ()


def test_an_unknown_field_is_found_in_a_member_s_file() -> None:
    targets = files(desk(), rows=MALI)
    value = json.loads(targets["members/ml-desk.json"]) | {"phone": "1"}
    targets["members/ml-desk.json"] = json.dumps(value).encode()
    assert ("error", "members/ml-desk.json", "/phone", "unknown-field") in told(targets)


def test_a_member_that_a_country_names_twice_is_found() -> None:
    rows: Rows = {"ML": (to("ml-desk"), to("ml-desk", Basis.POLICE, 5))}
    wanted = ("error", "countries/ML.json", "/destinations/1/member", "destination-twice")
    assert wanted in told(files(desk(), rows=rows))
