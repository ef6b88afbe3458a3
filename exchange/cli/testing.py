"""`test`: a test exchange with one member, shown step by step.

Rules: the node does it, on the way of every document: nothing is tried from here. The mirrors are looked at
first, since who tests has often just published; a mirror that does not answer ends nothing. The exit code is
0 only with the member's signed receipt. Waiting ends after `--wait` seconds, the test itself does not:
asking again shows the same one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

import typer

from exchange.cli.connection import Answer, Node, talk
from exchange.cli.options import AsJson, ConfigFile
from exchange.cli.show import Show, moment
from exchange.core.names import MemberId
from exchange.errors import Refused, Unavailable

WAIT_SECONDS: Final = 60.0
"""A registry is a minute old at most: by then the other side knows what we know."""
LOOK_SECONDS: Final = 0.25
FAILED: Final = 1
RECEIVED: Final = "received"
_ENDED: Final = frozenset({RECEIVED, "dead"})
STEPS: Final[Mapping[str, str]] = {
    "registry": "found in the registry",
    "card": "key card fetched and verified",
    "deposited": "deposited in its mailbox",
    "receipt": "receipt signed by the member",
}


def exchange_test(
    member: Annotated[str, typer.Argument(metavar="ID", help="Id of the member.", show_default=False)],
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the receipt.")
    ] = WAIT_SECONDS,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Exchange a test with a member, and show each step.

    A test says nothing, has no effect and is shown to nobody at the other side; its receipt shows that both
    find, reach, read and answer each other. A pending member can be tested.
    """
    show = Show(as_json)
    peer = MemberId.parse(member, "ID")
    told = Telling(show)
    said = talk(config, lambda node: run_test(node, peer, wait, told))
    if as_json:
        show.value(said)
    else:
        _conclude(show, said)
    if said["state"] != RECEIVED:
        raise typer.Exit(FAILED)


async def run_test(
    node: Node, member: str, wait: float, tell: Callable[[Answer], None] = lambda said: None
) -> Answer:
    """Test `member` through a running node, for up to `wait` seconds; what `/v1/tests` said last, which is
    also told to `tell` at each look. It has worked when `state` is `received`.

    Raises `Invalid` when the node knows that it cannot work (`member-unknown`, `member-suspended`, ...).
    """
    with suppress(Refused, Unavailable):  # the node then goes by the registry that it has
        await node.post("/v1/registry/refresh")
    document = str((await node.post(f"/v1/peers/{member}/test"))["document"])
    deadline = time.monotonic() + wait
    while True:
        said = await node.get(f"/v1/tests/{document}")
        tell(said)
        if said["state"] in _ENDED or time.monotonic() >= deadline:
            return said
        await asyncio.sleep(LOOK_SECONDS)


class Telling:
    """Tells a person each step once, and each trouble when it is another one than before."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._told: set[str] = set()
        self._trouble: str | None = None

    def __call__(self, said: Answer) -> None:
        for step in said["steps"]:
            if step["detail"] is not None and step["step"] not in self._told:
                self._told.add(step["step"])
                self._show.line(f"ok  {_sentence(step)}")
        code = said.get("failed", {}).get("code")
        if code is not None and code != self._trouble:
            self._show.line(f"..  {said['failed']['hint']} ({code})")
        self._trouble = code


def _sentence(step: Mapping[str, Any]) -> str:
    at = f", {moment(step['at'])}" if step.get("at") else ""
    return f"{STEPS.get(step['step'], step['step'])}: {step['detail']}{at}"


def _conclude(show: Show, said: Answer) -> None:
    if said["state"] == RECEIVED:
        show.line(f"{said['peer']} has received the test and signed for it.")
        return
    missing = next((step["step"] for step in said["steps"] if step["detail"] is None), "receipt")
    show.line(f"No receipt of {said['peer']} yet. Missing: {STEPS.get(missing, missing)}.")
    if said["state"] == "dead":
        show.line("The test has ended; start another one when that is mended.")
    else:
        show.line(f"The node goes on trying; look again: hotline-exchange test {said['peer']}")
