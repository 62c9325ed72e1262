"""`python -m ops.sql 'select …'`: asks the database of DATABASE_URL one thing, and changes nothing.

For runbooks: psql is not on every host, and a hand in a hurry must not be able to write.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from ops.database import connect

# Long enough for a count over the log, too short to add to a database's trouble.
STATEMENT_MS: Final = 15_000


def ask(url: str, statement: str) -> list[list[str]]:
    """The answer with its columns' names first, asked in a transaction that is read-only and rolled back.

    Raises:
        psycopg.Error: the database does not answer, refuses, or takes too long.
    """
    with connect(url) as connection:
        connection.read_only = True
        connection.execute(f"set local statement_timeout = {STATEMENT_MS}")
        # The extended protocol takes one statement only: no `commit; delete …`.
        result = connection.pgconn.exec_params(statement.encode(), None)
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise error_from_result(result)
        names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
        rows = [
            [(result.get_value(row, column) or b"").decode() for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]
        connection.rollback()
        return [names, *rows]


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command; its exit code."""
    url = environment.get("DATABASE_URL")
    if len(arguments) != 1 or not url:
        sys.stderr.write("DATABASE_URL=… python -m ops.sql 'select …'\n")
        return 2
    try:
        rows = ask(url, arguments[0])
    except psycopg.Error as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.writelines("\t".join(row) + "\n" for row in rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
