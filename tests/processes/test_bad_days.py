"""Bad days: each is told in one sentence that names the field or file and the way out, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.cli import run
from support.process import Process, patched, until
from support.processes import FIRST, GUEST, HOST, SENDER, arrived, network, peer_of, send, state_of

from exchange.errors import Unavailable

HOUR, DAY = 3600, 86400


async def reasons(node: Process, code: str) -> str | None:
    """The sentence that readiness has for a code."""
    try:
        said = (await node.get("/readyz"))["reasons"]
    except Unavailable:
        return None
    return next((one["sentence"] for one in said if one["code"] == code), None)


async def trouble_with(node: Process, member: str) -> str:
    """Wait until the node says what is wrong with a peer; what a person sees of it."""

    async def told() -> bool:
        return "last_error" in await peer_of(node, member)

    await until(told, f"trouble with {member} is told", 40)
    return (await asyncio.to_thread(run, "peers", "--config", node.config)).out


async def test_a_stop_is_graceful_and_its_exit_code_0(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        await net.start()
        referral = await send(net[SENDER], "http://192.0.2.1/before-the-stop", FIRST)
        assert set((await net.stop()).values()) == {0}
        for node in net:
            assert json.loads(node.log.read_text().splitlines()[-1])["event"] == "stopped"
            assert "Traceback" not in node.log.read_text()
        await net.start()
        await arrived(net, referral, FIRST)


async def test_a_guest_is_ready_again_soon_after_its_host(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        await net.start()
        await net[HOST].kill()
        await until(lambda: reasons(net[GUEST], "collect-failing"), "the guest notices", 20)
        started = time.monotonic()
        await net[HOST].start()
        await net[HOST].ready()
        await net[GUEST].ready()
        assert time.monotonic() - started < 25


async def test_a_peer_that_is_down_is_named_and_gets_all_when_it_is_back(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        await net.start(SENDER)
        referral = await send(net[SENDER], "http://192.0.2.2/peer-down", FIRST)
        shown = await trouble_with(net[SENDER], FIRST)
        assert any(FIRST in line and "network" in line for line in shown.splitlines()), shown
        assert (await peer_of(net[SENDER], FIRST))["waiting"] == 1
        await net.start(FIRST)
        await arrived(net, referral, FIRST)
        assert "Traceback" not in net[SENDER].log.read_text()


NONSENSE = {
    "a login page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "no http": b"\x16\x03\x01\x00\x00 SSH-2.0 %s %n\r\n\r\n",
    "too much": b"HTTP/1.1 200 OK\r\nContent-Type: application/jose+json\r\n\r\n" + b"x" * 2_000_000,
    "nothing": b"",
}
ALWAYS = ("a login page", "no http")


@asynccontextmanager
async def impostor(node: Process, answer: bytes) -> AsyncIterator[None]:
    """Something else listens where the node should."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    listen = node.settings.mailbox.listen
    assert listen is not None
    server = await asyncio.start_server(serve, listen.host, listen.port)
    try:
        yield
    finally:
        server.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answer, id=name, marks=[] if name in ALWAYS else pytest.mark.long)
        for name, answer in NONSENSE.items()
    ],
)
async def test_a_peer_that_answers_nonsense_is_named_and_nothing_is_lost(
    tmp_path: Path, answer: bytes
) -> None:
    async with network(tmp_path) as net:
        await net.start(SENDER)
        async with impostor(net[FIRST], answer):
            referral = await send(net[SENDER], "http://192.0.2.3/nonsense", FIRST)
            shown = await trouble_with(net[SENDER], FIRST)
        assert any(FIRST in line and "card-" in line for line in shown.splitlines()), shown
        await net.start(FIRST)
        await arrived(net, referral, FIRST)
        assert "Traceback" not in net[SENDER].log.read_text()


async def test_a_deposit_that_is_answered_with_nonsense_alarms_and_is_repeated(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        await net.start(SENDER, FIRST)
        await arrived(net, await send(net[SENDER], "http://192.0.2.4/card-known", FIRST), FIRST)
        await net[FIRST].stop()
        async with impostor(net[FIRST], NONSENSE["a login page"]):
            referral = await send(net[SENDER], "http://192.0.2.4/nonsense", FIRST)
            await trouble_with(net[SENDER], FIRST)
            alarms = (await net[SENDER].get("/v1/inbox", kind="alarm"))["items"]
        assert [one["member"] for one in alarms] == [FIRST]
        assert alarms[0]["code"].startswith("delivery-")
        assert await state_of(net[SENDER], referral) == "sent"
        await net[SENDER].stop()
        for node in (net[SENDER], net[FIRST]):  # hurrying is useless here, so an hour has to pass
            node.program = patched(f"clock:{HOUR + 60}")
        await net.start(SENDER, FIRST)
        await arrived(net, referral, FIRST)


async def test_an_expired_registry_lets_us_send_for_a_week_and_says_so(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        await net.start(SENDER, FIRST)
        await net.stop()
        for days, sends in ((15, True), (22, False)):
            for member in (SENDER, FIRST):
                net[member].program = patched(f"clock:{days * DAY}")
                await net[member].start()
            for member in (SENDER, FIRST):
                await net[member].answers()
            sentence = await reasons(net[SENDER], "registry-expired")
            assert sentence is not None
            assert ("within 7 days" in sentence) is sends, sentence
            assert ("we send to nobody" in sentence) is not sends, sentence
            assert "administrators" in sentence
            referral = await send(net[SENDER], f"http://192.0.2.5/{days}-days", FIRST)
            if sends:
                await arrived(net, referral, FIRST)
            else:
                shown = await trouble_with(net[SENDER], FIRST)
                assert any(FIRST in line and "registry-expired" in line for line in shown.splitlines()), shown
                assert await state_of(net[SENDER], referral) == "sent"
            await net.stop()
        for member in (SENDER, FIRST):
            net[member].program = patched("clock:0")
        await net.start(SENDER, FIRST)
        await arrived(net, referral, FIRST)


@pytest.mark.parametrize("member", [SENDER, FIRST])
async def test_a_clock_that_is_two_hours_fast_delays_and_loses_nothing(tmp_path: Path, member: str) -> None:
    async with network(tmp_path) as net:
        net[member].program = patched(f"clock:{2 * HOUR}")
        await net.start(SENDER, FIRST)
        referral = await send(net[SENDER], "http://192.0.2.6/clock", FIRST)
        refused = net[FIRST] if member == SENDER else net[SENDER]

        async def held() -> bool:
            return bool((await refused.get("/v1/quarantine"))["quarantine"])

        await until(held, "what comes from the future is not taken", 30)
        [found, *_] = (await refused.get("/v1/quarantine"))["quarantine"]
        assert (found["depositor"], found["code"]) == (member, "time")
        await net[member].stop()
        net[member].program = patched("clock:0")
        await net.start(member)
        await arrived(net, referral, FIRST)


async def test_a_guest_collects_although_the_clock_of_its_host_is_off(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        net[HOST].program = patched(f"clock:{2 * HOUR}")
        await net.start(SENDER, HOST, GUEST)
        referral = await send(net[SENDER], "http://192.0.2.7/clock-of-the-host", GUEST)
        await arrived(net, referral, GUEST)
