"""Answers of a mailbox host, read strictly: bytes in, values out. Nothing here raises for what a host says.

Rules: a status that the call does not define, or a body that is not exactly what it promises, is *nonsense*,
and a value like any other: no host can end a loop with an odd answer. An envelope of a page is any text:
what cannot be opened is refused by itself and must not hold up its page. Problem details (RFC 9457) are read
as far as they are ours; the words of a stranger are not kept. What an answer asks for is said by
core/delivery.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.client.guarded import Fetched
from exchange.core import limits, strict_json
from exchange.core.delivery import Answer, AnswerKind
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.core.times import parse_time
from exchange.errors import Invalid

PROBLEM_PREFIX: Final = "urn:hotline-exchange:"
CURSOR: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.[0-9]{1,16}")
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,128}"')
_PAGE: Final = {"envelopes", "cursor"}
_ITEM: Final = {"position", "jti", "depositor", "received_at", "envelope"}


class EnvelopeState(StrEnum):
    """What a host knows of an envelope that we deposited."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Asked:
    """`state` is None unless the answer is ok."""

    answer: Answer
    state: EnvelopeState | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One envelope of a page. `depositor` is the host's word; `received_at` is in unix seconds."""

    position: int
    jti: DocumentId
    depositor: MemberId
    received_at: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """`cursor` stands behind the last envelope and is what is acknowledged."""

    envelopes: tuple[Waiting, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Collected:
    """`page` is None unless the answer is ok."""

    answer: Answer
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """`card` is the JWS as it came, unverified; None also when it has not changed (304)."""

    answer: Answer
    card: bytes | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What a host says of itself: hints only."""

    answer: Answer
    facts: JsonObject | None = None


def done(fetched: Fetched, good: Collection[int], promised: Callable[[bytes], bool]) -> Answer:
    """The answer to a call that only wants to know whether it worked."""
    if fetched.status not in good:
        return failure(fetched)
    return Answer(AnswerKind.OK, fetched.status) if promised(fetched.body) else nonsense(fetched)


def nonsense(fetched: Fetched) -> Answer:
    return Answer(AnswerKind.NONSENSE, fetched.status, "answer-malformed")


def failure(fetched: Fetched) -> Answer:
    """A status that the call does not define: a problem from 400 on, else nonsense."""
    if not 400 <= fetched.status < 600:
        return Answer(AnswerKind.NONSENSE, fetched.status, "status-unexpected")
    problem = _object(fetched.body, limits.ANSWER_BYTES) or {}
    name, now, kid = problem.get("type"), problem.get("now"), problem.get("kid")
    code = name.removeprefix(PROBLEM_PREFIX) if isinstance(name, str) else ""
    ours = isinstance(name, str) and name != code and _CODE.fullmatch(code) is not None
    wait = fetched.headers.get("retry-after", "")
    return Answer(
        AnswerKind.PROBLEM,
        fetched.status,
        code if ours else None,
        retry_after=int(wait) if _SECONDS.fullmatch(wait) else None,
        now=now if isinstance(now, int) and not isinstance(now, bool) and now >= 0 else None,
        kid=kid if isinstance(kid, str) and _KID.fullmatch(kid) else None,
    )


def deposit_promise(body: bytes, jti: DocumentId, digest: Digest) -> bool:
    """Whether the host names the envelope that we sent."""
    return _object(body, limits.ANSWER_BYTES) == {"jti": jti, "sha256": digest}


def asked(fetched: Fetched) -> Asked:
    if fetched.status == 404:
        problem = failure(fetched)
        if problem.code == "mailbox-unknown":
            return Asked(problem)
        return Asked(Answer(AnswerKind.OK, 404), EnvelopeState.UNKNOWN)
    if fetched.status != 200:
        return Asked(failure(fetched))
    body = _object(fetched.body, limits.ANSWER_BYTES)
    for state in (EnvelopeState.WAITING, EnvelopeState.ACKNOWLEDGED):
        if body == {"state": state.value}:
            return Asked(Answer(AnswerKind.OK, 200), state)
    return Asked(nonsense(fetched))


def collected(fetched: Fetched) -> Collected:
    if fetched.status != 200:
        return Collected(failure(fetched))
    try:
        page = _page(strict_json.parse(fetched.body, limit=limits.PAGE_ANSWER_BYTES, what="page"))
    except Invalid:
        return Collected(nonsense(fetched))
    return Collected(Answer(AnswerKind.OK, 200), page)


def card(fetched: Fetched) -> CardAnswer:
    tag = fetched.headers.get("etag", "")
    etag = tag if _ETAG.fullmatch(tag) else None
    if fetched.status == 304:
        return CardAnswer(Answer(AnswerKind.OK, 304), None, etag)
    if fetched.status != 200:
        return CardAnswer(failure(fetched))
    return CardAnswer(Answer(AnswerKind.OK, 200), fetched.body, etag)


def service(fetched: Fetched) -> ServiceAnswer:
    if fetched.status != 200:
        return ServiceAnswer(failure(fetched))
    facts = _object(fetched.body, limits.ANSWER_BYTES)
    if facts is None:
        return ServiceAnswer(nonsense(fetched))
    return ServiceAnswer(Answer(AnswerKind.OK, 200), facts)


def _object(body: bytes, limit: int) -> JsonObject | None:
    try:
        value = strict_json.parse(body, limit=limit, what="answer")
    except Invalid:
        return None
    return value if isinstance(value, dict) else None


def _page(value: JsonValue) -> Page:
    if not isinstance(value, dict) or set(value) != _PAGE:
        raise Invalid("page", "page: not an object of envelopes and cursor")
    rows, cursor = value["envelopes"], value["cursor"]
    if not isinstance(cursor, str) or CURSOR.fullmatch(cursor) is None:
        raise Invalid("page", "page.cursor: not a cursor")
    if not isinstance(rows, list) or len(rows) > limits.PAGE_ENVELOPES:
        raise Invalid("page", "page.envelopes: not a list within the limit")
    envelopes = tuple(_waiting(row) for row in rows)
    positions = [one.position for one in envelopes]
    if any(later <= earlier for earlier, later in itertools.pairwise(positions)):
        raise Invalid("page", "page.envelopes: positions do not rise")
    return Page(envelopes, cursor)


def _waiting(row: JsonValue) -> Waiting:
    if not isinstance(row, dict) or set(row) != _ITEM:
        raise Invalid("page", "page.envelopes: not exactly the fields of an envelope")
    position, envelope = row["position"], row["envelope"]
    if not isinstance(position, int) or isinstance(position, bool) or position < 1:
        raise Invalid("page", "page.envelopes: a position is not a number from 1")
    if not isinstance(envelope, str):
        raise Invalid("page", "page.envelopes: an envelope is not text")
    return Waiting(
        position,
        DocumentId.parse(row["jti"], "page.envelopes.jti"),
        MemberId.parse(row["depositor"], "page.envelopes.depositor"),
        parse_time(row["received_at"], "page.envelopes.received_at"),
        envelope.encode(),
    )
