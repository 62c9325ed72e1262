"""The watch over sealing: asked now and then, and no fault of the database's ends it."""

import asyncio
from pathlib import Path

import httpx
import pytest

from bff.audit import sealing
from bff.audit.keeper import AuditConfig
from bff.audit.recorder import open_audit
from bff.audit.writer import AwayError, Backlog, Receipt, Writer
from bff.health import service_headers
from tests.api.upstream import app_before, failing_supabase
from tests.harness import RunningStack
from tests.metering import Metered, parse
from tests.relay.fakes import until


async def write(_: object) -> Receipt:
    raise AwayError("nothing is written here")


async def test_what_waits_to_be_sealed_is_known_and_kept_while_the_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "EVERY_SECONDS", 0.001)
    told: list[Backlog | Exception] = [
        Backlog(3, 1.0), AwayError("away"), RuntimeError("a fault of ours"), Backlog(400_000, 3600.5),
    ]  # fmt: skip
    seen: list[tuple[int, float]] = []

    async def ask() -> Backlog:
        status = recorder.status()
        seen.append((status["unsealed"], status["unsealed_seconds"]))
        answer = told.pop(0) if len(told) > 1 else told[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with open_audit(AuditConfig(tmp_path, "0123456789ab"), write, ask) as recorder:
        await until(lambda: recorder.status()["unsealed"] == 400_000)
        assert recorder.status()["unsealed_seconds"] == 3600.5
    assert seen[:4] == [(0, 0.0), (3, 1.0), (3, 1.0), (3, 1.0)]


async def test_who_does_not_ask_says_nothing_waits(tmp_path: Path) -> None:
    async with open_audit(AuditConfig(tmp_path, "0123456789ab", max_bytes=10**6), write) as recorder:
        status = recorder.status()
    assert (status["unsealed"], status["unsealed_seconds"], status["spool_limit"]) == (0, 0.0, 10**6)


async def test_the_shipped_app_asks_and_its_metrics_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "EVERY_SECONDS", 0.001)

    async def backlog(_: Writer) -> Backlog:
        return Backlog(8, 3600.5)

    monkeypatch.setattr(Writer, "backlog", backlog)
    async with failing_supabase() as upstream, app_before(upstream.url) as app:

        async def metrics() -> Metered:
            return parse((await app.get("/api/metrics")).text)

        async with asyncio.timeout(20):
            while (told := await metrics()).get("audit_unsealed_seconds") == 0:
                pass
    assert told.get("audit_unsealed_seconds") == 3600.5
    assert told.get("audit_unsealed_entries") == 8
    assert told.get("audit_spool_limit_bytes") == AuditConfig(Path(), "").max_bytes
    assert (told.get("bff_processes_wanted"), told.get("relay_realtime_wanted")) == (1, 1)


async def test_a_project_of_supabases_answers_what_is_asked(stack: RunningStack) -> None:
    async with httpx.AsyncClient() as client:
        told = await Writer(client, stack.url, service_headers(stack.secret_key)).backlog()
    assert told.unsealed >= 0
    assert (told.seconds > 0) == (told.unsealed > 0)
