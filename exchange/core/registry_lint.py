"""What is wrong or odd with the registry's files before anybody signs them: each finding with file and field.

Rules: an *error* is what a reading node would leave out, or what leaves a country or a member without a way
that nobody intends; a *warning* works now and will not, or works less well than it could; an *info* is a
state that somebody should know. A country whose file has an empty list has an answer: nobody, so it goes to
the operator. A member that is pending is no fault: it was entered and is being tried. This module changes
nothing, and knows no signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from exchange.core import countries
from exchange.core.directory import Directory
from exchange.core.names import MemberId
from exchange.core.registry_build import Built, build_view
from exchange.core.registry_documents import NETWORK
from exchange.core.registry_view import Basis, Destination, Member, MemberStatus, RegistryView
from exchange.core.routing import EVERY_COUNTRY, REASONS, Routed, obstacle, route
from exchange.core.schema import Schemas
from exchange.errors import Problem, Refused


class Severity(StrEnum):
    """In the order in which they are told."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """`file` is a path of the registry, `field` a JSON Pointer in it; `code` is stable kebab-case."""

    severity: Severity
    file: str
    field: str
    code: str
    sentence: str


KEY_NOTICE_SECONDS: Final = 30 * 86400
"""Seconds before the last key of a use ends: time for a member to rotate and for a quorum to sign."""
_ORDER: Final = tuple(Severity)
_OBSTACLES: Final = {
    "pending": Severity.INFO,
    "suspended": Severity.WARNING,
    "takes-no-referrals": Severity.WARNING,
    "left": Severity.ERROR,
}
"""How bad it is to name a member that cannot get a referral; `unknown` is told of the file already."""
_STAND_IN: Final = b'{"v":1,"name":"none","orphan_mandates":{},"agencies":[],"escalation":[]}'
_DESKS: Final = frozenset({Basis.HOTLINE, Basis.POLICE})


def lint(schemas: Schemas, files: Mapping[str, bytes], directory: Directory, now: int) -> tuple[Finding, ...]:
    """All findings on `files` (by path) at `now` (unix seconds), the worst first."""
    built, found = _built(schemas, files)
    view = built.view
    found += _no_countries(files, view)
    found += [_of_form(one) for one in built.problems if not _names_no_country(_file(one))]
    for code in sorted(countries.ALL):
        found += _country(view, code, files)
        found += _territory(view, code, directory.parent_of(code))
    found += _mandates(view)
    named = _named(view)
    for member in view.members.values():
        found += _member(view, member, member.id in named, now)
    found += _nobody(view)
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.severity), one.file, one.field, one.code)))


def _built(schemas: Schemas, files: Mapping[str, bytes]) -> tuple[Built, list[Finding]]:
    """Without a good network.json the others are still looked at."""
    try:
        return build_view(schemas, files, version=0, digest="", expires_at=0), []
    except Refused as error:
        stand_in = build_view(schemas, {**files, NETWORK: _STAND_IN}, version=0, digest="", expires_at=0)
        wrong = [_of_form(one) for one in error.problems if _file(one) == NETWORK]
        missing = Finding(Severity.ERROR, NETWORK, "", error.code, "network.json is missing")
        return stand_in, wrong or [missing]


def _file(problem: Problem) -> str:
    return problem.pointer.partition("#")[0]


def _of_form(problem: Problem) -> Finding:
    file, _, field = problem.pointer.partition("#")
    return Finding(Severity.ERROR, file, field, problem.code, problem.message)


def _names_no_country(file: str) -> bool:
    folder, _, name = file.partition("/")
    return folder == "countries" and name.removesuffix(".json") not in countries.ALL


def _no_countries(files: Mapping[str, bytes], view: RegistryView) -> Iterator[Finding]:
    for file in files:
        if _names_no_country(file):
            yield _no_country(file, "", file.partition("/")[2].removesuffix(".json"))
    for code in view.network.orphan_mandates:
        if code != EVERY_COUNTRY and code not in countries.ALL:
            yield _no_country(NETWORK, f"/orphan_mandates/{code}", code)


def _no_country(file: str, field: str, code: str) -> Finding:
    hint = countries.hint(code)
    sentence = "not named after a country of ISO 3166-1 (alpha-2)" + (f": {hint}" if hint else "")
    return Finding(Severity.ERROR, file, field, "country", sentence)


def _country(view: RegistryView, code: str, files: Mapping[str, bytes]) -> Iterator[Finding]:
    file = f"countries/{code}.json"
    if file not in files:
        sentence = f"{code} has no answer, not even that nobody answers; registry import drafts one"
        yield Finding(Severity.ERROR, file, "", "country-missing", sentence)
        return
    rows = view.destinations(code)
    for row in rows:
        yield from _named_by(view, file, "/destinations", "destination", row.member)
    answer = route(view, code, "", None)
    if not isinstance(answer, Routed) and answer.alternatives:
        soon = any(one.skipped == MemberStatus.PENDING for one in answer.alternatives)
        severity = Severity.WARNING if soon else Severity.ERROR
        yield Finding(severity, file, "/destinations", "country-unserved", answer.sentence)
    yield from _shared(view, file, rows)


def _shared(view: RegistryView, file: str, rows: tuple[Destination, ...]) -> Iterator[Finding]:
    present = [row for row in rows if view.members[row.member].status is not MemberStatus.LEFT]
    places = groupby(
        sorted(present, key=lambda row: (row.basis, row.rank, row.member)), lambda row: (row.basis, row.rank)
    )
    for (basis, rank), group in places:
        desks = [row.member for row in group]
        if len(desks) > 1:
            sentence = f"{' and '.join(desks)} share the sites as {basis.value} of rank {rank}"
            yield Finding(Severity.INFO, file, "/destinations", "rank-shared", sentence)


def _territory(view: RegistryView, code: str, parent: str | None) -> Iterator[Finding]:
    if parent is None or code not in view.countries:
        return
    desks = {
        row.member
        for row in view.destinations(parent)
        if row.basis in _DESKS and view.members[row.member].status is not MemberStatus.LEFT
    }
    rows = view.destinations(code)
    answered = any(row.member in desks or row.basis is Basis.HOTLINE for row in rows)
    if desks and not answered:
        sentence = f"{' and '.join(sorted(desks))} of {parent} could answer for this territory"
        yield Finding(
            Severity.WARNING, f"countries/{code}.json", "/destinations", "territory-unnamed", sentence
        )


def _mandates(view: RegistryView) -> Iterator[Finding]:
    for code, members in view.network.orphan_mandates.items():
        for member in members:
            yield from _named_by(view, NETWORK, f"/orphan_mandates/{code}", "mandate", member)


def _named_by(view: RegistryView, file: str, field: str, what: str, member: MemberId) -> Iterator[Finding]:
    reason = obstacle(view, member)
    if reason in _OBSTACLES:
        sentence = f"names {member}, which {REASONS[reason]}"
        yield Finding(_OBSTACLES[reason], file, field, f"{what}-{reason}", sentence)


def _named(view: RegistryView) -> frozenset[MemberId]:
    """Whoever a country, a mandate or another member names."""
    by_countries = (row.member for rows in view.countries.values() for row in rows)
    by_mandates = (member for members in view.network.orphan_mandates.values() for member in members)
    deputies = (member.deputy for member in view.members.values() if member.deputy is not None)
    return frozenset((*by_countries, *by_mandates, *deputies))


def _member(view: RegistryView, member: Member, named: bool, now: int) -> Iterator[Finding]:
    file = f"members/{member.id}.json"
    if member.status is MemberStatus.LEFT:
        return
    if member.deputy is not None:
        yield from _named_by(view, file, "/deputy", "deputy", member.deputy)
    if not named and member.status is not MemberStatus.SUSPENDED:
        sentence = "no country, mandate or deputy names this member: nothing is routed to it"
        yield Finding(Severity.WARNING, file, "", "member-unnamed", sentence)
    if member.status is not MemberStatus.ACTIVE:
        return
    soon = now + KEY_NOTICE_SECONDS
    for field, what, keys in (
        ("/keys/signing", "signing", member.signing),
        ("/keys/http", "http", member.http),
    ):
        if not any(key.usable_at(now) for key in keys):
            sentence = f"no {what} key is in force: nobody accepts what this member sends"
            yield Finding(Severity.ERROR, file, field, "key-none", sentence)
        elif not any(key.usable_at(soon) for key in keys):
            days = KEY_NOTICE_SECONDS // 86400
            sentence = f"in {days} days no {what} key will be in force: the member has to rotate"
            yield Finding(Severity.WARNING, file, field, "key-ends", sentence)


def _nobody(view: RegistryView) -> Iterator[Finding]:
    left = [
        code
        for code in view.countries
        if not isinstance(answer := route(view, code, "", None), Routed) and not answer.alternatives
    ]
    if left:
        sentence = (
            f"for {len(left)} of {len(countries.ALL)} countries nobody answers: they go to the operator"
        )
        yield Finding(Severity.INFO, "countries/*.json", "/destinations", "nobody", sentence)
