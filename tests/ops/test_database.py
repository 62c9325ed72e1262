"""Commands that ask a project's database never say its password, whatever is wrong with its address."""

import os
import subprocess
import sys

import psycopg
import pytest

from ops.database import UNREADABLE, connect
from tests.harness import ROOT, free_port

SECRET = "hunter2"
MALFORMED = [
    f"postgresql//postgres:{SECRET}@h/db",
    f"postgresql://postgres:{SECRET}%zz@h/db",
    f"postgresql://postgres:p@{SECRET}@h/db",
    f"postgresql://postgres:p/{SECRET}@h/db",
    f"postgresql://postgres:{SECRET}/w@h/db",
    f"postgresql://h:{SECRET}/db",
    f"postgresql://postgres:p@h/db?{SECRET}",
    f"postgresql://postgres:p@h/db?{SECRET}=1",
    f"host=h password={SECRET} {SECRET}",
    f"host=h password='{SECRET}",
    SECRET,
]


@pytest.mark.parametrize("url", MALFORMED)
def test_an_address_with_a_mistake_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        connect(url)
    assert str(refused.value) == UNREADABLE
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_what_the_library_says_of_the_password_is_left_out_and_the_reason_stays() -> None:
    url = f"postgresql://postgres:{SECRET}@127.0.0.1:{free_port()}/db"
    with pytest.raises(psycopg.OperationalError, match="refused") as refused:
        connect(url)
    assert SECRET not in str(refused.value)
    with pytest.raises(psycopg.OperationalError, match="sslmode") as refused:
        connect(f"{url}?sslmode={SECRET}")
    assert SECRET not in str(refused.value)


COMMANDS = [
    (("ops.sql", "select 1"), 1),
    (("ops.rollback", "--to", "0", "--dry-run"), 1),
    (("ops.check_hosted",), 1),
    (("ops.verify_audit",), 2),
]


@pytest.mark.parametrize(("command", "code"), COMMANDS, ids=[command[0] for command, _ in COMMANDS])
def test_no_command_prints_it(command: tuple[str, ...], code: int) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    keys = {"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x", "SUPABASE_SECRET_KEY": "sb_secret_x"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **keys, "SUPABASE_URL": nowhere, "DATABASE_URL": MALFORMED[0]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert SECRET not in done.stdout + done.stderr
    assert UNREADABLE in done.stdout + done.stderr


def test_there_is_no_other_way_to_a_database() -> None:
    calling = [path for path in (ROOT / "ops").rglob("*.py") if "psycopg.connect(" in path.read_text()]
    assert [path.name for path in calling] == ["database.py"]
