"""`kill -9` of any process at any moment loses nothing and doubles nothing: real processes, real files.

The harness proves itself on two planted faults, each of which it has to call a loss.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from support.killing import Ordeal, ordeal
from support.process import patched
from support.processes import FIRST, GUEST, SENDER, network

SEED = int(os.environ.get("KILL_SEED", "0")) or random.randrange(1, 1 << 32)
"""KILL_SEED repeats the moments of a run; what the kernel and the disk do in between stays theirs."""


def test_the_seed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"[KILL_SEED={SEED}]", end="")


async def survive(place: Path, kills: int) -> Ordeal:
    async with network(place) as net:
        done = await ordeal(net, SEED, kills)
    print(done)
    assert done.faults == [], str(done)
    assert len(done.kills) == kills
    assert all(under_way > 0 for _, _, under_way in done.kills)
    return done


@pytest.mark.timeout(300)
async def test_kills_at_random_moments_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    await survive(tmp_path, 12)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_forty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    done = await survive(tmp_path, 40)
    assert done.repeated > 0
    assert done.deposited_again > 0


@pytest.mark.parametrize("member", [pytest.param(FIRST, marks=pytest.mark.long), GUEST])
async def test_a_node_that_acknowledges_before_t3_is_found_out(tmp_path: Path, member: str) -> None:
    async with network(tmp_path) as net:
        net[member].program = patched("acknowledge-before-t3")
        done = await ordeal(net, SEED, 3, victims=[member])
    print(done)
    assert [fault for fault in done.faults if f"missing at {member}" in fault], str(done)


async def test_a_node_that_answers_before_t1_is_found_out(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        net[SENDER].program = patched("answer-before-t1")
        done = await ordeal(net, SEED, 3, victims=[SENDER])
    print(done)
    assert [fault for fault in done.faults if "missing at the sender" in fault], str(done)
