"""The bench runs, and its file has the form that docs/performance.md tells of. No figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.figures import percentile
from bench.report import goals, ratios
from exchange.core import countries

ROOT = Path(__file__).parent.parent
STEPS = {"strict JSON", "schema", "rules", "URL key", "hash", "sign", "seal", "open", "verify", "SQL rows"}
CALLS = {"p50_ms", "p99_ms", "per_second"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    """What a small run printed, and its file."""
    output = tmp_path_factory.mktemp("results")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    (path,) = output.iterdir()
    return done.stdout, json.loads(path.read_bytes())


def test_every_referral_of_a_run_was_receipted_and_counted(run: tuple[str, dict]) -> None:
    sizes, result = run[1]["sizes"], run[1]
    assert result["one_at_a_time"]["count"] == sizes["singles"]
    assert result["bulk"]["referrals"] == sizes["lines"]
    assert result["plain"]["referrals"] == sizes["plain"]


def test_a_run_says_on_which_machine_it_was(run: tuple[str, dict]) -> None:
    machine = run[1]["machine"]
    assert {"processor", "cores", "memory_mib", "file_system", "sync_us", "python", "sqlite"} <= set(machine)
    assert machine["cores"] >= 1


def test_the_plain_loop_names_the_cost_of_each_step(run: tuple[str, dict]) -> None:
    plain = run[1]["plain"]
    assert set(plain["steps_us"]) == STEPS
    assert all(cost > 0 for cost in plain["steps_us"].values())
    assert plain["sum_us"] == pytest.approx(sum(plain["steps_us"].values()), abs=len(STEPS) * 0.1)


def test_both_calls_of_a_mailbox_are_measured_at_every_size(run: tuple[str, dict]) -> None:
    found = run[1]["mailbox"]
    assert [one["stored"] for one in found] == run[1]["sizes"]["stored"]
    assert all(set(one[call]) == CALLS for one in found for call in ("deposit", "collect"))


def test_the_memory_of_both_nodes_is_told_before_and_after(run: tuple[str, dict]) -> None:
    memory = run[1]["memory"]
    assert {who: set(moments) for who, moments in memory.items()} == {
        "sender": {"idle", "after bulk"},
        "recipient": {"idle", "after bulk"},
    }
    assert all(
        moment["most_mib"] >= moment["now_mib"] > 0 for one in memory.values() for moment in one.values()
    )


def test_a_registry_was_read_in_full_and_refreshed_with_two_requests(run: tuple[str, dict]) -> None:
    sizes, found = run[1]["sizes"], run[1]["registry"]
    assert found["files"] == sizes["members"] + len(countries.ALL) + 1
    assert found["first_sync_requests"] == found["files"] + 4
    assert found["refresh_requests"] == 2
    assert found["refresh"]["count"] == sizes["refreshes"]
    assert all(found[name] > 0 for name in ("first_sync_ms", "fetch_alone_ms", "read_hash_parse_ms"))


def test_ratios_and_goals_follow_from_the_figures_of_the_same_run(run: tuple[str, dict]) -> None:
    result = run[1]
    assert ratios(result) == result["ratios"]
    assert goals(result) == result["goals"]


def test_the_table_shows_what_the_file_holds(run: tuple[str, dict]) -> None:
    printed, result = run
    for figure in (
        result["one_at_a_time"]["p50_ms"],
        result["bulk"]["per_second"],
        result["plain"]["sum_us"],
        result["registry"]["first_sync_ms"],
    ):
        assert str(figure) in printed
    assert f"{result['sizes']['stored'][-1]} stored" in printed


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([3.0], 0.99, 3.0), ([1.0, 2.0], 0.5, 1.0), (list(range(1, 101)), 0.99, 99), ([5, 1, 3], 0.5, 3)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, wanted: float) -> None:
    assert percentile(values, share) == wanted
