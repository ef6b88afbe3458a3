"""What of a registry expires when, how urgent that is, and which command renews it.

Rules: root, list of files, and the daily parts, each from when it was signed, which its expiry and its length
of life tell. This module renews nothing and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import Metadata

from exchange.core.expiry import DAY_SECONDS, Stage, stage
from exchange.registrar.drafting import TARGETS_DAYS
from exchange.registrar.published import Published
from exchange.registrar.publishing import DAILY_DAYS
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


def _life(what: str, metadata: Metadata[Any], days: int, command: str, now: int) -> Life:
    end = int(metadata.signed.expires.timestamp())
    return Life(what, end, stage(end - days * DAY_SECONDS, end, now), command)
