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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exchange import keystore
from exchange.config import Config, parse, render
from exchange.config.template import Setting
from exchange.core import limits, registration, strict_json
from exchange.core.countries import parse_country
from exchange.core.jwk import fingerprint
from exchange.core.names import MemberId
from exchange.core.schema import Schemas
from exchange.errors import Invalid
from exchange.flow.bell import Bells
from exchange.flow.cards import Cards
from exchange.flow.identity import Identity
from exchange.flow.world import World
from exchange.keystore import Keystore
from exchange.resources import schema_documents
from exchange.store.lock import data_lock
from exchange.store.migrate import migrate, migrations
from exchange.store.sqlite import open_sqlite

DAY: Final = 86400
SIGNING_DAYS: Final = 730
"""Days that a signing entry is valid: two years."""
HTTP_DAYS: Final = 365
"""Days that an http key is valid."""
SKEW: Final = 60
"""Seconds before now from which the keys are valid: an administrator's clock may be behind."""
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


@dataclass(frozen=True, slots=True)
class Joined:
    """What was made. `fingerprint` covers the member's file and is to be read over a call."""

    config: Path
    request: Path
    fingerprint: str


def check_plan(plan: Plan) -> Config:
    """The configuration that the plan makes; raises `Invalid` before anything is written."""
    parse_country(plan.country, "country")
    if plan.member[:2].upper() != plan.country:
        told = "member: its first two letters are not the country's"
        raise Invalid("member-country", told, hint=f"such as {plan.country.lower()}-{plan.member[3:]}")
    config = parse(render(plan.settings), plan.config.resolve().parent)
    for path in (plan.config, _request_path(plan)):
        if path.exists():
            raise Invalid("exists", f"{path}: is there already", hint="remove it, or name another --config")
    if (config.data / keystore.KEYS).exists():
        raise Invalid("keystore-exists", f"{config.data}: holds keys already", hint="name another --data")
    problems = Schemas(schema_documents()).problems("member-1", _member_file(plan, _NOBODY, 0))
    wrong = tuple(each for each in problems if not each.pointer.startswith("/keys"))
    if wrong:
        raise Invalid("member-file", "the registry would refuse this entry", problems=wrong)
    return config


async def join(plan: Plan, passphrase: str | None, now: int) -> Joined:
    """Make everything of `plan`; `now` in unix seconds. Raises `Invalid`."""
    config = check_plan(plan)
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with data_lock(config.data):
        keys = await asyncio.to_thread(keystore.create, config.data, passphrase, config.identity.file)
        serial, card = await _first_card(config, plan, keys, now)
    entry = strict_json.dump(_member_file(plan, _public(keys, now), serial))
    request = registration.request(entry, card, [*keys.signing[0].halves, keys.http[0]])
    registration.check(request, now=now)
    _write_new(_request_path(plan), request)
    _write_new(plan.config, render(plan.settings).encode())
    return Joined(plan.config, _request_path(plan), fingerprint(entry))


async def _first_card(config: Config, plan: Plan, keys: Keystore, now: int) -> tuple[int, bytes]:
    world = World(lambda: float(now), asyncio.sleep, secrets.token_bytes, secrets.SystemRandom().random)
    database = await open_sqlite(config.database)
    try:
        await migrate(database, now, migrations("sqlite"))
        identity = Identity(plan.member, plan.country, lambda: keys.signing[0], keys.url_key)
        cards = Cards(database, world, Bells(), identity, keys)
        await cards.load()
        await cards.tend()
        return cards.expires - limits.CARD_LIFE_SECONDS, cards.card
    finally:
        await database.close()


def _member_file(plan: Plan, keys: Mapping[str, Any], serial: int) -> dict[str, Any]:
    return {
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


_NOBODY: Final[Mapping[str, Any]] = {"signing": [], "http": []}


def _public(keys: Keystore, now: int) -> dict[str, Any]:
    ed25519, ml_dsa_65 = keys.signing[0].entry
    nbf = now - SKEW
    return {
        "signing": [
            {
                "ed25519": dict(ed25519),
                "ml_dsa_65": dict(ml_dsa_65),
                "nbf": nbf,
                "exp": nbf + SIGNING_DAYS * DAY,
            }
        ],
        "http": [{"key": dict(keys.http[0].jwk), "nbf": nbf, "exp": nbf + HTTP_DAYS * DAY}],
    }


def _request_path(plan: Plan) -> Path:
    return plan.config.with_name(f"{plan.member}.registration.json")


def _write_new(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
