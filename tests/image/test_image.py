"""The Dockerfile's steps work, and what they make serves as nobody, as process 1, on a read-only root.

`make image`. It installs the locked wheels, and needs root on Linux to make namespaces; so it stands apart
from `make test`.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.harness import RunningStack, free_port, scratch_directory, stop, tail, wait_until
from tests.image.build import DOCKERFILE, Instruction, Stage, build, inside, parse

STOP_SECONDS = 10  # what orchestrators wait for as a rule


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return parse(DOCKERFILE.read_text())


@pytest.fixture(scope="module")
def final(stages: list[Stage]) -> Stage:
    return stages[-1]


@pytest.fixture(scope="module")
def built(stages: list[Stage]) -> Iterator[Path]:
    with scratch_directory() as directory:
        yield build(stages, directory)


def environment(final: Stage, stack: RunningStack, **more: str) -> dict[str, str]:
    """What a container is given: the image's own, and nothing of ours but what the BFF needs."""
    keys = ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY")
    given = {name: stack.env[name] for name in keys}
    return {**final.environment(), **given, **more}


@contextmanager
def served(
    root: Path, final: Stage, env: dict[str, str], log: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes], psutil.Process]]:
    """The image's entry point, as its user; yields where it answers, and process 1 as seen from here."""
    url = f"http://127.0.0.1:{env['BFF_PORT']}"
    command = as_container(root, final, final.last("ENTRYPOINT").words)
    with log.open("ab") as sink:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)

    def answers() -> bool:
        assert process.poll() is None, tail(log)
        try:
            return httpx.get(f"{url}/api/live", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, seconds=60, what="the image's service")
        (first,) = psutil.Process(process.pid).children()
        yield url, process, first
    finally:
        stop(process)


def as_container(root: Path, final: Stage, command: list[str]) -> list[str]:
    """The command line that runs a command as the image runs it, on a root that is read-only."""
    (volume,) = final.last("VOLUME").words
    folder, user = final.last("WORKDIR").text, final.last("USER").text
    return inside(root, command, folder=folder, user=user, volume=volume)


def health(root: Path, final: Stage, env: dict[str, str]) -> int:
    """What the image's health check ends with."""
    check = final.last("HEALTHCHECK").text.removeprefix("CMD ")
    words = Instruction("CMD", {}, check).words
    command = as_container(root, final, words)
    return subprocess.run(command, env=env, capture_output=True, timeout=30).returncode


@pytest.mark.parametrize("workers", [1, 2])
def test_the_service_runs_as_nobody_on_a_read_only_root_and_ends_with_zero_at_sigterm(
    workers: int, built: Path, final: Stage, stack: RunningStack, tmp_path: Path
) -> None:
    env = environment(final, stack, BFF_PORT=str(free_port()), BFF_WORKERS=str(workers))
    with served(built, final, env, tmp_path / "log") as (url, process, first):
        assert {first.uids().effective, first.gids().effective} == {10001}
        assert first.environ()["PYTHONDONTWRITEBYTECODE"] == "1"
        assert httpx.get(f"{url}/api/health", timeout=10).json()["status"] in ("healthy", "degraded")
        # The first worker answers before the others are there.
        wait_until(
            lambda: f"bff_processes {workers}.0" in httpx.get(f"{url}/api/metrics", timeout=10).text,
            what=f"{workers} workers",
        )
        assert health(built, final, env) == 0
        first.terminate()
        process.wait(STOP_SECONDS)
        assert process.returncode == 0, tail(tmp_path / "log")
        assert '"stopped"' in tail(tmp_path / "log")
        assert health(built, final, env) == 1


def test_the_root_takes_no_writes_but_in_tmp_and_the_spool(built: Path, final: Stage) -> None:
    (spool,) = final.last("VOLUME").words
    for folder, writes in (
        (spool, True),
        ("/tmp", True),
        ("/app", False),
        ("/opt/venv", False),
        ("/", False),
    ):
        command = as_container(built, final, ["touch", f"{folder}/tried"])
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode == 0) is writes, f"{folder}: {done.stderr}"


def test_without_its_settings_the_service_says_which_are_missing(built: Path, final: Stage) -> None:
    command = as_container(built, final, final.last("ENTRYPOINT").words)
    done = subprocess.run(command, env=final.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "SUPABASE_URL" in done.stderr


def test_the_image_holds_what_is_locked_and_neither_pip_nor_anything_else_of_ours(
    built: Path, root: Path
) -> None:
    locked = set(re.findall(r"^([\w.-]+)==", (root / "requirements.lock").read_text(), re.MULTILINE))
    (site,) = (built / "opt/venv/lib").glob("python3.*/site-packages")
    installed = {path.name.split("-")[0].lower().replace("_", "-") for path in site.glob("*.dist-info")}
    assert installed <= {name.lower().replace("_", "-").replace(".", "-") for name in locked}
    assert "starlette" in installed
    assert not (site / "pip").exists()
    assert [path.name for path in (built / "app").iterdir()] == ["bff"]
    assert list((built / "app/bff").rglob("*.pyc"))
