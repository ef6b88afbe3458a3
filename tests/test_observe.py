"""Nothing of a referral reaches a log line, by whatever road: fields, exceptions, libraries, lost tasks."""

import asyncio
import gc
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from exchange.errors import Broken, Invalid
from exchange.observe import FIGURES, Metrics, configure, error_fields, log_crashes, logger, may_be_logged

CANARY = "https://canary.example/victim"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """A log in production's form. Puts the test run's own set-up back afterwards."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("debug", stream=stream)
    yield stream
    configure(strict=True)
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def read(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("field", "value", "passes"),
    [
        ("event", "document received", True),
        ("event", "got " + CANARY, False),
        ("event", "", False),
        ("peer", "gb-iwf", True),
        ("peer", None, True),
        ("count", 3, True),
        ("retry_in", 2.5, True),
        ("type", "referral/1", True),
        ("route", "/v1/referrals/{id}", True),
        ("listen", "[::1]:8443", True),
        ("url", "x", False),
        ("body", "x", False),
        ("reason", CANARY, False),
        ("reason", "hxxps[:]//canary", False),
        ("reason", "canary[.]example", False),
        ("reason", "www.canary.example", False),
        ("reason", "canary.example/victim", False),
        ("reason", "x" * 129, False),
        ("reason", "two\nlines", False),
        ("reason", ["a"], False),
        ("reason", {"url": "x"}, False),
        ("reason", b"x", False),
    ],
)
def test_only_plain_values_of_known_fields_may_be_logged(field: str, value: object, passes: bool) -> None:
    assert may_be_logged(field, value) is passes


def test_a_wrong_field_raises_in_tests() -> None:
    with pytest.raises(Broken, match="'url'"):
        logger().info("sent", url="x")


def test_in_production_a_wrong_field_is_left_out_and_counted(lines: io.StringIO) -> None:
    metrics = Metrics()
    configure("info", stream=lines, on_drop=metrics.log_fields_dropped_total.inc)
    logger(member="de-example").info("sent", url=CANARY, reason=CANARY, count=1)
    logger().warning(f"sent {CANARY}")
    logger().debug("not at this level")
    first, second = read(lines)
    assert (first["event"], first["member"], first["count"], first["dropped"]) == ("sent", "de-example", 1, 2)
    assert (second["event"], second["level"]) == ("unnamed", "warning")
    assert "canary" not in lines.getvalue()
    assert b"hotline_exchange_log_fields_dropped_total 3.0" in metrics.render()


def failing() -> None:
    secret = CANARY
    try:
        raise ValueError(secret)
    except ValueError as error:
        raise Invalid("url-scheme", f"bad {secret}") from error


def test_an_exception_is_logged_by_type_code_and_place(lines: io.StringIO) -> None:
    try:
        failing()
    except Invalid as error:
        logger().exception("refused")
        logger().error("refused", exc_info=error)
        logger().error("refused", exc_info=(Invalid, error, None))
        logger().error("refused", error=error, stack_info=True)
    for line in read(lines):
        assert (line["error"], line["code"], line["cause"]) == ("Invalid", "url-scheme", "ValueError")
        assert str(line["where"]).partition(":")[0].endswith("test_observe")
    assert len(read(lines)) == 4
    assert "canary" not in lines.getvalue()


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert error_fields(KeyError(CANARY)) == {"error": "KeyError"}


def test_no_exception_at_hand_adds_nothing(lines: io.StringIO) -> None:
    logger().error("odd", exc_info=True)
    assert set(read(lines)[0]) == {"event", "level", "timestamp"}


def test_lines_of_libraries_lose_their_text(lines: io.StringIO) -> None:
    logging.getLogger("tuf.api").warning("fetched %s", CANARY)
    logging.getLogger("aiohttp.access").error("GET %s", CANARY)
    logging.getLogger("asyncio").info("below the level of libraries")
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling %s", CANARY)
    warnings.warn(CANARY, UserWarning, stacklevel=1)
    origins = [(line["logger"], line["level"], line.get("error")) for line in read(lines)]
    assert origins[:2] == [("tuf.api", "warning", None), ("aiohttp.server", "error", "ValueError")]
    assert "canary" not in lines.getvalue()


def test_a_lost_task_says_nothing_of_its_content(lines: io.StringIO) -> None:
    async def fails() -> None:
        raise Invalid("url-scheme", CANARY)

    async def forgets() -> None:
        asyncio.get_running_loop().create_task(fails(), name="x")
        await asyncio.sleep(0)

    asyncio.run(forgets())
    gc.collect()
    assert [(line["logger"], line["code"]) for line in read(lines)] == [("asyncio", "url-scheme")]
    assert "canary" not in lines.getvalue()


def test_the_last_words_of_a_crash_pass_the_gate(lines: io.StringIO) -> None:
    log_crashes()

    def fails() -> None:
        raise ValueError(CANARY)

    class Falls:
        def __del__(self) -> None:
            fails()

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    Falls()
    gc.collect()
    error = ValueError(CANARY)
    sys.excepthook(ValueError, error, None)
    events = [line["event"] for line in read(lines)]
    assert events == ["thread crashed", "lost exception", "crashed"]
    assert "canary" not in lines.getvalue()


def test_the_console_form_is_for_people(lines: io.StringIO) -> None:
    configure("info", "console", stream=lines)
    logger().info("started", member="de-example")
    assert "started" in lines.getvalue()
    assert "member=de-example" in lines.getvalue()


def test_the_log_follows_standard_error(capsys: pytest.CaptureFixture[str], lines: io.StringIO) -> None:
    configure("info", "console")
    logger().info("started")
    logging.getLogger("tuf").warning("x")
    assert capsys.readouterr().err.count("\n") == 2


def test_every_figure_has_its_name_and_no_label_names_a_member() -> None:
    metrics = Metrics()
    for name, (_, _, labels) in FIGURES.items():
        figure = getattr(metrics, name)
        (figure.labels(*("x" for _ in labels)) if labels else figure).inc()
        assert {"member", "peer", "country", "url"}.isdisjoint(labels)
        assert f"hotline_exchange_{name}".encode() in metrics.render()


def test_two_nodes_in_one_process_have_figures_of_their_own() -> None:
    one, two = Metrics(), Metrics()
    one.collect_pages_total.inc()
    assert b"hotline_exchange_collect_pages_total 1.0" in one.render()
    assert b"hotline_exchange_collect_pages_total 0.0" in two.render()
