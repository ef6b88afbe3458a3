"""What an answer of a mailbox host means for a delivery, and how long to wait after a failure.

Rules (docs/protocol.md, "Requests"): **an HTTP answer never ends a document; it delays the peer.** The
verdict is read from a table of status and problem code; what the table does not name falls to the row of
its class. A 2xx (or 1xx, 3xx) that the call does not define is an error, and so is a defined status with
another body than promised. Waiting doubles up to a ceiling, with full jitter, and honours Retry-After up to
that ceiling: a host cannot silence us for longer. This module knows no sockets, no clock, no document, and
not how often a step was tried: "once more" is counted by the caller, whose second failure waits as for
`BACK_OFF`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from exchange.core import limits


class AnswerKind(StrEnum):
    """How far a request came."""

    OK = "ok"
    """A status that the call defines, with the body that it promises."""
    PROBLEM = "problem"
    """An HTTP error, with or without problem details."""
    NONSENSE = "nonsense"
    """An answer that the protocol does not define: a login page, a redirect, a page that does not parse."""
    UNREACHABLE = "unreachable"
    """No answer at all: no address, no connection, no time left."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` is None when unreachable; `code` is the problem's code, or our own word.

    `retry_after` is in seconds, `now` is the host's clock in unix seconds (401 `time`), `kid` the recipient's
    current encryption key (422 `wrong-key`).
    """

    kind: AnswerKind
    status: int | None = None
    code: str | None = None
    retry_after: int | None = None
    now: int | None = None
    kid: str | None = None

    @property
    def ok(self) -> bool:
        return self.kind is AnswerKind.OK


class Outcome(StrEnum):
    """What the sender does next."""

    DEPOSITED = "deposited"
    WRONG_KEY = "wrong_key"
    """Fetch the card, then once more at once."""
    REFRESH_REGISTRY = "refresh_registry"
    """Look at the registry now, then back off."""
    TIME = "time"
    """Once more at once, signed by the host's clock."""
    BACK_OFF = "back_off"
    ALARM_BACK_OFF = "alarm_back_off"
    """People are told now: the request itself is wrong, and hurrying is useless."""


NAMED: Final[Mapping[tuple[int, str], Outcome]] = MappingProxyType(
    {
        (401, "time"): Outcome.TIME,
        (401, "key-unknown"): Outcome.REFRESH_REGISTRY,
        (422, "wrong-key"): Outcome.WRONG_KEY,
    }
)
"""Rows by status and problem code; they go before the rows by status."""

BY_STATUS: Final[Mapping[int, Outcome]] = MappingProxyType(
    {
        403: Outcome.REFRESH_REGISTRY,
        404: Outcome.REFRESH_REGISTRY,
        408: Outcome.BACK_OFF,
        425: Outcome.BACK_OFF,
        429: Outcome.BACK_OFF,
    }
)
"""Rows by status. 5xx backs off; every other status is an error that people hear of."""

UNREACHABLE: Final[Mapping[str, Outcome]] = MappingProxyType({"address-refused": Outcome.ALARM_BACK_OFF})
"""Rows for no answer, by our own word; all others back off. A refused address needs an operator."""

_SERVER_ERRORS: Final = range(500, 600)


def outcome(answer: Answer) -> Outcome:
    """The verdict on a deposit's `answer`. For other calls it says what their failure asks for."""
    if answer.kind is AnswerKind.OK:
        return Outcome.DEPOSITED
    if answer.kind is AnswerKind.NONSENSE:
        return Outcome.ALARM_BACK_OFF
    if answer.status is None:
        return UNREACHABLE.get(answer.code or "", Outcome.BACK_OFF)
    if answer.status in _SERVER_ERRORS:
        return Outcome.BACK_OFF
    verdict = NAMED.get((answer.status, answer.code or ""))
    if verdict is Outcome.TIME and answer.now is None:
        return Outcome.ALARM_BACK_OFF
    return verdict or BY_STATUS.get(answer.status, Outcome.ALARM_BACK_OFF)


def clock_of_host(answer: Answer) -> int | None:
    """The host's clock in unix seconds, when the request failed by it alone: signed by it, once more."""
    return answer.now if outcome(answer) is Outcome.TIME else None


@dataclass(frozen=True, slots=True)
class _Steps:
    first: float
    ceiling: float


_ORDINARY: Final = _Steps(limits.FIRST_RETRY_SECONDS, limits.MAX_RETRY_SECONDS)
_ALARMED: Final = _Steps(limits.REFUSED_RETRY_FIRST_SECONDS, limits.REFUSED_RETRY_MAX_SECONDS)
_MOST_DOUBLINGS: Final = 16
"""Doublings after which either ceiling is long reached: keeps the power small."""


def backoff(failures: int, uniform: float, kind: Outcome, retry_after: int | None = None) -> float:
    """Seconds to wait after the `failures`-th failure in a row (from 1), full jitter by `uniform` in [0, 1).

    Only `ALARM_BACK_OFF` waits by the longer steps. `retry_after` is the host's wish: a floor, as far as the
    ceiling allows. Raises ValueError for numbers out of range.
    """
    if failures < 1 or not 0 <= uniform < 1:
        raise ValueError("backoff wants failures >= 1 and uniform in [0, 1)")
    steps = _ALARMED if kind is Outcome.ALARM_BACK_OFF else _ORDINARY
    longest = min(steps.ceiling, steps.first * (1 << min(failures - 1, _MOST_DOUBLINGS)))
    wished = min(float(retry_after or 0), steps.ceiling)
    return max(longest * uniform, wished)
