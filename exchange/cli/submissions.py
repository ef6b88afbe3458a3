"""`submissions`: what was handed in, above all what has no destination yet.

Rules: nothing here is dropped by itself; a person routes it, or drops it with a reason, or a change of the
registry finds it a destination.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from exchange.cli.connection import talk
from exchange.cli.options import After, AsJson, ConfigFile, Limit, group
from exchange.cli.show import Show, moment
from exchange.core.names import AnyUuid, MemberId

app = group("What was handed in and has no destination yet.")

SubmissionId = Annotated[str, typer.Argument(metavar="ID", help="Id of the submission.", show_default=False)]


class State(StrEnum):
    UNROUTABLE = "unroutable"
    DOMESTIC = "domestic"
    ROUTED = "routed"
    DROPPED = "dropped"


class DropReason(StrEnum):
    DUPLICATE = "duplicate"
    SENT_IN_ERROR = "sent_in_error"
    STALE = "stale"


@app.command("list")
def list_(
    state: Annotated[State, typer.Option("--state", help="In which state.")] = State.UNROUTABLE,
    after: After = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """List submissions; without --state those that wait for a destination."""
    show = Show(as_json)
    page = talk(config, lambda node: node.get("/v1/submissions", state=state, after=after, limit=limit))
    if as_json:
        show.value(page)
        return
    show.table(
        ("submission", "at", "state", "country", "why", "referral"),
        [
            (
                one["submission"],
                moment(one.get("received_at")),
                one["state"],
                one.get("country"),
                one.get("reason"),
                one.get("referral"),
            )
            for one in page["submissions"]
        ],
        empty=f"No submission is {state.value}.",
    )
    show.more(page)


@app.command()
def route(
    submission: SubmissionId,
    to: Annotated[str, typer.Option("--to", help="The member that is to have it.", show_default=False)],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Send a submission to a member that you choose."""
    member = MemberId.parse(to, "--to")
    path = f"/v1/submissions/{AnyUuid.parse(submission, 'ID')}/route"
    said = talk(config, lambda node: node.post(path, {"to": member}))
    show = Show(as_json)
    if as_json:
        show.value(said)
        return
    show.line(f"Goes to {said['recipient']} as referral {said['referral']}.")


@app.command()
def drop(
    submission: SubmissionId,
    reason: Annotated[DropReason, typer.Option("--reason", help="Why.", show_default=False)],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Close a submission that is not to be sent."""
    path = f"/v1/submissions/{AnyUuid.parse(submission, 'ID')}/drop"
    said = talk(config, lambda node: node.post(path, {"reason": reason.value}))
    show = Show(as_json)
    if as_json:
        show.value(said)
        return
    show.line("Dropped.")
