"""Evidence and the registry's mirror at real nodes: processes, loopback, the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.cli import run
from support.processes import FIRST, SENDER, Processes, arrived, network, send

from exchange import config as configuration


def serving(net: Processes, member: str) -> str:
    """Let a node mirror the registry; the base of its mirror."""
    node = net[member]
    text = node.config.read_text().replace("# serve = false", "serve = true")
    node.config.write_text(text)
    node.settings = configuration.load(node.config)
    assert node.settings.registry.serve
    assert node.settings.mailbox.url is not None
    return f"{node.settings.mailbox.url}/registry"


async def test_a_node_proves_what_it_sent_and_another_reads_the_registry_from_it(tmp_path: Path) -> None:
    async with network(tmp_path / "net") as net:
        mirror = serving(net, FIRST)
        reader = net[SENDER]
        await net.start(FIRST)
        shown = reader.config.read_text()
        assert net.mirror in shown
        reader.config.write_text(shown.replace(net.mirror, mirror))
        await net.start(SENDER)
        first = await send(reader, "http://192.0.2.17/files/one.bin", FIRST)
        await arrived(net, first, FIRST)
        second = await send(reader, "http://192.0.2.17/files/two.bin", FIRST)
        await arrived(net, second, FIRST)
        root = reader.settings.registry.bootstrap
        for member, verdicts in ((SENDER, {"ok"}), (FIRST, {"ok", "not-shown"})):
            path = tmp_path / f"{member}.evidence"
            made = await asyncio.to_thread(
                run, "evidence", "export", first, "-o", path, "--config", net[member].config, "--json"
            )
            assert (made.code, made.value["verdict"]) == (0, "ok"), made.err
            told = run("evidence", "verify", path, "--root", root, "--json")
            assert told.code == 0
            assert {step["verdict"] for step in told.value["steps"]} == verdicts
            assert told.value["subject"]["made_by"] == member
        assert "192.0.2.17" not in reader.log.read_text()
        assert (await reader.get("/v1/registry"))["mirrors"] == [mirror]
        assert (await net.stop()).keys() == {SENDER, FIRST}
