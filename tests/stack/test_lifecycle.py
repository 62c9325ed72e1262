"""The embedded stack's life: it starts, is killed in every part, recovers, stops, leaves nothing behind."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql

from stack.ports import is_free
from stack.state import Lock, holder, read_state
from tests.harness import (
    ROOT,
    START_SECONDS,
    RunningStack,
    free_port,
    read_env,
    scratch_directory,
    stop,
    tail,
    wait_until,
)
from tests.stack.api import api

PARTS = ("postgres", "lite", "realtime", "gateway", "redis")

MIGRATION = """
create table public.notes (id int primary key);
alter table public.notes enable row level security;
revoke all on public.notes from anon, authenticated;
grant select on public.notes to anon;
create policy "everybody reads notes" on public.notes for select to anon using (true);
create function public.refresh_organization_stats() returns void language sql as $$
    insert into public.notes values (777) on conflict do nothing
$$;
"""
LATER_MIGRATION = "create table public.later ();"
FAST_ON_FREE_PORTS = {"STACK_DURABLE": "false", "STACK_PORT": "0", "STACK_DB_PORT": "0"}


class Folder:
    """A stack's folder and the Supabase project that it serves; the stack in it may run or not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "stack"
        self.project = directory / "supabase"
        (self.project / "migrations").mkdir(parents=True)
        self.add_migration("20260101000000_notes.sql", MIGRATION)
        (self.project / "seed.sql").write_text(
            "insert into public.notes select coalesce(max(id), 0) + 1 from notes;"
        )

    def add_migration(self, name: str, content: str) -> Path:
        path = self.project / "migrations" / name
        path.write_text(content)
        return path

    @property
    def settings(self) -> dict[str, str]:
        return {**FAST_ON_FREE_PORTS, "STACK_SUPABASE_DIR": str(self.project)}

    @contextmanager
    def running(self, prefix: Sequence[str] = (), **settings: str) -> Iterator[RunningStack]:
        """A stack that serves; `prefix` is a command to run its command with, `settings` its environment."""
        with (self.project / "start.log").open("wb") as log:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "stack", "start", "--dir", str(self.directory)],
                env={**os.environ, **self.settings, **settings}, cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_until(lambda: self.serves(process), seconds=START_SECONDS, what="stack ready")
            yield RunningStack(self.directory, process, read_env(self.directory / "env"))
        finally:
            stop(process)

    def serves(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether this very process has got its stack ready: the files of a killed one are still there."""
        assert process.poll() is None, tail(self.project / "start.log")
        state = read_state(self.directory)
        return state is not None and state.status == "ready" and state.supervisor == process.pid

    def command(
        self, *arguments: str, prefix: Sequence[str] = (), **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the stack on this folder, with free ports, to its end."""
        name, *rest = arguments
        return subprocess.run(
            [*prefix, sys.executable, "-m", "stack", name, "--dir", str(self.directory), *rest],
            env={**os.environ, **self.settings, **settings}, cwd=ROOT,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Folder]:
    with scratch_directory() as directory:
        yield Folder(directory)


def notes(database_url: str) -> list[int]:
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute("select id from public.notes order by id")]


def write(stack: RunningStack, number: int) -> None:
    with psycopg.connect(stack.database_url) as connection:
        connection.execute("insert into public.notes values (%s)", [number])


def read_by_rest(stack: RunningStack) -> list[int] | None:
    """What a client of the gateway reads; None while it gets no answer."""
    try:
        answer = httpx.get(
            f"{stack.url}/rest/v1/notes?select=id&order=id",
            headers={"apikey": stack.publishable_key},
            timeout=5,
        )
    except httpx.TransportError:
        return None
    return [row["id"] for row in answer.json()] if answer.status_code == 200 else None


def processes(stack: RunningStack) -> list[psutil.Process]:
    supervisor = psutil.Process(stack.process.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def all_gone(members: Sequence[psutil.Process]) -> bool:
    return not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in members)


@contextmanager
def clone_of_template(stack: RunningStack) -> Iterator[str]:
    template = sql.Identifier(stack.env["STACK_TEMPLATE_DATABASE"])
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database clone template {}").format(template))
        yield stack.database_url.rsplit("/", 1)[0] + "/clone"
        connection.execute("drop database clone")


