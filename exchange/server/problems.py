"""The one place where an error becomes an HTTP answer: problem details, RFC 9457.

Rules: `type` is `urn:hotline-exchange:<code>`, and the code decides the status. Whose fault it is decides the
rest: `Refused` and `Invalid` are told in full; `Unavailable` says when to come again; `Broken` and whatever
was not raised on purpose are `internal` to the outside, and only the log has more. No answer repeats what the
request said.

It refuses to know which route failed, and writes no log.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from exchange.errors import Broken, ExchangeError, Invalid, Problem, Refused, Unavailable

CONTENT_TYPE: Final = "application/problem+json"
URN: Final = "urn:hotline-exchange:"
SHOWN_PROBLEMS: Final = 500
"""Problems told in one answer: bounds the answer to a thousand wrong lines."""

REFUSED: Final[Mapping[str, int]] = {
    # form of the request (middleware)
    "target": 400,
    "framing": 400,
    "host": 400,
    "upgrade": 400,
    "body-unexpected": 400,
    "body-malformed": 400,
    "body-missing": 400,
    "method-not-allowed": 405,
    "body-timeout": 408,
    "length-required": 411,
    "too-large": 413,
    "content-encoding": 415,
    "content-type": 415,
    "http-version": 505,
    # request signatures
    "signature-missing": 401,
    "signature-invalid": 401,
    "components": 401,
    "time": 401,
    "digest": 401,
    "key-unknown": 401,
    "replay": 401,
    # tokens of the member API
    "token-missing": 401,
    "token-unknown": 401,
    "scope": 403,
    # mailboxes
    "not-a-member": 403,
    "suspended": 403,
    "not-your-mailbox": 403,
    "mailbox-unknown": 404,
    "envelope-unknown": 404,
    "card-unknown": 404,
    "id-conflict": 409,
    "cursor-reset": 410,
    "header": 422,
    "wrong-key": 422,
    "rate": 429,
}
"""Status by code when a peer or client is at fault; 422 for a code that is not here."""

INVALID: Final[Mapping[str, int]] = {
    "idempotency-key": 400,
    "idempotency-key-form": 400,
    "query": 400,
    "cursor": 400,
    "not-found": 404,
    "referral-unknown": 404,
    "submission-unknown": 404,
    "document-unknown": 404,
    "test-unknown": 404,
    "quarantine-unknown": 404,
    "token-unknown": 404,
    "idempotency-conflict": 409,
    "state": 409,
    "submission-not-open": 409,
    "json-size": 413,
    "submission-lines": 413,
}
"""Status by code when our own user is at fault; besides, `json-...` is 400 and the rest 422."""

UNAVAILABLE: Final[Mapping[str, int]] = {"quota": 507, "rate": 429}
"""Status by code when nobody is at fault; 503 for a code that is not here."""

HTTP_CODES: Final[Mapping[int, str]] = {404: "path-unknown", 405: "method-not-allowed", 413: "too-large"}
"""Codes for what aiohttp's router refuses by itself."""

OUR_FAULT: Final = 500
NOT_TOLD: Final = "The node could not answer; the request itself may be right. Its log says more."


def status_of(error: BaseException) -> int:
    """The HTTP status that `error` is answered with."""
    if isinstance(error, Refused):
        return REFUSED.get(error.code, 422)
    if isinstance(error, Invalid):
        by_form = 400 if error.code.startswith("json-") else 422
        return INVALID.get(error.code, by_form)
    if isinstance(error, Unavailable):
        return UNAVAILABLE.get(error.code, 503)
    return error.status if isinstance(error, web.HTTPException) else OUR_FAULT


def answer(error: BaseException, *, now: float) -> web.Response:
    """The answer to a request that ended in `error`; `now` in unix seconds goes into a 401 about time."""
    if isinstance(error, web.HTTPException):
        return _of_http(error)
    if isinstance(error, Broken) or not isinstance(error, ExchangeError):
        return problem(OUR_FAULT, "internal", NOT_TOLD)
    members: dict[str, Any] = dict(error.members)
    headers = {}
    retry_after = members.pop("retry_after", None)
    if isinstance(error, Unavailable) and error.retry_after is not None:
        retry_after = error.retry_after
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if isinstance(error, Refused) and error.code == "time":
        members.setdefault("now", int(now))
    if error.hint is not None:
        members["hint"] = error.hint
    detail = error.message
    if error.problems:
        members["problems"] = [_shown(each) for each in error.problems[:SHOWN_PROBLEMS]]
    if len(error.problems) > SHOWN_PROBLEMS:
        detail = f"{detail} (the first {SHOWN_PROBLEMS} of {len(error.problems)} problems are shown)"
    return problem(status_of(error), error.code, detail, members=members, headers=headers)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    members: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Problem details with `status`; `members` are further members of the object."""
    said = {
        **(members or {}),
        "type": URN + code,
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    fields = {"Cache-Control": "no-store", **(headers or {})}
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE, headers=fields)


def _of_http(error: web.HTTPException) -> web.Response:
    status = HTTPStatus(error.status)
    code = HTTP_CODES.get(error.status, status.phrase.lower().replace(" ", "-"))
    allow = error.headers.get("Allow")
    headers = {"Allow": allow} if allow else None
    return problem(error.status, code, f"{status.phrase}.", headers=headers)


def _shown(problem: Problem) -> dict[str, str | int]:
    shown: dict[str, str | int] = {
        "pointer": problem.pointer,
        "code": problem.code,
        "message": problem.message,
    }
    return shown if problem.line is None else {**shown, "line": problem.line}
