from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.network import TestNode, make_node, network_of
from support.node_parts import ServedMailbox, ServedMember, mailbox_served, member_served

Pair = tuple[TestNode, TestNode]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Two members: de-example, which also hosts the mailbox of at-guest, and nl-example."""
    network = network_of(["de-example", "nl-example", "at-guest"], hosted={"at-guest": "de-example"})
    a = await make_node(network, "de-example", tmp_path / "a.db", seed=1)
    b = await make_node(network, "nl-example", tmp_path / "b.db", seed=2)
    yield a, b
    await a.close()
    await b.close()


@pytest.fixture
async def host(pair: Pair) -> AsyncIterator[ServedMailbox]:
    """The mailbox API of de-example."""
    async with mailbox_served(pair[0]) as served:
        yield served


@pytest.fixture
async def local(pair: Pair, tmp_path: Path) -> AsyncIterator[ServedMember]:
    """The member API of de-example at its Unix socket."""
    async with member_served(pair[0], tmp_path / "member.sock") as served:
        yield served


@pytest.fixture
async def theirs(pair: Pair, tmp_path: Path) -> AsyncIterator[ServedMember]:
    """The member API of nl-example at its Unix socket."""
    async with member_served(pair[1], tmp_path / "theirs.sock") as served:
        yield served


@pytest.fixture
async def remote(pair: Pair) -> AsyncIterator[ServedMember]:
    """The member API of de-example over TCP."""
    async with member_served(pair[0], None) as served:
        yield served
