"""The one way from the command line to a node: HTTP over the Unix socket that its configuration names.

Rules: the socket's file mode is the permission, so there is no token here. Every answer is read whole, as
JSON; an answer that is a problem becomes the error that it is: 4xx what the user can mend (`Invalid`) or what
was refused (`Refused`), 408, 429, 502 to 507 what may work later (`Unavailable`), 500 a fault of the node
(`Broken`). A socket that nobody listens on is `Unavailable` (`node-not-running`). Nothing is repeated here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp

from exchange import config as configuration
from exchange.config import Config
from exchange.errors import Broken, ExchangeError, Invalid, Problem, Refused, Unavailable

T = TypeVar("T")
Answer = dict[str, Any]

PLACES: Final = (Path("hotline-exchange.toml"), Path("/etc/hotline-exchange/config.toml"))
"""Where a configuration is looked for when none is named."""
SECONDS: Final = 60.0
"""Seconds that the node has for an answer; a long poll takes up to 25."""
_URN: Final = "urn:hotline-exchange:"
_INPUT: Final = frozenset({400, 404, 405, 413, 415, 422})
_LATER: Final = frozenset({408, 429, 502, 503, 504, 507})


def config_path(given: Path | None) -> Path:
    """The configuration file to use; raises `Invalid` (`config-file`)."""
    if given is not None:
        return given
    for place in PLACES:
        if place.exists():
            return place
    raise Invalid(
        "config-file",
        "no configuration was found here or in /etc/hotline-exchange",
        hint="name one with --config or HOTLINE_EXCHANGE_CONFIG, or make one: hotline-exchange join",
    )


def load_config(given: Path | None) -> Config:
    """The configuration; raises `Invalid` with every mistake in it."""
    path = config_path(given)
    if not path.exists():
        raise Invalid("config-file", f"{path}: there is no such file", hint="make one: hotline-exchange join")
    return configuration.load(path)


@dataclass(frozen=True, slots=True)
class Node:
    """An open connection to a node."""

    session: aiohttp.ClientSession

    async def get(self, path: str, **query: str | int | None) -> Answer:
        return await self._ask("GET", path, query=query)

    async def post(
        self,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        lines: bytes | None = None,
    ) -> Answer:
        """POST `body` as JSON, or `lines` as JSON lines; `key` is the Idempotency-Key."""
        headers = {} if key is None else {"Idempotency-Key": key}
        data = lines
        if lines is not None:
            headers["Content-Type"] = "application/x-ndjson"
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return await self._ask("POST", path, headers=headers, data=data)

    async def delete(self, path: str) -> Answer:
        return await self._ask("DELETE", path)

    async def fetch(self, path: str, **query: str | None) -> bytes:
        """The bytes of an answer that is no JSON object."""
        status, body = await self._sent("GET", path, query=query)
        if status >= 400:
            _read(status, body)
        return body

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        return _read(*await self._sent(method, path, query=query, headers=headers, data=data))

    async def _sent(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> tuple[int, bytes]:
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        try:
            async with self.session.request(method, path, params=given, headers=headers, data=data) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientConnectorError, FileNotFoundError, ConnectionRefusedError) as error:
            raise _unreachable(error) from error
        except TimeoutError:
            raise Unavailable(
                "node-silent", "the node did not answer in time", hint="hotline-exchange doctor"
            ) from None
        except aiohttp.ClientError as error:
            raise Unavailable(
                "node-gone", "the node closed the connection before it had answered", hint="is it stopping?"
            ) from error


@asynccontextmanager
async def connected(config: Config) -> AsyncIterator[Node]:
    """A connection to the node of `config`; nothing is sent before the first call."""
    connector = aiohttp.UnixConnector(path=str(config.member_api.socket))
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    headers = {"Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(
        "http://localhost", connector=connector, timeout=timeout, headers=headers, trust_env=False
    ) as session:
        yield Node(session)


def talk(given: Path | None, work: Callable[[Node], Awaitable[T]]) -> T:
    """Do `work` with the node of the configuration; what every command does."""
    config = load_config(given)

    async def run() -> T:
        async with connected(config) as node:
            return await work(node)

    return asyncio.run(run())


def _unreachable(error: Exception) -> ExchangeError:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, PermissionError):
        return Unavailable(
            "socket-permission",
            "this user may not talk to the node: its socket is closed to them",
            hint="run this as the node's user, or as a member of the socket's group",
        )
    return Unavailable(
        "node-not-running",
        "the node is not running: nobody listens on its socket",
        hint="start it with: hotline-exchange serve",
    )


def _read(status: int, body: bytes) -> Answer:
    try:
        value = json.loads(body) if body else {}
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Broken("node-answer", f"the node's answer ({status}) is not a JSON object")
    if status < 400 or "ready" in value:  # /readyz says 503 and why, which is an answer and no error
        return value
    raise error_of(status, value)


def error_of(status: int, said: Answer) -> ExchangeError:
    """The error that problem details with `status` tell of."""
    code = str(said.get("type", "")).removeprefix(_URN) or "unknown"
    message = str(said.get("detail") or said.get("title") or f"the node answered {status}")
    hint = said.get("hint")
    problems = tuple(
        Problem(str(p.get("pointer", "")), str(p.get("code", "")), str(p.get("message", "")), p.get("line"))
        for p in said.get("problems", ())
    )
    if status in _LATER:
        return Unavailable(code, message, hint=hint, problems=problems)
    if status in _INPUT:
        return Invalid(code, message, hint=hint, problems=problems)
    if status < 500:
        return Refused(code, message, hint=hint, problems=problems)
    return Broken(code, message, hint=hint or "the node's log says more", problems=problems)
