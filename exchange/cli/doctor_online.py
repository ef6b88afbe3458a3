"""What `doctor` sees beyond this machine's files: the node, the registry's mirrors, the mailbox's host.

Rules: nothing changes; the registry is looked at in a directory that is thrown away, so that a wrong mirror
cannot spoil what the node knows. What cannot be reached is told and ends nothing.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exchange.cli.connection import Answer, connected
from exchange.cli.findings import Finding, bad, warning, well
from exchange.cli.node_state import readiness
from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient
from exchange.client.mailbox import PeerMailbox
from exchange.client.registry import Known, Registry
from exchange.config import Config
from exchange.core import limits
from exchange.core.expiry import stage
from exchange.core.keys import HttpKey
from exchange.core.registry_view import RegistryState
from exchange.core.schema import Schemas
from exchange.core.times import parse_time
from exchange.errors import ExchangeError, Invalid, Unavailable
from exchange.resources import schema_documents

SOON: Final = 3 * 86400
"""Seconds before the registry's expiry from which an administrator should be asked."""


_OF_LOOPS: Final = "it is tried again by itself; the log has each failure"
_WAYS: Final = {
    "registry-missing": "hotline-exchange registry refresh says what is wrong",
    "registry-expired": "the administrators renew it: hotline-exchange registry renew",
    "not-registered": "send the administrators your request; after that it takes a minute",
    "not-active": "ask the administrators: who is pending needs a test; who is suspended, an answer",
    "card-expired": "set the clock; the node makes a new card by itself",
}
"""What to do about a reason for not being ready; keys say it themselves."""


async def checks(config: Config, now: int) -> list[Finding]:
    found, running = await _node(config, now)
    if not running:
        found += _ports(config)
    guard = AddressGuard.of([str(net) for net in config.outbound.allow], development=config.development)
    async with GuardedClient(guard, development=config.development) as client:
        try:
            known = await _look(config, client, now)
        except ExchangeError as error:
            hint = error.hint or "is the mirror right, and does this machine reach it?"
            return [*found, bad("registry", f"{error.message} ({error.code})", hint)]
        except OSError:
            return [*found, bad("registry", "no root file to begin with", "ask an administrator for it")]
        return [*found, *_registry(config, known, now), *await _clock(config, client, known)]


async def _node(config: Config, now: int) -> tuple[list[Finding], bool]:
    try:
        async with connected(config) as node:
            said = await readiness(node)
            said_of_keys = await node.get("/v1/keys")
            cards = [*_card(said_of_keys, now), *_keys(said_of_keys, now)]
    except Unavailable as error:
        return [warning("node", f"{error.message} ({error.code})", error.hint or "")], False
    except ExchangeError as error:
        return [bad("node", f"{error.message} ({error.code})", error.hint or "look at its log")], True
    if said["ready"]:
        return [well("node", "runs and is ready"), *cards], True
    reasons = [
        bad("node", f"{each['sentence']} ({each['code']})", _WAYS.get(each["code"], _OF_LOOPS))
        for each in said.get("reasons", ())
    ]
    return [*reasons, *cards], True


def _card(said: Answer, now: int) -> list[Finding]:
    card = said["card"]
    if card is None:
        return [bad("key card", "there is none", "hotline-exchange keys rotate")]
    left = parse_time(card["exp"], "card.exp") - now
    if left < limits.CARD_LIFE_SECONDS - limits.CARD_ROTATE_SECONDS - 86400:
        return [bad("key card", f"ends in {left // 86400} days", "hotline-exchange keys rotate")]
    return [well("key card", f"good for {left // 86400} more days")]


def _keys(said: Answer, now: int) -> Iterator[Finding]:
    """What is about to expire of the keys that the registry has."""
    for kind in ("signing", "http"):
        rows = [row for row in (said["registered"] or {}).get(kind, ()) if not row["revoked"]]
        lives = [(parse_time(row["exp"], "exp"), parse_time(row["nbf"], "nbf")) for row in rows]
        if lives:
            end, begin = max(lives)
            if stage(begin, end, now) is not None:
                hint = f"hotline-exchange change --rotate {kind}"
                yield warning(f"{kind} key", f"ends in {max(end - now, 0) // 86400} days", hint)
            else:
                yield well(f"{kind} key", f"good for {(end - now) // 86400} more days")


def _ports(config: Config) -> list[Finding]:
    """Whether the node could listen where it is to; only asked while it does not run."""
    found = []
    for name, listen in (("mailbox", config.mailbox.listen), ("member API", config.member_api.listen)):
        if listen is None or listen.port == 0:
            continue
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((listen.host, listen.port))
            except OSError as error:
                told = f"{listen}: {(error.strerror or 'cannot be bound').lower()}"
                found.append(bad("ports", f"{name} at {told}", "another program has it, or it is not ours"))
            else:
                found.append(well("ports", f"{listen} is free for the {name}"))
    return found


async def _look(config: Config, client: GuardedClient, now: int) -> Known:
    bootstrap = config.registry.bootstrap.read_bytes()
    with tempfile.TemporaryDirectory() as place:
        schemas = Schemas(schema_documents())
        registry = Registry(Path(place), bootstrap, config.registry.mirrors, schemas, client)
        return await registry.refresh(now)


def _registry(config: Config, known: Known, now: int) -> list[Finding]:
    found = []
    left = known.view.expires_at - now
    if known.state is not RegistryState.FRESH:
        found.append(bad("registry", "has expired", "an administrator has to renew it"))
    elif left < SOON:
        found.append(
            warning("registry", f"expires in {left // 3600} hours", "ask an administrator to renew it")
        )
    else:
        found.append(well("registry", f"version {known.view.version}, good for {left // 86400} more days"))
    for report in known.mirrors:
        if report.code is not None:
            found.append(
                warning("registry", f"{report.mirror}: {report.code}", "is this mirror still right?")
            )
    member = known.view.member(config.member)
    if member is None:
        hint = "send the registration request to an administrator; see hotline-exchange join"
        found.append(bad("membership", f"{config.member} is not in the registry", hint))
    elif member.status.value != "active":
        found.append(
            warning("membership", f"{config.member} is {member.status.value}", "ask an administrator")
        )
    else:
        found.append(well("membership", f"{config.member} is active"))
    return found


async def _clock(config: Config, client: GuardedClient, known: Known) -> list[Finding]:
    """Our mailbox as others reach it, and our clock against its host's."""
    member = known.view.member(config.member)
    if member is None:
        return []
    before = time.time()
    said = await PeerMailbox(client, HttpKey.generate, lambda count: b"\0" * count).service(member.mailbox)
    if said.facts is None:
        hint = "does the node run, and does its proxy lead to it?"
        return [warning("mailbox", f"{member.mailbox} did not answer", hint)]
    found = [well("mailbox", f"{member.mailbox} answers")]
    try:
        theirs = said.facts.get("time")
        then = parse_time(theirs, "time") if isinstance(theirs, str) else int(str(theirs))
    except (Invalid, ValueError):
        return found
    away = round(then - (before + time.time()) / 2)
    if abs(away) > limits.CLOCK_SKEW_SECONDS:
        return [*found, bad("clock", f"{abs(away)} s away from the mailbox's host", "set the clock (NTP)")]
    return [*found, well("clock", "agrees with the mailbox's host")]
