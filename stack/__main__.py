"""The embedded Supabase's command line: `python -m stack start|stop|status|reset|run`."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stack import database, postgres
from stack.errors import StackError
from stack.processes import die_with_parent
from stack.settings import Settings
from stack.state import Lock, holder, is_running, read_env, read_state
from stack.supervisor import Supervisor, end_run, serve

NOT_RUNNING = 3  # exit code of `status`, as of an init script's
POLL = 0.02  # seconds


def announce(supervisor: Supervisor) -> None:
    """Say where the stack answers."""
    path = supervisor.directory / "env"
    print(f"stack: ready on {supervisor.url}; addresses and keys are in {path}", flush=True)


def start(settings: Settings) -> int:
    """Run the stack in the foreground until SIGINT or SIGTERM."""

    async def until_told(supervisor: Supervisor) -> int:
        announce(supervisor)
        await asyncio.Event().wait()
        return 0

    with Lock(settings.dir):
        return asyncio.run(serve(settings, until_told))


def run(settings: Settings, command: Sequence[str]) -> int:
    """Run the stack as long as a command, which finds the stack's addresses and keys in its environment.

    Returns:
        The command's exit code; 0 when a signal has ended it all.
    """

    async def until_done(supervisor: Supervisor) -> int:
        announce(supervisor)
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **supervisor.env}, preexec_fn=die_with_parent(signal.SIGTERM)
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            # Ctrl-C has reached it too; SIGTERM to us alone has not.
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), settings.stop_timeout)
            except TimeoutError:
                process.kill()
                await process.wait()
            raise
        return code if code >= 0 else 128 - code  # a shell's way to tell a signal

    if shutil.which(command[0]) is None:
        raise StackError(f"there is no command {command[0]!r} to run")
    with Lock(settings.dir):
        return asyncio.run(serve(settings, until_done))


def stop(settings: Settings) -> int:
    """End the stack that runs on this folder, and return when nothing of it is left."""
    supervisor = holder(settings.dir)
    if not supervisor:
        print("stack: not running")
        return 0
    with suppress(ProcessLookupError):
        os.kill(supervisor, signal.SIGTERM)
    # Each of the two groups of children may take its time to end.
    deadline = time.monotonic() + 2 * settings.stop_timeout + 5
    while is_running(settings.dir):
        if time.monotonic() > deadline:
            raise StackError(f"the supervisor (pid {supervisor}) does not end: see {settings.dir / 'logs'}")
        time.sleep(POLL)
    print("stack: stopped")
    return 0


def status(settings: Settings) -> int:
    """Tell what runs: exit code 0 when all of it serves, 1 when some of it does not, 3 when nothing runs."""
    state = read_state(settings.dir)
    if state is None or not is_running(settings.dir):
        print(f"stack: not running on {settings.dir.resolve()}")
        return NOT_RUNNING
    url = read_env(settings.dir).get("SUPABASE_URL", "")
    print(f"stack: {state.status} {url} (pid {state.supervisor})")
    for name, port in state.ports.items():
        word = "ready" if name in state.ready else "not ready"
        pid, restarts = state.pids.get(name, "-"), state.restarts.get(name, 0)
        print(f"  {name:9} {word:9} port {port} pid {pid} restarts {restarts}")
    return 0 if state.status == "ready" else 1


def reset(settings: Settings) -> int:
    """Delete the data, stopping the stack if it runs; the next start migrates and seeds anew. Keys stay."""
    stop(settings)
    with Lock(settings.dir):
        state = read_state(settings.dir)
        if state is not None:
            end_run(state, settings.stop_timeout)
        data = postgres.data_folder(settings.dir.resolve(), postgres.owner(settings.postgres_user))
        if data.exists():
            database.mark_incomplete(data)
            shutil.rmtree(data)
    print(f"stack: deleted {data}")
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        SystemExit: it is not one of ours; argparse has said so.
    """
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    for function in (start, stop, status, reset, run):
        summary = (function.__doc__ or "").splitlines()[0]
        command = commands.add_parser(function.__name__, help=summary, description=summary)
        command.add_argument("--dir", type=Path, help="the stack's folder (STACK_DIR, .stack)")
        if function is run:
            command.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help="what to run")
    options = parser.parse_args(arguments)
    if options.name == "run":
        options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
        if not options.command:
            parser.error("nothing to run: python -m stack run -- CMD")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what cannot be done is told in a sentence, with exit code 1."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    settings = Settings() if options.dir is None else Settings(dir=options.dir)
    try:
        if options.name == "run":
            return run(settings, options.command)
        return {"start": start, "stop": stop, "status": status, "reset": reset}[options.name](settings)
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"stack: {error.filename}: {error.strerror}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
