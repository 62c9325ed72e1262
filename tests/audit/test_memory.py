"""What the disk does not take: it waits in memory, is sent from there, and is told of where it is lost."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from bff.audit import keeper as keeping
from bff.audit.refused import RefusedFile
from bff.audit.spool import Spool, SpoolError
from bff.audit.writer import Receipt
from tests.audit.recording import Database, Open, record, refuses
from tests.logs import captured_logs
from tests.relay.fakes import until


def fail_on_disk(*_: object) -> None:
    raise SpoolError("database or disk is full")


async def test_what_the_disk_does_not_take_goes_to_the_database_from_memory(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with audit() as recorder:
        with monkeypatch.context() as broken:
            broken.setattr(Spool, "append", fail_on_disk)
            await asyncio.gather(*(recorder.keep(record(number)) for number in range(5)))
            assert refuses(recorder)
            await until(lambda: len(store.written) == 5)
        await recorder.keep(record(5))
        await until(lambda: len(store.written) == 6)
        assert not refuses(recorder)
    assert recorder.status()["lost"] == 0


async def test_what_the_disk_does_not_take_is_sent_before_the_process_ends(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool, "append", fail_on_disk)
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(5)))
    assert sorted(store.written) == list(range(5))
    assert recorder.status()["spooled"] == recorder.status()["lost"] == 0


async def test_what_neither_disk_nor_database_takes_is_told_to_be_lost_when_the_process_ends(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool, "append", fail_on_disk)
    store.away = True
    with captured_logs() as logs:
        async with audit() as recorder:
            await asyncio.gather(*(recorder.keep(record(number)) for number in range(5)))
    lost = [each for each in logs if each["event"] == "audit_record_lost"]
    assert sorted(each["lost_request_id"] for each in lost) == [f"r-{number}" for number in range(5)]
    assert {each["reason"] for each in lost} == {"process_ended"}
    assert recorder.status()["lost"] == 5


async def test_what_a_disk_that_stands_still_has_not_taken_is_told_to_be_lost_when_the_process_ends(
    audit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "STUCK_SECONDS", 0.01)
    released = threading.Event()

    def stand_still(*_: object) -> None:
        released.wait(20)
        raise SpoolError("disk I/O error")

    monkeypatch.setattr(Spool, "append", stand_still)
    try:
        with captured_logs() as logs:
            async with audit(when_full="serve") as recorder:
                await recorder.keep(record(1))
                recorder.put(record(2))
    finally:
        released.set()
    lost = [each for each in logs if each["event"] == "audit_record_lost"]
    assert [(each["lost_request_id"], each["reason"]) for each in lost] == [
        ("r-1", "disk_stuck"),
        ("r-2", "disk_stuck"),
    ]


async def test_what_the_disk_takes_at_the_very_end_is_for_the_next_process(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.away = True
    async with audit(retry_base=60, retry_cap=60) as recorder:
        await recorder.keep(record(0))
        await until(lambda: recorder.status()["status"] == "waiting")
        with monkeypatch.context() as full:
            full.setattr(Spool, "append", fail_on_disk)
            await recorder.keep(record(1))
    assert recorder.status()["lost"] == 0
    store.away = False
    async with audit():
        await until(lambda: sorted(store.written) == [0, 1])


async def test_memory_that_overflows_while_it_is_sent_loses_what_came_last_and_tells_of_each(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MEMORY_RECORDS", 10)
    let_fail, answered = threading.Semaphore(0), asyncio.Event()

    def fail_late(*_: object) -> None:
        let_fail.acquire(timeout=20)
        raise SpoolError("database or disk is full")

    write = store.write

    async def write_late(records: Sequence[bytes]) -> Receipt:
        store.sizes.append(len(records))
        await answered.wait()
        return await write(records)

    monkeypatch.setattr(Spool, "append", fail_late)
    monkeypatch.setattr(store, "write", write_late)
    with captured_logs() as logs:
        async with audit(when_full="serve") as recorder:
            first = [asyncio.create_task(recorder.keep(record(number))) for number in range(6)]
            # To the keeper, then to the sender, which looks whether the disk takes them now.
            let_fail.release(2)
            await asyncio.gather(*first)
            await until(lambda: store.sizes == [6])
            # While they are on their way: four for which there is room, and four while the disk tries those.
            second = [asyncio.create_task(recorder.keep(record(number))) for number in range(6, 10)]
            await asyncio.sleep(0)
            third = [asyncio.create_task(recorder.keep(record(number))) for number in range(10, 14)]
            let_fail.release(2)
            await asyncio.gather(*second, *third)
            await until(lambda: recorder.status()["lost"] == 4)
            answered.set()
            let_fail.release(100)
            await until(lambda: len(store.written) == 10)
    assert sorted(store.written) == list(range(10))
    lost = [each for each in logs if each["event"] == "audit_record_lost"]
    assert sorted(each["lost_request_id"] for each in lost) == [f"r-{number}" for number in range(10, 14)]


async def test_from_memory_too_one_record_that_breaks_the_call_holds_up_no_other(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.breaks = lambda number: number == 2
    async with audit() as recorder:
        with monkeypatch.context() as full:
            full.setattr(Spool, "append", fail_on_disk)
            await asyncio.gather(*(recorder.keep(record(number)) for number in range(6)))
            await until(lambda: sorted(store.written) == [0, 1, 3, 4, 5])
        store.breaks = lambda _: False
        await until(lambda: recorder.status()["spooled"] == 0)
    assert sorted(store.written) == list(range(6))


async def test_what_the_database_refuses_while_the_disk_is_full_is_told_to_be_lost(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool, "append", fail_on_disk)
    monkeypatch.setattr(RefusedFile, "add", fail_on_disk)
    store.refuses = lambda number: number == 1
    with captured_logs() as logs:
        async with audit() as recorder:
            await asyncio.gather(*(recorder.keep(record(number)) for number in range(3)))
            await until(lambda: recorder.status()["lost"] == 1)
    assert sorted(store.written) == [0, 2]
    [lost] = [each for each in logs if each["event"] == "audit_record_lost"]
    assert (lost["lost_request_id"], lost["reason"]) == ("r-1", "refused_and_no_room")
