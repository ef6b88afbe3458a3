"""Calls to a mailbox host: signed over what is sent, and every answer a value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from support.host import http_host
from support.keys import NOW, member_keys

from exchange.client.address_guard import AddressGuard
from exchange.client.answers import EnvelopeState
from exchange.client.guarded import GuardedClient, parse_place
from exchange.client.mailbox import PeerMailbox
from exchange.core import limits, request_signature
from exchange.core.delivery import Answer, AnswerKind, Outcome, outcome
from exchange.core.names import Digest, DocumentId, MemberId

ME, PEER = MemberId("de-x"), MemberId("gb-iwf")
JTI = DocumentId("01936b2e-8f00-7000-8000-000000000001")
ENVELOPE = b"aaaa.bbbb.cccc.dddd.eeee"
PROMISE = {"jti": JTI, "sha256": hashlib.sha256(ENVELOPE).hexdigest()}
KID = "k" * 43

Call = Callable[[PeerMailbox, str], Awaitable[Any]]


@asynccontextmanager
async def mailbox() -> AsyncIterator[PeerMailbox]:
    guard = AddressGuard.of((), development=True)
    async with GuardedClient(guard, development=True) as client:
        yield PeerMailbox(client, lambda: member_keys(ME).http, lambda size: b"\7" * size)


async def ask_host(answer: web.Response, call: Call) -> Any:
    async def always(_: web.Request) -> web.Response:
        return answer

    async with http_host(always) as base, mailbox() as box:
        return await call(box, base)


async def deposit(box: PeerMailbox, base: str) -> Answer:
    return await box.deposit(base, PEER, JTI, ENVELOPE, NOW)


async def acknowledge(box: PeerMailbox, base: str) -> Answer:
    return await box.acknowledge(base, ME, "e1.7", NOW)


async def put_card(box: PeerMailbox, base: str) -> Answer:
    return await box.put_card(base, ME, b"{}", NOW)


async def collect(box: PeerMailbox, base: str) -> Any:
    return await box.collect(base, ME, "0", 0, NOW)


async def ask(box: PeerMailbox, base: str) -> Any:
    return await box.ask(base, PEER, JTI, NOW)


async def service(box: PeerMailbox, base: str) -> Any:
    return await box.service(base)


CALLS: list[tuple[Call, str, str, str, bytes | None]] = [
    (deposit, "PUT", f"/v1/mailboxes/gb-iwf/envelopes/{JTI}", "", ENVELOPE),
    (ask, "GET", f"/v1/mailboxes/gb-iwf/envelopes/{JTI}", "", None),
    (collect, "GET", "/v1/mailboxes/de-x/envelopes", "after=0&wait=0", None),
    (acknowledge, "DELETE", "/v1/mailboxes/de-x/envelopes", "through=e1.7", None),
    (put_card, "PUT", "/v1/members/de-x/card", "", b"{}"),
]


@pytest.mark.parametrize(("call", "method", "path", "query", "body"), CALLS)
async def test_a_call_is_signed_over_exactly_what_arrives(
    call: Call, method: str, path: str, query: str, body: bytes | None
) -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        assert (request.method, request.raw_path) == (method, path + (f"?{query}" if query else ""))
        assert await request.read() == (body or b"")
        headers = [(name.decode(), value.decode()) for name, value in request.raw_headers]
        authority = request.headers["Host"]
        claims = request_signature.parse_signed(headers, method, authority, path, query, body is not None)
        request_signature.check_time(claims, NOW)
        request_signature.verify_signature(claims, member_keys(ME).http.jwk)
        assert claims.keyid == member_keys(ME).http.kid
        seen.append(request)
        return web.Response(status=503)

    async with http_host(answer) as base, mailbox() as box:
        await call(box, base)
    assert len(seen) == 1


@pytest.mark.parametrize("suffix", ["", "/"])
async def test_a_host_below_a_path_is_asked_there(suffix: str) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.json_response(PROMISE, status=201)

    async with http_host(answer) as base, mailbox() as box:
        assert (await deposit(box, f"{base}/hx{suffix}")).ok
    assert paths == [f"/hx/v1/mailboxes/gb-iwf/envelopes/{JTI}"]


def as_json(value: object, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)


def problem(status: int, code: str, **members: object) -> web.Response:
    return as_json(
        {"type": f"urn:hotline-exchange:{code}", "title": "t", "status": status, **members}, status
    )


DEPOSITS: list[tuple[Callable[[], web.Response], Answer, Outcome]] = [
    (lambda: as_json(PROMISE, 201), Answer(AnswerKind.OK, 201), Outcome.DEPOSITED),
    (lambda: as_json(PROMISE, 200), Answer(AnswerKind.OK, 200), Outcome.DEPOSITED),
    (
        lambda: as_json({**PROMISE, "sha256": "0" * 64}, 201),
        Answer(AnswerKind.NONSENSE, 201, "answer-malformed"),
        Outcome.ALARM_BACK_OFF,
    ),
    (
        lambda: web.Response(text="<html>welcome</html>"),
        Answer(AnswerKind.NONSENSE, 200, "answer-malformed"),
        Outcome.ALARM_BACK_OFF,
    ),
    (
        lambda: web.Response(body=b"[" * 50_000),
        Answer(AnswerKind.NONSENSE, 200, "answer-malformed"),
        Outcome.ALARM_BACK_OFF,
    ),
    (
        lambda: web.Response(body=b"x" * (limits.ANSWER_BYTES + 1)),
        Answer(AnswerKind.NONSENSE, None, "answer-size"),
        Outcome.ALARM_BACK_OFF,
    ),
    (
        lambda: as_json(PROMISE, 202),
        Answer(AnswerKind.NONSENSE, 202, "status-unexpected"),
        Outcome.ALARM_BACK_OFF,
    ),
    (
        lambda: web.Response(status=307, headers={"Location": "/x"}),
        Answer(AnswerKind.NONSENSE, 307, "status-unexpected"),
        Outcome.ALARM_BACK_OFF,
    ),
    (
        lambda: problem(401, "time", now=NOW + 500),
        Answer(AnswerKind.PROBLEM, 401, "time", now=NOW + 500),
        Outcome.TIME,
    ),
    (lambda: problem(401, "time", now=True), Answer(AnswerKind.PROBLEM, 401, "time"), Outcome.ALARM_BACK_OFF),
    (lambda: problem(401, "time", now=-1), Answer(AnswerKind.PROBLEM, 401, "time"), Outcome.ALARM_BACK_OFF),
    (
        lambda: problem(422, "wrong-key", kid=KID),
        Answer(AnswerKind.PROBLEM, 422, "wrong-key", kid=KID),
        Outcome.WRONG_KEY,
    ),
    (
        lambda: problem(422, "wrong-key", kid="<script>"),
        Answer(AnswerKind.PROBLEM, 422, "wrong-key"),
        Outcome.WRONG_KEY,
    ),
    (
        lambda: web.Response(status=429, headers={"Retry-After": "17"}),
        Answer(AnswerKind.PROBLEM, 429, retry_after=17),
        Outcome.BACK_OFF,
    ),
    (
        lambda: web.Response(status=503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        Answer(AnswerKind.PROBLEM, 503),
        Outcome.BACK_OFF,
    ),
    (
        lambda: web.Response(status=404, text="<html>"),
        Answer(AnswerKind.PROBLEM, 404),
        Outcome.REFRESH_REGISTRY,
    ),
    (lambda: as_json(["x"], 400), Answer(AnswerKind.PROBLEM, 400), Outcome.ALARM_BACK_OFF),
    (lambda: as_json({"type": "about:blank"}, 500), Answer(AnswerKind.PROBLEM, 500), Outcome.BACK_OFF),
    (lambda: as_json({"type": 7}, 500), Answer(AnswerKind.PROBLEM, 500), Outcome.BACK_OFF),
    (
        lambda: problem(400, "Bad Code\u2028"),
        Answer(AnswerKind.PROBLEM, 400),
        Outcome.ALARM_BACK_OFF,
    ),
]


@pytest.mark.parametrize(("response", "answer", "verdict"), DEPOSITS)
async def test_whatever_a_host_answers_to_a_deposit_is_a_value(
    response: Callable[[], web.Response], answer: Answer, verdict: Outcome
) -> None:
    given = await ask_host(response(), deposit)
    assert given == answer
    assert outcome(given) is verdict


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("http://127.0.0.1:1", "network"),
        ("https://10.0.0.1", "address-refused"),
        ("http://9.9.9.9", "address-refused"),
        ("https://user@mx.example", "address-refused"),
    ],
)
async def test_a_host_that_cannot_be_reached_is_a_value(base: str, code: str) -> None:
    async with mailbox() as box:
        answers = [
            await deposit(box, base),
            await acknowledge(box, base),
            await put_card(box, base),
            (await ask(box, base)).answer,
            (await collect(box, base)).answer,
            (await service(box, base)).answer,
            (await box.fetch_card(f"{base}/card")).answer,
        ]
    assert answers == [Answer(AnswerKind.UNREACHABLE, None, code)] * 7


def waiting(**changes: object) -> dict[str, object]:
    plain = {
        "position": 7,
        "jti": JTI,
        "depositor": "gb-iwf",
        "received_at": "2026-02-02T02:40:00Z",
        "envelope": ENVELOPE.decode(),
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


async def test_a_page_is_read_whole() -> None:
    page = {"envelopes": [waiting(), waiting(position=9, envelope="no envelope")], "cursor": "e1.9"}
    got = await ask_host(as_json(page), collect)
    assert got.answer.ok
    first, second = got.page.envelopes
    assert (first.position, first.jti, first.depositor, first.received_at) == (7, JTI, PEER, NOW)
    assert (first.envelope, second.envelope, got.page.cursor) == (ENVELOPE, b"no envelope", "e1.9")
    empty = await ask_host(as_json({"envelopes": [], "cursor": "e1.0"}), collect)
    assert empty.page.envelopes == ()


async def test_a_full_page_fits() -> None:
    size = limits.PAGE_BYTES // limits.PAGE_ENVELOPES
    rows = [waiting(position=n, envelope="a" * size) for n in range(1, limits.PAGE_ENVELOPES + 1)]
    got = await ask_host(as_json({"envelopes": rows, "cursor": "e1.100"}), collect)
    assert len(got.page.envelopes) == limits.PAGE_ENVELOPES


NO_PAGES: list[object] = [
    [],
    {},
    {"envelopes": []},
    {"envelopes": [], "cursor": "e1.0", "more": True},
    {"envelopes": [], "cursor": 7},
    {"envelopes": [], "cursor": "e1.7&through=e1.9"},
    {"envelopes": {}, "cursor": "e1.0"},
    {"envelopes": ["x"], "cursor": "e1.0"},
    {"envelopes": [waiting(extra=1)], "cursor": "e1.7"},
    {"envelopes": [waiting(jti=...)], "cursor": "e1.7"},
    {"envelopes": [waiting(position=True)], "cursor": "e1.7"},
    {"envelopes": [waiting(position=0)], "cursor": "e1.7"},
    {"envelopes": [waiting(position="7")], "cursor": "e1.7"},
    {"envelopes": [waiting(jti="x")], "cursor": "e1.7"},
    {"envelopes": [waiting(depositor="X")], "cursor": "e1.7"},
    {"envelopes": [waiting(received_at=NOW)], "cursor": "e1.7"},
    {"envelopes": [waiting(envelope=7)], "cursor": "e1.7"},
    {"envelopes": [waiting(), waiting()], "cursor": "e1.7"},
    {"envelopes": [waiting(position=n) for n in range(1, 102)], "cursor": "e1.101"},
]


@pytest.mark.parametrize("page", NO_PAGES)
async def test_a_page_that_is_none_is_nonsense_and_raises_nothing(page: object) -> None:
    got = await ask_host(as_json(page), collect)
    assert got.page is None
    assert got.answer == Answer(AnswerKind.NONSENSE, 200, "answer-malformed")


async def test_a_page_of_another_epoch_is_a_problem() -> None:
    got = await ask_host(problem(410, "cursor-reset"), collect)
    assert (got.page, got.answer.code) == (None, "cursor-reset")


@pytest.mark.parametrize(
    ("response", "state", "kind"),
    [
        (lambda: as_json({"state": "waiting"}), EnvelopeState.WAITING, AnswerKind.OK),
        (lambda: as_json({"state": "acknowledged"}), EnvelopeState.ACKNOWLEDGED, AnswerKind.OK),
        (lambda: problem(404, "envelope-unknown"), EnvelopeState.UNKNOWN, AnswerKind.OK),
        (lambda: problem(404, "mailbox-unknown"), None, AnswerKind.PROBLEM),
        (lambda: as_json({"state": "lost"}), None, AnswerKind.NONSENSE),
        (lambda: as_json({"state": "waiting"}, 201), None, AnswerKind.NONSENSE),
        (lambda: problem(403, "suspended"), None, AnswerKind.PROBLEM),
    ],
)
async def test_what_became_of_an_envelope(
    response: Callable[[], web.Response], state: EnvelopeState | None, kind: AnswerKind
) -> None:
    got = await ask_host(response(), ask)
    assert (got.state, got.answer.kind) == (state, kind)


@pytest.mark.parametrize(
    ("call", "status", "body", "kind"),
    [
        (acknowledge, 204, b"", AnswerKind.OK),
        (acknowledge, 200, b"ok", AnswerKind.NONSENSE),
        (acknowledge, 410, b"", AnswerKind.PROBLEM),
        (put_card, 201, b"{}", AnswerKind.OK),
        (put_card, 200, b"", AnswerKind.OK),
        (put_card, 204, b"", AnswerKind.NONSENSE),
    ],
)
async def test_calls_that_only_want_to_be_done(
    call: Call, status: int, body: bytes, kind: AnswerKind
) -> None:
    assert (await ask_host(web.Response(status=status, body=body), call)).kind is kind


async def test_a_card_is_fetched_unsigned_and_only_when_it_has_changed() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert "Signature" not in request.headers
        if request.headers.get("If-None-Match") == '"7"':
            return web.Response(status=304, headers={"ETag": '"7"'})
        return web.Response(body=b"card", headers={"ETag": '"7"'})

    async with http_host(answer) as base, mailbox() as box:
        first = await box.fetch_card(f"{base}/v1/members/gb-iwf/card")
        again = await box.fetch_card(f"{base}/v1/members/gb-iwf/card", first.etag)
    assert (first.card, first.etag, first.answer.ok) == (b"card", '"7"', True)
    assert (again.card, again.etag, again.answer) == (None, '"7"', Answer(AnswerKind.OK, 304))


@pytest.mark.parametrize(
    ("response", "kind", "etag"),
    [
        (lambda: web.Response(body=b"x", headers={"ETag": "no tag"}), AnswerKind.OK, None),
        (lambda: problem(404, "card-unknown"), AnswerKind.PROBLEM, None),
        (lambda: web.Response(body=b"x" * (limits.CARD_BYTES + 1)), AnswerKind.NONSENSE, None),
    ],
)
async def test_odd_answers_to_a_card(
    response: Callable[[], web.Response], kind: AnswerKind, etag: str | None
) -> None:
    got = await ask_host(response(), lambda box, base: box.fetch_card(f"{base}/card"))
    assert (got.answer.kind, got.etag) == (kind, etag)


@pytest.mark.parametrize(
    ("response", "facts", "kind"),
    [
        (lambda: as_json({"versions": [1]}), {"versions": [1]}, AnswerKind.OK),
        (lambda: as_json([1]), None, AnswerKind.NONSENSE),
        (lambda: web.Response(status=500), None, AnswerKind.PROBLEM),
    ],
)
async def test_what_a_host_says_of_itself_are_hints(
    response: Callable[[], web.Response], facts: object, kind: AnswerKind
) -> None:
    got = await ask_host(response(), service)
    assert (got.facts, got.answer.kind) == (facts, kind)


async def test_a_long_poll_may_take_longer_than_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    async def remember(self: GuardedClient, *_: object, seconds: float, **__: object) -> None:
        asked.append(seconds)
        raise RuntimeError

    monkeypatch.setattr(GuardedClient, "request", remember)
    async with mailbox() as box:
        with pytest.raises(RuntimeError):
            await box.collect("https://mx.example", ME, "0", 25, NOW)
    assert asked == [limits.ANSWER_SECONDS + 25]


def test_the_signed_authority_leaves_out_the_default_port() -> None:
    assert parse_place("https://mx.example:443/x").authority == "mx.example"
    assert Digest.of(ENVELOPE) == PROMISE["sha256"]
    assert json.loads(json.dumps(PROMISE)) == PROMISE
