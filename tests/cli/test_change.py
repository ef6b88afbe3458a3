"""What a member asks to change becomes a file that an administrator's check takes, and overwrites nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.cli import Ran, run, write_config
from support.keys import NOW
from support.network import TestNode, make_node, network_of
from support.node_parts import member_served

from exchange.core import registration
from exchange.core.registry_documents import member_to_json


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    network = network_of(["de-example", "nl-example"])
    made = await make_node(network, "de-example", tmp_path / "a.db")
    write_config(tmp_path)
    async with member_served(made, tmp_path / "data/member.sock"):
        yield made
    await made.close()


async def change(place: Path, *options: str) -> Ran:
    command = ("change", *options, "-o", place / "out.json", "--config", place / "hotline-exchange.toml")
    return await asyncio.to_thread(run, *command)


async def test_a_rotation_and_changes_go_into_one_request(node: TestNode, tmp_path: Path) -> None:
    options = (
        *("--rotate", "signing", "--rotate", "http", "--deputy", "nl-example", "--language", "de"),
        *("--mailbox", "https://mx2.example/", "--name", "New", "--office-hours", "Mo-Fr 09:00-17:00 +01:00"),
    )
    ran = await change(tmp_path, *options)
    assert ran.code == 0, ran.err
    present = node.network.view.members[node.me]
    checked = registration.check((tmp_path / "out.json").read_bytes(), member_to_json(present), NOW)
    assert checked.fingerprint in ran.out
    assert not checked.fresh
    said = checked.member
    assert (said["mailbox"], said["deputy"], said["languages"]) == (
        "https://mx2.example",
        "nl-example",
        ["de"],
    )
    assert (said["name"], said["office_hours"]) == ("New", "Mo-Fr 09:00-17:00 +01:00")
    assert {len(kind) for kind in said["keys"].values()} == {2}  # type: ignore[union-attr]
    assert "used as soon as the registry has them" in ran.out


async def test_json_says_what_was_made(node: TestNode, tmp_path: Path) -> None:
    ran = await change(tmp_path, "--rotate", "signing", "--json")
    [new] = ran.value.pop("new_keys")
    assert new == node.ring.signing[0].ed25519.jwk["kid"]
    assert ran.value.keys() == {"member", "fingerprint", "request", "new_keys"}


async def test_none_takes_a_field_away(node: TestNode, tmp_path: Path) -> None:
    ran = await change(tmp_path, "--deputy", "none", "--language", "none", "--office-hours", "none")
    assert ran.code == 0
    said = registration.check((tmp_path / "out.json").read_bytes()).member
    assert not said.keys() & {"deputy", "languages", "office_hours"}


async def test_nothing_is_overwritten_and_no_key_made_for_it(node: TestNode, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("mine")
    ran = await change(tmp_path, "--rotate", "signing")
    assert (ran.code, "(exists)" in ran.err) == (2, True)
    assert ((tmp_path / "out.json").read_text(), len(node.ring.signing)) == ("mine", 1)
    assert (await change(tmp_path, "--rotate", "signing", "--force")).code == 0
    assert registration.check((tmp_path / "out.json").read_bytes())


MISTAKES = {
    "nothing asked": ((), "change-nothing"),
    "no such member": (("--deputy", "fr-nobody"), "deputy-unknown"),
    "no URL": (("--mailbox", "mx.example"), "member-file"),
    "no kind of key": (("--rotate", "encryption"), "usage"),
}


@pytest.mark.parametrize(("options", "code"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_a_mistake_is_told_and_leaves_no_file(
    options: tuple[str, ...], code: str, node: TestNode, tmp_path: Path
) -> None:
    ran = await change(tmp_path, *options)
    assert (ran.code, f"({code})" in ran.err) == (2, True), ran.err
    assert not (tmp_path / "out.json").exists()


def test_without_a_node_it_says_how_to_start_one(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    ran = run("change", "--language", "de", "-o", tmp_path / "out.json", "--config", config)
    assert (ran.code, "hotline-exchange serve" in ran.err) == (3, True)
