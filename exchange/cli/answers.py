"""`outcome` and `withdraw`: what we say of a referral, as its holder or as its sender.

Rules: what is said is checked here as far as it can be without the node, so that a wrong word costs no
request. The same command with the same `--at` says the same thing once: its Idempotency-Key is made of what
is said.
"""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.connection import talk
from exchange.cli.options import AsJson, ConfigFile, ReferralId, Sender
from exchange.cli.show import Show
from exchange.core import limits, strict_json
from exchange.core.documents import outcome_request_problems
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.outcome import Reason, Status
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.core.times import format_time
from exchange.errors import Invalid
from exchange.resources import schema_documents, vocabularies


class Actor(StrEnum):
    HOTLINE = "hotline"
    POLICE = "police"
    PROVIDER = "provider"
    SYSTEM = "system"


class WithdrawalReason(StrEnum):
    SUPERSEDED = "superseded"
    SENT_IN_ERROR = "sent_in_error"
    DUPLICATE = "duplicate"


def outcome(
    referral: ReferralId,
    status: Annotated[
        Status, typer.Argument(metavar="STATUS", help="What became of it.", show_default=False)
    ],
    reason: Annotated[Reason | None, typer.Option(help="Why.", show_default=False)] = None,
    own_case: Annotated[str | None, typer.Option(help="Our number of the case.", show_default=False)] = None,
    agency: Annotated[
        str | None, typer.Option(help="Code of the agency, from the registry.", show_default=False)
    ] = None,
    assessment: Annotated[
        Path | None, typer.Option(help="FILE with an assessment in JSON.", show_default=False)
    ] = None,
    new_hosting: Annotated[
        Path | None, typer.Option(help="FILE with a hosting claim in JSON (moved).", show_default=False)
    ] = None,
    next_holder: Annotated[
        str | None, typer.Option(help="The member that takes it on (moved).", show_default=False)
    ] = None,
    corrects: Annotated[
        str | None, typer.Option(help="Id of the outcome that was wrong.", show_default=False)
    ] = None,
    actor: Annotated[Actor, typer.Option(help="Who did it.")] = Actor.HOTLINE,
    at: Annotated[
        str | None, typer.Option(help="When, such as 2026-01-31T23:59:59Z; else now.", show_default=False)
    ] = None,
    sender: Sender = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Say what became of a referral.

    Every member that referred the same URL to us hears it.
    """
    referral_id = DocumentId.parse(referral, "ID")
    by = None if sender is None else MemberId.parse(sender, "--sender")
    now = int(time.time())
    given: JsonObject = {
        "occurred_at": at or format_time(now),
        "actor": actor.value,
        "status": status.value,
        "reason": None if reason is None else reason.value,
        "own_case": own_case,
        "agency": agency,
        "assessment": _json(assessment, "assessment"),
        "new_hosting": _json(new_hosting, "new_hosting"),
        "next_holder": next_holder,
        "corrects": corrects,
    }
    body: JsonObject = {name: value for name, value in given.items() if value is not None}
    problems = outcome_request_problems(Schemas(schema_documents()), Rules.of(vocabularies()), body, now=now)
    if problems:
        raise Invalid("outcome-invalid", "the outcome cannot be said like this", problems=problems)
    data = strict_json.dump(body)
    path = f"/v1/referrals/{referral_id}/outcomes" + (f"?sender={by}" if by else "")
    key = f"outcome-{Digest.of(path.encode() + data)}"
    said = talk(config, lambda node: node.post(path, data, key=key))
    show = Show(as_json)
    if as_json:
        show.value(said)
        return
    told = sorted({str(one["recipient"]) for one in said["outcomes"]})
    show.line(f"{status.value}: the referral is now {said['state']}; {', '.join(told)} will be told.")


def withdraw(
    referral: ReferralId,
    reason: Annotated[WithdrawalReason, typer.Option(help="Why.", show_default=False)],
    superseded_by: Annotated[
        str | None, typer.Option(help="Id of the referral that replaces it.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Withdraw a referral that we sent."""
    referral_id = DocumentId.parse(referral, "ID")
    body: JsonObject = {"reason": reason.value}
    if superseded_by is not None:
        body["superseded_by"] = DocumentId.parse(superseded_by, "--superseded-by")
    data = strict_json.dump(body)
    key = f"withdraw-{Digest.of(referral_id.encode() + data)}"
    said = talk(config, lambda node: node.post(f"/v1/referrals/{referral_id}/withdrawal", data, key=key))
    show = Show(as_json)
    if as_json:
        show.value(said)
        return
    show.line(f"Withdrawn; {said['recipient']} will be told.")


def _json(path: Path | None, field: str) -> JsonValue:
    if path is None:
        return None
    return strict_json.parse(path.read_bytes(), limit=limits.DOCUMENT_BYTES, what=field)
