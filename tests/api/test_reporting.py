"""What goes to Sentry: each error once, without what is secret or personal, and at no request's expense."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import sentry_sdk
import structlog

from bff import __version__
from bff.app import start_reporting
from bff.reporting import MOST, WINDOW_SECONDS, Reporter
from bff.settings import Settings
from tests.api.faulty import QUOTED
from tests.api.sentry import TAKEN, Sentry, sentry
from tests.api.shape import assert_error
from tests.api.upstream import SECRET, USER, Upstream, answer, aside, failing_supabase, hang, token
from tests.harness import RunningBff, free_port, running_bff, running_module, wait_until
from tests.relay.fakes import until

PERSON = "anna.perez@example.test"
BOOKING = {"asset_id": USER, "title": PERSON, "start_date": "2026-03-01T15:00:00Z"} | {
    "end_date": "2026-03-02T15:00:00Z",
    "notes": "+507 6123-4567",
}
E = TypeVar("E", bound=Exception)
READ = f"/api/v1/reservations/{USER}"


@pytest.fixture
def taker() -> Iterator[Sentry]:
    """A Sentry that takes what it is sent."""
    with aside(sentry) as running:
        yield running


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A Supabase whose every answer is a fault that nobody foresaw."""
    with aside(failing_supabase) as running:
        broken = {"code": "XX000", "message": f"cache lookup failed for {PERSON}", "details": None}
        running.behaviours = [answer(500, broken)]
        yield running


def environment(url: str, dsn: str) -> dict[str, str]:
    return {
        "SUPABASE_URL": url,
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
        "SUPABASE_SECRET_KEY": "sb_secret_x",
        "SUPABASE_JWT_SECRET": SECRET,
        "SENTRY_DSN": dsn,
        "SENTRY_ENVIRONMENT": "testing",
    }


@contextmanager
def faulty_bff(env: dict[str, str], log: Path) -> Iterator[RunningBff]:
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    with running_module("tests.api.faulty", f"{url}/api/live", {**env, "BFF_PORT": port}, log) as process:
        yield RunningBff(url, process, log)


def test_a_fault_is_reported_once_with_what_helps_and_without_what_is_anybodys(
    taker: Sentry, upstream: Upstream, tmp_path: Path
) -> None:
    bearer = token(upstream.url)
    headers = {
        "Authorization": f"Bearer {bearer}",
        "X-Request-ID": "order-66",
        "Cookie": "sid=a-cookie-value",
    }
    with faulty_bff(environment(upstream.url, taker.dsn), tmp_path / "bff.log") as bff:
        response = httpx.post(
            f"{bff.url}/api/v1/reservations?ticket=a-ticket-in-a-query",
            json=BOOKING,
            headers={**headers, "Idempotency-Key": "a-key-of-theirs"},
            timeout=20,
        )
        assert_error(response, "INTERNAL_ERROR")
        wait_until(lambda: taker.events, what="the report")
        # The next one is behind whatever the first one might have caused besides.
        assert_error(httpx.get(bff.url + READ, headers=headers, timeout=20), "INTERNAL_ERROR")
        wait_until(lambda: len(taker.events) > 1, what="the next report")
    assert bff.process.returncode == 0
    assert len(taker.events) == 2
    event, other = taker.events
    assert (event["release"], event["environment"], event["level"]) == (__version__, "testing", "error")
    assert event["transaction"] == "POST /api/v1/reservations"
    assert other["transaction"] == "GET /api/v1/reservations/{id}"
    assert event["tags"] == {"event": "unhandled", "method": "POST", "request_id": "order-66"}
    assert event["user"] == {"id": USER}
    assert "request" not in event
    cause, fault = event["exception"]["values"]
    assert (cause["type"], fault["type"]) == ("ValueError", "RuntimeError")
    assert cause["value"].startswith("[left out")
    assert fault["value"].startswith("POST /rest/v1/rpc/create_reservation lost")
    frames = fault["stacktrace"]["frames"]
    assert frames[-1]["function"] == "request"
    assert all(not {"vars", "context_line"} & frame.keys() for frame in frames)
    log = (tmp_path / "bff.log").read_text()
    assert log.count('"unhandled"') == 2
    for secret in (
        *(
            bearer,
            "a-cookie-value",
            "a-ticket-in-a-query",
            "a-key-of-theirs",
            "sb_secret_x",
            "sb_publishable_x",
        ),
        *(PERSON, "6123-4567", f"{QUOTED} b", SECRET),
    ):
        assert secret not in "".join(taker.envelopes), secret
        assert secret not in log, secret
    assert "publickey" not in log


