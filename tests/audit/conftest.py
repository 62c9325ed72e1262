"""A recorder on a folder of its own, and the database that it writes to."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from bff.audit.keeper import AuditConfig
from bff.audit.recorder import Recorder, open_audit
from tests.audit.recording import PROJECT, Database, Open


@pytest.fixture
def store() -> Database:
    return Database()


@pytest.fixture
def audit(tmp_path: Path, store: Database) -> Open:
    def open_(**settings: Any) -> AbstractAsyncContextManager[Recorder]:
        defaults = {"folder": tmp_path, "project": PROJECT, "retry_base": 0.001, "retry_cap": 0.01}
        return open_audit(AuditConfig(**{**defaults, **settings}), store.write)

    return open_