def scalar(database_url: str, query: str) -> object:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


@pytest.fixture(scope="class")
def served(folder: Folder) -> Iterator[RunningStack]:
    """One running stack for the tests that need no start of their own."""
    with folder.running() as stack:
        yield stack


class TestARunningStack:
    def test_a_ready_stack_tells_its_addresses_and_keys_to_its_owner_only(
        self, folder: Folder, served: RunningStack
    ) -> None:
        assert set(served.env) == {
            "SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "DATABASE_URL",
            "STACK_ADMIN_DATABASE_URL", "STACK_REALTIME_CONTROL_URL", "STACK_TEMPLATE_DATABASE", "REDIS_URL",
        }  # fmt: skip
        assert served.publishable_key.startswith("sb_publishable_")
        assert served.secret_key.startswith("sb_secret_")
        for name in ("env", "keys.json", "signing-key.pem", "state.json"):
            assert (folder.directory / name).stat().st_mode & 0o777 == 0o600
        for log in (folder.directory / "logs").iterdir():
            assert log.stat().st_mode & 0o777 == 0o600
        assert set(served.pids()) == set(PARTS)
        assert read_by_rest(served) == [1]
        status = folder.command("status")
        assert (status.returncode, status.stderr) == (0, "")
        assert served.url in status.stdout

    def test_migrations_run_as_a_postgres_that_is_no_superuser_and_owns_the_database(
        self, served: RunningStack
    ) -> None:
        is_superuser = "select rolsuper from pg_roles where rolname = current_user"
        assert scalar(served.database_url, is_superuser) is False
        assert scalar(served.admin_database_url, is_superuser) is True
        owner = "select relowner::regrole::text from pg_class where oid = 'public.notes'::regclass"
        assert scalar(served.database_url, owner) == "postgres"
        owner = "select datdba::regrole::text from pg_database where datname = current_database()"
        assert scalar(served.database_url, owner) == "postgres"

    def test_the_template_is_migrated_but_not_seeded_and_clones_while_the_stack_serves(
        self, served: RunningStack
    ) -> None:
        with clone_of_template(served) as clone:
            assert notes(clone) == []

    def test_lite_cannot_undo_what_a_migration_has_revoked(self, served: RunningStack) -> None:
        headers = {"apikey": served.publishable_key}
        assert read_by_rest(served) == [1]
        refused = httpx.post(f"{served.url}/rest/v1/notes", headers=headers, json={"id": 5})
        assert (refused.status_code, refused.json()["code"]) == (401, "42501")
        privileges = (
            "select has_table_privilege('authenticated', 'public.notes', 'select, insert, update, delete')"
        )
        assert scalar(served.database_url, privileges) is False

    @pytest.mark.parametrize("part", PARTS)
    def test_a_part_that_is_killed_is_started_again_and_clients_go_on(
        self, served: RunningStack, part: str
    ) -> None:
        number = 100 + PARTS.index(part)
        write(served, number)
        others = {name: pid for name, pid in served.pids().items() if name != part}
        died = served.kill(part)
        served.wait_ready(part, died=died)
        read = wait_until(lambda: read_by_rest(served), what=f"reading by REST after the death of {part}")
        assert number in read
        assert {name: pid for name, pid in served.pids().items() if name != part} == others
        assert served.state()["restarts"][part] == 1

    def test_accounts_are_there_as_soon_as_postgres_is_back_however_many_asked_before(
        self, served: RunningStack
    ) -> None:
        def create(_: int = 0) -> int:
            body = {"email": f"{uuid.uuid4().hex}@example.test", "email_confirm": True}
            with api(served, secret=True) as admin:
                return admin.post("/auth/v1/admin/users", json=body).status_code

        with ThreadPoolExecutor(8) as people:
            assert set(people.map(create, range(8))) == {200}
        served.wait_ready("postgres", died=served.kill("postgres"))
        assert create() == 200

    def test_a_second_start_on_the_same_folder_is_refused_and_harms_nothing(
        self, folder: Folder, served: RunningStack
    ) -> None:
        before = served.pids()
        second = folder.command("start")
        assert second.returncode == 1
        assert f"already running on {folder.directory}" in second.stderr
        assert str(served.process.pid) in second.stderr
        assert served.pids() == before
        assert read_by_rest(served) is not None


