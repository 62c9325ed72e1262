"""Keeping and sending in one process: outages, poison, full and stuck disks, and files that others left."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bff.audit import keeper as keeping
from bff.audit import sender as sending
from bff.audit.keeper import AuditConfig
from bff.audit.recorder import open_audit
from bff.audit.refused import REFUSED
from bff.audit.sender import BATCH
from bff.audit.spool import DAMAGED, DamagedError, Spool, SpoolError, new_path, paths
from bff.audit.suspects import STRIKES, SUSPECTS
from bff.audit.writer import Receipt
from tests.audit.recording import PROJECT, Database, Open, record, refuses
from tests.logs import captured_logs
from tests.relay.fakes import until


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith("-wal"))


async def test_records_are_kept_in_groups_and_written_in_order(audit: Open, store: Database) -> None:
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(1200)))
        status = recorder.status()
        assert status["kept"] == 1200
        await until(lambda: len(store.written) == 1200)
        await until(lambda: recorder.status()["spooled"] == 0)
        assert recorder.status()["oldest_seconds"] == 0
    assert store.written == list(range(1200))
    assert max(store.sizes) == BATCH
    assert len(store.sizes) < 10


async def test_while_there_are_few_a_call_waits_for_others_to_come_along(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "LINGER_SECONDS", 0.0)

    async def write(records: Sequence[bytes]) -> Receipt:
        receipt = await store.write(records)
        if len(store.sizes) == 1:
            # One comes while the call is under way; from now on others are waited for until the process' end.
            await recorder.keep(record(1))
            monkeypatch.setattr(sending, "LINGER_SECONDS", 3600.0)
        return receipt

    async with open_audit(AuditConfig(folder=tmp_path, project=PROJECT), write) as recorder:
        await recorder.keep(record(0))
        await until(lambda: store.written == [0] and recorder.status()["spooled"] == 1)
        await recorder.keep(record(2))
    assert store.sizes == [1, 2]
    assert store.written == [0, 1, 2]


async def test_while_the_database_is_away_records_wait_on_disk_and_no_one_for_them(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    store.away = True
    async with audit() as recorder:
        for number in range(300):
            await recorder.keep(record(number))
        await until(lambda: len(store.sizes) > 3)
        status = recorder.status()
        assert (status["status"], status["spooled"], status["written"]) == ("waiting", 300, 0)
        assert status["oldest_seconds"] > 0
        assert status["spool_bytes"] > 300 * len(record(1))
        store.away = False
        await until(lambda: recorder.status()["spooled"] == 0)
        assert recorder.status()["status"] == "up"
    assert store.written == list(range(300))
    assert files(tmp_path) == []


async def test_an_answer_that_is_lost_writes_nothing_twice(audit: Open, store: Database) -> None:
    store.loses_answers = 2
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(20)))
        await until(lambda: recorder.status()["spooled"] == 0)
        assert recorder.status()["written"] + recorder.status()["known"] == 20
        assert recorder.status()["known"] > 0
    assert store.written == list(range(20))


async def test_what_the_database_refuses_is_kept_aside_for_the_operator(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    store.refuses = lambda number: number == 3
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(6)))
        await until(lambda: recorder.status()["spooled"] == 0)
        assert (recorder.status()["refused"], recorder.status()["written"]) == (1, 5)
    [line] = (tmp_path / REFUSED).read_text().splitlines()
    assert json.loads(line) == {"reason": "no", "record": json.loads(record(3))}
    assert (tmp_path / REFUSED).stat().st_mode & 0o077 == 0


async def test_one_record_that_breaks_the_call_is_found_and_holds_up_no_other(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    store.away = True
    store.breaks = lambda number: number in (70, 71)
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(200)))
        store.away = False
        # It takes others to compare with; while nobody asks for anything, the two wait.
        await until(lambda: len(store.written) == 198)
        for number in range(200, 200 + 2 * STRIKES):
            await recorder.keep(record(number))
            await until(lambda: number in store.written)  # noqa: B023 - waited for within the turn
        await until(lambda: recorder.status()["spooled"] == 0)
        assert recorder.status()["refused"] == 2
    assert sorted(store.written) == [n for n in range(200 + 2 * STRIKES) if n not in (70, 71)]
    lines = (tmp_path / REFUSED).read_text().splitlines()
    assert [json.loads(line)["record"]["metadata"]["request_id"] for line in lines] == ["r-70", "r-71"]


@pytest.mark.parametrize("count", [1, 2 * SUSPECTS])
async def test_a_database_that_breaks_over_everything_makes_no_record_a_culprit(
    audit: Open, store: Database, tmp_path: Path, count: int
) -> None:
    store.breaks = lambda _: True
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(count)))
        await until(lambda: len(store.sizes) > 5 * count)
        assert recorder.status()["status"] == "waiting"
        assert recorder.status()["refused"] == 0
        store.breaks = lambda _: False
        await until(lambda: recorder.status()["spooled"] == 0)
    assert sorted(store.written) == list(range(count))
    assert files(tmp_path) == []


async def test_a_database_that_is_too_slow_for_large_batches_gets_smaller_ones(
    audit: Open, store: Database
) -> None:
    store.most = 30
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(500)))
        await until(lambda: recorder.status()["spooled"] == 0)
    assert store.written == list(range(500))


async def test_without_room_what_must_be_recorded_is_refused_and_later_taken_again(
    audit: Open, store: Database
) -> None:
    store.away = True
    async with audit(max_bytes=64 * 1024) as recorder:
        kept = 0
        while not refuses(recorder):
            await recorder.keep(record(kept))
            kept += 1
        assert recorder.status()["status"] == "full"
        assert recorder.status()["lost"] == 0
        # Those that were under way find room still, on disk or in memory.
        for number in range(kept, kept + 100):
            await recorder.keep(record(number))
        assert recorder.status()["lost"] == 0
        store.away = False
        await until(lambda: recorder.status()["spooled"] == 0)
        assert not refuses(recorder)
        await until(lambda: recorder.status()["status"] == "up")
    assert sorted(store.written) == list(range(kept + 100))


async def test_a_stranger_cannot_take_the_room_of_members(audit: Open, store: Database) -> None:
    store.away = True
    async with audit(max_bytes=64 * 1024) as recorder:
        with captured_logs() as logs:
            for number in range(1000):
                await recorder.keep(record(number), by_nobody=True)
        status = recorder.status()
        assert status["lost"] == 1000 - status["kept"] > 0
        assert not refuses(recorder)
        lost = [each for each in logs if each["event"] == "audit_record_lost"]
        assert len(lost) == status["lost"]
        assert lost[0]["lost_request_id"] == f"r-{status['kept']}"


async def test_where_the_operator_says_so_requests_go_on_without_room(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MEMORY_RECORDS", 50)
    store.away = True
    async with audit(max_bytes=64 * 1024, when_full="serve") as recorder:
        for number in range(1000):
            await recorder.keep(record(number))
        status = recorder.status()
        assert status["status"] == "full"
        assert not refuses(recorder)
        assert status["lost"] == 1000 - status["spooled"] > 0


async def test_a_disk_too_full_to_forget_what_was_sent_is_freed_when_all_of_it_is(
    audit: Open, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SpoolError("database or disk is full")

    monkeypatch.setattr(sending, "BATCH", 4)
    store.away = True
    left = Spool(new_path(tmp_path, PROJECT), "normal", 1 << 20)
    left.append([record(number) for number in range(6)])
    left.close()
    async with audit() as recorder:
        for number in range(6, 12):
            await recorder.keep(record(number))
        before = files(tmp_path)
        with monkeypatch.context() as full:
            for name in ("append", "remove", "probe"):
                full.setattr(Spool, name, fail)
            await recorder.keep(record(12))
            assert refuses(recorder)
            store.away = False
            await until(lambda: sorted(store.written) == list(range(13)))
            await until(lambda: recorder.status()["spooled"] == 0)
            assert not set(before) & set(files(tmp_path))
            assert refuses(recorder)
        await until(lambda: not refuses(recorder))
        await recorder.keep(record(13))
        await until(lambda: store.written[-1] == 13)
    assert len(store.written) == 14
    assert recorder.status()["known"] == recorder.status()["lost"] == 0


async def test_a_disk_that_stands_still_holds_up_no_answer_for_ever(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "STUCK_SECONDS", 0.05)
    released, append = threading.Event(), Spool.append

    def stand_still(spool: Spool, records: Sequence[bytes]) -> None:
        released.wait(20)
        append(spool, records)

    monkeypatch.setattr(Spool, "append", stand_still)
    async with audit() as recorder:
        await recorder.keep(record(1))
        assert refuses(recorder)
        assert recorder.status()["kept"] == 0
        released.set()
        await until(lambda: store.written == [1])
        await until(lambda: not refuses(recorder))


async def test_who_is_cancelled_while_the_disk_is_slow_cancels_no_other(audit: Open, store: Database) -> None:
    async with audit() as recorder:
        first, second = (asyncio.create_task(recorder.keep(record(number))) for number in (1, 2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        await until(lambda: store.written == [1, 2])


async def test_files_of_the_dead_are_sent_and_removed_and_those_of_the_living_are_not_touched(
    audit: Open, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ADOPT_SECONDS", 0.02)
    dead = Spool(new_path(tmp_path, PROJECT), "normal", 1 << 20)
    dead.append([record(number) for number in range(3)])
    dead.close()
    living = Spool(new_path(tmp_path, PROJECT), "normal", 1 << 20)
    living.append([record(9)])
    foreign = Spool(new_path(tmp_path, "ba9876543210"), "normal", 1 << 20)
    foreign.append([record(8)])
    foreign.close()
    async with audit() as recorder:
        await until(lambda: store.written == [0, 1, 2])
        await until(lambda: not dead.path.exists())
        assert recorder.status()["spooled"] == 0
        living.close()
        await until(lambda: store.written == [0, 1, 2, 9])
    assert files(tmp_path) == [foreign.path.name]


async def test_two_processes_worth_of_recorders_share_what_a_third_left(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    for begin in range(0, 100, 10):
        left = Spool(new_path(tmp_path, PROJECT), "normal", 1 << 20)
        left.append([record(number) for number in range(begin, begin + 10)])
        left.close()
    async with audit() as one, audit() as other:
        await until(lambda: len(store.written) == 100)
        await until(lambda: one.status()["spooled"] == other.status()["spooled"] == 0)
        assert one.status()["known"] + other.status()["known"] == 0
    assert files(tmp_path) == []


async def test_what_is_not_sent_at_the_end_is_for_the_next(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    store.away = True
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(10)))
        await until(lambda: recorder.status()["status"] == "waiting")
    assert len(files(tmp_path)) == 1
    store.away = False
    async with audit():
        await until(lambda: len(store.written) == 10)


async def test_a_damaged_file_is_put_aside_and_what_can_be_read_of_it_is_sent(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    left = Spool(new_path(tmp_path, PROJECT), "normal", 1 << 20)
    left.append([record(number) for number in range(300)])
    left.close()
    with left.path.open("r+b") as file:
        file.seek(10 * 4096)
        file.write(os.urandom(4096))
    rubbish = new_path(tmp_path, PROJECT)
    rubbish.write_bytes(b"rubbish" * 1000)
    with captured_logs() as logs:
        async with audit() as recorder:
            await recorder.keep(record(1000))
            await until(lambda: len(store.written) > 270)
            await until(lambda: recorder.status()["spooled"] == 0)
            assert recorder.status()["damaged"] == 2
    assert 1000 in store.written
    assert 270 < len(store.written) < 301
    assert files(tmp_path) == sorted(path.name + DAMAGED for path in (left.path, rubbish))
    assert [each["event"] for each in logs].count("audit_spool_damaged") == 2


async def test_a_record_that_changed_on_disk_is_put_aside_alone(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    left = Spool(new_path(tmp_path, PROJECT), "normal", 1 << 20)
    left.append([record(number) for number in range(3)])
    left.close()
    left.path.write_bytes(left.path.read_bytes().replace(b"r-1", b"x-1"))
    async with audit() as recorder:
        await until(lambda: store.written == [0, 2])
        assert recorder.status()["damaged"] == 1
    [line] = (tmp_path / REFUSED).read_text().splitlines()
    assert "x-1" in json.loads(line)["record"]


async def test_a_file_that_is_damaged_while_it_is_ours_is_left_for_another_one(
    audit: Open, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = Spool.oldest
    broken: list[Spool] = []

    def read(spool: Spool, *arguments: Any) -> Any:
        broken[:] = broken or [spool]
        if broken[0] is spool:
            raise DamagedError("database disk image is malformed")
        return oldest(spool, *arguments)

    monkeypatch.setattr(Spool, "oldest", read)
    async with audit() as recorder:
        await recorder.keep(record(1))
        await until(lambda: store.written == [1])
        await recorder.keep(record(2))
        await until(lambda: store.written == [1, 2])


def reopened(folder: Path) -> list[int]:
    """What lies in the folder for whoever comes next, as after a `kill -9`: read from copies of the files."""
    found = []
    with tempfile.TemporaryDirectory() as copy:
        for path in folder.iterdir():
            # What SQLite needs for a moment only, while it makes a file.
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(path, copy)
        for path in paths(Path(copy), PROJECT):
            spool = Spool(path, "normal", 1 << 20)
            found += [uuid.UUID(json.loads(row.record)["id"]).int for row in spool.oldest(1000)]
            spool.close()
    return sorted(found)


async def test_a_folder_that_is_removed_while_we_live_is_made_again_with_all_that_waits(
    audit: Open, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ADOPT_SECONDS", 0.02)
    store.away = True
    folder = tmp_path / "spool"
    folder.mkdir()
    left = Spool(new_path(folder, PROJECT), "normal", 1 << 20)
    left.append([record(number) for number in range(3)])
    left.close()
    with captured_logs() as logs:
        async with audit(folder=folder) as recorder:
            await until(lambda: recorder.status()["spooled"] == 3)
            await recorder.keep(record(3))
            shutil.rmtree(folder)
            # With the next record, which is acknowledged: nothing else needs to happen.
            await recorder.keep(record(4))
            assert {3, 4} <= set(reopened(folder))
            # Without one, what was taken over follows when the sender has its turn.
            await until(lambda: reopened(folder) == [0, 1, 2, 3, 4])
            await until(lambda: recorder.status()["damaged"] == 2)
            assert (recorder.status()["spooled"], recorder.status()["lost"]) == (5, 0)
            store.away = False
            await until(lambda: recorder.status()["spooled"] == 0)
    assert sorted(store.written) == [0, 1, 2, 3, 4]
    assert [each["event"] for each in logs].count("audit_spool_removed") == 2
    assert files(folder) == []


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_file_that_is_removed_is_followed_by_the_sender_without_another_record(
    audit: Open, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(sending, "ADOPT_SECONDS", 0.02)
    store.away = True
    async with audit() as recorder:
        await asyncio.gather(*(recorder.keep(record(number)) for number in range(10)))
        [name] = files(tmp_path)
        (tmp_path / f"{name}{suffix}").unlink()
        await until(lambda: reopened(tmp_path) == list(range(10)) and name not in files(tmp_path))
        store.away = False
        await until(lambda: recorder.status()["spooled"] == 0)
    assert store.written == list(range(10))


async def test_while_no_other_file_can_be_made_what_was_removed_is_sent_and_changes_are_refused(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    store.away = True
    folder = tmp_path / "spool"
    async with audit(folder=folder) as recorder:
        await recorder.keep(record(1))
        shutil.rmtree(folder)
        folder.touch()
        await recorder.keep(record(2))
        assert refuses(recorder)
        store.away = False
        await until(lambda: sorted(store.written) == [1, 2])
        folder.unlink()
        await until(lambda: not refuses(recorder))
        assert recorder.status()["lost"] == 0


def left_with_a_flipped_bit(path: Path) -> bytes:
    """A file of sixty records as a `kill -9` leaves it, with a bit flipped in its log; the log."""
    away = path.with_name("away.db")
    spool = Spool(away, "normal", 1 << 20)
    for number in range(60):
        spool.append([record(number, filler="x" * 600)])
    shutil.copy(away, path)
    log = bytearray(Path(f"{away}-wal").read_bytes())
    log[len(log) // 2] ^= 1
    Path(f"{path}-wal").write_bytes(log)
    spool.discard()
    return bytes(log)


async def test_a_damaged_log_costs_the_records_of_a_page_and_is_put_aside_as_it_was(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    path = new_path(tmp_path, PROJECT)
    log = left_with_a_flipped_bit(path)
    with captured_logs() as logs:
        async with audit() as recorder:
            await until(lambda: len(store.written) >= 50)
            await until(lambda: recorder.status()["spooled"] == 0)
            assert recorder.status()["damaged"] == 1
    assert store.written[-1] == 59
    assert files(tmp_path) == [path.name + DAMAGED]
    assert (tmp_path / f"{path.name}{DAMAGED}-wal").read_bytes() == log
    [told] = [each for each in logs if each["event"] == "audit_spool_damaged"]
    assert told["error"] == f"{len(store.written)} records could be read"


async def test_a_damaged_log_is_rescued_while_the_database_is_away_and_sent_by_the_next_process(
    audit: Open, store: Database, tmp_path: Path
) -> None:
    store.away = True
    for _ in range(2):
        left_with_a_flipped_bit(new_path(tmp_path, PROJECT))
    async with audit() as recorder:
        await until(lambda: recorder.status()["damaged"] == 2)
        await until(lambda: recorder.status()["spooled"] > 100)
    store.away = False
    async with audit():
        await until(lambda: len(store.written) >= 50 and store.written[-1] == 59)


async def test_a_file_of_the_dead_that_cannot_be_opened_is_told_once_and_counts_as_waiting(
    audit: Open, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ADOPT_SECONDS", 0.02)
    closed = new_path(tmp_path, PROJECT)
    # Like one of another user: SQLite cannot open it, whoever we are.
    closed.mkdir()
    with captured_logs() as logs:
        async with audit() as recorder:
            await until(lambda: recorder.status()["unopened"] == 1)
            assert recorder.status()["status"] == "waiting"
            for number in range(3):
                await recorder.keep(record(number))
                await until(lambda: number in store.written)  # noqa: B023 - waited for within the turn
            closed.rmdir()
            await until(lambda: recorder.status()["status"] == "up")
            assert recorder.status()["unopened"] == 0
    [told] = [each for each in logs if each["event"] == "audit_spool_unopened"]
    assert told["file"] == closed.name


async def test_a_folder_that_cannot_be_written_to_is_an_error_at_the_start(
    audit: Open, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError):
        async with audit(folder=tmp_path / "file" / "folder"):
            pass
