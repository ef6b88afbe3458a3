"""A node that cannot start says why in one sentence that names the file or field, and the way out."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage
import pytest
from support.cli import run
from support.process import Process
from support.processes import SENDER, network

WRONG_INPUT = 2
PASSPHRASE = b"a right passphrase"


def change(node: Process, **settings: str) -> None:
    """Set or, by an empty value, unset settings in the configuration, by their names without a section."""
    lines = node.config.read_text().splitlines()
    for name, value in settings.items():
        [place] = [i for i, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{name} = ")][:1]
        lines[place] = f"{name} = {value}" if value else f"# {name}"
    node.config.write_text("\n".join(lines) + "\n")


def lock_with_passphrase(node: Process) -> None:
    identity = node.place / "identity.txt"
    locked = node.data / "identity.age"
    locked.write_bytes(pyrage.passphrase.encrypt(identity.read_bytes(), PASSPHRASE.decode()))
    locked.chmod(0o600)
    identity.unlink()
    change(node, file="")


def loosen(name: str, mode: int) -> Callable[[Process], None]:
    return lambda node: (node.place / name).chmod(mode)


def somebody_listens(node: Process) -> Any:
    listen = node.settings.mailbox.listen
    assert listen is not None
    taken = socket.socket()
    taken.bind((listen.host, listen.port))
    taken.listen()
    return taken


@dataclass(frozen=True)
class Day:
    """What is spoilt before the start; the code and the words that must be told."""

    name: str
    spoil: Callable[[Process], Any]
    code: str
    words: list[str] = field(default_factory=list)


STARTS = [
    Day("keys for all to read", loosen("data/keys.age", 0o644), "file-mode", ["keys.age", "hint: chmod 600"]),
    Day("identity for the group", loosen("identity.txt", 0o640), "file-mode", ["identity.txt", "chmod 600"]),
    Day("directory for all to write", loosen("data", 0o777), "file-mode", ["data", "hint: chmod 700"]),
    Day("port in use", somebody_listens, "port-in-use", ["mailbox.listen", "hint: stop what uses it"]),
    Day(
        "no root file",
        lambda n: (n.place / "root.json").unlink(),
        "registry-bootstrap",
        ["root.json", "hint:"],
    ),
    Day(
        "no keys",
        lambda n: (n.data / "keys.age").unlink(),
        "keystore-missing",
        ["keys.age", "no such file"],
    ),
    Day(
        "no data",
        lambda n: shutil.rmtree(n.data),
        "data-directory",
        ["data", "hint: make it with hotline-exchange join"],
    ),
    Day(
        "a setting misspelt",
        lambda n: n.config.write_text(n.config.read_text() + "\nlevle = 'info'\n"),
        "config",
        ["levle"],
    ),
]


@pytest.mark.parametrize("day", STARTS, ids=lambda day: day.name)
async def test_a_node_that_cannot_start_says_why_in_one_sentence(tmp_path: Path, day: Day) -> None:
    async with network(tmp_path) as net:
        node = net[SENDER]
        kept = day.spoil(node)
        await node.start()
        assert await node.ended() == WRONG_INPUT
        told = node.log.read_text()
        assert f"({day.code}" in told, told
        for word in day.words:
            assert word in told, told
        assert len(told.strip().splitlines()) <= 4, told
        assert "Traceback" not in told
        if isinstance(kept, socket.socket):
            kept.close()


async def test_a_wrong_passphrase_is_told_and_the_right_one_opens(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        node = net[SENDER]
        lock_with_passphrase(node)
        await node.start(b"not this one\n")
        assert await node.ended() == WRONG_INPUT
        told = node.log.read_text()
        assert "identity.age: wrong passphrase" in told
        assert "(passphrase)" in told
        assert "Traceback" not in told
        await node.start(PASSPHRASE + b"\n")
        await node.ready()
        assert await node.stop() == 0
        assert PASSPHRASE not in node.log.read_bytes()


async def test_the_database_of_another_member_is_refused(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        node = net[SENDER]
        await net.start(SENDER)
        await node.stop()
        change(node, member='"xx-other"')
        await node.start()
        assert await node.ended() == WRONG_INPUT
        assert "database: it belongs to another member (database-member)" in node.log.read_text()
        assert "hint: check member and data" in node.log.read_text()


async def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        await net.start(SENDER)
        first = net[SENDER]
        second = Process(SENDER, first.config, first.settings)
        await second.start()
        assert await second.ended() == WRONG_INPUT
        assert "another process works on it (data-locked)" in first.log.read_text()
        offline = await asyncio.to_thread(run, "doctor", "--offline", "--config", first.config)
        assert "Traceback" not in offline.err
        assert (await first.get("/healthz"))["alive"]


async def test_commands_say_that_the_node_is_not_running(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        said = await asyncio.to_thread(run, "status", "--config", net[SENDER].config)
        assert said.code == 3
        assert said.err.splitlines() == [
            "the node is not running: nobody listens on its socket (node-not-running)",
            "hint: start it with: hotline-exchange serve",
        ]
