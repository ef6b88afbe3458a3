"""Percentiles and the little arithmetic of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

Figure = float | int


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)), 1) - 1]


def milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 2)


def spread(seconds: Sequence[float]) -> dict[str, Figure]:
    """p50, p99 and the longest of some durations, in milliseconds."""
    return {
        "p50_ms": milliseconds(percentile(seconds, 0.5)),
        "p99_ms": milliseconds(percentile(seconds, 0.99)),
        "longest_ms": milliseconds(max(seconds)),
        "count": len(seconds),
    }