def test_what_was_reported_just_before_the_end_arrives_from_every_worker_within_the_grace(
    taker: Sentry, upstream: Upstream, tmp_path: Path
) -> None:
    log = tmp_path / "bff.log"

    async def take_late(writer: asyncio.StreamWriter) -> None:
        # Nothing is delivered before both workers have begun to end, and then not at once.
        await until(lambda: log.read_text().count("Waiting for application shutdown") == 2)
        await asyncio.sleep(0.1)
        await TAKEN(writer)

    taker.behaviours = [take_late]
    env = environment(upstream.url, taker.dsn)
    headers = {"Authorization": f"Bearer {token(upstream.url)}", "Connection": "close"}
    with running_bff(env, log, BFF_WORKERS="2") as bff:
        answers = [httpx.get(bff.url + READ, headers=headers, timeout=20) for _ in range(6)]
    # A worker that outlives its grace is killed, and the exit code says so.
    assert bff.process.returncode == 0
    for each in answers:
        assert_error(each, "INTERNAL_ERROR")
    ids = sorted(each.headers["x-request-id"] for each in answers)
    assert sorted(event["tags"]["request_id"] for event in taker.events) == ids
    assert {event["message"] for event in taker.events} == {"upstream_error"}
    assert PERSON not in "".join(taker.envelopes)
    assert taker.events[0]["extra"]["upstream_message"] == "cache lookup failed for [email]"


def test_a_sentry_that_hangs_costs_requests_nothing_and_the_end_no_time(
    taker: Sentry, upstream: Upstream, tmp_path: Path
) -> None:
    taker.behaviours = [hang]
    env = environment(upstream.url, taker.dsn)
    headers = {"Authorization": f"Bearer {token(upstream.url)}"}
    with running_bff(env, tmp_path / "bff.log") as bff, httpx.Client(timeout=20, headers=headers) as client:
        assert_error(client.get(bff.url + READ), "INTERNAL_ERROR")
        wait_until(lambda: taker.envelopes, what="a report that hangs")
        for _ in range(2 * MOST):
            assert_error(client.get(bff.url + READ), "INTERNAL_ERROR")
    assert bff.process.returncode == 0
    assert len(taker.envelopes) == 1


