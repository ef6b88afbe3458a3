"""What administrators do to a member by themselves: `registry suspend`, `activate`, `leave`, `revoke`,
`min-card`; and `put` for a country's file or network.json.

Rules: each writes one file of DIR/peers, says what changed and what comes next; nothing is published. Who is
pending becomes active after a test exchange through a running node, which is shown, or because somebody says
that there shall be none, which is kept. A member's own part is its own: there is no command for it here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange.cli.connection import load_config, talk
from exchange.cli.options import AsJson, ConfigFile
from exchange.cli.registry_review import Directory, read_file
from exchange.cli.show import Show
from exchange.cli.testing import RECEIVED, WAIT_SECONDS, Telling, run_test
from exchange.core import limits
from exchange.core.names import MemberId
from exchange.core.registry_changes import Change
from exchange.core.registry_view import MemberStatus
from exchange.core.schema import Schemas
from exchange.core.times import parse_time
from exchange.errors import Invalid, Refused
from exchange.registrar import members, reviews
from exchange.registrar.workspace import Workspace, open_workspace
from exchange.resources import schema_documents

DASHED: Final[dict[str, Any]] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""Settings of `revoke`: one kid in 64 begins with a hyphen, and is no option."""
_WITHOUT: Final = {
    "signing": "It has no good signing keys left: nothing that it signs counts, and it can only register "
    "afresh, with a new request, a challenge and a call.",
    "http": "It has no good http key left: it delivers nothing until it has asked for another "
    "(hotline-exchange change --rotate http).",
}

Member = Annotated[str, typer.Argument(metavar="ID", help="Id of the member.", show_default=False)]


def suspend(directory: Directory, member: Member, as_json: AsJson = False) -> None:
    """Suspend a member: every node refuses it within one refresh of its registry."""
    _move(Show(as_json), open_workspace(directory), member, MemberStatus.SUSPENDED)


def leave(directory: Directory, member: Member, as_json: AsJson = False) -> None:
    """Let a member leave the network; its file and keys stay, as evidence."""
    _move(Show(as_json), open_workspace(directory), member, MemberStatus.LEFT)


def activate(
    directory: Directory,
    member: Member,
    config: ConfigFile = None,
    without_test: Annotated[
        bool, typer.Option("--without-test", help="Do without a test exchange; this is kept.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the receipt of the test.")
    ] = WAIT_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Make a member active: a pending one after a test exchange, a suspended one again."""
    show, space = Show(as_json), open_workspace(directory)
    present = members.present(space, _schemas(), member)
    known = members.as_published(space, _schemas(), member)
    peer = MemberId(member)
    facts: dict[str, Any] = {}
    pending = known is not None and known["status"] == MemberStatus.PENDING
    if pending and present["status"] != MemberStatus.ACTIVE:
        if without_test:
            reviews.note_untested(space, peer, _now())
            facts["untested"] = True
            show.line(f"{peer} is made active WITHOUT a test exchange; that is kept in {space.reviews}.")
        else:
            facts["test"] = _test(show, space, peer, config, wait)
    _move(show, space, member, MemberStatus.ACTIVE, facts)


def revoke(
    directory: Directory,
    member: Member,
    kid: Annotated[str, typer.Argument(metavar="KID", help="Name of the key.", show_default=False)],
    reason: Annotated[
        str, typer.Option("--reason", help="A short code, such as stolen.", show_default=False)
    ],
    invalid_after: Annotated[
        str | None,
        typer.Option(
            "--invalid-after",
            help="Last moment at which the key was surely the member's, such as 2026-01-31T23:59:59Z.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key of a member; both halves of a signing entry go together."""
    show, space = Show(as_json), open_workspace(directory)
    until = None if invalid_after is None else parse_time(invalid_after, "--invalid-after")
    done = members.revoke(space, _schemas(), member, kid, reason, _now(), until)
    warnings = [_WITHOUT[use] for use in done.without]
    _tell(show, space, done.changes, {"member": member, "warnings": warnings}, warnings)


def min_card(
    directory: Directory,
    member: Member,
    moment: Annotated[
        str,
        typer.Argument(metavar="TIME", help="Cards made before count no more.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Have the key cards of a member that are older than TIME refused."""
    show, space = Show(as_json), open_workspace(directory)
    serial = parse_time(moment, "TIME")
    changes = members.raise_min_card(space, _schemas(), member, serial, _now())
    _tell(show, space, changes, {"member": member})


def put(
    directory: Directory,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A country's file or network.json.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Put a ready country file, or network.json, in its place."""
    show, space = Show(as_json), open_workspace(directory)
    changes = members.put(space, _schemas(), read_file(file, "FILE", limits.REGISTRY_FILE_BYTES))
    _tell(show, space, changes, {})


def _move(
    show: Show,
    space: Workspace,
    member: str,
    status: MemberStatus,
    facts: Mapping[str, Any] | None = None,
) -> None:
    changes = members.set_status(space, _schemas(), member, status, _now())
    _tell(show, space, changes, {"member": member, "status": status.value, **(facts or {})})


def _test(show: Show, space: Workspace, member: MemberId, config: Path | None, wait: float) -> dict[str, Any]:
    """A test exchange through the node of `config`, kept in the review; raises `Refused` (`test-failed`)."""
    try:
        node = load_config(config)
    except Invalid as error:
        if config is not None:
            raise
        raise Invalid(
            "test-missing",
            f"{member}: is pending: a test exchange comes before it is active",
            hint="--config FILE names a running node of a member, to test through; or --without-test",
        ) from error
    said = talk(config, lambda connection: run_test(connection, member, wait, Telling(show)))
    if said["state"] != RECEIVED:
        raise Refused(
            "test-failed",
            f"{member}: has not signed for the test; it stays pending",
            hint="the node goes on trying: say it again when the member's node is up, or --without-test",
        )
    reviews.note_test(space, member, _now(), str(said["document"]), str(node.member))
    show.line(f"{member} has received the test and signed for it.")
    return said


def _tell(
    show: Show,
    space: Workspace,
    changes: Sequence[Change],
    facts: Mapping[str, Any],
    warnings: Sequence[str] = (),
) -> None:
    following = f"hotline-exchange registry draft {space.path}"
    if show.json:
        show.value({**facts, "changes": [change.sentence for change in changes], "next": following})
        return
    if not changes:
        show.line("Nothing changes: it is so already.")
    for change in changes:
        show.line(change.sentence)
    for warning in warnings:
        show.line(warning)
    show.line(f"Nothing is published yet. Next: {following}")


def _schemas() -> Schemas:
    return Schemas(schema_documents())


def _now() -> int:
    return int(time.time())
