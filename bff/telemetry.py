"""JSON logs, one object a line, each with the id of the request that it is about, and without secrets.

docs/observability.md lists the fields.
"""

import atexit
import contextlib
import logging
import math
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

import structlog

from bff.scrubbing import SECRET, is_secret, message_of, scrub, scrub_all
from bff.sink import Sink

log = structlog.get_logger(__name__)

REQUEST_ID_HEADER: Final = b"x-request-id"
# Short and plain enough to be pasted into logs, headers and JSON as it is.
_SANE: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# Their lines carry query strings, and with those a stream's ticket. Our own access log has paths only.
_CHATTY: Final = ("httpx", "httpcore", "realtime", "websockets", "urllib3", "sentry_sdk")
# Made by us from closed lists, or checked: nothing in them to be scrubbed.
_OURS: Final = frozenset({"timestamp", "level", "logger", "method", "request_id", "exception"})
# Characters of a traceback; the last ones, where it happened, are kept. With this a line mostly fits into the
# 4 KB that a pipe takes whole, so that processes that share one do not break into each other's lines.
MAX_TRACEBACK: Final = 3_000
# Exceptions of a chain or group that are told of.
MAX_CHAIN: Final = 5
# Seconds between two warnings of uvicorn's with the same text.
SELDOM_SECONDS: Final = 60.0

Event = MutableMapping[str, Any]


class Subject(NamedTuple):
    """What an error report says of the request that it is about; `user_id` is opaque."""

    transaction: str
    method: str
    user_id: str | None


# Of the request that the present task works for; asked only when there is something to report. None where the
# request is over.
subject: ContextVar[Callable[[], Subject | None] | None] = ContextVar("subject", default=None)


def _tell_dropped(lines: int) -> None:
    log.warning("log_lines_dropped", lines=lines)


# The process has one, as it has one stdout. What a `kill -9` finds in it is lost.
SINK: Final = Sink(_tell_dropped)
atexit.register(SINK.drain)


def lines_dropped() -> int:
    """Lines of this process that were dropped since its start."""
    return SINK.dropped


# Told of each line of level error or above, with its exception, before it is made text.
Report = Callable[[Event, BaseException | None], None]


def _drop_color(_: Any, __: str, event: Event) -> Event:
    # uvicorn says everything a second time with the terminal's colours in it.
    event.pop("color_message", None)
    return event


def request_id(sent: bytes | None) -> str:
    """The caller's own id where it is sane, else a new one."""
    if sent is not None and _SANE.fullmatch(sent):
        return sent.decode("ascii")
    return uuid.uuid4().hex


class _Lines:
    """structlog's way to the sink; its own has a lock, under which nothing may wait for the sink's."""

    def debug(self, line: str) -> None:
        """Writes a line, as do the other levels: which are shown is decided before."""
        SINK.write(f"{line}\n")

    info = warning = error = critical = debug


class _Handler(logging.Handler):
    """The libraries' way to the sink."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Does without the lock of handlers: the sink has one, and two can be taken in either order."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Makes a line of it; what cannot be made one is told on stderr, as logging does."""
        try:
            SINK.write(f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001 - whatever a library gave to be logged
            self.handleError(record)


class _Seldom(logging.Filter):
    """Of warnings of one text passes one in `SELDOM_SECONDS`, with the number of those left out before it.

    Whoever can connect can have uvicorn warn, a line for each request that is none; no limit counts those.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it passes."""
        if record.levelno != logging.WARNING:
            return True
        now = self._clock()
        # By the text before its arguments: there are as many as uvicorn has warnings.
        since, left_out = self._seen.get(record.msg, (-math.inf, 0))
        if now - since < SELDOM_SECONDS:
            self._seen[record.msg] = (since, left_out + 1)
            return False
        self._seen[record.msg] = (now, 0)
        if left_out:
            record.left_out = left_out
        return True


def configure_logging(level: str, report: Report | None = None) -> None:
    """Sends all logs of the process, the libraries' too, to stdout as JSON, by way of `SINK`.

    Args:
        level: Name of the least level that is shown.
        report: Is told of errors; what it raises is dropped.

    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [_Exceptions(report), _scrubbed, structlog.processors.JSONRenderer()]
    SINK.redirect(sys.stdout)
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _drop_color, *last],
        )
    )
    _take_over_stdlib(handler, level)


def _take_over_stdlib(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for previous in [h for h in root.handlers if getattr(h, "reservepty", False)]:
        root.removeHandler(previous)
    handler.reservepty = True  # type: ignore[attr-defined]  # so that a second app does not log twice
    root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Who tells of each attempt to reach Sentry; `reports_dropped` says as much once a minute.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    warner = logging.getLogger("uvicorn.error")
    for each in [found for found in warner.filters if isinstance(found, _Seldom)]:
        warner.removeFilter(each)
    warner.addFilter(_Seldom())
    # uvicorn's access log writes query strings, and with those a stream's ticket. Ours has paths only.
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False


class _Exceptions:
    """Has errors reported, and makes exceptions text."""

    def __init__(self, report: Report | None) -> None:
        self._report = report

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        error = _exception(event.pop("exc_info", None))
        # Of these our own lines say what matters; what reports errors would report its own for ever.
        is_chatty = str(event.get("logger", "")).startswith(_CHATTY)
        if self._report is not None and event["level"] in ("error", "critical") and not is_chatty:
            with contextlib.suppress(Exception):
                self._report(event, error)
        if error is not None:
            event["exception"] = traceback_of(error)
        return event


def _exception(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _scrubbed(_: Any, __: str, event: Event) -> Event:
    for name, value in event.items():
        if name in _OURS or value is None or isinstance(value, bool):
            continue
        if is_secret(name):
            event[name] = SECRET
        elif not isinstance(value, int | float):
            event[name] = scrub(value) if isinstance(value, str) else scrub_all(value)
    return event


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it came from; of a group, its members too."""
    left, seen = [error], set[int]()
    while left and len(seen) < MAX_CHAIN:
        each = left.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            left.extend(each.exceptions)
        cause = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        if cause is not None:
            left.append(cause)


def traceback_of(error: BaseException) -> str:
    """Where an error and what it came from were raised, the last one last, and what may be told of them."""
    parts = [
        "".join(
            [
                "Traceback (most recent call last):\n",
                *traceback.StackSummary.extract(traceback.walk_tb(each.__traceback__)).format(),
                f"{type(each).__module__}.{type(each).__qualname__}: {message_of(each)}",
            ]
        )
        for each in chain(error)
    ]
    text = "\n\n".join(reversed(parts))
    return text if len(text) <= MAX_TRACEBACK else f"…{text[-MAX_TRACEBACK:]}"
