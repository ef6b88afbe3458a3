"""What a new registry changes, in sentences that an administrator can read before signing.

Rules: no changed file goes unmentioned, and only one that says the same is said to; one sentence for each
fact: who joins, each field of a member from what to what, each key by its kid and fingerprint, each
revocation, each destination of a country, and who answers for a country now and before, all the desks that
share it, which a change of status moves as well. The order is that of the paths.
A file that cannot be read is named and not compared: whoever signs refuses it anyway. This module knows no
signatures and decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exchange.core import strict_json
from exchange.core.jwk import fingerprint
from exchange.core.registry_build import build_view
from exchange.core.registry_documents import NETWORK, read_target
from exchange.core.registry_view import RegistryView
from exchange.core.routing import EVERY_COUNTRY, Order, Routed, obstacle, route
from exchange.core.schema import Schemas
from exchange.core.times import format_time
from exchange.core.unlike import unlike
from exchange.errors import Invalid, Refused

NOBODY: Final = "nobody"
GOES: Final = "disappears; it named nobody"
_PLAIN: Final = (
    "kind", "country", "name", "site", "status", "mailbox", "card", "min_card", "deputy", "languages",
    "office_hours", "accepts",
)  # fmt: skip
_EMPTY: Final[tuple[object, ...]] = (None, [], {})
_Value = Mapping[str, Any]
_Row = tuple[str, str, int]
"""Member, basis and rank of a destination."""


@dataclass(frozen=True, slots=True)
class Change:
    """`sentence` says one thing that becomes different in the file at `path`."""

    path: str
    sentence: str


def differences(
    schemas: Schemas, before: Mapping[str, bytes], after: Mapping[str, bytes], now: int = 0
) -> tuple[Change, ...]:
    """Every difference between two registries, files by path.

    `now` in unix seconds decides which keys' time is over, as in `registration.check`; 0 means none.
    """
    changes: list[Change] = []
    empty: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) == after.get(path):
            continue
        told = [Change(path, sentence) for sentence in _of_file(schemas, path, before, after, now)]
        if not told and path in before:
            said = _otherwise(schemas, path, before[path], after[path]) if path in after else [GOES]
            told = [Change(path, f"{path}: {sentence}") for sentence in said]
        elif not told:
            empty.append(path)
        changes += told
    if empty:
        codes = " ".join(_code(path) for path in empty)
        changes.append(Change(empty[0], f"{len(empty)} countries say for the first time: {NOBODY}: {codes}"))
    return (*changes, *_answering(_view(schemas, before), _view(schemas, after)))


def _of_file(
    schemas: Schemas, path: str, before: Mapping[str, bytes], after: Mapping[str, bytes], now: int
) -> Iterator[str]:
    try:
        was = read_target(schemas, path, before[path]) if path in before else None
        said = read_target(schemas, path, after[path]) if path in after else None
    except Invalid:
        yield f"{path}: cannot be read"
        return
    if path == NETWORK:
        yield from _network(was or {}, said or {})
    elif path.startswith("countries/"):
        yield from _country(_code(path), was or {}, said or {})
    else:
        yield from _member(path[len("members/") :].removesuffix(".json"), was, said, now)


def _otherwise(schemas: Schemas, path: str, before: bytes, after: bytes) -> list[str]:
    """What is told of a file whose change no sentence of its own tells."""
    was, said = read_target(schemas, path, before), read_target(schemas, path, after)
    return list(unlike(was, said)) or ["says the same in other bytes"]


def _network(was: _Value, said: _Value) -> Iterator[str]:
    for field in sorted((was.keys() | said.keys()) - {"v", "orphan_mandates"}):
        yield from _moved("network", field, was.get(field), said.get(field))
    old, new = was.get("orphan_mandates", {}), said.get("orphan_mandates", {})
    for country in sorted(old.keys() | new.keys()):
        whose = "every country" if country == EVERY_COUNTRY else country
        yield from _moved("network", f"orphan mandate for {whose}", old.get(country), new.get(country))


def _country(country: str, was: _Value, said: _Value) -> Iterator[str]:
    old, new = _rows(was), _rows(said)
    first, then = _first(old), _first(new)
    if first != then:
        yield f"{country}: first destination {first or NOBODY} -> {then or NOBODY}"
    for name in sorted({row[0] for row in (*old, *new)}):
        before, after = ([row for row in rows if row[0] == name] for rows in (old, new))
        if not after:
            yield f"{country}: {name} is no longer a destination"
        elif len(before) == len(after) == 1:
            for field, one, other in zip(("basis", "rank"), before[0][1:], after[0][1:], strict=True):
                yield from _moved(f"{country}: {name}", field, one, other, " ")
        else:
            for _, basis, rank in (Counter(before) - Counter(after)).elements():
                yield f"{country}: {name} is no longer named as {basis}, rank {rank}"
            for _, basis, rank in (Counter(after) - Counter(before)).elements():
                yield f"{country}: {name} is added as {basis}, rank {rank}"


def _rows(country: _Value) -> list[_Row]:
    return [(row["member"], row["basis"], row["rank"]) for row in country.get("destinations", ())]


def _code(path: str) -> str:
    return path.removeprefix("countries/").removesuffix(".json")


def _first(rows: Iterable[_Row]) -> str:
    """The destinations of the lowest rank, with their basis."""
    known = list(rows)
    lowest = min((rank for _, _, rank in known), default=0)
    return ", ".join(f"{name} ({basis})" for name, basis, rank in known if rank == lowest)


def _member(name: str, was: _Value | None, said: _Value | None, now: int) -> Iterator[str]:
    if said is None:
        yield f"{name}: the member's file disappears"
        return
    if was is None:
        yield f"{name}: new member, {said['status']}"
    old: _Value = was or {"status": said["status"]}
    for field in _PLAIN:
        form = _day if field == "min_card" else str
        yield from _moved(name, field, old.get(field), said.get(field), form=form)
    keys: _Value = old.get("keys", {})
    known = list(keys.get("signing", ()))
    for use in ("signing", "http"):
        yield from _keys(name, use, keys.get(use, ()), said["keys"][use])
    over = all("revoked" in row or row["exp"] < now for row in known)
    if known and over and len(said["keys"]["signing"]) > len(known):
        yield f"{name}: registers afresh: no earlier signing keys vouch for the new ones"


def _keys(name: str, use: str, was: Iterable[_Value], said: Iterable[_Value]) -> Iterator[str]:
    old, new = ({_kid(row): row for row in rows} for rows in (was, said))
    for kid in sorted(old.keys() - new.keys()):
        yield f"{name}: {use} keys {kid} are gone"
    for kid, row in new.items():
        there = old.get(kid)
        if there is None:
            yield f"{name}: new {use} keys {kid}, fingerprint {_fingerprint(row)}, {_period(row)}"
        else:
            for field in ("nbf", "exp"):
                yield from _moved(f"{name}: {use} keys {kid}", field, there[field], row[field], " ", _day)
        if row.get("revoked") != (there or {}).get("revoked"):
            yield f"{name}: {use} keys {kid} {_revocation(row.get('revoked'))}"


def _kid(row: _Value) -> str:
    return str((row.get("key") or row["ed25519"])["kid"])


def _fingerprint(row: _Value) -> str:
    parts = [row[part] for part in ("ed25519", "ml_dsa_65", "key") if part in row]
    return fingerprint(b"".join(strict_json.dump(dict(sorted(part.items()))) for part in parts))


def _period(row: _Value) -> str:
    return f"from {_day(row['nbf'])} until {_day(row['exp'])}"


def _revocation(said: _Value | None) -> str:
    if said is None:
        return "are no longer revoked"
    until = f", nothing after {_day(said['invalid_after'])} counts" if "invalid_after" in said else ""
    return f"are revoked ({said['reason']}) at {_day(said['at'])}{until}"


def _day(moment: int) -> str:
    return format_time(moment)


def _moved(
    whose: str, field: str, was: object, said: object, colon: str = ": ", form: Any = str
) -> Iterator[str]:
    if was == said or (was in _EMPTY and said in _EMPTY):
        return
    old, new = ("" if value is None else _text(value, form) for value in (was, said))
    if was in _EMPTY:
        yield f"{whose}{colon}{field} is {new}"
    else:
        yield f"{whose}{colon}{field} {old} -> {new or 'none'}"


def _text(value: object, form: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in sorted(value.items())) or "none"
    return str(form(value))


def _answering(was: RegistryView | None, said: RegistryView | None) -> Iterator[Change]:
    """Who gets what is hosted in a country, as nodes route it."""
    views = [view for view in (was, said) if view is not None]
    named = {country for view in views for country in view.countries}
    named |= {country for view in views for country in view.network.orphan_mandates}
    for country in sorted(named - {EVERY_COUNTRY}):
        old, new = _answers(was, country), _answers(said, country)
        if old != new:
            yield Change(f"countries/{country}.json", f"{country}: answers now {new}, before {old}")


def _answers(view: RegistryView | None, country: str) -> str:
    """The desks of the first rung that somebody can be reached on; several share it by site."""
    routed = None if view is None else route(view, country, "", None)
    if view is None or not isinstance(routed, Routed):
        return NOBODY
    desks = [str(routed.member)]
    if routed.order is not Order.RANK:
        rows = [row for row in view.destinations(country) if row.basis is routed.basis]
        rank = next(row.rank for row in rows if row.member == routed.member)
        desks = sorted(row.member for row in rows if row.rank == rank and not obstacle(view, row.member))
    return f"{' and '.join(desks)} ({routed.basis})"


def _view(schemas: Schemas, targets: Mapping[str, bytes]) -> RegistryView | None:
    try:
        return build_view(schemas, targets, version=0, digest="", expires_at=0).view
    except Refused:
        return None
