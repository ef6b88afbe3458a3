"""How the registry's files are fetched: TUF's port of one method, over the guarded client or a directory.

Rules: a mirror is an https URL or the path of a local directory. The updater runs in a thread; each of its
requests is carried out by the event loop that owns the client, within the client's deadline and caps. A file
that is not there is HTTP 404 in both forms: so the updater learns that there is no newer root. What the
bytes are worth is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient import FetcherInterface

from exchange.client.guarded import GuardedClient, parse_place
from exchange.core import limits
from exchange.errors import ExchangeError

_MARGIN_SECONDS: Final = 5
"""Seconds beyond the client's own deadline after which a thread gives up on its event loop."""


def is_url(mirror: str) -> bool:
    return mirror.startswith(("https://", "http://"))


class GuardedFetcher(FetcherInterface):
    """Fetches by way of `client`, which belongs to `loop`; used from another thread."""

    def __init__(self, client: GuardedClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def _fetch(self, url: str) -> Iterator[bytes]:
        call = self._client.request("GET", parse_place(url, "mirror"), cap=limits.REGISTRY_FILE_BYTES)
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            fetched = future.result(limits.ANSWER_SECONDS + _MARGIN_SECONDS)
        except (ExchangeError, TimeoutError) as error:
            future.cancel()
            raise DownloadError("the mirror gave no file") from error
        if fetched.status != 200:
            raise DownloadHTTPError("the mirror gave no file", fetched.status)
        return iter((fetched.body,))


class DirectoryFetcher(FetcherInterface):
    """Fetches from a directory; "URLs" are paths below it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self._directory / url
        if not self._directory.is_dir():
            raise DownloadError("the directory of the mirror is not there")
        try:
            return iter((path.read_bytes(),))
        except FileNotFoundError:
            raise DownloadHTTPError("the mirror has no such file", 404) from None
