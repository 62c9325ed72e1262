"""lite, Supabase's own server of REST, Auth and Storage without Docker: how it is set up and run."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

from stack.errors import StackError
from stack.keys import Keys
from stack.postgres import conninfo
from stack.processes import die_with_parent

# Its own login, not `postgres`: see stack/sql/bootstrap.sql for the danger.
ROLE = "supabase_lite"

CONFIG = """\
# Written by the stack at each start.
[api]
port = {port}
schemas = ["public"]
max_rows = 1000

[db]
driver = "postgres"
url = {url}

[db.migrations]
enabled = false

[auth]
enabled = true
site_url = {site_url}
jwt_secret = {jwt_secret}
jwt_expiry = 3600
enable_signup = true
minimum_password_length = 6
publishable_key = {publishable_key}
secret_key = {secret_key}

[auth.email]
enable_signup = true
enable_confirmations = false

[storage]
enabled = true
file_size_limit = "50MiB"
"""

# What it calls an experiment is served only when asked for. Files lie beside its configuration, in
# .temp/storage.
ENVIRONMENT = {"LITE_TELEMETRY": "0", "EXPERIMENTAL_STORAGE": "1"}


class LiteError(StackError):
    """lite cannot be run here; the message says what is missing."""


def program(node_modules: Path) -> Path:
    """lite's command line program.

    Raises:
        LiteError: npm has not installed it, or there is no node.
    """
    path = node_modules.resolve() / "@supabase" / "lite" / "dist" / "cli" / "index.js"
    if not path.exists():
        raise LiteError(f"no @supabase/lite in {node_modules}: run `npm ci`")
    if shutil.which("node") is None:
        raise LiteError("no `node` on the PATH: install Node.js 20 or later")
    return path


def base_schema(node_modules: Path) -> str:
    """The SQL that lite makes its schema auth with.

    Raises:
        LiteError: with what node said.
    """
    program(node_modules)
    # On standard input, in that folder: node looks for packages from where a module is.
    result = subprocess.run(
        ["node", "--input-type=module", "-"],
        input=Path(__file__).with_name("lite_schema.mjs").read_text(),
        cwd=node_modules, capture_output=True, text=True, check=False,
        start_new_session=True,  # Ctrl-C is for the supervisor
        preexec_fn=die_with_parent(signal.SIGKILL),
    )  # fmt: skip
    if result.returncode != 0 or "auth.users" not in result.stdout:
        raise LiteError(f"lite does not tell its tables:\n{result.stderr}")
    return result.stdout


def configure(directory: Path, *, port: int, db_port: int, site_url: str, keys: Keys) -> Path:
    """Write lite's configuration below `directory`, readable by us only, and return its path."""
    values = {
        "url": conninfo(db_port, ROLE),
        "site_url": site_url,
        "jwt_secret": keys.jwt_secret,
        "publishable_key": keys.publishable_key,
        "secret_key": keys.secret_key,
    }
    path = directory / "lite" / "supabase" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    # A JSON string is a TOML string.
    path.write_text(CONFIG.format(port=port, **{name: json.dumps(value) for name, value in values.items()}))
    return path


def command(node_modules: Path, config: Path) -> list[str]:
    """The command line of the server, without its admin mode, in which whoever has no key is service_role."""
    mends = Path(__file__).with_name("lite_mends.mjs").as_uri()
    return [
        "node",
        "--import",
        mends,
        str(program(node_modules)),
        "start",
        "--no-admin",
        "--config",
        str(config),
    ]
