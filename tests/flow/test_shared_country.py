"""Two desks of one country and one rank: what is sent of one site goes to one of them, whoever sends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.network import Network, make_node, network_of, send_body

from exchange.core.names import MemberId
from exchange.core.registry_view import Basis, Destination, MemberStatus

DESKS = ("nl-one", "nl-two")
SENDERS = ("de-example", "fr-example")


@pytest.fixture
def network() -> Network:
    rows = tuple(Destination(MemberId(desk), Basis.HOTLINE, 0) for desk in DESKS)
    return network_of([*SENDERS, *DESKS], countries={"NL": rows})


def urls(number: int) -> list[str]:
    return [f"http://{part}.site{number}.example/{part}" for part in ("www", "img1", "a.b")]


async def test_every_sender_sends_all_of_a_site_to_one_desk(network: Network, tmp_path: Path) -> None:
    chosen: dict[int, set[str]] = {number: set() for number in range(8)}
    for seed, name in enumerate(SENDERS):
        node = await make_node(network, name, tmp_path / f"{name}.db", seed=seed)
        for number in chosen:
            said = await node.send(*(send_body(url) for url in urls(number)))
            chosen[number] |= {str(one["recipient"]) for one in said}
        await node.close()
    assert all(len(desks) == 1 for desks in chosen.values())
    assert set.union(*chosen.values()) == set(DESKS)


async def test_a_suspended_desk_s_sites_go_to_the_other_and_the_other_s_stay(
    network: Network, tmp_path: Path
) -> None:
    node = await make_node(network, "de-example", tmp_path / "a.db", seed=1)
    bodies = [send_body(urls(number)[0]) for number in range(8)]
    before = [one["recipient"] for one in await node.send(*bodies)]
    asleep = replace(network.view.members[MemberId("nl-one")], status=MemberStatus.SUSPENDED)
    network.view = replace(network.view, members={**network.view.members, asleep.id: asleep})
    after = [one["recipient"] for one in await node.send(*bodies)]
    assert set(before) == set(DESKS)
    assert set(after) == {"nl-two"}
    await node.close()
