"""`demo`: a whole network of hotlines on this machine, from the founding of its registry to the last answer.

Rules: loopback only; nothing of the feed is fetched or resolved. Four members are four `hotline-exchange
serve` processes; all that happens between them goes over the wire as it would between countries. At the end
it counts at both ends, and the exit code says whether that adds up. Without `--keep` or `--dir` nothing is
left behind.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.cli.connection import Node
from exchange.cli.demo_feed import Feed, read_feed
from exchange.cli.demo_join import REGISTRY, join_network
from exchange.cli.demo_nodes import CONFIG
from exchange.cli.demo_people import alarms_of, answer_all, hand_in, hear, states_of
from exchange.cli.demo_plan import NetworkPlan, make_plan
from exchange.cli.demo_proof import Proof, prove
from exchange.cli.demo_screen import Screen
from exchange.cli.demo_tally import Tally
from exchange.cli.options import AsJson
from exchange.cli.show import Show
from exchange.errors import Invalid

FAILED: Final = 1
ROOT: Final = "root.json"
SAMPLE: Final = "The feed is a sample of malware URLs (URLhaus, abuse.ch): a harmless stand-in for reports."
PROMISE: Final = "They count as assessed by nobody. No URL of them is fetched, resolved or shown."


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds for setting up and for the exchange itself."""

    set_up: float
    exchange: float


def demo(
    feed: Annotated[
        Path | None, typer.Option(help="CSV with a column url; else a sample.", show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read at most so many lines.", show_default=False)
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the network up until Ctrl-C.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where to put it all; left there.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a whole network of hotlines on this machine.

    It ends with a balance of what was sent, received and answered.
    """
    show = Show(as_json)
    started = time.monotonic()
    lines = read_feed(feed, limit, int(time.time()))
    show.line(f"{lines.read} lines. {SAMPLE if feed is None else ''} {PROMISE}")
    plan = make_plan(lines.countries())
    with tempfile.TemporaryDirectory(prefix="hx-demo-") as temporary:
        place = Path(temporary)
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            place = directory.resolve()
            if any(place.iterdir()):
                raise Invalid("exists", f"{directory}: is not empty", hint="name a directory that is new")
        try:
            right = asyncio.run(_run(show, lines, plan, place, keep=keep, started=started))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if not right:
        raise typer.Exit(FAILED)


async def _run(show: Show, feed: Feed, plan: NetworkPlan, place: Path, *, keep: bool, started: float) -> bool:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    tally = Tally(feed.read, feed.invalid)
    async with join_network(show.line, place, plan) as nodes:
        ready = time.monotonic()
        with Screen(show, tally) as screen:
            await _exchange(nodes, plan, feed, tally, screen)
        times = Times(ready - started, time.monotonic() - ready)
        root = (place / REGISTRY / ROOT).read_bytes()
        proof = await prove(nodes[0], tally.states, place, root)
        right = _tell(show, tally, times, proof)
        if keep:
            _tell_how_to_look(show, place, plan)
            await _told_to_stop()
    return right


async def _told_to_stop() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def _exchange(
    nodes: Sequence[Node], plan: NetworkPlan, feed: Feed, tally: Tally, screen: Screen
) -> None:
    """Send everything, answer everything, hear everything; then look once more for what went wrong."""
    sender, recipients = nodes[0], nodes[1:]
    handed_in = asyncio.Event()

    async def submit() -> None:
        await hand_in(sender, feed.lines, tally, screen.changed)
        handed_in.set()

    async with asyncio.TaskGroup() as group:
        answering = [
            group.create_task(answer_all(node, person.id, tally, screen.changed))
            for node, person in zip(recipients, plan.recipients, strict=True)
        ]
        group.create_task(submit())
        await hear(sender, tally, handed_in, screen.changed)
        for task in answering:
            task.cancel()
    tally.states = await states_of(sender)
    for node in nodes:
        tally.alarms.update(str(item.get("code")) for item in await alarms_of(node))


def _tell(show: Show, tally: Tally, times: Times, proof: Proof | None) -> bool:
    """The balance and the evidence; whether it adds up and is sound."""
    faults = tally.faults()
    if proof is not None and not proof.sound:
        faults.append("the evidence of a referral is not sound")
    seconds = {"set_up": round(times.set_up, 1), "exchange": round(times.exchange, 1)}
    if show.json:
        made = None if proof is None else {"file": str(proof.file), "verdict": proof.verdict.value}
        show.value({"ok": not faults, **tally.to_json(), "evidence": made, "seconds": seconds})
        return not faults
    invalid = sum(tally.invalid.values())
    why = ", ".join(f"{count} {code}" for code, count in sorted(tally.invalid.items()))
    show.line()
    show.line(
        f"{tally.read} lines read = {invalid} invalid{f' ({why})' if why else ''} + {tally.routed} routed + "
        f"{tally.unroutable} unroutable + {tally.domestic} domestic"
    )
    show.line(
        f"{tally.routed} routed = {tally.receipted} receipted = {tally.received} opened at their recipients "
        f"= {tally.answered} answered, as the sender heard"
    )
    if proof is not None and proof.sound:
        show.line("Evidence of one of them, for a third party that trusts neither end, is sound.")
    for fault in faults:
        show.line(f"  does not add up: {fault}")
    verdict = "The balance does not add up." if faults else "The balance adds up."
    whole = times.set_up + times.exchange
    show.line(f"{verdict} {whole:.0f} s: {times.set_up:.0f} to set up, {times.exchange:.0f} to exchange.")
    return not faults


def _tell_how_to_look(show: Show, place: Path, plan: NetworkPlan) -> None:
    sender, first = (place / person.id / CONFIG for person in (plan.sender, plan.recipients[0]))
    if show.json:
        show.value({"configs": {person.id: str(place / person.id / CONFIG) for person in plan.everybody}})
        return
    command = "hotline-exchange"
    show.line()
    show.line("The network stays up. In another terminal, for example:")
    show.line(f"  {command} status --config {sender}")
    show.line(f"  {command} submissions list --config {sender}")
    show.line(f"  {command} list --direction received --config {first}")
    show.line(f"  {command} inbox --follow --config {first}")
    show.line(f"  {command} journal verify --config {first}")
    show.line(f"  {command} registry history {place / REGISTRY}")
    show.line(f"  {command} evidence verify {place}/*.evidence --root {place / REGISTRY / ROOT}")
    for person in plan.everybody[2:]:
        show.line(f"  and as {person.id}: --config {place / person.id / CONFIG}")
    show.line("Ctrl-C here stops all of it.")
    sys.stdout.flush()
