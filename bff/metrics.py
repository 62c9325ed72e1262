"""What is measured, in Prometheus' words.

Only `bff.upstream_metrics` and `bff.limits.metrics` beside it know prometheus-client.

Where `PROMETHEUS_MULTIPROC_DIR` names a folder, each process keeps its metrics in files there, and whichever
process is asked adds up all of them. No label holds what a person or a client has chosen: methods, paths,
statuses and reasons come from closed lists.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import structlog

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
if not os.environ.get(VARIABLE):
    # Set but empty counts as not set, as everywhere; the library, which looks now, would write to `.`.
    os.environ.pop(VARIABLE, None)

from prometheus_client import (  # noqa: E402
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.mmap_dict import MmapedDict  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: E402

from bff import __version__  # noqa: E402
from bff.disk import allocate  # noqa: E402
from bff.limits.metrics import LimitMetrics  # noqa: E402
from bff.upstream_metrics import UpstreamMetrics  # noqa: E402

log = structlog.get_logger(__name__)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Seconds, as all durations here. Fine where most answers are, and where the plan sets its limits.
DURATIONS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
# Realtime takes milliseconds; the log makes up for a loss within a second, or fifteen.
LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
# How long after a request its user still counts as active.
ACTIVE_SECONDS: Final = 300.0
# How often what the relay counts by itself is copied: how old it may be at another process' answer.
COPY_SECONDS: Final = 1.0
# How long a lock is waited for that others hold for tens of milliseconds, and how often one looks. Whoever is
# stopped while it holds it must not stop the others.
LOCK_SECONDS: Final = 2.0
LOCK_GLANCE: Final = 0.01
# What each of a process' files is given at the start: more than all series of the closed lists take.
FILE_BYTES: Final = 4_194_304
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"})
# A client that left before its answer began; the number is nginx'.
NO_ANSWER: Final = 499
# Paths that are nobody's would be as many as those who guess.
UNKNOWN_PATH: Final = "unknown"
# The database's reasons, the relay's and the route's; a new one is `other` until it stands here.
REFUSALS: Final = frozenset(
    {
        *("session_ended", "not_found", "not_member", "mfa_required", "ticket_spent", "ticket_invalid"),
        "switched_off",
        *("too_many", "full", "memory", "busy", "draining", "unavailable"),
    }
)
OPERATIONS: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/api/v1/reservations"): "create",
    ("POST", "/api/v1/reservations/preview"): "preview",
    ("PATCH", "/api/v1/reservations/{id}"): "update",
    ("POST", "/api/v1/reservations/{id}/cancel"): "cancel",
    ("POST", "/api/v1/reservations/{id}/restore"): "restore",
    ("POST", "/api/v1/reservations/{id}/decision"): "decide",
    ("POST", "/api/v1/holds"): "hold",
    ("DELETE", "/api/v1/holds/{id}"): "release",
    ("POST", "/api/v1/series"): "create_series",
    ("PATCH", "/api/v1/series/{id}"): "update_series",
    ("DELETE", "/api/v1/series/{id}"): "cancel_series",
    ("POST", "/api/v1/organizations/{org}/waitlist"): "wait",
    ("DELETE", "/api/v1/waitlist/{id}"): "stop_waiting",
    ("POST", "/api/v1/waitlist/{id}/accept"): "accept_offer",
}


# How the processes' values become one: added up, the least of them for what is only true if all are, or the
# worst of them.
GAUGES: Final[Mapping[str, tuple[str, Literal["livesum", "livemin", "livemax"]]]] = {
    "active_users": (
        "Users with an open stream, or a request within five minutes; once for each process.",
        "livesum",
    ),
    "bff_processes": ("Serving processes.", "livesum"),
    "bff_processes_wanted": ("Processes that are to serve (BFF_WORKERS).", "livemax"),
    "relay_streams": ("Open streams.", "livesum"),
    "relay_organizations": ("Organisations with open streams, by process.", "livesum"),
    "relay_openings": ("Streams that are being opened, those that wait for others too.", "livesum"),
    "relay_backlog_bytes": ("What waits for slow readers.", "livesum"),
    "relay_loop_lag_seconds": ("By how much the latest event loop is late.", "livemax"),
    "relay_feed_up": ("Whether every process hears Realtime.", "livemin"),
    "relay_log_up": ("Whether every process can read the event log.", "livemin"),
    "relay_realtime_wanted": ("Whether any process is to listen to Realtime.", "livemax"),
}
# By what the relay's status calls them.
COUNTERS: Final[Mapping[str, tuple[str, str]]] = {
    "events": ("relay_events_published_total", "Events published to streams."),
    "events_from_log": (
        "relay_events_from_log_total",
        "Events that the log had and Realtime had not brought yet.",
    ),
    "duplicates": ("relay_duplicate_events_total", "Events that were published already."),
    "lives": ("relay_realtime_lives_total", "Connections to Realtime, tried or made."),
    "log_reads": ("relay_log_reads_total", "Calls that read the event log."),
    "grants": ("relay_grants_asked_total", "Grants asked of the database."),
    "grant_calls": ("relay_grant_calls_total", "Calls that asked for grants."),
}
# Of the audit, by what its status calls them.
AUDIT_GAUGES: Final[Mapping[str, tuple[str, str, Literal["livesum", "livemin", "livemax"]]]] = {
    "spooled": ("audit_spool_records", "Records on disk that the database has not acknowledged.", "livesum"),
    "spool_bytes": ("audit_spool_bytes", "What they take on disk.", "livesum"),
    "spool_limit": ("audit_spool_limit_bytes", "What they may take (AUDIT_SPOOL_BYTES).", "livesum"),
    "unopened": ("audit_spool_unopened_files", "Files of ended processes that cannot be opened.", "livemax"),
    "oldest_seconds": ("audit_oldest_seconds", "The age of the one that waits longest.", "livemax"),
    "unsealed": ("audit_unsealed_entries", "Entries of the log that wait to be sealed.", "livemax"),
    "unsealed_seconds": (
        "audit_unsealed_seconds",
        "How long the chain that waits longest has waited for it.",
        "livemax",
    ),
}
AUDIT_OUTCOMES: Final = ("kept", "written", "known", "refused", "damaged", "lost", "turned_away", "repeated")


def outcome(status: int) -> str:
    """What an HTTP status means for a booking operation."""
    if status < 300:
        return "success"
    named = {403: "refused", 409: "conflict", 422: "refused", NO_ANSWER: "failed"}
    return named.get(status, "invalid" if status < 500 else "failed")


class ActiveUsers:
    """Who asked for something lately.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}

    def seen(self, user_id: str) -> None:
        """The user asks now."""
        # Out and in again: so the oldest stand first.
        self._seen.pop(user_id, None)
        self._seen[user_id] = self._clock()

    def count(self, streaming: Collection[str]) -> int:
        """How many distinct users asked within `ACTIVE_SECONDS` or have a stream open."""
        limit = self._clock() - ACTIVE_SECONDS
        while self._seen and self._seen[next(iter(self._seen))] <= limit:
            del self._seen[next(iter(self._seen))]
        return len(self._seen) + sum(user_id not in self._seen for user_id in streaming)


