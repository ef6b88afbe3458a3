"""What a listener takes, shown with bytes on a socket: no client library stands between attack and server."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from multidict import CIMultiDict

from exchange.errors import Broken, Refused
from exchange.observe import Metrics
from exchange.server import middleware
from exchange.server.middleware import application, check_target, read_body, require_fast_parser, runner

LIMIT = 1000
GET = b"GET /v1/things/1 HTTP/1.1\r\nHost: a\r\n"
PUT = b"PUT /v1/things/1 HTTP/1.1\r\nHost: a\r\n"


async def get(request: web.Request) -> web.Response:
    return web.json_response({"id": request.match_info["id"]})


async def put(request: web.Request) -> web.Response:
    return web.json_response({"bytes": len(await read_body(request, LIMIT, deadline=0.3))})


async def forgets(request: web.Request) -> web.Response:
    return web.json_response({"bytes": len(await request.read())})


async def breaks(request: web.Request) -> web.Response:
    raise ValueError("SECRET")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def port(metrics: Metrics) -> AsyncIterator[int]:
    app = application("mailbox", metrics, lambda: 1_800_000_000.0)
    app.router.add_get("/v1/things/{id}", get)
    app.router.add_put("/v1/things/{id}", put)
    app.router.add_post("/v1/forgets", forgets)
    app.router.add_get("/v1/breaks", breaks)
    running = runner(app, shutdown_seconds=0.1)
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", 0).start()
    yield running.addresses[0][1]
    await running.cleanup()


async def send(port: int, data: bytes) -> tuple[int, dict[str, object], bytes]:
    """Status, body and head of the answer to `data`; the connection is held open until it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = b"" if data.startswith(b"HEAD") else await reader.readexactly(length)
    finally:
        writer.close()
    told = json.loads(body) if body and b"json" in head else {}
    return int(head.split(b" ")[1]), told, head


async def refusal(port: int, data: bytes) -> tuple[int, str]:
    status, told, _ = await send(port, data)
    return status, str(told.get("type", "")).removeprefix("urn:hotline-exchange:")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET /v1/things/1 HTTP/1.0\r\nHost: a\r\n\r\n", 505, "http-version"),
        (b"GET /v1/things/1\r\n\r\n", 505, "http-version"),
        (b"GET /v1/things/1 HTTP/2.0\r\nHost: a\r\n\r\n", 505, "http-version"),
        (b"GET http://a/v1/things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"GET //v1/things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"GET /v1//things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"GET /v1/x/../things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"GET /v1/%2e%2e/things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"GET /v1/things/%31 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"GET /v1/things/1?a=1&a=2 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"GET /v1/things/1?a=%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method-not-allowed"),
        (b"PATCH /v1/things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method-not-allowed"),
        (b"DELETE /v1/things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method-not-allowed"),
        (b"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, "path-unknown"),
        (GET + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", 400, "upgrade"),
        (GET + b"Content-Length: 2\r\n\r\nxx", 400, "body-unexpected"),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "body-unexpected"),
        (PUT + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 411, "length-required"),
        (PUT + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 415, "content-encoding"),
        (PUT + b"Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", 415, "content-encoding"),
        (PUT + b"Content-Length: 1001\r\n\r\n", 413, "too-large"),
        (PUT + b"Content-Length: 10\r\n\r\nstalled", 408, "body-timeout"),
        (b"POST /v1/forgets HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nxxxxx", 413, "too-large"),
        (b"GET /v1/breaks HTTP/1.1\r\nHost: a\r\n\r\n", 500, "internal"),
    ],
)
async def test_a_request_of_another_form_is_refused(port: int, data: bytes, status: int, code: str) -> None:
    assert await refusal(port, data) == (status, code)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /v1/things/1 HTTP/1.1\r\n\r\n",
        b"GET /v1/things/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        PUT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        PUT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxx",
        PUT + b"Content-Length: +5\r\n\r\nxxxxx",
        PUT + b"Content-Length: 5\r\nX: " + b"x" * 9000 + b"\r\n\r\nxxxxx",
        PUT + b"Content-Length: 5\r\n" + b"X: y\r\n" * 80 + b"\r\nxxxxx",
        GET + b"X : y\r\n\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_a_malformed_request_is_refused_by_whoever_sees_it_first(
    port: int, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    status, _, _ = await send(port, data)
    assert status == 400
    assert caplog.records == [], "whoever sends rubbish must not fill the log"


@pytest.mark.parametrize(
    "data",
    [
        GET + b"SECRET\r\n\r\n",
        b"SECRET!? /v1/things/1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01SECRET\r\n\r\n",
        GET + b"SECRET : y\r\n\r\n",
        PUT + b"Content-Length: SECRET\r\n\r\n",
        GET + b"X: " + b"SECRET" * 2000 + b"\r\n\r\n",
    ],
)
async def test_what_cannot_be_parsed_is_answered_without_a_word_of_it(port: int, data: bytes) -> None:
    status, told, head = await send(port, data)
    assert (status, told["type"]) == (400, "urn:hotline-exchange:http-malformed")
    assert b"application/problem+json" in head
    assert "SECRET" not in json.dumps(told)


