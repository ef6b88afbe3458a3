"""The journal's chain: what a change shows by itself, and what only the peers' anchors show."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from exchange.core import journal_chain
from exchange.core.journal_chain import GENESIS, Anchor, Break, Row


def chain(entries: list[bytes]) -> list[Row]:
    rows, previous = [], GENESIS
    for n, entry in enumerate(entries, start=1):
        leaf = journal_chain.leaf(entry)
        previous = journal_chain.link(n, previous, leaf)
        rows.append(Row(n, entry, leaf, previous))
    return rows


ROWS = chain([f"entry {n}".encode() for n in range(1, 8)])
ANCHORS = [Anchor(3, ROWS[2].link), Anchor(7, ROWS[6].link)]


def test_the_formula_is_that_of_the_protocol() -> None:
    leaf = hashlib.sha256(b"\x00entry 1").digest()
    assert ROWS[0].link == hashlib.sha256(b"\x01" + b"\0" * 7 + b"\x01" + bytes(32) + leaf).digest()


def test_an_honest_chain_verifies() -> None:
    verdict = journal_chain.verify(ROWS, ANCHORS)
    assert (verdict.ok, verdict.entries, verdict.erased, verdict.head) == (True, 7, 0, ROWS[6].link)
    assert journal_chain.verify([]).head == GENESIS
    assert journal_chain.verify([], [Anchor(0, GENESIS)]).ok


def test_an_erased_text_leaves_the_chain_whole() -> None:
    verdict = journal_chain.verify([replace(row, entry=None) for row in ROWS], ANCHORS)
    assert (verdict.ok, verdict.erased) == (True, 7)


CHANGES: dict[str, tuple[Callable[[list[Row]], list[Row]], int, Break]] = {
    "an entry's text": (lambda r: [*r[:4], replace(r[4], entry=b"x"), *r[5:]], 5, Break.ENTRY),
    "an entry's text and leaf": (
        lambda r: [*r[:4], replace(r[4], entry=b"x", leaf=journal_chain.leaf(b"x")), *r[5:]],
        5,
        Break.LINK,
    ),
    "a leaf whose text is erased": (
        lambda r: [*r[:4], replace(r[4], entry=None, leaf=bytes(32)), *r[5:]],
        5,
        Break.LINK,
    ),
    "a link": (lambda r: [*r[:4], replace(r[4], link=bytes(32)), *r[5:]], 5, Break.LINK),
    "an entry taken out": (lambda r: r[:4] + r[5:], 5, Break.NUMBER),
    "an entry put in": (lambda r: [*r[:4], r[3], *r[4:]], 5, Break.NUMBER),
    "two exchanged": (lambda r: [r[1], r[0], *r[2:]], 1, Break.NUMBER),
    "the first taken away": (lambda r: r[1:], 1, Break.NUMBER),
    "the end cut off": (lambda r: r[:6], 7, Break.SHORT),
    "everything lost": (lambda r: [], 1, Break.SHORT),
}


@pytest.mark.parametrize(("change", "at", "reason"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_shows_where_it_was_made(
    change: Callable[[list[Row]], list[Row]], at: int, reason: Break
) -> None:
    verdict = journal_chain.verify(change(list(ROWS)), ANCHORS)
    assert (verdict.ok, verdict.broken_at, verdict.reason) == (False, at, reason)


def test_a_wholly_rewritten_chain_is_unmasked_by_an_anchor_only() -> None:
    rewritten = chain([b"nothing happened"] * 7)
    assert journal_chain.verify(rewritten).ok
    verdict = journal_chain.verify(rewritten, ANCHORS)
    assert (verdict.broken_at, verdict.reason) == (3, Break.ANCHOR)


def test_two_peers_who_were_told_two_stories_unmask_the_teller() -> None:
    verdict = journal_chain.verify(ROWS, [Anchor(3, ROWS[2].link), Anchor(3, bytes(32))])
    assert (verdict.broken_at, verdict.reason) == (3, Break.ANCHOR)
    assert journal_chain.verify(ROWS, [Anchor(0, b"x")]).reason is Break.ANCHOR
