"""`python -m ops.rollback --to VERSION`: takes back every migration after that one."""

import argparse
import os
import sys

import psycopg

from ops.database import connect
from ops.rollback import NOTHING, RollbackError, plan, reload_api, take_back


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ops.rollback", description=__doc__)
    parser.add_argument(
        "--database-url", default=os.environ.get("DATABASE_URL"), help="role postgres (or set DATABASE_URL)"
    )
    parser.add_argument(
        "--to",
        required=True,
        metavar="VERSION",
        help=f"the migration that shall be the newest; {NOTHING}: none",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    if not arguments.database_url:
        parser.error("whose database? Give --database-url, or set DATABASE_URL")
    return arguments


def _confirm(connection: psycopg.Connection, version: str) -> None:
    if not sys.stdin.isatty():
        raise RollbackError("nobody is here to be asked: read what --dry-run says, then add --yes")
    print(f"\nThis changes database {connection.info.dbname} at {connection.info.host}. Is there a backup?")
    if input(f"Type {version} to go back to it: ").strip() != version:
        raise RollbackError("nothing was done")


def main() -> int:
    """What the command does; its exit code is 0 if all was done that was asked for."""
    arguments = _arguments()
    try:
        with connect(arguments.database_url, autocommit=True) as connection:
            connection.add_notice_handler(lambda notice: print(f"    {notice.message_primary}"))
            steps = plan(connection, arguments.to)
            for step in steps:
                print(f"{step.script.name}\n    loses {step.loses}")
            if arguments.dry_run or not steps:
                print(f"{len(steps)} to take back; nothing was done")
                return 0
            if not arguments.yes:
                _confirm(connection, arguments.to)
            for step in steps:
                take_back(connection, step)
                print(f"taken back: {step.script.name}", flush=True)
            reload_api(connection)
    except (RollbackError, psycopg.Error) as error:
        print(f"rollback: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
