"""How the registry's files are fetched: TUF's port of one method, over the guarded client or a directory.

Rules: a mirror is an https URL or the path of a local directory. The updater runs in a thread; each of its
requests is carried out by the event loop that owns the client, within the client's deadline. No more of a
file is read than its caller allows; the metadata of one look have one deadline together, and the files
another: a mirror that drips or never ends costs no more. A file that is not there is HTTP 404 in both forms:
so the updater learns that there is no newer root. What the bytes are worth is not known here.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.ngclient import FetcherInterface

from exchange.client.guarded import Fetched, GuardedClient, parse_place
from exchange.core import limits
from exchange.errors import ExchangeError, Refused

_MARGIN_SECONDS: Final = 5
"""Seconds beyond the client's own deadline after which a thread gives up on its event loop."""


def is_url(mirror: str) -> bool:
    return mirror.startswith(("https://", "http://"))


class Fetcher(FetcherInterface):
    """Gives files whole, of at most `max_length` bytes, and of `REGISTRY_FILE_BYTES` whatever is said: a
    thief may have signed the length. Raises `DownloadError`.
    """

    @abstractmethod
    def download_bytes(self, url: str, max_length: int) -> bytes: ...

    def download_many(self, wanted: Iterable[tuple[str, int]]) -> Iterator[bytes]:
        """The files at `wanted` (URL, most bytes), in this order."""
        return (self.download_bytes(url, max_length) for url, max_length in wanted)

    def _fetch(self, url: str) -> Iterator[bytes]:
        return iter((self.download_bytes(url, limits.REGISTRY_FILE_BYTES),))


class GuardedFetcher(Fetcher):
    """Fetches by way of `client`, which belongs to `loop`; used from another thread."""

    def __init__(self, client: GuardedClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._until = self._deadline()

    def download_bytes(self, url: str, max_length: int) -> bytes:
        return self._answer(self._ask(url, max_length))

    def download_many(self, wanted: Iterable[tuple[str, int]]) -> Iterator[bytes]:
        """In this order; `REGISTRY_FETCHES` are on their way at once."""
        self._until = self._deadline()
        waiting: deque[Future[Fetched]] = deque()
        try:
            for url, max_length in wanted:
                waiting.append(self._ask(url, max_length))
                if len(waiting) == limits.REGISTRY_FETCHES:
                    yield self._answer(waiting.popleft())
            while waiting:
                yield self._answer(waiting.popleft())
        finally:
            for one in waiting:
                one.cancel()

    def _deadline(self) -> float:
        return self._loop.time() + limits.REGISTRY_MIRROR_SECONDS

    def _ask(self, url: str, max_length: int) -> Future[Fetched]:
        cap = min(max_length, limits.REGISTRY_FILE_BYTES)
        seconds = min(self._until - self._loop.time(), limits.ANSWER_SECONDS)
        if seconds <= 0:
            raise DownloadError("the mirror took too long")
        try:
            call = self._client.request("GET", parse_place(url, "mirror"), cap=cap, seconds=seconds)
        except ExchangeError as error:
            raise DownloadError("the mirror gave no file") from error
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def _answer(self, future: Future[Fetched]) -> bytes:
        try:
            fetched = future.result(limits.ANSWER_SECONDS + _MARGIN_SECONDS)
        except Refused as error:
            raise DownloadLengthMismatchError("a file of the mirror is too long") from error
        except (ExchangeError, TimeoutError, CancelledError) as error:
            future.cancel()
            raise DownloadError("the mirror gave no file") from error
        if fetched.status != 200:
            raise DownloadHTTPError("the mirror gave no file", fetched.status)
        return fetched.body


class DirectoryFetcher(Fetcher):
    """Fetches from a directory; "URLs" are paths below it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def download_bytes(self, url: str, max_length: int) -> bytes:
        if not self._directory.is_dir():
            raise DownloadError("the directory of the mirror is not there")
        cap = min(max_length, limits.REGISTRY_FILE_BYTES)
        try:
            with (self._directory / url).open("rb") as file:
                data = file.read(cap + 1)
        except FileNotFoundError:
            raise DownloadHTTPError("the mirror has no such file", 404) from None
        except OSError as error:
            raise DownloadError("the directory of the mirror cannot be read") from error
        if len(data) > cap:
            raise DownloadLengthMismatchError("a file of the mirror is too long")
        return data
