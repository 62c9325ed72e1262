"""Errors to Sentry: what is logged at level error or above, once, scrubbed, and never at a request's expense.

The SDK is used as a sender only. None of its integrations runs: they would patch asyncio, Starlette, aiohttp
and logging, and collect headers, bodies and queries, to report what the log says anyhow. There is no global
client. Imported only where errors are reported: the SDK takes an eighth of what a process needs to start.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import sentry_sdk
import structlog
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import event_from_exception, get_error_message

from bff import __version__
from bff.scrubbing import message_of, scrub_all
from bff.telemetry import Event, chain, subject

log = structlog.get_logger(__name__)

# Seconds for one delivery, on a thread of the SDK's. Meanwhile a hundred more may wait; the rest is dropped.
SEND_SECONDS: Final = 5
# Seconds at the end for what is still to be delivered. They pass while the relay and the connections close.
FLUSH_SECONDS: Final = 2.0
# Reports of one error (what is logged, with the same type of exception) in that many seconds. A database that
# is broken fails every request alike; each report costs this process up to a millisecond, and a quota.
MOST: Final = 10
WINDOW_SECONDS: Final = 60.0
# Different errors that are counted; beyond them the counts begin anew.
MOST_KINDS: Final = 500
# event -> exception -> values -> 0 -> stacktrace -> frames -> 0 -> pre_context -> 0
DEPTH: Final = 12
# What a log line has that goes elsewhere in a report than into `extra`.
_PLACED: Final = frozenset({"event", "level", "timestamp", "request_id", "logger"})


class _Transport(HttpTransport):
    TIMEOUT = SEND_SECONDS
    told_at = float("-inf")

    def on_dropped_event(self, reason: str) -> None:
        """Sentry does not take them, or not so many: said once a minute."""
        now = time.monotonic()
        if now - self.told_at >= WINDOW_SECONDS:
            self.told_at = now
            log.warning("reports_dropped", reason=reason)


class Reporter:
    """Sends error reports; made only where there is somewhere to send them.

    Args:
        dsn: Where to; a `https://key@host/project`.
        environment: Sentry's name for this deployment.
        clock: Seconds that only go forward.

    """

    def __init__(self, dsn: str, environment: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Reentrant: garbage is collected wherever, and tasks in it that failed are logged as errors.
        self._lock = threading.RLock()
        self._window = clock()
        self._counts: dict[tuple[str, str], int] = {}
        self._client = sentry_sdk.Client(
            dsn=dsn,
            environment=environment,
            release=__version__,
            transport=_Transport,
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            spotlight=False,
            before_send=_scrubbed,
        )

    def report(self, line: Event, error: BaseException | None) -> None:
        """Hands a line of the log over for delivery; returns at once.

        Args:
            line: The line, before it is made text.
            error: Its exception.

        """
        name = str(line.get("event"))
        count = self._count((name, type(error).__qualname__))
        if count > MOST:
            return
        hint: dict[str, Any] = {}
        event: Any = {"message": name}
        if error is not None:
            event, hint = event_from_exception(error, client_options=self._client.options)
            told = {get_error_message(each): message_of(each) for each in chain(error)}
            for value in event["exception"]["values"]:
                value["value"] = told.get(value["value"], "[left out]")
        event |= {
            "level": "fatal" if line["level"] == "critical" else "error",
            "logger": str(line.get("logger", "bff")),
            "tags": {"event": name},
            "extra": {key: value for key, value in line.items() if key not in _PLACED},
        }
        if "request_id" in line:
            event["tags"]["request_id"] = line["request_id"]
        if count == MOST:
            event["tags"]["more"] = f"not reported for {WINDOW_SECONDS:.0f} s"
        ask = subject.get()
        about = None if ask is None else ask()
        if about is not None:
            event["transaction"] = about.transaction
            event["tags"]["method"] = about.method
            if about.user_id is not None:
                event["user"] = {"id": about.user_id}
        self._client.capture_event(event, hint)

    def _count(self, kind: tuple[str, str]) -> int:
        # From several threads: the SDK's own are not reported, but a library's may log.
        with self._lock:
            now = self._clock()
            if now - self._window >= WINDOW_SECONDS or len(self._counts) >= MOST_KINDS:
                self._window, self._counts = now, {}
            self._counts[kind] = self._counts.get(kind, 0) + 1
            return self._counts[kind]

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Waits until all is delivered, for so many seconds at most."""
        self._client.flush(seconds)


def _scrubbed(event: Any, _: Any) -> Any:
    # The last door: whatever the SDK has added by itself goes through it too.
    for unwanted in ("request", "breadcrumbs", "modules"):
        event.pop(unwanted, None)
    return scrub_all(event, DEPTH)
