"""`list` and `show`: the referrals that we sent and received, and the life of one.

Rules: a reported URL is shown defanged and never as a link; `--json` gives it as it is stored.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from exchange.cli.connection import talk
from exchange.cli.options import After, AsJson, ConfigFile, Limit, ReferralId, Sender
from exchange.cli.show import Show, moment, url
from exchange.core.countries import parse_country
from exchange.core.names import DocumentId, MemberId
from exchange.core.referral_state import State


class Direction(StrEnum):
    SENT = "sent"
    RECEIVED = "received"


def list_(
    direction: Annotated[
        Direction | None, typer.Option("--direction", help="Sent or received.", show_default=False)
    ] = None,
    state: Annotated[
        State | None, typer.Option("--state", help="Only in this state.", show_default=False)
    ] = None,
    peer: Annotated[
        str | None, typer.Option("--peer", help="Only with this member.", show_default=False)
    ] = None,
    country: Annotated[
        str | None, typer.Option("--country", help="Only hosted there (ISO 3166-1).", show_default=False)
    ] = None,
    case: Annotated[str | None, typer.Option("--case", help="Only of this case.", show_default=False)] = None,
    after: After = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """List referrals, the newest last."""
    show = Show(as_json)
    given = {
        "direction": direction,
        "state": state,
        "peer": None if peer is None else MemberId.parse(peer, "--peer"),
        "country": None if country is None else parse_country(country, "--country"),
        "case": case,
        "after": after,
        "limit": limit,
    }
    page = talk(config, lambda node: node.get("/v1/referrals", **given))
    if as_json:
        show.value(page)
        return
    show.table(
        ("id", "direction", "with", "country", "state", "since", "case"),
        [_summary(referral) for referral in page["referrals"]],
        empty="There are no such referrals.",
    )
    show.more(page)


def show(
    referral: ReferralId, sender: Sender = None, as_json: AsJson = False, config: ConfigFile = None
) -> None:
    """Show one referral and all that happened to it."""
    out = Show(as_json)
    referral_id = DocumentId.parse(referral, "ID")
    by = None if sender is None else MemberId.parse(sender, "--sender")
    said = talk(config, lambda node: node.get(f"/v1/referrals/{referral_id}", sender=by))
    if as_json:
        out.value(said)
        return
    found = said["referral"]
    out.facts(_facts(found))
    out.line()
    out.table(
        ("at", "what", "by", "reason", "state"),
        [
            (
                moment(event["at"]),
                event.get("status") or event["kind"],
                event["actor"],
                event.get("reason"),
                event["state"],
            )
            for event in found["timeline"]
        ],
        empty="Nothing happened yet.",
    )


def _facts(found: dict[str, Any]) -> dict[str, object]:
    body = found.get("document") or {}
    resource, assessment = body.get("resource", {}), body.get("assessment", {})
    handling = body.get("handling", {})
    return {
        "referral": found["id"],
        "from": found["sender"],
        "to": found["recipient"],
        "state": found["state"],
        "delivery": _delivery(found.get("delivery") or {}),
        "case": found.get("case"),
        "url": url(resource["url"]) if "url" in resource else "(erased)" if not body else None,
        "kind": resource.get("kind"),
        "found by": url(resource["referrer_url"]) if "referrer_url" in resource else None,
        "hosting": "; ".join(_hosting(claim) for claim in body.get("hosting", ())),
        "why here": body.get("routing", {}).get("basis"),
        "assessed": " ".join([assessment.get("tier", ""), *assessment.get("legal_class", ())]).strip(),
        "tlp": handling.get("tlp") or found.get("tlp"),
        "purpose": handling.get("purpose"),
        "priority": handling.get("priority") or found.get("priority"),
        "answer by": moment(handling.get("answer_by")),
        "sender's case": body.get("sender_case"),
    }


def _delivery(said: dict[str, Any]) -> str:
    """How far it is: what the outbox says of ours, and of our receipt for another member's."""
    parts = [said.get("state"), moment(said.get("at")), said.get("code")]
    if said.get("receipt_state"):
        parts.append(f"our receipt is {said['receipt_state']}")
    return ", ".join(part for part in parts if part)


def _hosting(claim: dict[str, Any]) -> str:
    said = [str(claim[name]) for name in ("country", "ip", "asn", "provider") if name in claim]
    return f"{' '.join(said)} ({claim['source']}, {claim['confidence']})"


def _summary(referral: dict[str, Any]) -> tuple[object, ...]:
    sent = referral.get("direction") == "sent"
    return (
        referral["id"],
        referral.get("direction"),
        referral["recipient"] if sent else referral["sender"],
        referral.get("country"),
        referral["state"],
        moment(referral.get("state_at")),
        referral.get("case"),
    )
