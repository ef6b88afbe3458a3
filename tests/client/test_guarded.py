"""The one way out: what it may reach, and what it does with odd answers."""

from __future__ import annotations

import asyncio
import gzip
import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from support.host import http_host, raw_host

from exchange.client.address_guard import AddressGuard
from exchange.client.guarded import GuardedClient, parse_place
from exchange.errors import ExchangeError, Invalid, Refused, Unavailable


def local() -> GuardedClient:
    return GuardedClient(AddressGuard.of((), development=True), development=True)


class Names(AbstractResolver):
    """A name service under the test's control: each look-up takes the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        addresses = self.answers.pop(0)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        return None


PLACES = [
    ("https://mx.example", "mx.example", "/", ""),
    ("https://mx.example:443/v1/x", "mx.example", "/v1/x", ""),
    ("https://mx.example:8443/v1/x?after=0&wait=25", "mx.example:8443", "/v1/x", "after=0&wait=25"),
    ("http://127.0.0.1:80/a", "127.0.0.1", "/a", ""),
    ("https://[2a00::1]:8443/a", "[2a00::1]:8443", "/a", ""),
]


@pytest.mark.parametrize(("url", "authority", "path", "query"), PLACES)
def test_a_url_in_the_strict_form_has_one_reading(url: str, authority: str, path: str, query: str) -> None:
    place = parse_place(url)
    assert (place.authority, place.path, place.query) == (authority, path, query)
    assert parse_place(place.url) == place


@pytest.mark.parametrize(
    "url",
    [
        "https://MX.example/",
        "https://user@mx.example/",
        "https://mx.example\\@evil.example/",
        "https://mx.example/#x",
        "https://mx.example/%2e%2e/x",
        "https://mx.example/a/../b",
        "https://mx.example/./b",
        "https://mx.example/a b",
        "https://mx.example:99999999/",
        "https://mx.éxample/",
        "https:///x",
        "ftp://mx.example/",
        "//mx.example/",
        "https://mx.example/" + "a" * 5000,
        "https://mx.example/\n",
    ],
)
def test_a_url_that_two_parsers_may_read_differently_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_place(url)
    assert error.value.code == "url-form"


async def test_an_answer_comes_back_whole_and_the_request_says_little() -> None:
    seen: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append({name.lower(): text for name, text in request.headers.items()})
        return web.Response(status=207, body=await request.read(), headers={"X-A": "b"})

    async with http_host(answer) as base, local() as client:
        fetched = await client.request(
            "PUT", parse_place(f"{base}/x"), body=b"abc", headers={"Content-Type": "application/jose"}
        )
    assert (fetched.status, fetched.body, fetched.headers["x-a"]) == (207, b"abc", "b")
    assert set(seen[0]) == {"host", "accept-encoding", "user-agent", "content-type", "content-length"}
    assert seen[0]["accept-encoding"] == "identity"


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/other"})

    async with http_host(answer) as base, local() as client:
        assert (await client.request("GET", parse_place(f"{base}/x"))).status == 302
    assert asked == ["/x"]


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async with http_host(answer) as base, local() as client:
        assert (await client.request("GET", parse_place(f"{base}/x"))).body == b"ok"


async def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(b"0" * 1_000_000)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with http_host(answer) as base, local() as client:
        assert (await client.request("GET", parse_place(f"{base}/x"))).body == packed


async def test_an_answer_beyond_its_cap_is_refused() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1001)

    async with http_host(answer) as base, local() as client:
        assert len((await client.request("GET", parse_place(f"{base}/x"), cap=1001)).body) == 1001
        with pytest.raises(Refused) as error:
            await client.request("GET", parse_place(f"{base}/x"), cap=1000)
    assert error.value.code == "answer-size"


async def test_a_host_that_trickles_is_left_in_time() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    async with http_host(answer) as base, local() as client:
        with pytest.raises(Unavailable) as error:
            await client.request("GET", parse_place(f"{base}/x"), seconds=0.3)
    assert error.value.code == "timeout"


ODD = [
    b"",
    b"\x16\x03\x01\x02\x00\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 999999 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort",
]


@pytest.mark.parametrize("bytes_sent", ODD)
async def test_bytes_that_are_no_http_are_a_broken_network(bytes_sent: bytes) -> None:
    async with raw_host(bytes_sent) as (base, _), local() as client:
        with pytest.raises(Unavailable):
            await client.request("GET", parse_place(f"{base}/x"), seconds=1)


async def test_a_request_on_a_connection_that_broke_is_not_repeated() -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with raw_host(good, b"", good) as (base, seen), local() as client:
        assert (await client.request("GET", parse_place(f"{base}/first"))).body == b"ok"
        with pytest.raises(Unavailable):
            await client.request("DELETE", parse_place(f"{base}/second"))
    assert len(seen) == 2


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with local() as client:
            with pytest.raises(Unavailable) as error:
                await client.request("GET", parse_place(f"http://127.0.0.1:{taken.getsockname()[1]}/x"))
    assert error.value.code == "network"


GUARDED = [
    ("https://10.0.0.1/", [], "address-refused"),
    ("https://[::ffff:127.0.0.1]/", [], "address-refused"),
    ("https://mx.example/", ["192.168.0.1"], "address-refused"),
    ("https://mx.example/", ["9.9.9.9", "127.0.0.2", "10.0.0.1"], "address-refused"),
    ("http://mx.example/", ["9.9.9.9"], "plain-http"),
    ("http://9.9.9.9/", [], "plain-http"),
]


@pytest.mark.parametrize(("url", "addresses", "code"), GUARDED)
async def test_no_connection_goes_where_the_guard_says_no(url: str, addresses: list[str], code: str) -> None:
    guard = AddressGuard.of((), development=True)
    async with GuardedClient(guard, development=True, resolver=Names(addresses)) as client:
        with pytest.raises(Invalid) as error:
            await client.request("GET", parse_place(url), seconds=2)
    assert error.value.code == code


async def test_plain_http_is_for_development_only() -> None:
    async with GuardedClient(AddressGuard.of(["127.0.0.0/8"])) as client:
        with pytest.raises(Invalid) as error:
            await client.request("GET", parse_place("http://127.0.0.1:1/"))
    assert error.value.code == "plain-http"


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Host"])

    async with http_host(answer) as base:
        port = base.rpartition(":")[2]
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        guard = AddressGuard.of((), development=True)
        async with GuardedClient(guard, development=True, resolver=names) as client:
            place = parse_place(f"http://mx.example:{port}/")
            fetched = await client.request("GET", place)
            assert fetched.body.decode() == f"mx.example:{port}"
            await client.request("GET", place)
            assert names.asked == 1


async def test_a_host_without_trusted_tls_is_not_reached() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with http_host(answer) as base, local() as client:
        with pytest.raises(ExchangeError) as error:
            await client.request("GET", parse_place(base.replace("http://", "https://") + "/"))
    assert error.value.code in {"tls", "network"}


async def test_a_name_that_does_not_exist_is_a_broken_network() -> None:
    class Nowhere(Names):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise OSError("no such name")

    async with GuardedClient(AddressGuard.of(()), resolver=Nowhere()) as client:
        with pytest.raises(Unavailable) as error:
            await client.request("GET", parse_place("https://mx.invalid/"))
    assert error.value.code == "network"


def test_the_private_switch_against_repeating_is_still_there() -> None:
    assert "_retry_connection" in aiohttp.ClientSession.ATTRS
