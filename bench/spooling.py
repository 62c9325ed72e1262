"""What recording requests costs them, and how many records go through the spool.

Baseline of the spool: the same bytes appended to a plain file, a write each; AUDIT_SYNC=normal is as durable.
Baseline of the middleware: the same BFF with AUDIT_REQUESTS=false before the same stub, the two taking turns.
"""

import asyncio
import contextlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.logstub import SECRET, sign
from bench.pairs import Route, compare
from bench.report import Figure
from bench.servers import Stub, bff_process
from bff.audit.keeper import AuditConfig
from bff.audit.recorder import open_audit
from bff.audit.writer import Writer

RECORDS = 20_000
# As many requests as are answered at the same time.
CALLERS = 64
REQUESTS = 480
TIME = "2026-01-01T10:00:00Z"
BOOKING = {
    "id": str(uuid.uuid4()),
    "organization_id": str(uuid.uuid4()),
    "asset_id": str(uuid.uuid4()),
    "user_id": str(uuid.uuid4()),
    "title": "Weekend in Bocas",
    "start_date": TIME,
    "end_date": "2026-01-01T12:00:00Z",
    "time_zone": "America/Panama",
    "status": "approved",
    "guest_count": 4,
    "version": 1,
    "created_at": TIME,
    "updated_at": TIME,
}
WISH = {name: BOOKING[name] for name in ("asset_id", "title", "start_date", "end_date", "guest_count")}


class Database:
    """Answers bookings at once, and takes records."""

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        """Set when all the records that are expected have come."""
        self.port = 0
        self._expected = 0
        self._booking = json.dumps(BOOKING).encode()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def expect(self, records: int) -> None:
        """So many records will come."""
        self._expected = records
        self.complete.clear()

    def answer(self, path: str, body: bytes) -> bytes:
        """The body that answers a request."""
        if path.endswith("/record_requests"):
            count = body.count(b'"created_at":')
            self._expected -= count
            if self._expected <= 0:
                self.complete.set()
            return json.dumps({"written": count, "known": 0, "refused": []}).encode()
        return self._booking if path.endswith("/create_reservation") else b"[]"


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    database = Database()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(database.answer), "127.0.0.1", 0)
    database.port = int(server.sockets[0].getsockname()[1])
    try:
        yield database
    finally:
        server.close()


def _record() -> bytes:
    """As long as that of a booking."""
    record: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "created_at": "2026-11-28T12:00:00.123456+00:00",
        "user_id": BOOKING["user_id"],
        "action": "create_reservation",
        "response_status": 201,
        "request_body": WISH,
        "metadata": {"request_id": uuid.uuid4().hex},
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147",
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _append_plainly(records: list[bytes], folder: Path) -> float:
    """Records a second into a plain file."""
    descriptor = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    started = time.perf_counter()
    for record in records:
        os.write(descriptor, record)
    took = time.perf_counter() - started
    os.close(descriptor)
    return len(records) / took


async def _through_the_spool(records: list[bytes], folder: Path, database: Database) -> float:
    """Records a second, from the first that is kept until the database has acknowledged the last."""
    config = AuditConfig(folder=folder, project="0" * 12)
    left = iter(records)
    async with contextlib.AsyncExitStack() as held:
        client = await held.enter_async_context(httpx.AsyncClient())
        writer = Writer(client, database.url, {"apikey": "sb_secret_bench"})
        recorder = await held.enter_async_context(open_audit(config, writer))

        async def caller() -> None:
            for record in left:
                await recorder.keep(record)

        database.expect(len(records))
        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        await database.complete.wait()
        return len(records) / (time.perf_counter() - started)


async def throughput() -> list[Figure]:
    """Records through the spool."""
    records = [_record() for _ in range(RECORDS)]
    with tempfile.TemporaryDirectory(prefix="reservepty-audit-") as directory:
        async with _database() as database:
            folder = Path(directory)
            ours = await _through_the_spool(records, folder, database)
            plain = _append_plainly(records, folder)
    return [
        Figure(
            name=f"audit: records through the spool, {CALLERS} requests at once",
            baseline=f"appended to a file {plain:,.0f}/s",
            ours=f"{ours:,.0f}/s",
            ratio=ours / plain,
            aim="5,000/s at least",
            met=ours >= 5_000,
        )
    ]


async def cost() -> list[Figure]:
    """What the record of a booking adds to its answer, and takes of the rate."""
    async with contextlib.AsyncExitStack() as held:
        database = await held.enter_async_context(_database())
        token = sign(database.url)
        env = {
            "SUPABASE_URL": database.url,
            "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_bench",
            "SUPABASE_SECRET_KEY": "sb_secret_bench",
            "SUPABASE_JWT_SECRET": SECRET,
        }
        without, ours = (
            held.enter_context(bff_process({**env, "AUDIT_REQUESTS": enabled}))
            for enabled in ("false", "true")
        )
        route = Route(
            "a booking before a stub", "POST", "/api/v1/reservations", REQUESTS, json.dumps(WISH).encode()
        )
        pair = await compare(without, ours, token, route)
    return pair.figures("audit", route.name)
