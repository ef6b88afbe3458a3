"""The journal's chain: how entries are linked, and whether a log still is what it was.

    leaf    = SHA-256(0x00 || entry)
    link(n) = SHA-256(0x01 || n as 8 bytes, big-endian || link(n-1) || leaf)      n from 1, link(0) = 32 zeros

Rules: the leaf stands beside the entry, so that an entry's text can be erased and the chain still verifies.
A wholly rewritten chain verifies by itself: only the heads that peers hold (`Anchor`, taken from our
manifests) unmask it, and a chain cut short. This module reads no database and knows one log at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GENESIS: Final = bytes(32)
"""What stands before the first link: link(0)."""


class Break(StrEnum):
    """What is wrong at the first place where something is wrong."""

    NUMBER = "number"
    ENTRY = "entry"
    LINK = "link"
    ANCHOR = "anchor"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Row:
    """One numbered entry as stored; `entry` is None when its text was erased."""

    n: int
    entry: bytes | None
    leaf: bytes
    link: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """What somebody else was told of this log: the head after `n` entries."""

    n: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """`entries` were read, `erased` of them without text; `broken_at` is the number of the first bad one."""

    entries: int
    erased: int
    head: bytes
    broken_at: int | None = None
    reason: Break | None = None

    @property
    def ok(self) -> bool:
        return self.broken_at is None


def leaf(entry: bytes) -> bytes:
    """The digest that stands for an entry in the chain."""
    return hashlib.sha256(b"\x00" + entry).digest()


def link(n: int, previous: bytes, entry_leaf: bytes) -> bytes:
    """The head after entry `n`."""
    return hashlib.sha256(b"\x01" + n.to_bytes(8, "big") + previous + entry_leaf).digest()


_START: Final = Verdict(0, 0, GENESIS)


def verify(rows: Iterable[Row], anchors: Iterable[Anchor] = (), after: Verdict = _START) -> Verdict:
    """Whether `rows`, from n = 1 in order, are one unbroken chain that every anchor agrees with.

    A long log is read in pages: `after` is the verdict on what stands before `rows`; each page is given the
    anchors within it.
    """
    held: dict[int, set[bytes]] = {}
    for anchor in anchors:
        held.setdefault(anchor.n, set()).add(anchor.head)
    previous, count, erased = after.head, after.entries, after.erased
    if held.get(0, {GENESIS}) != {GENESIS}:
        return Verdict(0, 0, GENESIS, 0, Break.ANCHOR)
    for row in rows:
        wrong = _wrong(row, count + 1, previous, held.get(row.n))
        if wrong is not None:
            return Verdict(count, erased, previous, count + 1, wrong)
        previous, count, erased = row.link, count + 1, erased + (row.entry is None)
    if max(held, default=0) > count:
        return Verdict(count, erased, previous, count + 1, Break.SHORT)
    return Verdict(count, erased, previous)


def _wrong(row: Row, n: int, previous: bytes, heads: set[bytes] | None) -> Break | None:
    if row.n != n:
        return Break.NUMBER
    if row.entry is not None and leaf(row.entry) != row.leaf:
        return Break.ENTRY
    if link(n, previous, row.leaf) != row.link:
        return Break.LINK
    return Break.ANCHOR if heads is not None and heads != {row.link} else None
