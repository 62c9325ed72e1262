"""The files in which several processes keep their metrics: those of dead ones, and empty ones."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bff import metrics
from bff.metrics import fold
from tests.harness import wait_until
from tests.metering import Metered, parse

# A process that answers two requests and ends.
SERVE = """
from bff.metrics import Metrics
metrics = Metrics()
for seconds in (0.003, 0.3):
    metrics.answered("GET", "/api/v1/me", 200, seconds)
"""
# One that is scraped again and again until it is told to stop, and says which totals it has given.
SCRAPE = """
import asyncio, pathlib, sys
from bff.metrics import Metrics
metrics, folder, totals, scrapes = Metrics(), pathlib.Path(sys.argv[1]), set(), 0
while not (folder / "stop").exists() or not scrapes:
    text = asyncio.run(metrics.render()).decode()
    totals |= {line for line in text.splitlines() if line.startswith("http_requests_total{")}
    scrapes += 1
    (folder / "scraped").touch()
print(*totals, sep="\\n")
"""
RENDER = "import asyncio; from bff.metrics import Metrics; print(asyncio.run(Metrics().render()).decode())"
COUNT = 6


@pytest.fixture
def env(tmp_path: Path, root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}


def serve(env: dict[str, str]) -> int:
    """The id of a process that has served and is gone."""
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=env)
    assert process.wait(30) == 0
    return process.pid


def render(env: dict[str, str]) -> Metered:
    done = subprocess.run(
        [sys.executable, "-c", RENDER], env=env, capture_output=True, check=True, text=True, timeout=30
    )
    return parse(done.stdout)


def totals(metered: Metered) -> dict[object, float]:
    return {key: value for key, value in metered.samples.items() if key[0].startswith("http_")}


def test_folding_the_files_of_the_dead_bounds_their_number_and_keeps_every_sum(
    env: dict[str, str], tmp_path: Path
) -> None:
    dead = [serve(env) for _ in range(COUNT)]
    before = render(env)
    path = {"method": "GET", "path": "/api/v1/me"}
    assert before.get("http_requests_total", **path, status=200) == 2 * COUNT
    for pid in dead:
        fold(tmp_path, pid)
        assert not list(tmp_path.glob(f"*_{pid}.db"))
        assert {path.name for path in tmp_path.glob("*_dead.db")} == {"counter_dead.db", "histogram_dead.db"}
    after = render(env)
    assert totals(after) == pytest.approx(totals(before))
    assert after.get("http_request_duration_seconds_bucket", **path, le="0.005") == COUNT
    assert after.get("http_request_duration_seconds_bucket", **path, le="+Inf") == 2 * COUNT
    # Later ones are added to them.
    fold(tmp_path, serve(env))
    assert render(env).get("http_requests_total", **path, status=200) == 2 * COUNT + 2


def test_who_is_scraped_while_files_are_folded_always_says_the_same_total(
    env: dict[str, str], tmp_path: Path
) -> None:
    dead = [serve(env) for _ in range(COUNT)]
    with subprocess.Popen(
        [sys.executable, "-c", SCRAPE, str(tmp_path)], env=env, stdout=subprocess.PIPE, text=True
    ) as scraped:
        try:
            for pid in dead:
                (tmp_path / "scraped").unlink(missing_ok=True)
                wait_until((tmp_path / "scraped").exists, what="a scrape")
                fold(tmp_path, pid)
        finally:
            (tmp_path / "stop").touch()
        said, _ = scraped.communicate(timeout=30)
    assert scraped.returncode == 0
    assert [float(line.split()[-1]) for line in said.splitlines()] == [2 * COUNT]


def test_one_that_is_stopped_while_it_reads_holds_up_nobody_for_long_and_no_sum_is_lost(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "LOCK_SECONDS", 0.1)
    pid = serve(env)
    with metrics.locked(tmp_path, fcntl.LOCK_SH):
        fold(tmp_path, pid)
        assert (tmp_path / f"counter_{pid}.db").exists()
        # Others may read meanwhile.
        assert render(env).get("http_requests_total", method="GET", path="/api/v1/me", status=200) == 2
    fold(tmp_path, pid)
    assert not (tmp_path / f"counter_{pid}.db").exists()
    assert render(env).get("http_requests_total", method="GET", path="/api/v1/me", status=200) == 2


def test_an_empty_file_spoils_no_scrape(env: dict[str, str], tmp_path: Path) -> None:
    pid = serve(env)
    for kind in ("counter", "histogram", "gauge_livesum"):
        # A process that is alive, so that nobody clears up after it.
        (tmp_path / f"{kind}_{os.getpid()}.db").touch()
    path = {"method": "GET", "path": "/api/v1/me"}
    assert render(env).get("http_requests_total", **path, status=200) == 2
    fold(tmp_path, os.getpid())
    fold(tmp_path, pid)
    assert render(env).get("http_requests_total", **path, status=200) == 2


def test_a_file_that_breaks_off_stays_and_leaves_the_sums_as_they_were(
    env: dict[str, str], tmp_path: Path
) -> None:
    fold(tmp_path, serve(env))
    before = (tmp_path / "counter_dead.db").read_bytes()
    broken = serve(env)
    path = tmp_path / f"counter_{broken}.db"
    path.write_bytes(path.read_bytes()[:100])
    fold(tmp_path, broken)
    assert path.exists()
    assert (tmp_path / "counter_dead.db").read_bytes() == before


def test_the_files_have_their_room_on_disk_before_anything_is_counted(
    env: dict[str, str], tmp_path: Path
) -> None:
    """A full disk ends whoever writes to a mapped file that has no blocks (SIGBUS)."""
    done = subprocess.run(
        [sys.executable, "-c", "from bff.metrics import Metrics; Metrics()"], env=env, check=True
    )
    assert done.returncode == 0
    files = list(tmp_path.glob("*.db"))
    assert {path.name.rpartition("_")[0] for path in files} == {
        *("counter", "histogram", "gauge_livesum", "gauge_livemin", "gauge_livemax")
    }
    for path in files:
        assert path.stat().st_blocks * 512 >= metrics.FILE_BYTES


def test_counting_everything_that_can_be_counted_stays_within_that_room(
    env: dict[str, str], tmp_path: Path
) -> None:
    serve = """
from bff.app import ENDPOINTS
from bff.errors import STATUS
from bff.metrics import METHODS, Metrics
metrics = Metrics()
for path in sorted({each.path for each in ENDPOINTS}):
    for method in METHODS:
        for status in (200, 201, 204, *STATUS.values()):
            metrics.answered(method, path, status, 0.1)
"""
    subprocess.run([sys.executable, "-c", serve], env=env, check=True)
    sizes = {path.name.rpartition("_")[0]: path.stat().st_size for path in tmp_path.glob("*.db")}
    assert set(sizes.values()) == {metrics.FILE_BYTES}, sizes
