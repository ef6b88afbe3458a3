"""One guarded way out: every request that a node makes over HTTP goes through here.

Rules: https, and http only to loopback in development; URLs in one strict form, so that no two parsers see
two hosts; a name is resolved once, all its addresses must pass the guard, and the connection goes to what was
checked; no redirects, no proxy of the environment, no cookies, no decompression; the answer is capped and the
whole exchange has one deadline; nothing is repeated behind our back (a repeated signed request would be a
replay). Errors: `Invalid` when the address may not be reached, `Unavailable` when it was not, `Refused` when
the answer is longer than its cap. What an answer means is not known here.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import HttpProcessingError

from exchange.client.address_guard import AddressGuard, is_loopback
from exchange.core import limits
from exchange.errors import Invalid, Refused, Unavailable

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]{0,252})|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[A-Za-z0-9._~/-]*)?(?:\?(?P<query>[A-Za-z0-9._~=&-]+))?"
)
_DOTS: Final = frozenset({".", ".."})
_PORTS: Final = {"https": 443, "http": 80}
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A URL in its parts. `authority` is RFC 9421's @authority: lower case, without the default port."""

    scheme: str
    host: str
    authority: str
    path: str
    query: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")


def parse_place(url: str, field: str = "url") -> Place:
    """The parts of an absolute URL in the strict form that we use, or `Invalid` (`url-form`)."""
    match = _URL.fullmatch(url) if len(url) <= limits.URL_CHARS else None
    if match is None or not _DOTS.isdisjoint((match["path"] or "").split("/")):
        raise Invalid("url-form", f"{field}: not a plain https URL without user, fragment and escapes")
    scheme, host, port = match["scheme"], match["host"], int(match["port"] or _PORTS[match["scheme"]])
    authority = host if port == _PORTS[scheme] else f"{host}:{port}"
    return Place(scheme, host.strip("[]"), authority, match["path"] or "/", match["query"] or "")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back: header names in lower case, the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class GuardedResolver(AbstractResolver):
    """Resolves by the system and hands on nothing that the guard has not passed."""

    def __init__(self, guard: AddressGuard, inner: AbstractResolver, *, loopback_only: bool = False) -> None:
        self._guard = guard
        self._inner = inner
        self._loopback_only = loopback_only

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            check_address(self._guard, one["host"], loopback_only=self._loopback_only)
        return found

    async def close(self) -> None:
        await self._inner.close()


def check_address(guard: AddressGuard, address: str, *, loopback_only: bool) -> None:
    """Pass, or raise `Invalid` (`address-refused`, `plain-http`)."""
    reason = guard.refusal(address)
    if reason is not None:
        raise Invalid(
            "address-refused",
            f"the host's address may not be reached: {reason}",
            hint="if it is meant, list its network in [outbound] allow",
        )
    if loopback_only and not is_loopback(address):
        raise Invalid("plain-http", "http:// is for loopback only", hint="use https://")


class GuardedClient:
    """The sessions. Made inside a running event loop; `close` when done, or use as a context."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        development: bool = False,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`tls` replaces the system's trusted certificates; `resolver` the system's name service."""
        self._guard = guard
        inner = resolver or aiohttp.ThreadedResolver()
        context = tls or ssl.create_default_context()
        self._sessions = {"https": _session(GuardedResolver(guard, inner), context)}
        if development:
            self._sessions["http"] = _session(GuardedResolver(guard, inner, loopback_only=True), context)

    async def __aenter__(self) -> GuardedClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    async def request(
        self,
        method: str,
        place: Place,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
        cap: int = limits.ANSWER_BYTES,
        seconds: float = limits.ANSWER_SECONDS,
    ) -> Fetched:
        """One exchange within `seconds`; an answer of more than `cap` bytes is `Refused` (`answer-size`).

        Raises `Unavailable` (`timeout`, `tls`, `network`) and `Invalid` (`plain-http`, `address-refused`).
        """
        session = self._sessions.get(place.scheme)
        if session is None:
            raise Invalid("plain-http", "http:// is for development only", hint="use https://")
        if _is_literal(place.host):  # aiohttp asks no resolver for these
            check_address(self._guard, place.host, loopback_only=place.scheme == "http")
        try:
            async with session.request(
                method,
                place.url,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                held = await _read(response, cap)
                return Fetched(
                    response.status, {name.lower(): text for name, text in response.headers.items()}, held
                )
        except TimeoutError:
            raise Unavailable("timeout", "the host did not answer in time") from None
        except aiohttp.ClientSSLError as error:
            raise Unavailable("tls", "no trusted TLS connection to the host") from error
        except UnicodeError:
            raise Invalid("address-refused", "the host's name is none that can be resolved") from None
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise Unavailable("network", "no answer from the host") from error


def _session(resolver: GuardedResolver, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=resolver,
            use_dns_cache=False,
            ssl=tls,
            # Below the peers' own limit, so that a connection is rarely closed under a request.
            keepalive_timeout=limits.KEEPALIVE_SECONDS / 2,
        ),
        headers={"Accept-Encoding": "identity", "User-Agent": "hotline-exchange"},
        skip_auto_headers=("Accept", "Content-Type"),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        raise_for_status=False,
    )
    # aiohttp repeats PUT, GET and DELETE on a connection that broke: with our nonce, that is a replay. The
    # switch is private; tests/client/test_guarded.py notices when it stops working.
    session._retry_connection = False
    return session


async def _read(response: aiohttp.ClientResponse, cap: int) -> bytes:
    held = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        held += chunk
        if len(held) > cap:
            response.close()
            raise Refused("answer-size", "the answer is longer than this call allows")
    return bytes(held)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
