"""Runs the stack's processes: starts them in order, keeps them running, and leaves none behind."""

import asyncio
import shutil
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import httpx
import psycopg

from stack import database, lite, postgres
from stack.keys import Keys, load_or_create, public_keys
from stack.processes import Child, Spec, end_left_over
from stack.settings import PROJECT, Settings
from stack.state import Lock, State, read_state, write_env

POSTGRES_STOP = signal.SIGINT  # its fast shutdown; SIGTERM would wait for every client to leave


class PortTakenError(Exception):
    """A port that a setting names is in use."""


class Supervisor:
    """One stack: `start`, then `stop`, in one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.directory = settings.dir.resolve()
        self.env: dict[str, str] = {}
        self._state = State()
        self._children: list[Child] = []
        self._jobs: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start everything and return when all of it serves.

        Raises:
            PortTakenError: a port that a setting names is in use.
            stack.processes.ChildError: a child does not get ready.
            stack.migrations.MigrationError: a migration is refused.
        """
        settings = self.settings
        logs = self.directory / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        (self.directory / "env").unlink(missing_ok=True)
        before = read_state(self.directory)
        if before is not None:
            await asyncio.to_thread(end_run, before, settings.stop_timeout)
        self._state.ports = choose_ports(settings, before.ports if before else {})
        self._state.write(self.directory)
        keys = load_or_create(self.directory)

        await self._start_postgres()
        config = lite.configure(
            self.directory, port=self._state.ports["lite"], db_port=self._db_port, site_url=self.url, keys=keys
        )
        specs = self._api_specs(keys, config)
        await asyncio.gather(*(self._start_child(spec) for spec in specs))
        self.env = self._environment(keys)
        self._state.status = "ready"
        self._state.write(self.directory)
        write_env(self.directory, self.env)
        self._jobs.append(asyncio.create_task(self._refresh_stats()))

    async def stop(self) -> None:
        """Stop everything, those that serve clients first and Postgres last."""
        (self.directory / "env").unlink(missing_ok=True)
        self._state.status = "stopping"
        self._state.write(self.directory)
        for job in self._jobs:
            job.cancel()
            with suppress(asyncio.CancelledError):
                await job
        first = [child for child in self._children if child.spec.name != "postgres"]
        await asyncio.gather(*(child.stop() for child in first))
        for child in self._children:
            if child not in first:
                await child.stop()
        (self.directory / "state.json").unlink(missing_ok=True)

    @property
    def url(self) -> str:
        """The one URL that clients are given."""
        return f"http://127.0.0.1:{self._state.ports['gateway']}"

    @property
    def _db_port(self) -> int:
        return self._state.ports["postgres"]

    async def _start_postgres(self) -> None:
        settings = self.settings
        user = postgres.owner(settings.postgres_user)
        bin_dir = postgres.binaries(settings.node_modules, user)
        data = postgres.reachable(self.directory / "postgres", user, "data")
        complete = data_is_complete(data)
        auth_schema = ""
        if not complete:
            # What an interrupted first start left is of no use, and nobody has worked with it yet.
            await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
            auth_schema, _ = await asyncio.gather(
                asyncio.to_thread(lite.base_schema), asyncio.to_thread(postgres.initialise, bin_dir, data, user)
            )
        spec = Spec(
            "postgres",
            postgres.command(bin_dir, data, self._db_port, durable=settings.durable),
            lambda: asyncio.to_thread(postgres.is_ready, self._db_port),
            cwd=Path("/"),
            stop_signal=POSTGRES_STOP,
            uid=user.uid,
            gid=user.gid,
        )
        await self._start_child(spec)
        supabase_dir = settings.supabase_dir.resolve()
        if complete:
            await asyncio.to_thread(database.update, self._db_port, supabase_dir)
        else:
            await asyncio.to_thread(
                database.create, self._db_port, supabase_dir, auth_schema, seed=settings.seed
            )
            (data / "stack-complete").touch()

    def _api_specs(self, keys: Keys, lite_config: Path) -> list[Spec]:
        ports = self._state.ports
        public = public_keys(keys)
        superuser = postgres.conninfo(self._db_port, postgres.SUPERUSER)
        rest, realtime = (f"http://127.0.0.1:{ports[name]}" for name in ("lite", "realtime"))
        specs = [
            Spec(
                "lite",
                lite.command(self.settings.node_modules, lite_config),
                answers(f"{rest}/auth/v1/health", keys.secret_key),
                {"LITE_TELEMETRY": "0"},
                lite_config.parent.parent,
            )
        ]
        modules = {
            "realtime": {
                "REALTIME_PORT": str(ports["realtime"]),
                "REALTIME_DATABASE_URL": superuser,
                "REALTIME_SIGNING_KEY_FILE": str(keys.signing_key_file),
                "REALTIME_ISSUER": f"{self.url}/auth/v1",
            },
            "gateway": {
                "GATEWAY_PORT": str(ports["gateway"]),
                "GATEWAY_REST_URL": rest,
                "GATEWAY_REALTIME_URL": realtime,
                "GATEWAY_PUBLIC_URL": self.url,
                "GATEWAY_DATABASE_URL": superuser,
                "GATEWAY_JWT_SECRET": keys.jwt_secret,
                "GATEWAY_SIGNING_KEY_FILE": str(keys.signing_key_file),
            },
        }
        for name, environment in modules.items():
            try:
                present = find_spec(f"stack.{name}.__main__")
            except ModuleNotFoundError:
                present = None
            if present is None:
                print(f"stack: no {name} yet", flush=True)
                continue
            probe = answers(f"http://127.0.0.1:{ports[name]}/_ready", keys.secret_key)
            command = [sys.executable, "-m", f"stack.{name}"]
            specs.append(Spec(name, command, probe, {**environment, **public}, PROJECT))
        return specs

    def _environment(self, keys: Keys) -> dict[str, str]:
        return {
            "SUPABASE_URL": self.url,
            **public_keys(keys),
            "DATABASE_URL": postgres.conninfo(self._db_port, "postgres"),
            "STACK_ADMIN_DATABASE_URL": postgres.conninfo(self._db_port, postgres.SUPERUSER),
            "STACK_REALTIME_CONTROL_URL": f"http://127.0.0.1:{self._state.ports['realtime']}",
            "STACK_TEMPLATE_DATABASE": postgres.TEMPLATE,
        }

    async def _start_child(self, spec: Spec) -> None:
        child = Child(
            spec,
            self.directory / "logs" / f"{spec.name}.log",
            start_timeout=self.settings.start_timeout,
            stop_timeout=self.settings.stop_timeout,
        )
        child.on_change = lambda: self._note(child)
        self._children.append(child)
        await child.start()

    def _note(self, child: Child) -> None:
        self._state.record(child.spec.name, child.pid, ready=child.ready, restarts=child.restarts)
        self._state.write(self.directory)

    async def _refresh_stats(self) -> None:
        while True:
            await asyncio.sleep(self.settings.stats_interval)
            try:
                await asyncio.to_thread(database.refresh_stats, self._db_port)
            except psycopg.Error as error:
                print(f"stack: the statistics were not refreshed: {error}", flush=True)


