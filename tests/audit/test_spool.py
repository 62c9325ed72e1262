"""The file on disk: what survives a kill, who may have it, its size, and what is saved of a damaged one."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bff.audit.journal import FRAME_BYTES, HEADER_BYTES, mend
from bff.audit.spool import (
    DAMAGED,
    PAGE_BYTES,
    DamagedError,
    InUseError,
    Spool,
    SpoolError,
    Sync,
    new_path,
    paths,
    project_of,
)
from tests.harness import ROOT

ROOM = 1024 * 1024
FRAME = FRAME_BYTES + PAGE_BYTES
RECORD = json.dumps({"id": "x", "text": "y" * 700}).encode()


def records(spool: Spool) -> list[bytes]:
    return [row.record for row in spool.oldest(100_000)]


def fill(spool: Spool, group: int) -> int:
    """Appends groups of records until there is no room; how many it took."""
    kept = 0
    try:
        while True:
            spool.append([RECORD] * group)
            kept += group
    except SpoolError:
        return kept


def python(script: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A process that runs a script which knows `Spool`, `Path` and its arguments."""
    head = "import sys; from pathlib import Path; from bff.audit.spool import *\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + script, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE
    )


@pytest.mark.parametrize("sync", ["normal", "full"])
def test_what_was_kept_is_there_after_a_kill_of_the_process_in_its_order(tmp_path: Path, sync: Sync) -> None:
    path = tmp_path / "a.db"
    script = """
spool = Spool(Path(sys.argv[1]), sys.argv[2], 1 << 20)
number = 0
while True:
    spool.append([str(number + each).encode() for each in range(3)])
    number += 3
    print(number, flush=True)
"""
    process = python(script, path, sync)
    assert process.stdout is not None
    kept = 0
    while kept < 60:
        kept = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    # It was killed while it went on: what it said last is the least that must be there.
    kept = int((process.communicate()[0].split() or [b"%d" % kept])[-1])
    found = [int(each) for each in records(Spool(path, sync, ROOM))]
    assert len(found) >= kept
    assert found == list(range(len(found)))


def test_only_one_has_the_file_in_this_process_or_in_another(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    spool = Spool(path, "normal", ROOM)
    spool.append([RECORD])
    with pytest.raises(InUseError):
        Spool(path, "normal", ROOM)
    script = """
try:
    Spool(Path(sys.argv[1]), "normal", 1 << 20)
except InUseError:
    print("in use")
"""
    assert python(script, path).communicate()[0] == b"in use\n"
    spool.close()
    assert records(Spool(path, "normal", ROOM)) == [RECORD]


def test_a_file_without_records_is_removed_when_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    spool = Spool(path, "normal", ROOM)
    spool.append([RECORD, RECORD])
    spool.remove([row.seq for row in spool.oldest(10)])
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_records_come_oldest_first_and_without_those_that_are_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a.db", "normal", ROOM)
    spool.append([b"a", b"b", b"c"])
    first, second, _ = spool.oldest(10)
    assert [row.record for row in spool.oldest(1)] == [b"a"]
    assert [row.record for row in spool.oldest(10, [first.seq, second.seq])] == [b"c"]
    spool.remove([first.seq])
    spool.append([b"d"])
    assert records(spool) == [b"b", b"c", b"d"]
    assert spool.count() == 3


def test_a_full_file_takes_nothing_of_a_group_and_room_that_comes_free_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    spool = Spool(path, "normal", 64 * 1024)
    kept = fill(spool, 3)
    assert spool.count() == kept > 40
    assert spool.used_bytes <= 64 * 1024
    spool.remove([row.seq for row in spool.oldest(30)])
    assert spool.used_bytes <= 40 * 1024
    spool.append([RECORD] * 20)
    assert spool.count() == kept - 10
    spool.close()
    assert path.stat().st_size <= 64 * 1024


def test_a_disk_that_takes_no_more_is_an_error_that_passes(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    script = """
import resource
spool = Spool(Path(sys.argv[1]), "normal", 1 << 30)
spool.append([b"x" * 700] * 10)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
kept = 10
try:
    while True:
        spool.append([b"x" * 700])
        kept += 1
except SpoolError:
    pass
assert spool.count() == kept, "what was kept before is there"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append([b"x" * 700])
print(kept + 1 == spool.count())
"""
    process = python(script, path)
    assert process.communicate()[0] == b"True\n"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_record_that_changed_on_disk_is_told_from_an_intact_one(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    spool = Spool(path, "normal", ROOM)
    spool.append([b"one " + RECORD, b"two " + RECORD, b"six " + RECORD])
    spool.close()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"two ", b"tw0 "))
    assert [row.intact for row in Spool(path, "normal", ROOM).oldest(10)] == [True, False, True]


def test_a_torn_end_of_the_log_is_cut_and_what_was_before_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    script = """
import os, signal
spool = Spool(Path(sys.argv[1]), "normal", 1 << 20)
for number in range(5):
    spool.append([str(number).encode() * 700])
os.kill(os.getpid(), signal.SIGKILL)
"""
    python(script, path).communicate()
    log = Path(f"{path}-wal")
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 100)
    found = records(Spool(path, "normal", ROOM))
    assert found == [str(number).encode() * 700 for number in range(4)]


