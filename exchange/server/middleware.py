"""The outermost layer of every listener: what form a request must have, and what becomes of an error.

Rules: HTTP/1.1; GET, POST, PUT and DELETE; an origin-form target of plain segments without percent signs, dot
segments or empty ones, and a query that names nothing twice; one Host; a body only with POST and PUT, with
its length, never compressed or chunked; no Upgrade. A body is read under a limit and a deadline, by
`read_body` alone. Every error becomes problem details here, and every answer is counted.

aiohttp by itself lets most of this through to its routes, unpacks compressed bodies, waits for ever for a
stalled one, keeps idle connections for an hour and quotes what it cannot parse: `application` and `runner`
hold the settings against that. It refuses to know who asks and what for.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from aiohttp.typedefs import Middleware

from exchange.core import limits
from exchange.errors import Broken, Refused
from exchange.observe import Metrics, logger
from exchange.server import problems

METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
WITH_BODY: Final = frozenset({"POST", "PUT"})
TARGET_CHARS: Final = 2048
"""Characters of a request target. The longest of ours has under 300."""
HEADER_FIELDS: Final = 64
"""Header fields of one request. A signed deposit has 9; proxies add some."""
HEADER_BYTES: Final = 8190
"""Bytes of one header field, and of the request line."""
LINGER_SECONDS: Final = 2.0
"""Seconds in which the rest of a refused body is thrown away, so that the answer can be read."""
CLIENT_MAX_SIZE: Final = 1
"""Bytes that aiohttp's own `request.read()` takes: whoever does not use `read_body` sees 413 at once."""

_PATH = re.compile(r"/|(?:/[A-Za-z0-9._~:-]+)+/?")
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~:/=&,+-]|%[0-9A-Fa-f]{2})*")

_server_log = logging.getLogger("aiohttp.server.exchange")

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Protocol(web.RequestHandler):
    """Answers what is no HTTP at all in our words: aiohttp's own quote the bytes that it could not parse."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = problems.OUR_FAULT,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, None)  # logs, and raises when an answer was begun
        if status == problems.OUR_FAULT:
            said = problems.problem(status, "internal", problems.NOT_TOLD)
        else:
            said = problems.problem(status, "http-malformed", "What came is not HTTP/1.1 as it has to be.")
        said.force_close()
        return said


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    """Private names of aiohttp: tests/server/test_middleware.py notices when they stop working."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        return server


class _NotMalformed(logging.Filter):
    """Leaves out what aiohttp logs as an error for each malformed request: anybody could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], BadHttpMessage))


_server_log.addFilter(_NotMalformed())


def check_form(request: web.BaseRequest) -> None:
    """Raise `Refused` unless the request has the one form that is taken; looks at no body."""
    if request.version != (1, 1):
        raise Refused("http-version", "only HTTP/1.1 is spoken here")
    if request.method not in METHODS:
        raise Refused("method-not-allowed", "the method is not used here")
    check_target(request.raw_path)
    fields = request.headers
    if len(fields.getall(hdrs.HOST, ())) != 1:
        raise Refused("host", "exactly one Host field is needed")
    if hdrs.UPGRADE in fields:
        raise Refused("upgrade", "no other protocol is spoken here")
    if hdrs.CONTENT_ENCODING in fields:
        raise Refused("content-encoding", "bodies are taken as they are, without Content-Encoding")
    lengths = fields.getall(hdrs.CONTENT_LENGTH, [])
    chunked = hdrs.TRANSFER_ENCODING in fields
    if len(lengths) > 1 or (lengths and chunked):
        raise Refused("framing", "the length of the body is said in two ways")
    if request.method not in WITH_BODY and (chunked or lengths not in ([], ["0"])):
        raise Refused("body-unexpected", "this method has no body")
    if chunked:
        raise Refused("length-required", "a body needs Content-Length")


def check_target(target: str) -> None:
    """Raise `Refused` (`target`) unless the request target is a plain origin-form one (RFC 9112, 3.2.1)."""
    path, _, query = target.partition("?")
    plain = len(target) <= TARGET_CHARS and _PATH.fullmatch(path) and _QUERY.fullmatch(query)
    if not plain or _DOTS.search(path):
        raise Refused("target", "the request target is not a plain path and query")
    if not all(char.isprintable() for char in unquote(query, errors="replace")):
        raise Refused("target", "the query holds control characters")
    names = [unquote(part.partition("=")[0]) for part in query.split("&")]
    if len(set(names)) != len(names):
        raise Refused("target", "the query names something twice")


async def read_body(
    request: web.BaseRequest, limit: int, deadline: float = limits.BODY_DEADLINE_SECONDS
) -> bytes:
    """The whole body: at most `limit` bytes (`too-large`), within `deadline` seconds (`body-timeout`)."""
    if (request.content_length or 0) > limit:
        raise Refused("too-large", f"the body has more than {limit} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(deadline):
            async for chunk in request.content.iter_any():
                body += chunk
    except TimeoutError:
        raise Refused("body-timeout", f"the body was not there within {deadline:g} s") from None
    except (web.RequestPayloadError, OSError):
        raise Refused("body-malformed", "the body ended too early or is malformed") from None
    return bytes(body)


def outermost(api: str, metrics: Metrics, clock: Callable[[], float]) -> Middleware:
    """The middleware of a listener that is called `api` in figures: form, errors, count; in that order."""
    log = logger(api=api)

    async def answered(request: web.Request, handler: Answering) -> web.StreamResponse:
        try:
            check_form(request)
            return await handler(request)
        except Exception as error:
            # Whatever fails ends here, once. Who is at fault was decided by the kind of the error, where it
            # was raised: a fault of ours can only become a 500.
            status = problems.status_of(error)
            say = log.error if status == problems.OUR_FAULT else log.info
            say("request refused", route=route_of(request), status=status, exc_info=error)
            answer = problems.answer(error, now=clock())
            if not request.content.at_eof():
                answer.force_close()
            return answer

    @web.middleware
    async def layer(request: web.Request, handler: Answering) -> web.StreamResponse:
        answer = await answered(request, handler)
        metrics.http_requests_total.labels(api, route_of(request), str(answer.status)).inc()
        return answer

    return layer


def route_of(request: web.Request) -> str:
    """The route's pattern, such as `/v1/referrals/{id}`; "unmatched" when there is none."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def application(
    api: str, metrics: Metrics, clock: Callable[[], float], *inner: Middleware
) -> web.Application:
    """An application with the outermost layer, then `inner`."""
    return web.Application(
        middlewares=[outermost(api, metrics, clock), *inner], client_max_size=CLIENT_MAX_SIZE
    )


def runner(app: web.Application, *, shutdown_seconds: float = 5.0) -> web.AppRunner:
    """The runner of `app`; raises `Broken` where aiohttp would be unsafe to run."""
    require_fast_parser()
    return _Runner(
        app,
        access_log=None,
        logger=_server_log,
        auto_decompress=False,
        keepalive_timeout=limits.KEEPALIVE_SECONDS,
        lingering_time=LINGER_SECONDS,
        max_headers=HEADER_FIELDS,
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
        shutdown_timeout=shutdown_seconds,
    )


def require_fast_parser() -> None:
    """Raise `Broken` under `python -O` (checks that are assertions vanish) or without aiohttp's C parser."""
    if not __debug__:
        raise Broken("optimised", "the node does not run under python -O", hint="start it without -O")
    if HttpRequestParser is HttpRequestParserPy:
        hint = "install aiohttp from a wheel, and unset AIOHTTP_NO_EXTENSIONS"
        raise Broken("slow-parser", "aiohttp has only its pure-Python HTTP parser", hint=hint)
