"""How much is measured. The default run takes under three minutes; `--quick` only proves that it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """`singles` referrals one at a time after `warm_up`, `lines` in bulk by `batch`; `plain` documents in the
    plain loop; in a mailbox with each number of `stored` envelopes `one_by_one` requests and then `at_once`
    of them over `connections`; a registry of `members` and all countries, `syncs` times from nothing and then
    `refreshes` times without change.
    """

    warm_up: int
    singles: int
    lines: int
    batch: int
    plain: int
    stored: tuple[int, ...]
    one_by_one: int
    at_once: int
    connections: int
    members: int
    syncs: int
    refreshes: int


USUAL: Final = Sizes(20, 300, 10_000, 1_000, 5_000, (1_000, 100_000), 300, 1_500, 16, 300, 5, 1_000)
QUICK: Final = Sizes(2, 5, 60, 20, 200, (20, 200), 10, 30, 4, 6, 1, 5)