def killed(path: Path, commits: int) -> bytes:
    """The log of a process that was killed after so many commits of one record."""
    script = """
import os, signal
spool = Spool(Path(sys.argv[1]), "normal", 1 << 20)
for number in range(int(sys.argv[2])):
    spool.append([b"%03d" % number + b"y" * 700])
os.kill(os.getpid(), signal.SIGKILL)
"""
    python(script, path, commits).communicate()
    return Path(f"{path}-wal").read_bytes()


@pytest.mark.parametrize("commits", [1, 60])
def test_a_log_as_sqlite_wrote_it_is_left_as_it_is_and_so_is_one_with_a_torn_end(
    tmp_path: Path, commits: int
) -> None:
    log = killed(tmp_path / "a.db", commits)
    assert mend(log, PAGE_BYTES) is None
    for end in (0, 20, HEADER_BYTES, HEADER_BYTES + 100, len(log) - 1, len(log) - PAGE_BYTES):
        assert mend(log[:end], PAGE_BYTES) is None
    torn = log[:-PAGE_BYTES] + bytes(PAGE_BYTES)
    assert mend(torn, PAGE_BYTES) is None


def test_a_log_that_was_begun_anew_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    # SQLite begins the log anew when a thousand pages of it are in the file; what lies behind stays there.
    log = killed(path, 700)
    assert len({log[at + 8 : at + 16] for at in range(HEADER_BYTES, len(log), FRAME)}) == 2
    assert mend(log, PAGE_BYTES) is None
    assert len(records(Spool(path, "normal", ROOM))) == 700


@pytest.mark.parametrize(
    "place",
    [
        *range(0, HEADER_BYTES, 4),
        *(HEADER_BYTES + 10 * FRAME + each for each in (3, 7, 8, 12, 17, 20, 30, 2000, 4100)),
    ],
)
def test_a_bit_that_flips_in_the_log_costs_a_page_of_records_and_not_those_behind(
    tmp_path: Path, place: int
) -> None:
    path = tmp_path / "a.db"
    log = bytearray(killed(path, 60))
    log[place] ^= 1
    Path(f"{path}-wal").write_bytes(log)
    spool = Spool(path, "normal", ROOM)
    for ask in (spool.count, lambda: spool.oldest(10)):
        with pytest.raises(DamagedError):
            ask()
    found = [int(row.record[:3]) for row in spool.readable()]
    # A page has five of them at most.
    assert len(found) >= 55
    assert found == sorted(found)
    assert found[-1] == 59
    aside = spool.set_aside()
    assert Path(f"{aside}-wal").read_bytes() == log, "what there was is there for who looks into it"
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"a.db{DAMAGED}", f"a.db{DAMAGED}-wal"]


