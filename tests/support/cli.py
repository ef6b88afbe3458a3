"""The command line in this process, and a node that gives recorded answers on a Unix socket."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from aiohttp import web

from exchange.cli.main import main
from exchange.config import render

Recorded = Mapping[str, Any]
"""Status and body by `METHOD path`, without the query; a list of them answers one request each."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left: exit code and both outputs."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        return json.loads(self.err)


class _Input(io.TextIOWrapper):
    """Standard input that is no terminal."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")


def run(*arguments: str | Path, given: bytes = b"") -> Ran:
    """Run one command; `given` is its standard input."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "stdin", _Input(given)):
        code = main([str(argument) for argument in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def write_config(directory: Path, **changes: Any) -> Path:
    """A configuration in `directory`; `__` stands for a dot."""
    settings = {
        "member": "de-example",
        "data": "data",
        "registry.bootstrap": "root.json",
        "registry.mirrors": ["https://registry.example"],
        "mailbox.host": "own",
        "mailbox.listen": "127.0.0.1:0",
        "mailbox.url": "https://mx.example",
        "identity.file": "identity.txt",
    } | {name.replace("__", "."): value for name, value in changes.items()}
    path = directory / "hotline-exchange.toml"
    path.write_text(render({name: value for name, value in settings.items() if value is not None}))
    (directory / "data").mkdir(mode=0o700, exist_ok=True)
    return path


@dataclass
class FakeNode:
    """`asked` are the requests so far: method, path, query, body, Idempotency-Key."""

    config: Path
    answers: dict[str, Any]
    asked: list[tuple[str, str, dict[str, str], bytes, str | None]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append(
            (
                request.method,
                request.path,
                dict(request.query),
                body,
                request.headers.get("Idempotency-Key"),
            )
        )
        found = self.answers.get(f"{request.method} {request.path}") or (404, problem(404, "path-unknown"))
        status, said = found.pop(0) if isinstance(found, list) else found
        if callable(said):
            said = said(body)
        kind = "application/problem+json" if status >= 400 else "application/json"
        return web.Response(status=status, body=json.dumps(said).encode(), content_type=kind)


def problem(status: int, code: str, detail: str = "It is so.", **members: Any) -> dict[str, Any]:
    """Problem details as the node writes them."""
    return {
        "type": f"urn:hotline-exchange:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        **members,
    }


@contextmanager
def fake_node(directory: Path, answers: Recorded) -> Iterator[FakeNode]:
    """A node that listens on the socket of a configuration in `directory` and gives `answers`."""
    node = FakeNode(write_config(directory), dict(answers))
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", node.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.UnixSite(runner, str(directory / "data/member.sock")).start()
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(10)
        yield node
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
