"""`init`: makes a new node, asking on a terminal for what the options do not say.

Rules: what is said is checked before anything is written. The passphrase comes from the terminal alone; a
node that starts unattended gets an identity file. At the end it says what to do next.
"""

from __future__ import annotations

import asyncio
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.cli.joining import Joined, Plan, check_plan, join
from exchange.cli.options import AsJson
from exchange.cli.show import Show
from exchange.config.template import Setting
from exchange.core.countries import parse_country
from exchange.core.names import MemberId
from exchange.errors import Invalid

CONFIG: Final = Path("hotline-exchange.toml")
PASSPHRASE_CHARS: Final = 12
"""Fewest characters of a passphrase: scrypt makes a guess cost 1.5 s, not impossible."""


class Host(StrEnum):
    OWN = "own"
    HOSTED = "hosted"


class Kind(StrEnum):
    HOTLINE = "hotline"
    POLICE = "police"


def init(
    member: Annotated[
        str | None, typer.Option(help="Member id, such as de-example.", show_default=False)
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Country (ISO 3166-1); else that of the id.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the organisation.", show_default=False)] = None,
    site: Annotated[str | None, typer.Option(help="Its web site, https://...", show_default=False)] = None,
    kind: Annotated[Kind, typer.Option(help="Hotline or police desk.")] = Kind.HOTLINE,
    data: Annotated[str, typer.Option(help="Directory of everything the node keeps.")] = "data",
    mailbox: Annotated[
        Host | None, typer.Option(help="A mailbox of our own, or hosted by a member.", show_default=False)
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Base URL of the mailbox, ours or the host's.", show_default=False)
    ] = None,
    listen: Annotated[str, typer.Option(help="Where our own mailbox listens.")] = "127.0.0.1:8443",
    root: Annotated[
        str, typer.Option(help="Root file of the registry, from an administrator.")
    ] = "root.json",
    mirror: Annotated[
        list[str] | None, typer.Option(help="URL of the registry; repeat.", show_default=False)
    ] = None,
    identity_file: Annotated[
        str | None,
        typer.Option(help="Keep the age identity in this file, without a passphrase.", show_default=False),
    ] = None,
    development: Annotated[bool, typer.Option("--development", help="Allow http:// to loopback.")] = False,
    config: Annotated[
        Path, typer.Option(envvar="HOTLINE_EXCHANGE_CONFIG", help="The file to make.")
    ] = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Make a new node, and a request to be registered.

    What no option says is asked for on the terminal.
    """
    member_id = MemberId.parse(_asked("--member", member, "Member id, such as de-example"), "--member")
    own = (
        _asked("--mailbox", mailbox, 'Mailbox: "own", or "hosted" by another member', default="own") == "own"
    )
    ours = "Base URL under which others reach our mailbox" if own else "Base URL of the host's mailbox"
    base = _asked("--url", url, ours)
    settings: dict[str, Setting] = {
        "member": member_id,
        "data": data,
        "registry.bootstrap": root,
        "registry.mirrors": mirror or [_asked("--mirror", None, "URL of the registry")],
        "mailbox.host": "own" if own else "hosted",
    }
    settings |= {"mailbox.listen": listen, "mailbox.url": base} if own else {}
    settings |= {"development": True} if development else {}
    settings |= {"identity.file": identity_file} if identity_file else {}
    plan = Plan(
        member=member_id,
        country=parse_country(country or member_id[:2].upper(), "--country" if country else "--member"),
        name=_asked("--name", name, "Name of the organisation"),
        site=_asked("--site", site, "Web site, https://..."),
        mailbox=base.rstrip("/"),
        config=config,
        settings=settings,
        kind=kind.value,
    )
    check_plan(plan)
    passphrase = None if identity_file else _new_passphrase()
    _tell(Show(as_json), plan, asyncio.run(join(plan, passphrase, int(time.time()))))


def _asked(option: str, given: str | None, question: str, default: str | None = None) -> str:
    """What the option says, else what a person at the terminal says."""
    if given is not None:
        return str(given)
    if not sys.stdin.isatty():
        if default is not None:
            return default
        raise Invalid("usage", f"{option} is missing", hint="hotline-exchange init --help")
    return str(typer.prompt(question, default=default, err=True))


def _new_passphrase() -> str:
    if not sys.stdin.isatty():
        raise Invalid(
            "passphrase-missing",
            "a passphrase is asked for on a terminal, and this is none",
            hint="--identity-file makes a node that starts unattended",
        )
    text = str(typer.prompt("Passphrase for the keys", hide_input=True, confirmation_prompt=True, err=True))
    if len(text) < PASSPHRASE_CHARS:
        raise Invalid("passphrase-short", f"the passphrase has fewer than {PASSPHRASE_CHARS} characters")
    return text


def _tell(show: Show, plan: Plan, joined: Joined) -> None:
    if show.json:
        show.value(
            {
                "member": plan.member,
                "config": str(joined.config),
                "request": str(joined.request),
                "fingerprint": joined.fingerprint,
            }
        )
        return
    show.line(f"Made: {joined.config}, keys for {plan.member}, and {joined.request}.")
    show.line()
    show.line(f"1. Send {joined.request} to an administrator of the network. On a call, read out:")
    show.line(f"     {joined.fingerprint}")
    show.line(
        f"2. Put the registry's root file that you get in return at {plan.settings['registry.bootstrap']}."
    )
    if plan.settings["mailbox.host"] == "hosted":
        show.line(f"3. Ask your host to add {plan.member} to the guests in its configuration.")
    show.line()
    show.line(f"Then: hotline-exchange serve --config {joined.config}")
    show.line(f"Before that, to see whether all is well: hotline-exchange doctor --config {joined.config}")