class Metrics:
    """The metrics of one process, and the answer for all.

    Args:
        processes: how many are to serve.

    Raises:
        OSError: the folder of `PROMETHEUS_MULTIPROC_DIR` cannot be made, or has no room.
    """

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        directory = os.environ.get(VARIABLE)
        self._directory = Path(directory) if directory else None
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            kinds = ["counter", "histogram", *{f"gauge_{mode}": None for _, mode in GAUGES.values()}]
            allocate([self._directory / f"{kind}_{os.getpid()}.db" for kind in kinds], FILE_BYTES)
        # Series of when each series began: twice the size, and of use to nobody here.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._rendering = asyncio.Lock()
        self._active = ActiveUsers()
        self._answers: dict[tuple[str, str, int], tuple[Histogram, list[Counter]]] = {}
        self._copied: dict[tuple[str, ...], float] = {}
        self._status: Callable[[], Mapping[str, Any]] | None = None
        self._audit: Callable[[], Mapping[str, Any]] | None = None
        self._dropped: Callable[[], int] | None = None

        self._requests = Counter(
            "http_requests_total", "Requests.", ["method", "path", "status"], registry=registry
        )
        self._durations = Histogram(
            "http_request_duration_seconds",
            "From the request's arrival until its answer begins; so streams count too.",
            ["method", "path"],
            buckets=DURATIONS,
            registry=registry,
        )
        self._operations = Counter(
            "booking_operations_total",
            "Requests that book or change bookings.",
            ["operation", "status"],
            registry=registry,
        )
        Gauge(
            "bff_build_info",
            "1 for each version that serves.",
            ["version"],
            registry=registry,
            multiprocess_mode="livemax",
        ).labels(__version__).set(1)
        self._refusals = Counter(
            "relay_refusals_total", "Streams and tickets refused.", ["reason"], registry=registry
        )
        # Alerts take it off the errors: without a series before, the first of them would have no increase.
        self._refusals.labels("switched_off")
        self._resets = Counter(
            "relay_resets_total", "Streams told to fetch the calendar again.", ["reason"], registry=registry
        )
        self._lag = Histogram(
            "relay_lag_seconds",
            "From an event's commit until it is written to the open streams.",
            buckets=LAGS,
            registry=registry,
        )
        self.upstream = UpstreamMetrics(registry)
        self.limits = LimitMetrics(registry)
        self._gauges = {
            name: Gauge(name, meaning, registry=registry, multiprocess_mode=mode)
            for name, (meaning, mode) in GAUGES.items()
        }
        self._counters = {
            key: Counter(name, meaning, registry=registry) for key, (name, meaning) in COUNTERS.items()
        }
        self._audit_gauges = {
            key: Gauge(name, meaning, registry=registry, multiprocess_mode=mode)
            for key, (name, meaning, mode) in AUDIT_GAUGES.items()
        }
        self._audit_up = Gauge(
            "audit_up",
            "Whether every process' records find room and their way.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._log_dropped = Counter(
            "log_lines_dropped_total", "Lines of the log that nobody took in time.", registry=registry
        )
        self._audit_records = Counter(
            "audit_records_total", "Records of requests.", ["outcome"], registry=registry
        )

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """An answer began.

        Args:
            method: the request's.
            path: the route's template, or `UNKNOWN_PATH`.
            status: the answer's, or `NO_ANSWER`.
            seconds: since the request came.
        """
        key = (method if method in METHODS else "other", path, status)
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = self._of_answer(*key)
        duration, counters = found
        duration.observe(seconds)
        for each in counters:
            each.inc()

    def _of_answer(self, method: str, path: str, status: int) -> tuple[Histogram, list[Counter]]:
        counters = [self._requests.labels(method, path, str(status))]
        if operation := OPERATIONS.get((method, path)):
            counters.append(self._operations.labels(operation, outcome(status)))
        return self._durations.labels(method, path), counters

    def seen(self, user_id: str) -> None:
        """The user asks for something."""
        self._active.seen(user_id)

    def refused(self, reason: str) -> None:
        """A stream was not opened, or a ticket not given."""
        self._refusals.labels(reason if reason in REFUSALS else "other").inc()

    def lagged(self, seconds: float) -> None:
        """An event was written to the streams so long after its commit."""
        self._lag.observe(seconds)

    @asynccontextmanager
    async def following(
        self,
        status: Callable[[], Mapping[str, Any]],
        audit: Callable[[], Mapping[str, Any]] | None = None,
        dropped: Callable[[], int] | None = None,
    ) -> AsyncIterator[None]:
        """While it lasts, what these say is copied: the relay, the audit and the log count plainly."""
        self._status, self._audit, self._dropped = status, audit, dropped
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            self._copy()

    def audit_ended(self, status: Mapping[str, Any]) -> None:
        """The audit has ended, after all that is followed: what it then had to lose is counted too."""
        self._copy_audit(status)

    async def _follow(self) -> None:
        while True:
            self._copy()
            await asyncio.sleep(COPY_SECONDS)

    def _copy(self) -> None:
        if self._status is None:
            return
        status = self._status()
        values = {
            "active_users": self._active.count(status["users"]),
            "bff_processes": 1,
            "bff_processes_wanted": self._processes,
            "relay_streams": status["streams"],
            "relay_organizations": status["organizations"],
            "relay_openings": status["openings"] + status["openings_waiting"],
            "relay_backlog_bytes": status["backlog_bytes"],
            "relay_loop_lag_seconds": status["loop_lag_seconds"],
            "relay_feed_up": status["status"] == "up",
            "relay_log_up": status["log"] == "up",
            "relay_realtime_wanted": status["status"] != "off",
        }
        for name, gauge in self._gauges.items():
            gauge.set(values[name])
        for name, counter in self._counters.items():
            self._raise(counter, status[name], name)
        for reason, total in status["resets"].items():
            self._raise(self._resets.labels(reason), total, "resets", reason)
        if self._audit is not None:
            self._copy_audit(self._audit())
        if self._dropped is not None:
            self._raise(self._log_dropped, self._dropped(), "log")

    def _copy_audit(self, status: Mapping[str, Any]) -> None:
        for key, gauge in self._audit_gauges.items():
            gauge.set(status[key])
        self._audit_up.set(status["status"] == "up")
        for each in AUDIT_OUTCOMES:
            self._raise(self._audit_records.labels(each), status[each], "audit", each)

    def _raise(self, counter: Counter, total: float, *key: str) -> None:
        counter.inc(total - self._copied.get(key, 0))
        self._copied[key] = total

    async def render(self) -> bytes:
        """The metrics of all processes, in Prometheus' text format."""
        # Tens of milliseconds with several processes: too long for streams to wait. One at a time will do.
        async with self._rendering:
            self._copy()
            return await asyncio.to_thread(self._render)

    def _render(self) -> bytes:
        if self._directory is None:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        with locked(self._directory, fcntl.LOCK_SH):
            forget_dead(self._directory)
            Everyone(everyone, str(self._directory))  # type: ignore[no-untyped-call]
            return generate_latest(everyone)


