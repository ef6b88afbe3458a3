"""What a node says about itself: log lines and figures. Set up once, by `configure` and one `Metrics`.

This room decides what may be logged. Rules: a log line is one event name and fields from an allow-list
(`FIELDS`): ids, codes, states, counts, times. Nothing that looks like a URL passes, whatever its field is
called. An exception is logged by its type, our code and the place in the program, never by its message, its
arguments or its locals. Lines of libraries, and what asyncio says of exceptions that nobody fetched, pass the
same gate and lose their text. Figures carry no member and no URL: their labels are closed sets.

It refuses to know what any event means, and never reads the clock but for the time stamp of a line.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from exchange.errors import Broken, ExchangeError

FIELDS: Final = frozenset(
    # the line itself
    "event level timestamp logger where error code cause dropped version pid "
    # ids
    "member peer referral document submission event_id case group jti kid token_id envelope attempt "
    "log journal mailbox depositor cursor position serial digest head anchor inbox quarantine receipt "
    # codes, states and kinds
    "kind type state status direction verdict answer result reason basis rule country source api route "
    "method loop step engine format "
    # counts and sizes
    "count documents entries envelopes members messages lines bytes attempts failures waiting size "
    # times and durations, in seconds unless they say otherwise
    "at since until seconds milliseconds retry_in expires_in expires_at issued_at due_at age "
    # where the node listens
    "listen".split()
)
"""The names that a log line may use. Whoever adds one answers for what can stand in it."""

LONGEST_VALUE: Final = 128
"""Characters of one logged value: an id, a code or a digest fits; a document does not."""

_EVENT = re.compile(r"[a-z0-9][a-z0-9 ._-]{0,63}")
_PLAIN = re.compile(r"[A-Za-z0-9 ._:,+@<>()\[\]=*-]*")
_WITH_SLASH = re.compile(r"[A-Za-z0-9 ._:/{}-]*")
_SLASHED: Final = frozenset({"route", "type"})
_URL = re.compile(r"://|hxxp|www\.|\[\.|\.\]|\[:\]", re.IGNORECASE)


def may_be_logged(field: str, value: object) -> bool:
    """True for a field of the allow-list whose value is a number, None or a short text that is no URL."""
    if field not in FIELDS:
        return False
    if value is None or isinstance(value, int | float):
        return True
    if not isinstance(value, str) or len(value) > LONGEST_VALUE or _URL.search(value):
        return False
    form = _EVENT if field == "event" else _WITH_SLASH if field in _SLASHED else _PLAIN
    return form.fullmatch(value) is not None


def error_fields(error: BaseException) -> dict[str, str]:
    """An exception as it may be logged: type, our code, the line of the program; never its text."""
    fields = {"error": type(error).__name__}
    if isinstance(error, ExchangeError):
        fields["code"] = error.code
    if error.__cause__ is not None:
        fields["cause"] = type(error.__cause__).__name__
    trace = error.__traceback__
    while trace is not None:
        fields["where"] = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return fields


class Gate:
    """The processor that every line passes. Strict (tests): a field that may not be logged raises `Broken`
    (`log-field`). Otherwise the field is left out, the line says how many were, and `on_drop` is told."""

    def __init__(self, *, strict: bool, on_drop: Callable[[int], None] | None = None) -> None:
        self._strict = strict
        self._on_drop = on_drop

    def __call__(self, _logger: object, _method: str, fields: EventDict) -> EventDict:
        refused = [field for field, value in fields.items() if not may_be_logged(field, value)]
        if not refused:
            return fields
        if self._strict:
            raise Broken("log-field", f"log line: the field {refused[0]!r} may not be logged with this value")
        if self._on_drop is not None:
            self._on_drop(len(refused))
        kept = {field: value for field, value in fields.items() if field not in refused}
        return {"event": "unnamed", **kept, "dropped": len(refused)}


def _without_trace(_logger: object, _method: str, fields: EventDict) -> EventDict:
    """Put what may be said of an exception in the place of `exc_info` and of exceptions given as values."""
    given = fields.pop("exc_info", None)
    fields.pop("stack_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    for field, value in list(fields.items()):
        if isinstance(value, BaseException):
            error = fields.pop(field)
    return {**fields, **error_fields(error)} if isinstance(error, BaseException) else fields


class _StandardError:
    """Standard error as it is now, not as it was when the program was loaded."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _LibraryLines(logging.Handler):
    """Takes the standard library's log records and keeps nothing of them but origin, level and exception."""

    def __init__(self, chain: list[Processor], stream: TextIO | _StandardError) -> None:
        super().__init__()
        self._chain = chain
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        line: Any = {"event": "library", "level": record.levelname.lower(), "logger": record.name}
        line["where"] = f"{record.module}:{record.lineno}"
        line["exc_info"] = record.exc_info
        for step in self._chain:
            line = step(None, record.levelname.lower(), line)
        self._stream.write(f"{line}\n")
        self._stream.flush()