def test_sigterm_ends_every_process_with_exit_code_0(folder: Folder) -> None:
    with folder.running() as stack:
        members = processes(stack)
        assert len(members) > len(PARTS)
        assert stop(stack.process) == 0
        assert all_gone(members)
        assert not (folder.directory / "env").exists()
    assert folder.command("status").returncode == 3


def test_a_supervisor_that_is_killed_takes_its_children_along_and_loses_no_commit(folder: Folder) -> None:
    with folder.running() as stack:
        write(stack, 200)
        members = processes(stack)
        stack.process.kill()
        stack.process.wait()
        with folder.running() as next_stack:
            assert all_gone(members)
            assert next_stack.url == stack.url
            assert 200 in notes(next_stack.database_url)


def test_stop_ends_a_stack_that_is_still_starting(folder: Folder) -> None:
    # A run that was killed: the process id in its state is a stranger's by now.
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        state = {"status": "ready", "supervisor": stranger.pid}
        (folder.directory / "state.json").write_text(json.dumps(state))
        command = [sys.executable, "-m", "stack", "start", "--dir", str(folder.directory)]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **folder.settings})
        try:
            wait_until(lambda: holder(folder.directory) == process.pid, what="the lock")
            stopped = folder.command("stop")
            assert (stopped.returncode, stopped.stderr) == (0, "")
            # Before the supervisor listens to signals, the signal itself is its end.
            assert process.wait(60) in (0, -signal.SIGTERM)
            assert stranger.poll() is None
        finally:
            stop(process)
            stranger.kill()


def test_what_cannot_be_used_is_told_in_a_sentence(folder: Folder) -> None:
    missing = folder.command("run", "--", "no-such-command")
    assert (missing.returncode, missing.stderr) == (
        1,
        "stack: there is no command 'no-such-command' to run\n",
    )
    with scratch_directory() as directory:
        other = Folder(directory)
        other.directory.touch()
        refused = other.command("start")
        assert (refused.returncode, refused.stderr) == (1, f"stack: {other.directory}: File exists\n")


def test_a_look_at_the_lock_does_not_keep_a_stack_from_starting(folder: Folder) -> None:
    descriptor = os.open(folder.directory / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, [descriptor]).start()
    with Lock(folder.directory):
        assert holder(folder.directory) == os.getpid()


def test_pending_migrations_are_applied_at_the_next_start_and_the_seed_is_not(folder: Folder) -> None:
    folder.add_migration("20260102000000_later.sql", LATER_MIGRATION)
    # Whatever has happened to the notes of the last run.
    (folder.directory / "state.json").write_text('{"pids": "nonsense"')
    with folder.running() as stack:
        assert 2 not in notes(stack.database_url)
        recorded = "select array_agg(version order by version) from supabase_migrations.schema_migrations"
        assert scalar(stack.database_url, recorded) == ["20260101000000", "20260102000000"]
        with clone_of_template(stack) as clone:
            assert scalar(clone, "select to_regclass('public.later')::text") == "later"


def test_a_migration_that_fails_is_named_with_its_line_and_leaves_nothing(folder: Folder) -> None:
    broken = folder.add_migration(
        "20260103000000_broken.sql", "create table public.half ();\nselect 1/0 from nowhere;\n"
    )
    refused = folder.command("start")
    assert refused.returncode == 1
    assert f"{broken}:2: " in refused.stderr
    assert "nowhere" in refused.stderr
    broken.unlink()
    with folder.running() as stack:
        assert scalar(stack.database_url, "select to_regclass('public.half')") is None


def test_the_statistics_are_refreshed_on_a_schedule(folder: Folder) -> None:
    with folder.running(STACK_STATS_INTERVAL="0.1") as stack:
        wait_until(lambda: 777 in notes(stack.database_url), what="refreshed statistics")


