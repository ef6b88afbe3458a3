from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.network import TestNode, make_node, network_of

Pair = tuple[TestNode, TestNode]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Two members, each with a node and a mailbox of its own."""
    network = network_of(["de-example", "nl-example"])
    a = await make_node(network, "de-example", tmp_path / "a.db", seed=1)
    b = await make_node(network, "nl-example", tmp_path / "b.db", seed=2)
    yield a, b
    await a.close()
    await b.close()
