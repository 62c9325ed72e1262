"""What is left of an earlier run is ended; a stranger that has got the same process id is not."""

import signal
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from stack.processes import end_left_over, kill_tree
from tests.harness import wait_until


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as started:
        yield started
        started.kill()


@pytest.fixture
def deaf_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sh", "-c", "trap '' TERM; echo; sleep 1000"], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        kill_tree(started.pid)


def test_a_process_of_an_earlier_run_is_ended(process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    assert end_left_over(process.pid, created, signal.SIGTERM, timeout=10)
    assert not psutil.pid_exists(process.pid)


def test_one_that_ignores_its_signal_is_killed_with_its_children(
    deaf_process: subprocess.Popen[bytes],
) -> None:
    member = psutil.Process(deaf_process.pid)
    children = wait_until(member.children, what="its child")
    assert end_left_over(deaf_process.pid, member.create_time(), signal.SIGTERM, timeout=0.2)
    assert not psutil.pid_exists(deaf_process.pid)
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_stranger_with_the_same_process_id_is_left_alone(process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    assert not end_left_over(process.pid, created - 3600, signal.SIGTERM, timeout=10)
    assert process.poll() is None


def test_a_process_that_has_ended_needs_no_end(process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    process.kill()
    process.wait()
    assert not end_left_over(process.pid, created, signal.SIGTERM, timeout=10)
