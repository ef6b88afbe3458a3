"""What a figure depends on: the machine, its disk, the versions of what does the work."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench.figures import percentile

PACKAGES: Final = ("hotline-exchange", "aiohttp", "aiosqlite", "cryptography", "jsonschema-rs", "ada-url")
SYNCS: Final = 100
_KIB: Final = 1024


def facts(place: Path) -> dict[str, Any]:
    """`place` is where the nodes keep their files: the disk that is measured."""
    return {
        "processor": _line_of("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": int((_line_of("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) // _KIB,
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "file_system": _file_system(place),
        "sync_us": round(_sync_seconds(place) * 1e6),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in PACKAGES},
    }


def _line_of(file: str, name: str) -> str | None:
    """The value of the first line `name: value`."""
    for line in Path(file).read_text().splitlines():
        found, _, value = line.partition(":")
        if found.strip() == name:
            return value.strip()
    return None


def _file_system(place: Path) -> str:
    """The type of the file system that `place` is on: the longest mount point above it."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    above = [(point, kind) for point, kind in mounts if place.resolve().is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0]))[1]


def _sync_seconds(place: Path) -> float:
    """The median of a write of 4 KiB that is on disk when it returns: what each commit costs at least."""
    taken = []
    with (place / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            started = time.perf_counter()
            file.write(bytes(4 * _KIB))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    (place / "sync").unlink()
    return percentile(taken, 0.5)