class Everyone(MultiProcessCollector):
    """The metrics of all processes whose files are in the folder."""

    def collect(self) -> Any:
        """Reads them; a file that is still empty is that of a process which just begins, or died so."""
        files = [str(path) for path in Path(self._path).glob("*.db") if not _is_empty(path)]
        return self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        # A gauge's, dropped meanwhile by another process that is asked.
        return True


@contextmanager
def locked(directory: Path, kind: int) -> Iterator[None]:
    """Holds the folder's lock, `fcntl.LOCK_SH` to read its files or `LOCK_EX` to move numbers among them.

    Waits for it without the event loop, and so is for threads.

    Raises:
        OSError: the folder is none, or somebody does not let go of the lock within `LOCK_SECONDS`.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    with (directory / "lock").open("ab") as file:
        while True:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOCK_GLANCE)
        yield


def fold(directory: Path, pid: int) -> None:
    """Adds a dead process' counters and histograms to those of all dead ones, and drops its files.

    Otherwise each process that ever served would cost every scrape. Only for who saw it end: an id that
    nobody has here may be alive in another container. If it cannot be done, it is logged and the files stay.
    """
    try:
        with locked(directory, fcntl.LOCK_EX):
            for kind in ("counter", "histogram"):
                path = directory / f"{kind}_{pid}.db"
                if not _is_empty(path):
                    _add(path, directory / f"{kind}_dead.db")
                path.unlink(missing_ok=True)
            mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError, ValueError, struct.error) as error:
        log.warning("metrics_not_folded", pid=pid, error=str(error))


def _add(path: Path, total: Path) -> None:
    """Adds a file's values to another's; all are sums by name, of a histogram each bucket its own."""
    sums = MmapedDict(str(total))  # type: ignore[no-untyped-call]
    try:
        # All of them first: a file that breaks off must not be added in part, now and again.
        values = list(MmapedDict.read_all_values_from_file(str(path)))  # type: ignore[no-untyped-call]
        for key, value, _, _ in values:
            sums.write_value(key, sums.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        sums.close()  # type: ignore[no-untyped-call]


def forget_dead(directory: Path) -> None:
    """Drops the gauges of processes that are gone, however they went and whoever started them."""
    for path in directory.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            # Another process that is asked at the same time may have been quicker.
            with contextlib.suppress(FileNotFoundError):
                mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
        except PermissionError:
            pass  # it lives, and is somebody else's
