"""Ears on loopback: a relay that keeps every byte between two nodes, and requests that no client makes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.process import Process, free_ports


@dataclass
class Tap:
    """What went through, both ways."""

    heard: bytearray = field(default_factory=bytearray)

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def tapped(node: Process) -> AsyncIterator[Tap]:
    """Stand between a node that is not running yet and all who talk to its mailbox."""
    public = node.settings.mailbox.listen
    assert public is not None
    [inner] = free_ports(1)
    text = node.config.read_text()
    node.config.write_text(
        re.sub(rf'^listen = "{public}"', f'listen = "127.0.0.1:{inner}"', text, flags=re.M)
    )
    tap = Tap()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", inner)
        except OSError:
            writer.close()
            return
        await asyncio.gather(tap.pump(reader, far_writer), tap.pump(far_reader, writer))

    server = await asyncio.start_server(relay, public.host, public.port)
    try:
        yield tap
    finally:
        server.close()


async def raw(where: Path | tuple[str, int], request: bytes) -> bytes:
    """All that is answered to the bytes of a request, on a Unix socket or TCP, until the node closes."""
    if isinstance(where, Path):
        reader, writer = await asyncio.open_unix_connection(str(where))
    else:
        reader, writer = await asyncio.open_connection(*where)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


def request(line: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request; `_` in a header's name stands for `-`."""
    said = {"Host": "localhost", "Connection": "close"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if body:
        said.setdefault("Content-Length", str(len(body)))
    lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
