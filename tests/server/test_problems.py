"""One error, one answer: status by code, nothing of the request, nothing of our own faults."""

import json

import pytest
from aiohttp import web

from exchange.core.schema import Schemas
from exchange.errors import Broken, ExchangeError, Invalid, Problem, Refused, Unavailable
from exchange.resources import schema_documents
from exchange.server.problems import SHOWN_PROBLEMS, answer, status_of

SCHEMAS = Schemas(schema_documents())
NOW = 1_800_000_000.7


def body(error: BaseException) -> dict[str, object]:
    response = answer(error, now=NOW)
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    told = json.loads(response.body)  # type: ignore[arg-type]
    assert told["status"] == response.status == status_of(error)
    assert SCHEMAS.problems("problem-1", told) == ()
    return told


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("signature-missing", "x"), 401),
        (Refused("time", "x"), 401),
        (Refused("replay", "x"), 401),
        (Refused("suspended", "x"), 403),
        (Refused("mailbox-unknown", "x"), 404),
        (Refused("id-conflict", "x"), 409),
        (Refused("cursor-reset", "x"), 410),
        (Refused("too-large", "x"), 413),
        (Refused("content-encoding", "x"), 415),
        (Refused("header", "x"), 422),
        (Refused("never-heard-of", "x"), 422),
        (Refused("rate", "x"), 429),
        (Invalid("json-depth", "x"), 400),
        (Invalid("referral-unknown", "x"), 404),
        (Invalid("agency-unknown", "x"), 422),
        (Invalid("idempotency-conflict", "x"), 409),
        (Invalid("time", "x"), 422),
        (Unavailable("database-busy", "x"), 503),
        (Unavailable("quota", "x"), 507),
        (Broken("invariant", "x"), 500),
        (ExchangeError("odd", "x"), 500),
        (ValueError("x"), 500),
        (web.HTTPNotFound(), 404),
        (web.HTTPMethodNotAllowed("GET", ["PUT"]), 405),
        (web.HTTPRequestEntityTooLarge(1, 2), 413),
        (web.HTTPTooManyRequests(), 429),
    ],
)
def test_the_code_decides_the_status(error: BaseException, status: int) -> None:
    assert body(error)["status"] == status


def test_all_that_is_wrong_is_told_with_its_place() -> None:
    problems = [Problem("/resource/url", "url-scheme", "bad"), Problem("", "country", "bad", line=3)]
    assert body(Invalid("submission", "two problems", hint="mend it", problems=problems)) == {
        "type": "urn:hotline-exchange:submission",
        "title": "Submission",
        "status": 422,
        "detail": "two problems",
        "hint": "mend it",
        "problems": [
            {"pointer": "/resource/url", "code": "url-scheme", "message": "bad"},
            {"pointer": "", "code": "country", "message": "bad", "line": 3},
        ],
    }


def test_an_answer_to_very_many_problems_is_bounded() -> None:
    told = body(Invalid("submission", "x", problems=[Problem("", "country", "b")] * (SHOWN_PROBLEMS + 7)))
    assert len(told["problems"]) == SHOWN_PROBLEMS  # type: ignore[arg-type]
    assert told["detail"] == "x (the first 500 of 507 problems are shown)"


def test_a_refused_time_tells_ours() -> None:
    assert body(Refused("time", "x"))["now"] == int(NOW)
    assert body(Refused("time", "x", members={"now": 5}))["now"] == 5
    assert "now" not in body(Invalid("time", "x"))


def test_further_members_never_overwrite_the_standard_ones() -> None:
    told = body(Refused("wrong-key", "x", members={"kid": "A" * 43, "status": 200}))
    assert (told["kid"], told["status"]) == ("A" * 43, 422)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Unavailable("quota", "x", retry_after=0.1), "1"),
        (Unavailable("quota", "x", retry_after=2.2), "3"),
        (Unavailable("quota", "x"), None),
        (Refused("rate", "x", members={"retry_after": 7}), "7"),
        (Refused("rate", "x"), None),
    ],
)
def test_when_to_come_again(error: ExchangeError, seconds: str | None) -> None:
    assert answer(error, now=NOW).headers.get("Retry-After") == seconds


@pytest.mark.parametrize("error", [Broken("invariant", "SECRET"), ValueError("SECRET"), KeyError("SECRET")])
def test_our_own_faults_say_nothing(error: Exception) -> None:
    told = body(error)
    assert told["type"] == "urn:hotline-exchange:internal"
    assert "SECRET" not in str(told)
    assert "invariant" not in str(told)


def test_a_wrong_method_is_told_the_right_ones() -> None:
    response = answer(web.HTTPMethodNotAllowed("GET", ["PUT"]), now=NOW)
    assert response.headers["Allow"] == "PUT"
    assert body(web.HTTPTooManyRequests())["type"] == "urn:hotline-exchange:too-many-requests"