def answers(url: str, key: str) -> Callable[[], Awaitable[bool]]:
    """A probe that says whether a URL answers 200 to a holder of the secret key."""

    async def probe() -> bool:
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                response = await client.get(url, headers={"apikey": key})
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK

    return probe


def choose_ports(settings: Settings, before: dict[str, int]) -> dict[str, int]:
    """The port of each child: the one that its setting names, else the last run's, else any that is free.

    Raises:
        PortTakenError: a port that a setting names is in use.
    """
    wanted = {
        "postgres": ("STACK_DB_PORT", settings.db_port),
        "lite": ("STACK_REST_PORT", settings.rest_port),
        "realtime": ("STACK_REALTIME_PORT", settings.realtime_port),
        "gateway": ("STACK_PORT", settings.port),
    }
    chosen: dict[str, int] = {}
    for name, (setting, port) in wanted.items():
        if port:
            if not is_free(port):
                raise PortTakenError(f"port {port} is in use: set {setting} to another one (0: any free port)")
            chosen[name] = port
    held = []
    for name in wanted:
        if name in chosen:
            continue
        last = before.get(name, 0)
        if last and last not in chosen.values() and is_free(last):
            chosen[name] = last
            continue
        # All are held until all are chosen, so that no two children get the same.
        held.append(free := socket.create_server(("127.0.0.1", 0)))
        chosen[name] = free.getsockname()[1]
    for free in held:
        free.close()
    return chosen


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of the loopback interface."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def end_run(state: State, timeout: float) -> None:
    """End the processes that a supervisor which was killed has left, Postgres last."""
    for name in sorted(state.pids, key=lambda name: name == "postgres"):
        stop_signal = POSTGRES_STOP if name == "postgres" else signal.SIGTERM
        if end_left_over(state.pids[name], state.created.get(name, 0), stop_signal, timeout):
            print(f"stack: ended {name} of an earlier run", flush=True)


def data_is_complete(data: Path) -> bool:
    """Whether the first start on this data came to its end."""
    return (data / "stack-complete").exists()


async def serve(settings: Settings, then: Callable[[Supervisor], Awaitable[int]]) -> int:
    """Run a stack as long as `then` runs, or until SIGINT, SIGTERM or SIGHUP.

    Args:
        settings: the stack's.
        then: called once all of it serves; what it returns is returned.

    Returns:
        The exit code: 0 after a signal.

    Raises:
        stack.state.AlreadyRunningError: another supervisor runs on this folder.
    """
    loop = asyncio.get_running_loop()
    with Lock(settings.dir):
        supervisor = Supervisor(settings)

        async def whole() -> int:
            await supervisor.start()
            return await then(supervisor)

        task = asyncio.create_task(whole())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return 0
        finally:
            await supervisor.stop()
