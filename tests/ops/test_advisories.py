"""The audit of what is installed: it fails on what is known, and says so where nothing can be known."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ops import advisories
from ops.advisories import Result, audit_npm, audit_python
from tests.harness import free_port

VERSION = "1.0.0"
LOCK = f"leaky=={VERSION} \\\n    --hash=sha256:{'0' * 64}\n"
PACKUMENT = {
    "name": "leaky",
    "dist-tags": {"latest": VERSION},
    "versions": {
        version: {"name": "leaky", "version": version, "dist": {"tarball": "x", "shasum": "x"}}
        for version in (VERSION, "1.0.1")
    },
}
OSV_ADVISORY = {
    "id": "PYSEC-2026-1",
    "summary": "It leaks.",
    "affected": [
        {
            "package": {"name": "leaky", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}],
        }
    ],
}
NPM_ADVISORY = {
    "id": 1,
    "url": "https://advisories.example/1",
    "title": "It leaks",
    "severity": "high",
    "vulnerable_versions": "<1.0.1",
}


class Service:
    """Answers every POST as told; a package's page is what npm asks for besides."""

    def __init__(self) -> None:
        self.answer: Any = {}
        self.status = 200
        self.asked: list[str] = []
        self.is_mute = False
        self.end = threading.Event()


@contextmanager
def serving(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            service.asked.append(self.path)
            if service.is_mute:
                service.end.wait(20)
                return
            self._send(service.status, service.answer)

        def do_GET(self) -> None:
            self._send(200, PACKUMENT)

        def _send(self, status: int, body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        service.end.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def url(service: Service) -> Iterator[str]:
    with serving(service) as address:
        yield address


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(LOCK)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = {"name": "app", "version": "1.0.0", "dependencies": {"leaky": VERSION}}
    lock = {
        "name": "app",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "packages": {"": root, "node_modules/leaky": {"version": VERSION}},
    }
    (tmp_path / "package.json").write_text(json.dumps(root))
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    return tmp_path


def test_a_known_vulnerability_of_a_python_package_is_named(lock: Path, service: Service, url: str) -> None:
    service.answer = {"vulns": [OSV_ADVISORY]}
    result = audit_python([lock], url)
    assert result == Result("vulnerable", ["leaky 1.0.0: PYSEC-2026-1 (mended in 1.0.1)"])
    assert len(service.asked) == 1, "nothing but what the file names"


def test_without_known_vulnerabilities_python_is_clean(lock: Path, service: Service, url: str) -> None:
    assert audit_python([lock], url) == Result("clean")
    assert service.asked


@pytest.mark.parametrize(
    ("status", "answer"), [(503, {}), (200, b"<html>sign in to this network")], ids=["away", "another's page"]
)
def test_a_service_that_does_not_answer_as_it_should_is_not_reached(
    lock: Path, folder: Path, service: Service, url: str, status: int, answer: Any
) -> None:
    service.status, service.answer = status, answer
    assert audit_python([lock], url).verdict == "unreachable"
    assert audit_npm(folder, url).verdict == "unreachable"


def test_nobody_there_is_not_reached(lock: Path, folder: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert audit_python([lock], nowhere).verdict == "unreachable"
    assert audit_npm(folder, nowhere).verdict == "unreachable"


def test_a_service_that_stays_mute_is_given_up(lock: Path, folder: Path, service: Service, url: str) -> None:
    service.is_mute = True
    for result in (audit_python([lock], url, seconds=2), audit_npm(folder, url, seconds=2)):
        assert result == Result("unreachable", ["no end within 2 s"])


def test_a_lock_file_that_cannot_be_audited_is_no_missing_network(
    tmp_path: Path, service: Service, url: str
) -> None:
    (tmp_path / "bare.lock").write_text(f"leaky=={VERSION}\n")
    assert audit_python([tmp_path / "bare.lock"], url).verdict == "broken"
    assert audit_python([tmp_path / "no.lock"], url).verdict == "broken"
    (tmp_path / "package.json").write_text("{}")
    assert audit_npm(tmp_path, url).verdict == "broken"
    assert not service.asked


def test_a_known_vulnerability_of_an_npm_package_is_named(folder: Path, service: Service, url: str) -> None:
    service.answer = {"leaky": [NPM_ADVISORY]}
    assert audit_npm(folder, url) == Result(
        "vulnerable", ["leaky 1.0.0: high (https://advisories.example/1)"]
    )


def test_without_known_vulnerabilities_npm_is_clean(folder: Path, service: Service, url: str) -> None:
    assert audit_npm(folder, url) == Result("clean")
    assert service.asked


@pytest.mark.parametrize(
    ("python", "npm", "status"),
    [
        ("clean", "clean", 0),
        ("unreachable", "unreachable", 0),
        ("clean", "unreachable", 0),
        ("vulnerable", "unreachable", 1),
        ("unreachable", "vulnerable", 1),
        ("broken", "clean", 1),
    ],
)
def test_only_what_is_known_or_broken_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], python: Any, npm: Any, status: int
) -> None:
    monkeypatch.setattr(advisories, "audit_python", lambda _: Result(python, ["of python"]))
    monkeypatch.setattr(advisories, "audit_npm", lambda _: Result(npm, ["of npm"]))
    assert advisories.main() == status
    said = capsys.readouterr().out
    assert f"pip-audit: {advisories.SAID[python]}" in said
    assert f"npm audit: {advisories.SAID[npm]}" in said


def test_lint_audits_what_is_locked(root: Path) -> None:
    lint = (root / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    assert "$(BIN)/python -m ops.advisories" in lint
