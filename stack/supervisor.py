"""Runs the stack's processes: starts them in order, keeps them running, and leaves none behind."""

import asyncio
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psycopg

from stack import database, lite, postgres, redis_server
from stack.keys import Keys, load_or_create, public_keys
from stack.ports import choose_ports
from stack.processes import Child, Spec, end_left_over
from stack.settings import PROJECT, Settings
from stack.state import State, load_ports, read_state, save_ports, write_env

LOG_INTERVAL = 60.0  # seconds between looks at the size of the logs
PROBE_TIMEOUT = 5.0  # seconds a readiness probe may take; lite reads the whole catalogue for its first answer


class Supervisor:
    """One stack: `start`, then `stop`, in one event loop and on a folder that the caller has locked."""

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
            stack.errors.StackError: a port is taken, a child does not get ready, a migration is refused, or
                npm's packages are missing.
        """
        (self.directory / "logs").mkdir(parents=True, exist_ok=True)
        (self.directory / "env").unlink(missing_ok=True)
        before = read_state(self.directory)
        if before is not None:
            before.status = "starting"  # nobody may take the last run's for ours
            before.write(self.directory)
            await asyncio.to_thread(end_run, before, self.settings.stop_timeout)
        redis = redis_server.program() if self.settings.redis else None
        if self.settings.redis and redis is None:
            print("stack: there is no redis-server here, so it runs without one", flush=True)
        self._state.ports = choose_ports(
            self.settings, load_ports(self.directory), with_redis=redis is not None
        )
        save_ports(self.directory, self._state.ports)
        self._state.write(self.directory)
        keys = load_or_create(self.directory)

        await self._start_postgres()
        needs = {"lite": self._children[0]}
        specs = self._api_specs(keys)
        if redis is not None:
            specs.append(redis_server.spec(redis, self._state.ports["redis"]))
        await asyncio.gather(*(self._start_child(spec, needs.get(spec.name)) for spec in specs))
        self.env = self._environment(keys)
        write_env(self.directory, self.env)
        self._state.settle()
        self._state.write(self.directory)
        settings = self.settings
        for job in (
            _schedule(settings.stats_interval, database.refresh_stats, self._db_port),
            _schedule(settings.audit_interval, database.seal_audit_logs, self._db_port),
            self._trim_logs(),
        ):
            self._jobs.append(asyncio.create_task(job))

    async def stop(self) -> None:
        """Stop everything: those that serve clients first, Postgres last."""
        (self.directory / "env").unlink(missing_ok=True)
        self._state.status = "stopping"
        for job in self._jobs:
            job.cancel()
            with suppress(asyncio.CancelledError):
                await job
        await asyncio.gather(*(child.stop() for child in self._children if child.spec.name != "postgres"))
        await asyncio.gather(*(child.stop() for child in self._children if child.spec.name == "postgres"))
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
        data = postgres.data_folder(self.directory, user)
        if data.parent != self.directory:
            print(
                f"stack: user {user.uid} cannot reach {self.directory}, so Postgres's data is in {data}",
                flush=True,
            )
        complete = database.is_complete(data)
        auth_schema = ""
        if not complete:
            # What an interrupted first start has left: nobody has worked with it yet.
            await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
            auth_schema, _ = await asyncio.gather(
                asyncio.to_thread(lite.base_schema, settings.node_modules),
                asyncio.to_thread(postgres.initialise, bin_dir, data, user),
            )
        await self._start_child(
            Spec(
                "postgres",
                postgres.command(bin_dir, data, self._db_port, durable=settings.durable),
                partial(asyncio.to_thread, postgres.is_ready, self._db_port),
                cwd=Path("/"),
                stop_signal=postgres.STOP_SIGNAL,
                uid=user.uid,
                gid=user.gid,
            )
        )
        supabase_dir = settings.supabase_dir.resolve()
        if complete:
            for name in await asyncio.to_thread(database.update, self._db_port, supabase_dir):
                print(f"stack: applied {name}", flush=True)
        else:
            await asyncio.to_thread(
                database.create, self._db_port, supabase_dir, auth_schema, seed=settings.seed
            )
            database.mark_complete(data)

    def _api_specs(self, keys: Keys) -> list[Spec]:
        ports = self._state.ports
        public = public_keys(keys)
        superuser = postgres.conninfo(self._db_port, postgres.SUPERUSER)
        rest, realtime = (f"http://127.0.0.1:{ports[name]}" for name in ("lite", "realtime"))
        config = lite.configure(
            self.directory, port=ports["lite"], db_port=self._db_port, site_url=self.url, keys=keys
        )
        realtime_environment = {
            "REALTIME_PORT": str(ports["realtime"]),
            "REALTIME_DATABASE_URL": superuser,
            "REALTIME_SIGNING_KEY_FILE": str(keys.signing_key_file),
            "REALTIME_ISSUER": f"{self.url}/auth/v1",
        }
        gateway_environment = {
            "GATEWAY_PORT": str(ports["gateway"]),
            "GATEWAY_REST_URL": rest,
            "GATEWAY_REALTIME_URL": realtime,
            "GATEWAY_PUBLIC_URL": self.url,
            "GATEWAY_DATABASE_URL": superuser,
            "GATEWAY_JWT_SECRET": keys.jwt_secret,
            "GATEWAY_SIGNING_KEY_FILE": str(keys.signing_key_file),
        }
        return [
            Spec(
                "lite",
                lite.command(self.settings.node_modules, config),
                # The list of its tables: with this lite reads the catalogue before the first request does.
                partial(asyncio.to_thread, answers, ports["lite"], "/rest/v1/", keys.secret_key),
                lite.ENVIRONMENT,
                config.parent.parent,
            ),
            *(
                Spec(
                    name,
                    [sys.executable, "-m", f"stack.{name}"],
                    partial(asyncio.to_thread, answers, ports[name], "/_ready", keys.secret_key),
                    {**environment, **public},
                    PROJECT,
                )
                for name, environment in (
                    ("realtime", realtime_environment),
                    ("gateway", gateway_environment),
                )
            ),
        ]

    def _environment(self, keys: Keys) -> dict[str, str]:
        redis = self._state.ports.get("redis")
        return {
            "SUPABASE_URL": self.url,
            **public_keys(keys),
            "DATABASE_URL": postgres.conninfo(self._db_port, "postgres"),
            "STACK_ADMIN_DATABASE_URL": postgres.conninfo(self._db_port, postgres.SUPERUSER),
            "STACK_REALTIME_CONTROL_URL": f"http://127.0.0.1:{self._state.ports['realtime']}",
            "STACK_TEMPLATE_DATABASE": postgres.TEMPLATE,
            **({} if redis is None else {"REDIS_URL": redis_server.url(redis)}),
        }

    async def _start_child(self, spec: Spec, needs: Child | None = None) -> None:
        child = Child(
            spec,
            self.directory / "logs" / f"{spec.name}.log",
            self._note,
            start_timeout=self.settings.start_timeout,
            stop_timeout=self.settings.stop_timeout,
            needs=needs,
        )
        self._children.append(child)
        await child.start()

    def _note(self, child: Child) -> None:
        self._state.record(child.spec.name, child.pid, ready=child.ready, restarts=child.restarts)
        self._state.write(self.directory)

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_INTERVAL)
            for child in self._children:
                child.trim_log()


async def _schedule(interval: float, job: Callable[[int], None], port: int) -> None:
    while True:
        await asyncio.sleep(interval)
        try:
            await asyncio.to_thread(job, port)
        except psycopg.Error as error:
            print(f"stack: {job.__name__} failed: {error}", flush=True)


def answers(port: int, path: str, key: str) -> bool:
    """Whether a server on loopback answers 200 to the holder of an API key."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT)
    try:
        connection.request("GET", path, headers={"apikey": key})
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def end_run(state: State, timeout: float) -> None:
    """End the processes that a supervisor which was killed has left, Postgres last.

    Args:
        state: what that supervisor has written.
        timeout: seconds until a process that does not end is killed.
    """
    for name in sorted(state.pids, key=lambda name: name == "postgres"):
        stop_signal = postgres.STOP_SIGNAL if name == "postgres" else signal.SIGTERM
        if end_left_over(state.pids[name], state.created.get(name, 0), stop_signal, timeout):
            print(f"stack: ended {name} of an earlier run", flush=True)


async def serve(settings: Settings, then: Callable[[Supervisor], Awaitable[int]]) -> int:
    """Run a stack as long as `then` runs, or until SIGINT, SIGTERM or SIGHUP.

    Args:
        settings: the stack's; the caller has locked its folder, and lets go when no thread of this is left.
        then: called once all of it serves; a signal cancels it.

    Returns:
        What `then` returned, the exit code; 0 after a signal.

    Raises:
        stack.errors.StackError: the stack does not start.
    """

    async def start_then() -> int:
        await supervisor.start()
        return await then(supervisor)

    supervisor = Supervisor(settings)
    task = asyncio.create_task(start_then())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup: stay when the terminal goes. An ignored SIGINT, though, is a mere habit of shells' jobs.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return 0
    finally:
        await supervisor.stop()
