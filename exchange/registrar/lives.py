"""What of a registry expires when, how urgent that is, and which command renews it.

Rules: root, list of files, and the daily parts, each from when it was signed, which its expiry and its length
of life tell. A daily part that lives longer than one that is signed now says that a clock is wrong: this one
is behind, or that of its signer was ahead. This module renews nothing and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tuf.api.metadata import Metadata

from exchange.core import limits
from exchange.core.expiry import DAY_SECONDS, Stage, stage
from exchange.errors import Refused
from exchange.registrar.daily import DAILY_DAYS
from exchange.registrar.drafting import TARGETS_DAYS
from exchange.registrar.published import Published, stands
from exchange.registrar.roots import ROOT_DAYS
from exchange.registrar.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Life:
    """`end` in unix seconds; `stage` is None while there is time; `command` renews it."""

    what: str
    end: int
    stage: Stage | None
    command: str


def lives(space: Workspace, published: Published, now: int) -> tuple[Life, ...]:
    """Of all that is published, in the order of what a loss costs."""
    return tuple(_lives(space, published, now))


def _lives(space: Workspace, published: Published, now: int) -> Iterator[Life]:
    command = "hotline-exchange registry"
    if published.chain:
        yield _life("root", published.chain[-1], ROOT_DAYS, f"{command} renew-root {space.path}", now)
    if published.targets is not None:
        yield _life("targets", published.targets, TARGETS_DAYS, f"{command} draft {space.path}", now)
    for name, part in (("snapshot", published.snapshot), ("timestamp", published.timestamp)):
        if part is not None:
            yield _life(name, part, DAILY_DAYS, f"{command} renew {space.path} --keys K", now)


def expired(published: Published, now: int) -> int | None:
    """When the timestamp has expired (unix seconds), None while it has not or when there is none."""
    if published.timestamp is None:
        return None
    end = int(published.timestamp.signed.expires.timestamp())
    return end if end <= now else None


def check_clock(published: Published, now: int) -> None:
    """Pass, or raise `Refused` (`clock`): what would be signed now expires before what is there."""
    latest = now + limits.REGISTRY_LIFE_SECONDS + limits.REGISTRY_LIFE_SPARE_SECONDS
    for part in (published.snapshot, published.timestamp):
        # What a root no longer stands behind says nothing of clocks: a stolen key may have signed it.
        if part is None or not stands(published.root, part) or part.signed.expires.timestamp() <= latest:
            continue
        clock = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC"
        raise Refused(
            "clock",
            f"{part.signed.type}: expires {part.signed.expires:%Y-%m-%d}, later than what is signed now: "
            f"it is {clock} by the clock of this machine",
            hint="look at the clock; if it is right, that of the last signer was ahead: --clock-is-right",
        )


def _life(what: str, metadata: Metadata[Any], days: int, command: str, now: int) -> Life:
    end = int(metadata.signed.expires.timestamp())
    return Life(what, end, stage(end - days * DAY_SECONDS, end, now), command)
