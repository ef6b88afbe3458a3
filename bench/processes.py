"""What a node's process uses, as Linux tells it: memory and processor time."""

from __future__ import annotations

import os
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


def _arguments(entry: Path) -> set[bytes]:
    try:
        return set((entry / "cmdline").read_bytes().split(b"\0"))
    except OSError:
        return set()  # it has ended
