"""Sets up a new node on this machine: configuration, keys, database, key card, registration request.

Rules: nothing that is there already is overwritten. Files are made in the order keys, database, request,
configuration: if we die in between, what is missing is named by `doctor`, and the data directory can be
removed and made again, because no administrator knows of its keys yet. The first encryption key is made
here, because the registration proves that we hold it. This module asks nobody anything.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exchange import keystore
from exchange.config import Config, parse, render
from exchange.config.template import Setting
from exchange.core import registration, strict_json
from exchange.core.countries import parse_country
from exchange.core.jwk import fingerprint
from exchange.core.names import MemberId
from exchange.core.schema import Schemas
from exchange.errors import Invalid
from exchange.flow.bell import Bells
from exchange.flow.cards import Cards
from exchange.flow.identity import Identity
from exchange.flow.registering import key_record
from exchange.flow.world import World
from exchange.keystore import Keystore
from exchange.resources import schema_documents
from exchange.store.lock import data_lock
from exchange.store.migrate import migrate, migrations
from exchange.store.sqlite import open_sqlite

ACCEPTS: Final = ("referral/1", "outcome/1", "withdrawal/1", "receipt/1", "resync/1", "test/1")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new member says of itself. `mailbox` is the base URL of its mailbox, its own or a host's."""

    member: MemberId
    country: str
    name: str
    site: str
    mailbox: str
    config: Path
    settings: Mapping[str, Setting]
    kind: str = "hotline"
    languages: Sequence[str] = ()
    office_hours: str | None = None
    deputy: MemberId | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """What was made. `fingerprint` covers the member's file and is to be read over a call."""

    config: Path
    request: Path
    fingerprint: str


def check_plan(plan: Plan) -> Config:
    """The configuration that the plan makes; raises `Invalid` before anything is written."""
    check_country(plan.member, plan.country)
    if plan.deputy == plan.member:
        raise Invalid("deputy", "deputy: not another member")
    config = parse(render(plan.settings), plan.config.resolve().parent)
    check_free(plan.config, config.data, plan.member)
    check_entry(_member_file(plan, _NOBODY, 0))
    return config


def check_country(member: MemberId, country: str) -> None:
    """Raises `Invalid` unless the member's id begins with its country."""
    parse_country(country, "country")
    if member[:2].upper() != country:
        told = "member: its first two letters are not the country's"
        raise Invalid("member-country", told, hint=f"such as {country.lower()}-{member[3:]}")


def check_free(config: Path, data: Path, member: MemberId) -> None:
    """Raises `Invalid` where something would be overwritten."""
    for path in (config, _request_path(config, member)):
        if path.exists():
            raise Invalid("exists", f"{path}: is there already", hint="remove it, or name another --config")
    if (data / keystore.KEYS).exists():
        raise Invalid("keystore-exists", f"{data}: holds keys already", hint="name another --data")


def check_entry(fields: Mapping[str, Any]) -> None:
    """Raises `Invalid` for what the registry would refuse of these fields of a member's file."""
    problems = Schemas(schema_documents()).problems("member-1", dict(fields))
    wrong = [each for each in problems if each.code != "missing" and not each.pointer.startswith("/keys")]
    if wrong:
        raise Invalid("member-file", "the registry would refuse this entry", problems=wrong)


def check_settings(settings: Mapping[str, Setting]) -> None:
    """Raises `Invalid` for what is wrong with those settings that are there."""
    try:
        parse(render(settings), Path())
    except Invalid as error:
        wrong = [each for each in error.problems if each.code != "config-missing"]
        if wrong:
            raise Invalid(error.code, "the configuration would be refused", problems=wrong) from None


async def join(plan: Plan, passphrase: str | None, now: int) -> Joined:
    """Make everything of `plan`; `now` in unix seconds. Raises `Invalid`."""
    config = check_plan(plan)
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with data_lock(config.data):
        keys = await asyncio.to_thread(keystore.create, config.data, passphrase, config.identity.file)
        serial, card = await _first_card(config, plan, keys, now)
    entry = strict_json.dump(_member_file(plan, _public(keys, now), serial))
    request_path = _request_path(plan.config, plan.member)
    request = registration.request(entry, card, [*keys.signing[0].halves, keys.http[0]])
    registration.check(request, now=now)
    write_new(request_path, request)
    write_new(plan.config, render(plan.settings).encode())
    return Joined(plan.config, request_path, fingerprint(entry))


async def _first_card(config: Config, plan: Plan, keys: Keystore, now: int) -> tuple[int, bytes]:
    world = World(lambda: float(now), asyncio.sleep, secrets.token_bytes, secrets.SystemRandom().random)
    database = await open_sqlite(config.database)
    try:
        await migrate(database, now, migrations("sqlite"))
        identity = Identity(plan.member, plan.country, lambda: keys.signing[0], keys.url_key)
        cards = Cards(database, world, Bells(), identity, keys)
        await cards.load()
        await cards.tend()
        return cards.serial, cards.card
    finally:
        await database.close()


def _member_file(plan: Plan, keys: Mapping[str, Any], serial: int) -> dict[str, Any]:
    file = {
        "v": 1,
        "id": str(plan.member),
        "kind": plan.kind,
        "country": plan.country,
        "name": plan.name,
        "site": plan.site,
        "status": "pending",
        "mailbox": plan.mailbox,
        "card": f"{plan.mailbox}/v1/members/{plan.member}/card",
        "min_card": serial,
        "keys": dict(keys),
        "accepts": list(ACCEPTS),
    }
    optional = {
        "languages": list(plan.languages),
        "office_hours": plan.office_hours,
        "deputy": plan.deputy and str(plan.deputy),
    }
    return file | {name: value for name, value in optional.items() if value}


_NOBODY: Final[Mapping[str, Any]] = {"signing": [], "http": []}


def _public(keys: Keystore, now: int) -> dict[str, Any]:
    return {"signing": [key_record(keys.signing[0], now)], "http": [key_record(keys.http[0], now)]}


def _request_path(config: Path, member: MemberId) -> Path:
    return config.with_name(f"{member}.registration.json")


def write_new(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file for others to read, which is not there yet unless it is to `replace` one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