async def test_head_is_refused(port: int) -> None:
    assert (await send(port, b"HEAD /v1/things/1 HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 405


async def test_a_well_formed_request_passes(port: int, metrics: Metrics) -> None:
    assert (await send(port, GET + b"\r\n"))[:2] == (200, {"id": "1"})
    assert (await send(port, GET + b"Content-Length: 0\r\n\r\n"))[0] == 200
    assert (await send(port, b"GET /v1/things/1?after=a:1&wait=2 HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 200
    assert (await send(port, PUT + b"Content-Length: 5\r\n\r\nxxxxx"))[:2] == (200, {"bytes": 5})
    assert (await send(port, PUT + b"\r\n"))[:2] == (200, {"bytes": 0})
    assert (await send(port, b"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 404
    figures = metrics.render().decode()
    assert 'http_requests_total{api="mailbox",route="/v1/things/{id}",status="200"} 5.0' in figures
    assert 'http_requests_total{api="mailbox",route="unmatched",status="404"} 1.0' in figures


async def test_a_body_of_the_very_limit_passes(port: int) -> None:
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413)):
        data = PUT + f"Content-Length: {size}\r\n\r\n".encode() + b"x" * size
        assert (await send(port, data))[0] == status


@pytest.mark.parametrize("reset", [False, True])
async def test_a_body_that_ends_early_reaches_no_route(
    port: int, metrics: Metrics, reset: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PUT + b"Content-Length: 10\r\n\r\nhalf")
    await writer.drain()
    await asyncio.sleep(0.05)
    if reset:
        writer.transport.abort()
    writer.close()
    for _ in range(100):
        if 'status="400"' in metrics.render().decode():
            break
        await asyncio.sleep(0.01)
    assert '"code": "body-malformed"' in capsys.readouterr().err
    assert 'status="200"' not in metrics.render().decode()


async def test_a_connection_with_an_unread_body_is_closed(port: int) -> None:
    _, _, head = await send(port, PUT + b"Content-Length: 1001\r\n\r\n")
    assert b"connection: close" in head.lower()


async def test_a_compressed_body_is_never_unpacked(port: int) -> None:
    status, told, _ = await send(
        port, PUT + b"Content-Encoding: deflate\r\nContent-Length: 4\r\n\r\nx\x9c\x03\x00"
    )
    assert (status, told["type"]) == (415, "urn:hotline-exchange:content-encoding")


async def test_our_own_fault_says_nothing_and_is_logged_by_type(
    port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told, _ = await send(port, b"GET /v1/breaks HTTP/1.1\r\nHost: a\r\n\r\n")
    logged = capsys.readouterr().err
    assert (status, "SECRET" in str(told), "SECRET" in logged) == (500, False, False)
    assert '"error": "ValueError"' in logged
    assert '"route": "/v1/breaks"' in logged


@pytest.mark.parametrize(
    "target", ["/", "/v1/x", "/v1/x/", "/.well-known/x", "/x?a=b&c=%20", "/registry/1.root.json"]
)
def test_a_plain_target_passes(target: str) -> None:
    check_target(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "*",
        "x",
        "/./x",
        "/x/..",
        "/x/.",
        "/x#y",
        "/x?#",
        "/x\\y",
        "/x y",
        "/é",
        "/x?a=%zz",
        "/" + "x" * 2048,
        "/x?a&a",
    ],
)
def test_any_other_target_is_refused(target: str) -> None:
    with pytest.raises(Refused):
        check_target(target)


class Odd:
    """A request that aiohttp's parser would have refused: the layer does not rely on it."""

    def __init__(self, *fields: tuple[str, str]) -> None:
        self.version, self.method, self.raw_path = (1, 1), "PUT", "/x"
        self.headers = CIMultiDict(fields)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ([("Host", "a"), ("Content-Length", "1"), ("Content-Length", "1")], "framing"),
        ([("Host", "a"), ("Content-Length", "1"), ("Transfer-Encoding", "chunked")], "framing"),
        ([("Host", "a"), ("Host", "a")], "host"),
        ([], "host"),
    ],
)
def test_what_the_parser_refuses_is_refused_without_it(fields: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(Refused) as caught:
        middleware.check_form(Odd(*fields))  # type: ignore[arg-type]
    assert caught.value.code == code


def test_the_slow_parser_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "HttpRequestParser", middleware.HttpRequestParserPy)
    with pytest.raises(Broken) as caught:
        require_fast_parser()
    assert caught.value.code == "slow-parser"


@pytest.mark.parametrize(
    ("option", "variables", "code"),
    [("-O", {}, "optimised"), ("-B", {"AIOHTTP_NO_EXTENSIONS": "1"}, "slow-parser"), ("-B", {}, "fine")],
)
def test_a_process_that_would_be_unsafe_does_not_start(
    option: str, variables: dict[str, str], code: str
) -> None:
    program = (
        "from exchange.errors import Broken\n"
        "from exchange.server.middleware import require_fast_parser\n"
        "try: require_fast_parser(); print('fine')\n"
        "except Broken as error: print(error.code)\n"
    )
    run = subprocess.run(
        [sys.executable, option, "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == code
