"""`python -m bench`: one run, a table, and a JSON file in bench/results/.

Rules: everything is made in a temporary directory and removed; nothing but loopback is reached. Figures are
for one machine in one state: the machine is in the file, and what can be compared is the ratios of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import machine, plain, report
from bench.mailbox import mailbox
from bench.network import network, serving
from bench.referrals import bulk, one_at_a_time
from bench.registry import registry
from bench.sizes import QUICK, USUAL, Sizes

RESULTS: Final = Path(__file__).parent / "results"


async def nodes(place: Path, sizes: Sizes, say: Console) -> dict[str, Any]:
    """All that is measured with processes."""
    async with network(place) as members:
        async with serving(members.sender, members.recipient) as (sender, recipient):
            both = {"sender": sender.process, "recipient": recipient.process}
            memory = {who: {"idle": process.memory()} for who, process in both.items()}
            say.print(f"One at a time: {sizes.singles} referrals")
            single = await one_at_a_time(sender, recipient, sizes.warm_up, sizes.singles)
            say.print(f"In bulk: {sizes.lines} referrals")
            many = await bulk(sender, recipient, sizes.lines, sizes.batch)
            for who, process in both.items():
                memory[who]["after bulk"] = process.memory()
        say.print(f"A mailbox host: {', '.join(map(str, sizes.stored))} envelopes stored")
        return {
            "one_at_a_time": single,
            "bulk": many,
            "mailbox": await mailbox(members, sizes),
            "memory": memory,
        }


def run(sizes: Sizes, say: Console) -> dict[str, Any]:
    started, at = time.monotonic(), datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="hx-bench-") as temporary:
        place = Path(temporary)
        result: dict[str, Any] = {
            "at": at.isoformat(timespec="seconds"),
            "sizes": asdict(sizes),
            "machine": machine.facts(place),
        }
        say.print(f"A registry: {sizes.members} members")
        result["registry"] = asyncio.run(registry(place / "registry", sizes))
        say.print(f"A plain loop: {sizes.plain} referrals")
        result["plain"] = plain.plain(place, sizes.plain)
        result |= asyncio.run(nodes(place, sizes, say))
    result["ratios"] = report.ratios(result)
    result["goals"] = report.goals(result)
    result["seconds"] = round(time.monotonic() - started, 1)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure this program on this machine."
    )
    parser.add_argument(
        "--quick", action="store_true", help="only see whether it runs: the figures mean nothing"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory for the JSON file")
    given = parser.parse_args()
    console = Console(width=110)
    result = run(QUICK if given.quick else USUAL, console)
    console.print()
    report.show(result, console)
    given.output.mkdir(parents=True, exist_ok=True)
    path = given.output / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"{result['seconds']} s. Written: {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