def configure(
    level: str = "info",
    form: str = "json",
    *,
    stream: TextIO | None = None,
    strict: bool = False,
    on_drop: Callable[[int], None] | None = None,
) -> None:
    """Set up logging for the whole process, our own lines and those of libraries.

    `level` is debug, info, warning or error; `form` is json or console; `stream` is standard error unless
    given; `on_drop` is told how many fields were left out of a line.
    """
    target = stream or _StandardError()
    chain = _set_up(level, form, target, Gate(strict=strict, on_drop=on_drop))
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.WARNING, handlers=[_LibraryLines(chain, target)], force=True)
    logging.getLogger("aiohttp.access").disabled = True


def _set_up(level: str, form: str, target: TextIO | _StandardError, gate: Gate) -> list[Processor]:
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=True)
    if form == "console":
        colors = isinstance(target, _StandardError) and sys.stderr.isatty()
        renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=lambda *_: None)
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    chain: list[Processor] = [_without_trace, stamp, gate, renderer]
    structlog.configure(
        processors=[structlog.processors.add_log_level, *chain],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=target),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    return chain


def logger(**bound: str | int) -> FilteringBoundLogger:
    """A logger whose every line carries `bound`. Goes by the set-up of the moment at which it is used."""
    log: FilteringBoundLogger = structlog.get_logger(**bound)
    return log


def log_crashes() -> None:
    """Let the last words of the process, its threads and its destructors pass the gate as well."""
    log = logger()

    def crashed(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        log.error("crashed", exc_info=error)

    sys.excepthook = crashed
    threading.excepthook = lambda told: log.error("thread crashed", exc_info=told.exc_value)
    sys.unraisablehook = lambda told: log.error("lost exception", exc_info=told.exc_value)


class Metrics:
    """The figures of one node, in a registry of their own, so that one process can run many nodes.

    Every name begins with `hotline_exchange_`. Labels are closed sets; none is a member, so that a figure
    tells nobody who writes to whom.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        for name, (kind, text, labels) in FIGURES.items():
            setattr(self, name, kind(f"hotline_exchange_{name}", text, labels, registry=self.registry))

    documents_submitted_total: Counter
    documents_total: Counter
    deposits_total: Counter
    delivery_attempts_total: Counter
    outbox_documents: Gauge
    peers_backing_off: Gauge
    oldest_waiting_seconds: Gauge
    quarantine_total: Counter
    collect_pages_total: Counter
    registry_version: Gauge
    registry_expires_seconds: Gauge
    card_expires_seconds: Gauge
    key_expires_seconds: Gauge
    http_requests_total: Counter
    loop_failures_total: Counter
    log_fields_dropped_total: Counter

    def render(self) -> bytes:
        """All figures in Prometheus' text format, version 0.0.4."""
        return generate_latest(self.registry)


FIGURES: Final[Mapping[str, tuple[type[Counter] | type[Gauge], str, tuple[str, ...]]]] = {
    "documents_submitted_total": (Counter, "Submissions taken from our own users", ("state",)),
    "documents_total": (Counter, "Documents sent and received", ("direction", "type", "verdict")),
    "deposits_total": (Counter, "Envelopes deposited, by us or with us", ("direction", "answer")),
    "delivery_attempts_total": (Counter, "Attempts to deliver a message", ("result",)),
    "outbox_documents": (Gauge, "Documents in the outbox", ("state",)),
    "peers_backing_off": (Gauge, "Members that are not tried before some later time", ()),
    "oldest_waiting_seconds": (Gauge, "Age of the oldest document that has no receipt", ()),
    "quarantine_total": (Counter, "Items put into quarantine", ("code",)),
    "collect_pages_total": (Counter, "Pages collected from our mailbox", ()),
    "registry_version": (Gauge, "Version of the registry that the node goes by", ()),
    "registry_expires_seconds": (Gauge, "Seconds until the registry expires, at the last look", ()),
    "card_expires_seconds": (Gauge, "Seconds until our key card expires, at the last look", ()),
    "key_expires_seconds": (Gauge, "Seconds until our last registered key ends", ("kind",)),
    "http_requests_total": (Counter, "Requests answered", ("api", "route", "status")),
    "loop_failures_total": (Counter, "Rounds of a loop that ended in an error", ("loop",)),
    "log_fields_dropped_total": (Counter, "Log fields that the gate left out", ()),
}

# Until a program configures it, the gate is strict: whoever logs a wrong field in a test sees it raise.
_set_up("info", "json", _StandardError(), Gate(strict=True))
