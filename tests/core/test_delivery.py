"""An HTTP answer never ends a document; it delays the peer, by a table."""

from __future__ import annotations

import pytest

from exchange.core import limits
from exchange.core.delivery import Answer, AnswerKind, Outcome, backoff, clock_of_host, outcome


def problem(status: int, code: str | None = None, now: int | None = None) -> Answer:
    return Answer(AnswerKind.PROBLEM, status, code, now=now)


CASES = [
    (Answer(AnswerKind.OK, 201), Outcome.DEPOSITED),
    (Answer(AnswerKind.OK, 200), Outcome.DEPOSITED),
    (Answer(AnswerKind.NONSENSE, 200), Outcome.ALARM_BACK_OFF),
    (Answer(AnswerKind.NONSENSE, 202), Outcome.ALARM_BACK_OFF),
    (Answer(AnswerKind.NONSENSE, 204), Outcome.ALARM_BACK_OFF),
    (Answer(AnswerKind.NONSENSE, 302), Outcome.ALARM_BACK_OFF),
    (Answer(AnswerKind.UNREACHABLE, None, "timeout"), Outcome.BACK_OFF),
    (Answer(AnswerKind.UNREACHABLE, None, "network"), Outcome.BACK_OFF),
    (Answer(AnswerKind.UNREACHABLE), Outcome.BACK_OFF),
    (Answer(AnswerKind.UNREACHABLE, None, "address-refused"), Outcome.ALARM_BACK_OFF),
    (problem(400), Outcome.ALARM_BACK_OFF),
    (problem(401), Outcome.ALARM_BACK_OFF),
    (problem(401, "signature-invalid"), Outcome.ALARM_BACK_OFF),
    (problem(401, "replay"), Outcome.ALARM_BACK_OFF),
    (problem(401, "key-unknown"), Outcome.REFRESH_REGISTRY),
    (problem(401, "time", now=1), Outcome.TIME),
    (problem(401, "time"), Outcome.ALARM_BACK_OFF),
    (problem(403, "not-a-member"), Outcome.REFRESH_REGISTRY),
    (problem(403, "suspended"), Outcome.REFRESH_REGISTRY),
    (problem(404, "mailbox-unknown"), Outcome.REFRESH_REGISTRY),
    (problem(404), Outcome.REFRESH_REGISTRY),
    (problem(408), Outcome.BACK_OFF),
    (problem(409, "id-conflict"), Outcome.ALARM_BACK_OFF),
    (problem(410, "cursor-reset"), Outcome.ALARM_BACK_OFF),
    (problem(413), Outcome.ALARM_BACK_OFF),
    (problem(415), Outcome.ALARM_BACK_OFF),
    (problem(422, "header"), Outcome.ALARM_BACK_OFF),
    (problem(422, "wrong-key"), Outcome.WRONG_KEY),
    (problem(404, "wrong-key"), Outcome.REFRESH_REGISTRY),
    (problem(425), Outcome.BACK_OFF),
    (problem(429, "rate"), Outcome.BACK_OFF),
    (problem(500), Outcome.BACK_OFF),
    (problem(502), Outcome.BACK_OFF),
    (problem(503), Outcome.BACK_OFF),
    (problem(507, "quota"), Outcome.BACK_OFF),
    (problem(600), Outcome.ALARM_BACK_OFF),
]


@pytest.mark.parametrize(("answer", "wanted"), CASES)
def test_each_answer_of_a_host_has_its_row(answer: Answer, wanted: Outcome) -> None:
    assert outcome(answer) is wanted
    assert answer.ok == (wanted is Outcome.DEPOSITED)


def test_only_an_answer_about_time_lends_us_the_clock_of_its_host() -> None:
    assert clock_of_host(problem(401, "time", now=7)) == 7
    assert clock_of_host(problem(401, "replay", now=7)) is None
    assert clock_of_host(Answer(AnswerKind.OK, 204)) is None


def test_no_answer_ends_a_document() -> None:
    codes = (
        None,
        "time",
        "wrong-key",
        "quota",
        "not-a-member",
        "suspended",
        "mailbox-unknown",
        "gone-for-ever",
    )
    verdicts = {outcome(problem(status, code, 1)) for status in range(300, 700) for code in codes}
    assert Outcome.DEPOSITED not in verdicts
    assert verdicts <= set(Outcome)


@pytest.mark.parametrize(
    ("failures", "uniform", "kind", "wanted"),
    [
        (1, 0.0, Outcome.BACK_OFF, 0.0),
        (1, 0.5, Outcome.BACK_OFF, 2.5),
        (2, 0.5, Outcome.BACK_OFF, 5.0),
        (3, 0.5, Outcome.REFRESH_REGISTRY, 10.0),
        (3, 0.5, Outcome.WRONG_KEY, 10.0),
        (3, 0.5, Outcome.TIME, 10.0),
        (8, 0.5, Outcome.BACK_OFF, 320.0),
        (9, 0.5, Outcome.BACK_OFF, 450.0),
        (10**9, 0.5, Outcome.BACK_OFF, 450.0),
        (1, 0.5, Outcome.ALARM_BACK_OFF, 150.0),
        (2, 0.5, Outcome.ALARM_BACK_OFF, 300.0),
        (99, 0.5, Outcome.ALARM_BACK_OFF, 1800.0),
    ],
)
def test_waiting_doubles_to_a_ceiling_with_full_jitter(
    failures: int, uniform: float, kind: Outcome, wanted: float
) -> None:
    assert backoff(failures, uniform, kind) == wanted


def test_retry_after_is_a_floor_that_cannot_silence_us() -> None:
    assert backoff(1, 0.0, Outcome.BACK_OFF, retry_after=7) == 7
    assert backoff(1, 0.9, Outcome.BACK_OFF, retry_after=1) == 4.5
    assert backoff(1, 0.0, Outcome.BACK_OFF, retry_after=10**9) == limits.MAX_RETRY_SECONDS


@pytest.mark.parametrize(("failures", "uniform"), [(0, 0.5), (1, 1.0), (1, -0.1)])
def test_numbers_out_of_range_are_a_mistake_of_the_caller(failures: int, uniform: float) -> None:
    with pytest.raises(ValueError, match="backoff wants"):
        backoff(failures, uniform, Outcome.BACK_OFF)