def test_a_file_that_was_emptied_costs_nothing_while_its_log_has_all(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    killed(path, 60)
    path.write_bytes(b"")
    spool = Spool(path, "normal", ROOM)
    assert [int(record[:3]) for record in records(spool)] == list(range(60))
    spool.remove([row.seq for row in spool.oldest(60)])
    spool.close()


def test_of_a_file_that_was_emptied_what_its_log_has_is_read_and_the_rest_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    killed(path, 700)
    path.write_bytes(b"")
    spool = Spool(path, "normal", ROOM)
    with pytest.raises(DamagedError):
        spool.oldest(700)
    assert 699 in [int(row.record[:3]) for row in spool.readable()]
    spool.let_go()


def test_an_emptied_file_of_which_the_log_does_not_know_the_beginning_is_damaged_and_its_log_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    log = killed(path, 5)
    path.write_bytes(b"")
    for left in (b"x", log[: HEADER_BYTES + 10], bytes(HEADER_BYTES) + log[HEADER_BYTES:]):
        Path(f"{path}-wal").write_bytes(left)
        with pytest.raises(DamagedError):
            Spool(path, "normal", ROOM)
        assert Path(f"{path}-wal").read_bytes() == left


def test_a_file_whose_log_is_damaged_is_not_touched_when_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    log = bytearray(killed(path, 60))
    log[len(log) // 2] ^= 1
    Path(f"{path}-wal").write_bytes(log)
    Spool(path, "normal", ROOM).close()
    assert Path(f"{path}{DAMAGED}-wal").read_bytes() == log


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("again", [False, True])
def test_a_file_that_is_removed_or_replaced_is_seen_to_be_and_has_its_records_still(
    tmp_path: Path, suffix: str, again: bool
) -> None:
    path = tmp_path / "folder" / "a.db"
    path.parent.mkdir()
    spool = Spool(path, "normal", ROOM)
    was_gone = [spool.is_gone]
    spool.append([RECORD] * 1000)
    spool.remove([row.seq for row in spool.oldest(900)])
    was_gone.append(spool.is_gone)
    Path(f"{path}{suffix}").unlink()
    if again:
        Path(f"{path}{suffix}").touch()
    assert [*was_gone, spool.is_gone] == [False, False, True]
    assert [row.record for row in spool.readable()] == [RECORD] * 100
    other = path.with_name("b.db")
    other.touch()
    spool.forget()
    assert spool.is_closed
    left = {each.name for each in path.parent.iterdir()}
    # What somebody else has put in its place is theirs.
    assert left == {"b.db", *([f"a.db{suffix}"] if again else [])}


def test_of_a_file_with_a_broken_page_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    spool = Spool(path, "normal", ROOM)
    spool.append([b"%03d" % number + RECORD for number in range(200)])
    spool.close()
    with path.open("r+b") as file:
        # Neither the first page nor the table's root, which stands on the second.
        file.seek(10 * 4096)
        file.write(os.urandom(4096))
    broken = Spool(path, "normal", ROOM)
    with pytest.raises(DamagedError):
        broken.oldest(1000)
    saved = [int(row.record[:3]) for row in broken.readable()]
    assert 180 < len(saved) < 200
    assert saved == sorted(saved)
    aside = broken.set_aside()
    assert aside.exists()
    assert not path.exists()


def test_what_is_no_such_file_at_all_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(DamagedError):
        Spool(path, "normal", ROOM)


def test_a_folder_that_is_gone_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(SpoolError):
        Spool(tmp_path / "nowhere" / "a.db", "normal", ROOM)


def test_files_belong_to_one_project_and_are_found_oldest_first(tmp_path: Path) -> None:
    mine, other = project_of("https://a.supabase.co/"), project_of("https://b.supabase.co")
    assert mine == project_of("https://a.supabase.co")
    made = [new_path(tmp_path, mine) for _ in range(3)]
    for age, path in enumerate([*made, new_path(tmp_path, other), tmp_path / f"{mine}-x.requests2.db"]):
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    assert paths(tmp_path, mine) == made[::-1]
