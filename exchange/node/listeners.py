"""The listeners of a node: the mailbox API on TCP, the member API on a Unix socket and, where it is wanted,
on TCP.

Rules: the socket's file mode is its permission. A port that is taken, and a certificate that cannot be
read, stop the start with the setting's name. TLS may be ended here or by a proxy in front.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from exchange.config import Config, Listen
from exchange.errors import Invalid
from exchange.server import middleware

SOCKET_MODE: Final = 0o600
BACKLOG: Final = 1024
"""Connections that may wait to be accepted: a burst of peers after an outage."""


class Listeners:
    """What was opened; `close` ends them gracefully, requests under way first."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []

    async def tcp(self, app: web.Application, listen: Listen, field: str, tls: ssl.SSLContext | None) -> None:
        """Listen on TCP; raises `Invalid` (`port-in-use`, `listen`) naming `field`."""
        runner = await self._runner(app)
        try:
            await web.TCPSite(
                runner, listen.host, listen.port, ssl_context=tls, backlog=BACKLOG, reuse_address=True
            ).start()
        except OSError as error:
            raise Invalid(
                "port-in-use" if error.errno == 98 else "listen",
                f"{field}: {listen} cannot be listened on ({os.strerror(error.errno or 0)})",
                hint="stop what uses it, or choose another port",
            ) from error

    async def socket(self, app: web.Application, path: Path) -> None:
        """Listen on a Unix socket that only this user may open; a file left by a dead process is replaced."""
        runner = await self._runner(app)
        _forget(path)
        before = os.umask(0o177)
        try:
            await web.UnixSite(runner, path, backlog=BACKLOG).start()
        except OSError as error:
            raise Invalid("socket", f"member_api.socket: {path} cannot be made ({error.strerror})") from error
        finally:
            os.umask(before)

    async def _runner(self, app: web.Application) -> web.AppRunner:
        runner = middleware.runner(app)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def close(self) -> None:
        for runner in reversed(self._runners):
            await runner.cleanup()


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)


def tls_context(config: Config) -> ssl.SSLContext | None:
    """The certificate of the mailbox listener, where the node ends TLS itself; raises `Invalid` (`tls`)."""
    cert, key = config.mailbox.tls_cert, config.mailbox.tls_key
    if cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(
            "tls", f"mailbox.tls_cert, mailbox.tls_key: {cert} and {key} are no certificate and its key"
        ) from error
    return context


def addresses(config: Config) -> Sequence[str]:
    """Where the node listens, for people."""
    found = [f"member API on {config.member_api.socket}"]
    if config.member_api.listen is not None:
        found.append(f"member API on {config.member_api.listen}")
    if config.mailbox.listen is not None:
        found.append(f"mailbox API on {config.mailbox.listen}")
    return found
