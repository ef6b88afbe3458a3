"""A full disk refuses what is new, keeps what was taken, and needs no restart when there is room again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.process import until
from support.processes import FIRST, SENDER, arrived, network, peer_of, send, state_of

from exchange.errors import Unavailable


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[None]:
    """Put a directory on a disk of its own, with what it holds."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    aside = directory.with_name("aside")
    directory.rename(aside)
    directory.mkdir(mode=0o700)
    options = f"size={size},mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        shutil.copytree(aside, directory, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """Fill the disk to the last byte; the file to remove."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for block in (65536, 512, 1):
            try:
                while file.write(b"\0" * block) == block:
                    pass
            except OSError:
                continue
    return ballast


async def test_a_full_disk_refuses_what_is_new_and_keeps_what_was_taken(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        node = net[SENDER]
        with small_disk(node.data, "16m"):
            try:
                await net.start(SENDER, FIRST)
                taken = [await send(node, "http://192.0.2.8/before", FIRST)]
                ballast = fill(node.data)
                refusal = None
                for number in range(200):
                    try:
                        taken.append(await send(node, f"http://192.0.2.8/{number}", FIRST))
                    except Unavailable as error:
                        refusal, number_refused = error, number
                        break
                assert refusal is not None
                assert refusal.code == "disk-full"
                assert "free some space" in (refusal.hint or "")
                for referral in taken:
                    assert await state_of(node, referral) in ("sent", "received")
                assert node.running is not None
                assert node.running.returncode is None
                ballast.unlink()
                taken.append(await send(node, f"http://192.0.2.8/{number_refused}", FIRST))
                for referral in taken:
                    await arrived(net, referral, FIRST)
                assert "Traceback" not in node.log.read_text()
                assert node.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
            finally:
                await net.stop()


async def test_a_recipient_with_a_full_disk_gets_all_when_there_is_room_again(tmp_path: Path) -> None:
    async with network(tmp_path) as net:
        node = net[FIRST]
        with small_disk(node.data, "16m"):
            try:
                await net.start(SENDER, FIRST)
                ballast = fill(node.data)
                sent = [await send(net[SENDER], f"http://192.0.2.9/{number}", FIRST) for number in range(150)]

                async def full() -> bool:
                    return "last_error" in await peer_of(net[SENDER], FIRST)

                await until(full, "the sender hears of the full disk", 30)
                assert (await peer_of(net[SENDER], FIRST))["last_error"] == "disk-full"
                ballast.unlink()
                for referral in sent:
                    await arrived(net, referral, FIRST, 90)
                assert node.running is not None
                assert node.running.returncode is None
                assert "Traceback" not in node.log.read_text()
            finally:
                await net.stop()
