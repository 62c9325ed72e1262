"""One run: a stack and a BFF as shipped, locust as the people, and what came of it."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.actors import connect
from tests.conftest import token_signer
from tests.harness import GENEROUS_LIMITS, ROOT, RunningBff, RunningStack, running_bff
from tests.load.auditing import Audited, compare, drain, inherit, read_entries
from tests.load.offices import Person, make_people, write_people
from tests.load.tally import Tally

LOCUSTFILE = ROOT / "tests" / "load" / "locustfile.py"
# All of them have come within these seconds.
ARRIVAL_SECONDS = 10
# At the end, for requests that are under way; they have 30 s themselves.
STOP_SECONDS = 35
# The limits that people meet, not those of the tests: what is empty is not set.
AS_SHIPPED = dict.fromkeys(GENEROUS_LIMITS, "")
# Between two looks at the BFF's memory.
MEMORY_SECONDS = 5.0
# Of one calendar after the other sent straight to REST, to learn what it sustains.
CALIBRATION_SECONDS = 5.0
CALIBRATION_THREADS = 8


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Args:
        seconds: how long the people stay.
        offices: how many organisations they are of.
        people: how many they are.
        share: requests a second, as a share of what REST alone was found to answer.
    """

    seconds: int
    offices: int = 20
    people: int = 200
    share: float = 0.25


@dataclass(frozen=True)
class Outcome:
    """What a run has brought.

    Attributes:
        sustained: requests a second that REST alone answered before the run.
        rate: requests a second that were asked for.
        requests: by name, as locust's JSON has them.
        own: milliseconds of each request that the BFF itself took, without its waiting for Supabase.
        streams: what `locustfile.Streams` has written.
        memory: resident bytes of the BFF's processes, every MEMORY_SECONDS.
        tally: what was asked, and with which statuses it was answered.
        audited: what the audit has of it.
    """

    plan: Plan
    sustained: float
    rate: float
    requests: list[dict[str, Any]]
    own: list[float]
    streams: dict[str, Any]
    memory: list[int]
    tally: Tally
    audited: Audited


def run(plan: Plan, stack: RunningStack, directory: Path) -> Outcome:
    """Lays the offices, learns what REST sustains, and lets the people come."""
    with connect(stack.database_url) as db:
        people = make_people(db, token_signer(stack), plan.offices, plan.people)
        organizations = {person.organization for person in people}
        before = read_entries(db, organizations)
    write_people(people, directory / "people.json")
    sustained = _sustained(stack, people)
    rate = plan.share * sustained
    spool = directory / "audit"
    with running_bff(stack.env, directory / "bff.log", AUDIT_SPOOL_DIR=str(spool), **AS_SHIPPED) as bff:
        with _memory(bff) as memory:
            requests = _locust(plan, rate, bff.url, directory)
        drain(bff)
    unsent = inherit(stack, spool, directory / "heir.log")
    tally = Tally.read(directory / "tally.json")
    audited = compare(stack.database_url, organizations, tally, before)
    audited.wrong.extend(unsent)
    return Outcome(
        plan,
        sustained,
        rate,
        requests,
        _own(directory / "bff.log"),
        json.loads((directory / "streams.json").read_text()),
        memory,
        tally,
        audited,
    )


def _sustained(stack: RunningStack, people: list[Person]) -> float:
    def ask(person: Person, until: float) -> int:
        answered = 0
        headers = {"apikey": stack.publishable_key, "Authorization": f"Bearer {person.token}"}
        arguments = {
            "p_organization_id": person.organization,
            "p_from": "2026-01-01T00:00:00Z",
            "p_to": "2026-02-01T00:00:00Z",
        }
        with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as client:
            while True:
                client.post("/rest/v1/rpc/calendar", json=arguments).raise_for_status()
                answered += 1
                if time.monotonic() >= until:
                    return answered

    # Alone: the embedded REST sets itself up with its first request, and refuses others that come meanwhile.
    ask(people[0], 0.0)
    until = time.monotonic() + CALIBRATION_SECONDS
    with ThreadPoolExecutor() as threads:
        asked = threads.map(ask, people[:CALIBRATION_THREADS], itertools.repeat(until))
        return sum(asked) / CALIBRATION_SECONDS


def _locust(plan: Plan, rate: float, url: str, directory: Path) -> list[dict[str, Any]]:
    arguments = {
        "--locustfile": str(LOCUSTFILE),
        "--host": url,
        "--users": str(plan.people),
        "--spawn-rate": str(plan.people / ARRIVAL_SECONDS),
        "--run-time": f"{plan.seconds}s",
        # Else requests that are under way are cut off, and nobody can say what became of them.
        "--stop-timeout": str(STOP_SECONDS),
        "--exit-code-on-error": "0",
        "--loglevel": "WARNING",
        "--json-file": str(directory / "locust"),
    }
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PEOPLE": str(directory / "people.json"),
        "STREAMS": str(directory / "streams.json"),
        "TALLY": str(directory / "tally.json"),
        "PACE": str(plan.people / rate),
    }
    words = [word for argument in arguments.items() for word in argument]
    with (directory / "locust.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "locust", "--headless", *words],
            env=env,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
            timeout=plan.seconds + 120,
        )
    found: list[dict[str, Any]] = json.loads((directory / "locust.json").read_text())
    return found


def _own(log: Path) -> list[float]:
    lines = (json.loads(line) for line in log.read_text().splitlines() if '"event": "request"' in line)
    return [
        line["duration_ms"] - line["upstream_ms"] for line in lines if not line["path"].endswith("/stream")
    ]


@contextmanager
def _memory(bff: RunningBff) -> Iterator[list[int]]:
    """Looks at the resident memory of the BFF's processes until the block ends."""
    process = psutil.Process(bff.process.pid)
    found: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(MEMORY_SECONDS):
            processes = [process, *process.children(recursive=True)]
            found.append(sum(each.memory_info().rss for each in processes))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def percentile(times: Mapping[str, int], share: float) -> float:
    """The response time in ms that this share of locust's rounded times does not exceed."""
    ordered = sorted((float(time_ms), count) for time_ms, count in times.items())
    left = share * sum(count for _, count in ordered)
    for time_ms, count in ordered:
        left -= count
        if left <= 0:
            return time_ms
    return 0.0
