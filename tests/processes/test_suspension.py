"""Real nodes: a member that is tested, suspended and let in again, by what the administrators publish."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from support.cli import run
from support.process import Process, until
from support.processes import (
    COUNTRIES,
    FIRST,
    GUEST,
    HOST,
    SENDER,
    Processes,
    arrived,
    network,
    peer_of,
    send,
    submission,
)

from exchange.core import limits
from exchange.core.names import MemberId
from exchange.core.registry_view import MemberStatus
from exchange.errors import Invalid
from exchange.registrar import members


def publish(net: Processes, member: str, status: MemberStatus) -> None:
    """What the administrators do."""
    office = net.bureau
    members.set_status(office.space, office.schemas, MemberId(member), status, office.now)
    office.publish()


async def look(*nodes: Process) -> None:
    """Tell nodes to look at the registry now, as somebody in a hurry does."""
    for node in nodes:
        await node.post("/v1/registry/refresh")


async def hand_in(node: Process, url: str, to: str) -> dict[str, Any]:
    body = submission(url, COUNTRIES[to])
    [entry] = (await node.post("/v1/referrals", body, key=f"key-{url}"))["submissions"]
    return dict(entry)


async def test_a_suspended_member_is_refused_everywhere_and_loses_nothing_when_it_returns(
    tmp_path: Path,
) -> None:
    async with network(tmp_path) as net:
        await net.start()
        sender, first, host, guest = (net[name] for name in (SENDER, FIRST, HOST, GUEST))
        before = await send(sender, "http://192.0.2.1/before", FIRST)
        await arrived(net, before, FIRST)
        await guest.stop()
        in_the_mailbox = await send(sender, "http://192.0.2.1/in-the-mailbox", GUEST)
        rows = "SELECT 1 FROM envelopes WHERE owner = ?"
        await until(lambda: host.rows(rows, GUEST), "the guest's mailbox has it", 30)

        publish(net, SENDER, MemberStatus.SUSPENDED)
        await look(first, host)
        on_its_way = await send(sender, "http://192.0.2.1/on-its-way", FIRST)

        async def refused() -> bool:
            return (await peer_of(sender, FIRST)).get("last_error") == "suspended"

        await until(refused, "the deposit is refused", 30, sender.log.read_text)
        told = await first.post("/v1/route", {"country": "DE"})
        assert (told.get("member"), told["reason"]) == (None, "no-active-destination")
        with pytest.raises(Invalid) as error:
            await first.post(f"/v1/peers/{SENDER}/test")
        assert error.value.code == "member-suspended"

        # A guest that starts with no registry asks for one before anything else.
        shutil.rmtree(guest.data / "registry")
        await guest.start()
        held = "SELECT code FROM quarantine"
        await until(
            lambda: guest.rows(held), "the guest has looked into its mailbox", 60, guest.log.read_text
        )
        assert [row["code"] for row in guest.rows(held)] == ["sender-suspended"]
        await look(sender)
        kept = await hand_in(sender, "http://192.0.2.1/handed-in-meanwhile", FIRST)
        assert (kept["state"], kept["reason"]) == ("unroutable", "not-active")

        publish(net, SENDER, MemberStatus.ACTIVE)
        await look(first, host, guest, sender)
        await arrived(net, in_the_mailbox, GUEST)
        await arrived(net, on_its_way, FIRST)
        routed = "SELECT referral_id FROM submissions WHERE id = ? AND state = 'routed'"
        await until(lambda: sender.rows(routed, kept["submission"]), "what was kept is routed", 30)
        [row] = sender.rows(routed, kept["submission"])
        await arrived(net, row["referral_id"], FIRST)
        assert len(guest.rows("SELECT 1 FROM outbox WHERE type = 'receipt/1' AND recipient = ?", SENDER)) == 1


async def test_a_member_is_tested_from_the_command_line(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        await net.start(SENDER, FIRST)
        config = ("--config", net[SENDER].config)
        shown = await asyncio.to_thread(run, "test", FIRST, *config)
        assert shown.code == 0, shown
        lines = shown.out.splitlines()
        assert [line.split(":")[0] for line in lines[:4]] == [
            "ok  found in the registry",
            "ok  key card fetched and verified",
            "ok  deposited in its mailbox",
            "ok  receipt signed by the member",
        ]
        assert f"{FIRST} has received the test" in lines[-1]
        assert net[FIRST].rows("SELECT 1 FROM feed WHERE kind <> 'receipt'") == []

        shown = await asyncio.to_thread(run, "test", HOST, "--wait", "2", *config)
        assert shown.code == 1
        assert "(card-network)" in shown.out
        assert "key card fetched and verified" in shown.out.splitlines()[-2]
        await net.start(HOST)
        shown = await asyncio.to_thread(run, "test", HOST, "--json", *config)
        assert (shown.code, shown.value["state"]) == (0, "received")


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_suspension_is_effective_everywhere_within_one_refresh_though_nobody_is_told(
    tmp_path: Path,
) -> None:
    async with network(tmp_path) as net:
        await net.start()
        others = [net[name] for name in (SENDER, HOST, GUEST)]
        publish(net, FIRST, MemberStatus.SUSPENDED)
        published = time.monotonic()

        async def known() -> bool:
            return {(await peer_of(node, FIRST))["status"] for node in others} == {"suspended"}

        await until(known, "everybody knows", limits.REGISTRY_REFRESH_SECONDS + 15)
        assert time.monotonic() - published < limits.REGISTRY_REFRESH_SECONDS + 10
