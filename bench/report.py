"""What was measured, as a table for people; the goals, and whether they were met.

Rules: every figure of a table is in the JSON file beside it; a ratio is of figures of one run. A goal that
was missed is told and ends nothing: figures of different machines are no test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

GOAL_P50_MS: Final = 40.0
GOAL_PER_SECOND: Final = 1500
GOAL_FLAT: Final = 1.5
"""How much longer a page of a full mailbox may take than one of a small mailbox: noise, and no slope."""
GOAL_SYNC_MS: Final = 1500
GOAL_REFRESH_MS: Final = 50
GOAL_REFRESH_REQUESTS: Final = 2
GOAL_GROWTH_MIB: Final = 1.0
"""MiB by which a node may grow over a thousand refreshes: what an allocator keeps, and no leak."""


def ratios(result: Mapping[str, Any]) -> dict[str, float]:
    """Figures of this run against each other."""
    small, large = result["mailbox"][0], result["mailbox"][-1]
    registry = result["registry"]
    least = registry["fetch_alone_ms"] + registry["read_hash_parse_ms"]
    return {
        "share_of_plain_loop": round(result["bulk"]["per_second"] / result["plain"]["per_second"], 3),
        "collect_p50_large_to_small": _ratio(large, small, "collect"),
        "deposit_p50_large_to_small": _ratio(large, small, "deposit"),
        "first_sync_to_plain_fetch_and_parse": round(registry["first_sync_ms"] / least, 2),
    }


def _ratio(large: Mapping[str, Any], small: Mapping[str, Any], call: str) -> float:
    return round(float(large[call]["p50_ms"]) / float(small[call]["p50_ms"]), 2)


def goals(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What we want of a machine with two cores."""
    p50, rate = result["one_at_a_time"]["p50_ms"], result["bulk"]["per_second"]
    flat = result["ratios"]["collect_p50_large_to_small"]
    registry = result["registry"]
    sync, growth = registry["first_sync_ms"], registry["refresh_growth_mib"]
    refresh, asked = registry["refresh"]["p50_ms"], registry["refresh_requests"]
    return [
        _goal("one referral until its receipt, p50, ms", f"< {GOAL_P50_MS:g}", p50, p50 < GOAL_P50_MS),
        _goal("in bulk until the receipts, /s", f">= {GOAL_PER_SECOND}", rate, rate >= GOAL_PER_SECOND),
        _goal(
            "collect, p50 of the largest mailbox to the smallest", f"<= {GOAL_FLAT}", flat, flat <= GOAL_FLAT
        ),
        _goal("first sync of a large registry, ms", f"< {GOAL_SYNC_MS}", sync, sync < GOAL_SYNC_MS),
        _goal("refresh without change, p50, ms", f"< {GOAL_REFRESH_MS}", refresh, refresh < GOAL_REFRESH_MS),
        _goal(
            "requests of such a refresh", f"= {GOAL_REFRESH_REQUESTS}", asked, asked == GOAL_REFRESH_REQUESTS
        ),
        _goal("growth over the refreshes, MiB", f"< {GOAL_GROWTH_MIB}", growth, growth < GOAL_GROWTH_MIB),
    ]


def _goal(what: str, goal: str, reached: float, met: bool) -> dict[str, Any]:
    return {"what": what, "goal": goal, "is": reached, "met": met}


def show(result: Mapping[str, Any], console: Console) -> None:
    for title, rows in _tables(result):
        table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
        table.add_column(min_width=52)
        table.add_column(justify="right", min_width=12)
        table.add_column()
        for row in rows:
            table.add_row(*map(str, row))
        console.print(table)
        console.print()


def _tables(result: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Sequence[object]]]]:
    machine, single, bulk, plain = (result[name] for name in ("machine", "one_at_a_time", "bulk", "plain"))
    yield (
        "Machine",
        [
            ("processor", machine["processor"], f"{machine['cores']} cores, {machine['memory_mib']} MiB"),
            ("a write of 4 KiB and fsync", machine["sync_us"], f"us ({machine['file_system']})"),
            ("Python, SQLite", machine["python"], machine["sqlite"]),
        ],
    )
    yield (
        f"One referral at a time until its signed receipt, two nodes ({single['count']})",
        [("p50", single["p50_ms"], "ms"), ("p99", single["p99_ms"], "ms"), _others(single)],
    )
    yield (
        f"In bulk, {bulk['batch']} lines at a time, first submit to last receipt ({bulk['referrals']})",
        [
            ("referrals", bulk["per_second"], "/s"),
            ("processor time of the sender's node, each", bulk["sender_cpu_us"], "us"),
            ("processor time of the recipient's node, each", bulk["recipient_cpu_us"], "us"),
            _others(bulk),
        ],
    )
    yield (
        "The same work in a plain loop on one core, each referral",
        [
            *((step, cost, "us") for step, cost in plain["steps_us"].items()),
            ("sum", plain["sum_us"], f"us = {plain['per_second']}/s"),
            ("share of it that the nodes reach", result["ratios"]["share_of_plain_loop"], ""),
            _others(plain),
        ],
    )
    yield "A mailbox host", list(_mailbox(result))
    yield _registry(result)
    yield (
        "Memory",
        [
            (f"{who}, {when}", memory["now_mib"], f"MiB (at most {memory['most_mib']})")
            for who, moments in result["memory"].items()
            for when, memory in moments.items()
        ],
    )
    yield (
        "Goals, for two cores",
        [(goal["what"], goal["is"], f"{goal['goal']}: {'met' if goal['met'] else 'MISSED'}")
         for goal in result["goals"]],
    )  # fmt: skip


def _registry(result: Mapping[str, Any]) -> tuple[str, Sequence[Sequence[object]]]:
    found = result["registry"]
    refresh = found["refresh"]
    return (
        f"A registry of {found['members']} members, {found['files']} files",
        [
            ("first sync", found["first_sync_ms"], f"ms, {found['first_sync_requests']} requests"),
            ("the same files fetched and not looked at", found["fetch_alone_ms"], "ms"),
            ("the same files read, hashed, parsed in a plain loop", found["read_hash_parse_ms"], "ms"),
            (
                "first sync to the sum of these two",
                result["ratios"]["first_sync_to_plain_fetch_and_parse"],
                "",
            ),
            ("refresh without change, p50", refresh["p50_ms"], f"ms, {found['refresh_requests']:g} requests"),
            ("growth over these refreshes", found["refresh_growth_mib"], f"MiB ({refresh['count']})"),
            _others(found),
        ],
    )


def _others(measured: Mapping[str, Any]) -> tuple[str, float, str]:
    return "share of all cores that other programs used meanwhile", measured["others_share"], ""


def _mailbox(result: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for found in result["mailbox"]:
        for call, what in (("deposit", "deposit"), ("collect", "collect a page of 100")):
            one = found[call]
            yield (
                f"{what} with {found['stored']} stored",
                one["per_second"],
                f"/s; alone p50 {one['p50_ms']} ms, p99 {one['p99_ms']} ms",
            )
    for call in ("deposit", "collect"):
        yield (
            f"{call}, p50 of the largest to the smallest",
            result["ratios"][f"{call}_p50_large_to_small"],
            "",
        )
