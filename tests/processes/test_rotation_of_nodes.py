"""Real nodes: one changes its keys while it runs, and one of them is stolen; the exchange goes on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from support.cli import run
from support.process import Process, patched, until
from support.processes import COUNTRIES, FIRST, SENDER, Processes, arrived, network, send, submission

from exchange.core.names import MemberId
from exchange.errors import Unavailable
from exchange.registrar import members, reviews


async def look(*nodes: Process) -> None:
    """Tell nodes to look at the registry now, as somebody in a hurry does."""
    for node in nodes:
        await node.post("/v1/registry/refresh")


async def changed(net: Processes, *options: str) -> None:
    """The sender asks for a change; the administrators review it, hear its fingerprint, sign and publish."""
    node, office = net[SENDER], net.bureau
    path = net.place / "request.json"
    command = ("change", *options, "-o", path, "--force", "--json", "--config", node.config)
    ran = await asyncio.to_thread(run, *command)
    assert ran.code == 0, ran.err
    done = reviews.review(
        office.space,
        office.schemas,
        path.read_bytes(),
        int(time.time()),
        call=lambda _: str(ran.value["fingerprint"]),
        development=True,
    )
    assert (done.wrong, done.entered) == ((), True), done.items


async def in_use(node: Process) -> tuple[str, str]:
    said = (await node.get("/v1/keys"))["in_use"]
    return (said["signing"] or [""])[0], said["http"]


async def answered(net: Processes, referral: str) -> None:
    """FIRST answers the referral, and the sender hears it: so both directions work."""
    said = {"status": "accepted", "actor": "hotline", "own_case": f"GB-{referral[-6:]}"}
    said["occurred_at"] = submission("http://192.0.2.1/", COUNTRIES[FIRST])["assessment"]["assessed_at"]
    await net[FIRST].post(f"/v1/referrals/{referral}/outcomes", said, key=f"answer-{referral}")

    async def heard() -> bool:
        return bool((await net[SENDER].get(f"/v1/referrals/{referral}"))["referral"]["state"] == "accepted")

    await until(heard, "the answer is there", 30, net[SENDER].log.read_text)


async def reasons(node: Process) -> list[dict[str, Any]]:
    try:
        return list((await node.get("/readyz"))["reasons"])
    except Unavailable:
        return []


async def test_a_node_rotates_its_keys_while_it_runs_and_the_exchange_goes_on(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        sender, first = net[SENDER], net[FIRST]
        sender.program = patched("hurry")
        await net.start()
        before = await in_use(sender)
        referral = await send(sender, "http://192.0.2.1/before", FIRST)
        await arrived(net, referral, FIRST)
        await answered(net, referral)

        await changed(net, "--rotate", "signing", "--rotate", "http")
        assert await in_use(sender) == before, "nothing changes before the registry has them"
        await arrived(net, await send(sender, "http://192.0.2.1/asked", FIRST), FIRST)
        net.bureau.publish()
        during = [await send(sender, f"http://192.0.2.1/{number}", FIRST) for number in range(5)]
        await look(sender, *(node for node in net if node is not sender))

        async def rotated() -> bool:
            return all(new != old for new, old in zip(await in_use(sender), before, strict=True))

        await until(rotated, "the new keys are in use", 30, sender.log.read_text)
        after = await in_use(sender)
        cards = "SELECT count(*) AS n FROM seeds"
        await until(lambda: sender.rows(cards)[0]["n"] >= 2, "the card is signed anew", 30)
        for one in during:
            await arrived(net, one, FIRST)
        referral = await send(sender, "http://192.0.2.1/after", FIRST)
        await arrived(net, referral, FIRST)
        await answered(net, referral)
        assert first.rows("SELECT code FROM quarantine") == []
        assert await reasons(sender) == []

        office = net.bureau
        revoke = (office.space, office.schemas, MemberId(SENDER))
        members.revoke(*revoke, kid=after[0], reason="stolen", now=int(time.time()))
        office.publish()
        await look(*net)
        assert (await in_use(sender))[0] == before[0], "the older one is still good"
        await sender.ready()
        referral = await send(sender, "http://192.0.2.1/revoked", FIRST)
        await arrived(net, referral, FIRST)
        await answered(net, referral)

        members.revoke(*revoke, kid=before[0], reason="stolen", now=int(time.time()))
        office.publish()
        await look(*net)
        assert (await in_use(sender))[0] == ""
        assert "signing-key-revoked" in [reason["code"] for reason in await reasons(sender)]
        assert set((await net.stop()).values()) == {0}
