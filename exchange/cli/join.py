"""`join`: makes a new node and its request to be registered, asking on a terminal for what no option says.

Rules: each answer is checked when it is given, and nothing is written before the last of them. The passphrase
comes from the terminal alone; a node that starts unattended gets an identity file. At the end it says what to
do next.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.cli import joining
from exchange.cli.asking import Asking
from exchange.cli.joining import Joined, Plan
from exchange.cli.options import AsJson, Deputy, Languages, OfficeHours
from exchange.cli.show import Show
from exchange.config.template import Setting
from exchange.core.countries import parse_country
from exchange.core.names import MemberId
from exchange.errors import Invalid

CONFIG: Final = Path("hotline-exchange.toml")
PASSPHRASE_CHARS: Final = 12
"""Fewest characters of a passphrase: scrypt makes a guess cost 1.5 s, not impossible."""
NONE: Final = " (empty: none)"


class Host(StrEnum):
    OWN = "own"
    HOSTED = "hosted"


class Kind(StrEnum):
    HOTLINE = "hotline"
    POLICE = "police"


def join(
    member: Annotated[
        str | None, typer.Option(help="Member id, such as de-example.", show_default=False)
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Country (ISO 3166-1); else that of the id.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the organisation.", show_default=False)] = None,
    site: Annotated[str | None, typer.Option(help="Its web site, https://...", show_default=False)] = None,
    kind: Annotated[Kind, typer.Option(help="Hotline or police desk.")] = Kind.HOTLINE,
    language: Languages = None,
    office_hours: OfficeHours = None,
    deputy: Deputy = None,
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
    show = Show(as_json)
    ask = Asking(show, "hotline-exchange join").ask
    settings: dict[str, Setting] = {"data": data, "registry.bootstrap": root}
    settings |= {"development": True} if development else {}
    settings |= {"identity.file": identity_file} if identity_file else {}

    def set_to(name: str) -> Callable[[str], Setting]:
        return lambda said: _setting(settings, name, said)

    def new_member(said: str) -> MemberId:
        found = MemberId.parse(said, "--member")
        joining.check_country(found, _home(found, country))
        joining.check_free(config, config.resolve().parent / data, found)
        return found

    member_id = ask("--member", member, "Member id, such as de-example", new_member)
    settings["member"] = member_id
    told_name = ask("--name", name, "Name of the organisation", _entry("name"))
    told_site = ask("--site", site, "Web site, https://...", _entry("site"))
    ask(
        "--mailbox",
        mailbox,
        'Mailbox: "own", or "hosted" by a member',
        set_to("mailbox.host"),
        Host.OWN.value,
    )
    own = settings["mailbox.host"] == Host.OWN
    if own:
        set_to("mailbox.listen")(listen)
        base = ask("--url", url, "Base URL under which others reach our mailbox", set_to("mailbox.url"))
    else:
        base = ask("--url", url, "Base URL of the host's mailbox", _entry("mailbox"))
    ask("--mirror", _joined(mirror), "URL of the registry", set_to("registry.mirrors"))
    languages = ask(
        "--language", _joined(language), f"Languages that you read, such as: de en{NONE}", _languages, ""
    )
    hours_question = f"Office hours, such as: Mo-Fr 09:00-17:00 +01:00{NONE}"
    hours = ask("--office-hours", office_hours, hours_question, _optional(_entry("office_hours")), "")
    stand_in = ask(
        "--deputy", deputy, f"Member that stands in for you, by its id{NONE}", _optional(_deputy), ""
    )
    plan = Plan(
        member=member_id,
        country=_home(member_id, country),
        name=told_name,
        site=told_site,
        mailbox=str(base).rstrip("/"),
        config=config,
        settings=settings,
        kind=kind.value,
        languages=languages,
        office_hours=hours,
        deputy=None if stand_in is None else MemberId(stand_in),
    )
    joining.check_plan(plan)
    passphrase = None if identity_file else _new_passphrase()
    _tell(show, plan, asyncio.run(joining.join(plan, passphrase, int(time.time()))))


def _home(member: MemberId, country: str | None) -> str:
    return parse_country(country or member[:2].upper(), "--country" if country else "--member")


def _setting(settings: dict[str, Setting], name: str, said: str) -> Setting:
    """Take one setting of the configuration, unless it is wrong."""
    value: Setting = said.split() if name == "registry.mirrors" else said
    joining.check_settings({**settings, name: value})
    settings[name] = value
    return value


def _entry(field: str) -> Callable[[str], str]:
    """The check of one field of the member's file."""

    def check(said: str) -> str:
        joining.check_entry({field: said})
        return said

    return check


def _languages(said: str) -> list[str]:
    listed = said.replace(",", " ").split()
    joining.check_entry({"languages": listed})
    return listed


def _deputy(said: str) -> str:
    return MemberId.parse(said, "--deputy")


def _optional(check: Callable[[str], str]) -> Callable[[str], str | None]:
    return lambda said: check(said) if said else None


def _joined(given: list[str] | None) -> str | None:
    return " ".join(given) if given else None


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
    steps = [
        f"Send {joined.request} to an administrator of the network. On a call, read out:\n"
        f"     {joined.fingerprint}",
        f"Answer the challenge that you get in return, and send back what it makes:\n"
        f"     hotline-exchange prove {plan.member}.challenge.json --config {joined.config}",
        f"Put the registry's root file, which they give you too, at {plan.settings['registry.bootstrap']}.\n"
        f"     On the call, compare its fingerprint: hotline-exchange doctor --config {joined.config}",
    ]
    if plan.settings["mailbox.host"] == Host.HOSTED:
        steps.append(f"Ask your host to add {plan.member} to the guests in its configuration.")
    for number, text in enumerate(steps, 1):
        for line in f"{number}. {text}".splitlines():
            show.line(line)
    show.line()
    show.line(f"Then: hotline-exchange serve --config {joined.config}")
    show.line(f"Before that, to see whether all is well: hotline-exchange doctor --config {joined.config}")