def test_run_lends_its_addresses_to_a_command_and_ends_with_its_code(folder: Folder) -> None:
    script = (
        "import os, sys, urllib.request as u\n"
        "r = u.Request(os.environ['SUPABASE_URL'] + '/rest/v1/notes?id=eq.1&select=id',"
        " headers={'apikey': os.environ['SUPABASE_PUBLISHABLE_KEY']})\n"
        "print(u.urlopen(r).read().decode()); sys.exit(7)"
    )
    done = folder.command("run", "--", sys.executable, "-c", script, STACK_REDIS="false")
    assert done.returncode == 7
    assert "redis" not in (folder.directory / "ports.json").read_text()
    assert '[{"id":1}]' in done.stdout.replace(" ", "")
    assert folder.command("status").returncode == 3


def test_ctrl_c_on_run_ends_the_command_and_the_stack(folder: Folder) -> None:
    command = [sys.executable, "-m", "stack", "run", "--dir", str(folder.directory), "--", "sleep", "1000"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **folder.settings})
    try:
        wait_until(
            lambda: any(child.name() == "sleep" for child in psutil.Process(process.pid).children()),
            seconds=60, what="the command of run",
        )  # fmt: skip
        members = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert all_gone(members)
    finally:
        stop(process)


@pytest.mark.parametrize(
    "setting", ["STACK_PORT", "STACK_DB_PORT", "STACK_REST_PORT", "STACK_REALTIME_PORT", "STACK_REDIS_PORT"]
)
def test_a_port_that_is_taken_is_refused_by_its_number_and_setting(setting: str) -> None:
    with scratch_directory() as directory, running_listener() as port:
        refused = Folder(directory).command("start", **{setting: str(port)})
        assert refused.returncode == 1
        assert f"port {port} is in use: set {setting}" in refused.stderr


def test_keys_that_cannot_be_read_are_refused_with_the_name_of_their_file() -> None:
    with scratch_directory() as directory:
        folder = Folder(directory)
        folder.directory.mkdir()
        (folder.directory / "keys.json").write_text("nonsense")
        refused = folder.command("start")
        assert refused.returncode == 1
        assert str(folder.directory / "keys.json") in refused.stderr


@contextmanager
def running_listener() -> Iterator[int]:
    """A port of loopback that somebody else listens on."""
    script = (
        "import socket; listener = socket.create_server(('127.0.0.1', 0));"
        " print(listener.getsockname()[1], flush=True); listener.accept()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def as_ordinary_user(directory: Path) -> list[str]:
    """What makes a command run as somebody who is not root, on a folder that becomes theirs."""
    if os.geteuid() != 0:
        return []
    nobody = 65534
    os.chown(directory, nobody, nobody)
    # The interpreter may be in root's closed home: that it can be read is all that is lent.
    lent = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    # Coverage writes its data into the checkout, which is root's; its complaint would be mistaken for ours.
    uncovered = ["env", "--unset=COVERAGE_PROCESS_CONFIG", "--unset=COVERAGE_PROCESS_START"]
    someone = [f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", *lent]
    return [*uncovered, "setpriv", *someone]


def test_two_stacks_serve_at_once_the_second_as_an_ordinary_user_and_reset_makes_it_new(
    folder: Folder,
) -> None:
    with folder.running() as first, scratch_directory() as directory:
        other = Folder(directory)
        other.directory.mkdir()
        prefix = as_ordinary_user(other.directory)
        # An interrupted first start's data: nothing to build on.
        with other.running(prefix) as second:
            assert not set(first.state()["ports"].values()) & set(second.state()["ports"].values())
            write(second, 300)
            assert 300 not in notes(first.database_url)
            assert read_by_rest(second) == [1, 300]
            assert read_by_rest(first) is not None
            owner = psutil.Process(second.process.pid).uids().real
            assert {psutil.Process(pid).uids().real for pid in second.pids().values()} == {owner}
            assert owner != 0
            reset = other.command("reset", prefix=prefix)
            assert (reset.returncode, reset.stderr) == (0, "")
            assert second.process.wait(60) == 0
        (other.directory / "postgres").mkdir()
        if prefix:
            os.chown(other.directory / "postgres", owner, owner)
        with other.running(prefix) as fresh:
            assert notes(fresh.database_url) == [1]
            assert fresh.secret_key == second.secret_key


def test_a_free_port_is_told_from_a_taken_one() -> None:
    with running_listener() as port:
        assert not is_free(port)
    assert is_free(free_port())
