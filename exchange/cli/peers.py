"""`peers` and `route`: the members of the network as this node reaches them, and who would get a referral.

Rules: a reported URL is read from standard input or asked for without echo into the shell's history; it is
never an argument, since arguments stand in process lists.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from exchange.cli.connection import talk
from exchange.cli.options import AsJson, ConfigFile
from exchange.cli.show import Show, moment
from exchange.core.countries import parse_country
from exchange.core.names import MemberId
from exchange.core.urls import parse_url, refang
from exchange.errors import Invalid

_AMONG: Final = {
    "site": "by the site: several members have this rank",
    "id": "by id: several members have this rank, and with a URL its site decides",
}


def peers(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """List the other members and how delivery to them goes."""
    show = Show(as_json)
    said = talk(config, lambda node: node.get("/v1/peers"))
    if as_json:
        show.value(said)
        return
    show.table(
        ("member", "country", "status", "waiting", "deposited", "failures", "next attempt", "last error"),
        [
            (
                peer["member"],
                peer.get("country"),
                peer.get("status"),
                peer.get("waiting"),
                peer.get("deposited"),
                peer.get("failures"),
                moment(peer.get("next_attempt")),
                peer.get("last_error"),
            )
            for peer in said["peers"]
        ],
        empty="The registry names no other member.",
    )


def route(
    country: Annotated[
        str | None, typer.Option("--country", help="Hosting country (ISO 3166-1).", show_default=False)
    ] = None,
    url: Annotated[bool, typer.Option("--url", help="Read a URL from standard input.")] = False,
    to: Annotated[
        str | None, typer.Option("--to", help="Would this member get it?", show_default=False)
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show who would get a referral, and why. Nothing is sent."""
    show = Show(as_json)
    if (country is None) == (not url):
        raise Invalid("usage", "name either --country or --url", hint="hotline-exchange route --country NL")
    body: dict[str, str] = {}
    if country is not None:
        body["country"] = parse_country(country, "--country")
    else:
        body["url"] = _asked_url()
    if to is not None:
        body["to"] = MemberId.parse(to, "--to")
    said = talk(config, lambda node: node.post("/v1/route", body))
    if as_json:
        show.value(said)
        return
    source = f" ({said['country_source']})" if said.get("country_source") else ""
    show.facts(
        {
            "country": f"{said['country']}{source}" if said.get("country") else "not known",
            "goes to": said.get("member") or "nobody",
            "why": _why(said),
            "why not": said.get("sentence") or said.get("reason"),
        }
    )
    if said.get("alternatives"):
        show.line()
        show.table(
            ("otherwise", "basis", "passed over because"),
            [(one["member"], one.get("basis"), one.get("skipped")) for one in said["alternatives"]],
            empty="",
        )


def _why(said: Mapping[str, Any]) -> str:
    """The rung that decided, and what decided among several members on it."""
    among = _AMONG.get(str(said.get("order")))
    rung = str(said.get("rule") or said.get("basis"))
    return rung if among is None else f"{rung}, {among}"


def _asked_url() -> str:
    if sys.stdin.isatty():
        sys.stderr.write("URL (not shown, not kept): ")
        sys.stderr.flush()
        text = typer.prompt("", prompt_suffix="", hide_input=True, err=True)
    else:
        text = sys.stdin.readline()
    return parse_url(refang(str(text).strip()), "URL").given