def test_a_sentry_that_has_enough_is_left_alone_and_the_log_says_so_once(
    taker: Sentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = structlog.testing.CapturingLogger()
    monkeypatch.setattr("bff.reporting.log", said)
    taker.behaviours = [answer(429, {})]
    reporter = Reporter(taker.dsn, "testing")
    for name in ("a", "b", "c"):
        reporter.report({"event": name, "level": "error"}, None)
        reporter.flush()
    assert [event["message"] for event in taker.events] == ["a"]
    assert [(call.method_name, call.args) for call in said.calls] == [("warning", ("reports_dropped",))]
    assert said.calls[0].kwargs == {"reason": "status_429"}


def settings(**given: Any) -> Settings:
    return Settings(
        supabase_url="http://127.0.0.1:1",
        supabase_publishable_key="sb_publishable_x",
        supabase_secret_key="sb_secret_x",
        **given,
    )


def test_without_an_address_nothing_is_reported_and_with_one_nothing_is_patched(taker: Sentry) -> None:
    assert start_reporting(settings()) is None
    reporter = start_reporting(settings(sentry_dsn=taker.dsn))
    assert reporter is not None
    assert reporter._client.integrations == {}
    assert not sentry_sdk.get_client().is_active()
    # Leaves the process' logging as it was for the tests that follow.
    assert start_reporting(settings()) is None


def test_only_some_of_a_kind_are_reported_in_a_minute_and_other_kinds_beside_them(taker: Sentry) -> None:
    now = 0.0
    reporter = Reporter(taker.dsn, "testing", lambda: now)

    def happen(name: str, error: BaseException | None = None, *, times: int) -> None:
        for _ in range(times):
            reporter.report({"event": name, "level": "error"}, error)

    happen("a", times=3 * MOST)
    happen("b", times=1)
    happen("a", RuntimeError("another"), times=1)
    reporter.flush()
    assert [event["tags"]["event"] for event in taker.events] == ["a"] * MOST + ["b", "a"]
    assert ["more" in event["tags"] for event in taker.events[:MOST]] == [False] * (MOST - 1) + [True]
    now = WINDOW_SECONDS
    happen("a", times=1)
    reporter.flush()
    assert len(taker.events) == MOST + 3


def test_many_threads_count_together(taker: Sentry) -> None:
    reporter = Reporter(taker.dsn, "testing")

    def happen() -> None:
        for _ in range(9):
            reporter.report({"event": "a", "level": "error"}, None)

    threads = [threading.Thread(target=happen) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    reporter.flush()
    assert len(taker.events) == MOST


def test_groups_causes_and_strange_errors_are_told_by_type_and_place(taker: Sentry) -> None:
    class Broken(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError

    def raised(error: E) -> E:
        with pytest.raises(type(error)):
            raise error
        return error

    reporter = Reporter(taker.dsn, "testing")
    group = ExceptionGroup("several", [raised(KeyError(PERSON)), raised(Broken())])
    group.add_note(f"said {PERSON}")
    circle = raised(OSError(28, "No space left on device"))
    circle.__cause__ = circle
    for error in (raised(group), circle):
        reporter.report({"event": "a", "level": "critical", "object": {PERSON: [PERSON]}}, error)
    reporter.flush()
    assert len(taker.events) == 2
    assert PERSON not in "".join(taker.envelopes)
    assert {each["type"].rpartition(".")[2] for each in taker.events[0]["exception"]["values"]} == {
        "ExceptionGroup",
        "KeyError",
        "Broken",
    }
    [full] = taker.events[1]["exception"]["values"]
    assert full["value"] == "[Errno 28] No space left on device"
    assert taker.events[1]["level"] == "fatal"


def test_a_sentry_that_is_not_there_does_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = start_reporting(settings(sentry_dsn=f"http://publickey@127.0.0.1:{free_port()}/1"))
    assert reporter is not None
    for name in ("one", "two", "three"):
        logging.getLogger(name).error("It failed.")
    reporter.flush()
    assert start_reporting(settings()) is None
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["logger"] for line in lines if "logger" in line] == ["one", "two", "three"]


def test_what_a_library_logs_as_an_error_is_reported_too(
    taker: Sentry, capsys: pytest.CaptureFixture[str]
) -> None:
    taker.behaviours = [TAKEN]
    reporter = start_reporting(settings(sentry_dsn=taker.dsn))
    assert reporter is not None
    logging.getLogger("asyncio").error(
        "Task exception was never retrieved: %s", PERSON, exc_info=RuntimeError("x")
    )
    logging.getLogger("sentry_sdk.errors").error("not this one")
    logging.getLogger("asyncio").warning("nor this one")
    reporter.flush()
    assert start_reporting(settings()) is None
    [event] = taker.events
    assert (event["logger"], event["exception"]["values"][0]["type"]) == ("asyncio", "RuntimeError")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "[email]" in lines[0]["event"]
    assert PERSON not in json.dumps([event, *lines])
