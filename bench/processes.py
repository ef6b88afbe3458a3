"""What a node's process uses, as Linux tells it: memory and processor time.

Rules: a figure of a machine on which others worked meanwhile says little; `Meter` tells how much they did.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One node's process."""

    pid: int

    @classmethod
    def of(cls, config: Path) -> Process:
        """The process that serves this configuration."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and {b"serve", os.fsencode(config)} <= _arguments(entry):
                return cls(int(entry.name))
        raise LookupError(f"no process serves {config}")

    def memory(self) -> dict[str, Figure]:
        """MiB in memory now, and at the most so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        lines: dict[str, Any] = dict(line.split(":", 1) for line in status.splitlines())
        return {
            "now_mib": round(int(lines["VmRSS"].split()[0]) / 1024, 1),
            "most_mib": round(int(lines["VmHWM"].split()[0]) / 1024, 1),
        }

    def seconds(self) -> float:
        """Processor time so far, of all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def own_memory() -> float:
    """MiB that this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


class Meter:
    """Processor time from now on: of nodes, of this process, of everybody else on the machine."""

    def __init__(self, nodes: Sequence[Process] = ()) -> None:
        self._nodes = nodes
        self._before = self._now()

    def read(self) -> tuple[list[float], float]:
        """Seconds of each node so far, and the share of all cores that others used."""
        passed, busy, own, *nodes = (
            now - before for now, before in zip(self._now(), self._before, strict=True)
        )
        others = max(busy - own - sum(nodes), 0.0)
        return nodes, round(others / (passed * (os.cpu_count() or 1)), 2)

    def _now(self) -> list[float]:
        nodes = [node.seconds() for node in self._nodes]
        return [time.monotonic(), _busy_seconds(), time.process_time(), *nodes]


def _busy_seconds() -> float:
    """Processor time of the whole machine since its start: all but idle and waiting for a disk."""
    user, nice, system, _idle, _waiting, *rest = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, (user, nice, system, *rest))) / _TICKS


def _arguments(entry: Path) -> set[bytes]:
    try:
        return set((entry / "cmdline").read_bytes().split(b"\0"))
    except OSError:
        return set()  # it has ended
