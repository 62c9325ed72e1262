"""Lists what the migrations leave in the database, so that a review sees effects and not only statements.

`python -m tests.db.catalogue` (`make schema`) writes tests/db/schema.sql anew from a freshly migrated stack.
The listing is to be read and compared, not run: there is no pg_dump in the embedded stack.
"""

import re
import sys
from pathlib import Path

import psycopg
import psycopg.conninfo
from psycopg import sql

from tests.harness import running_stack, scratch_directory

SCHEMA_FILE = Path(__file__).with_name("schema.sql")
QUERIES = Path(__file__).with_name("catalogue.sql")
HEADER = (
    "-- Written by `make schema`: what the migrations leave behind. A test compares it; nothing runs it.\n"
)


def listing(conninfo: str) -> str:
    """The catalogue of a migrated database, as role postgres sees it."""
    prepare, *rest = re.split(r"^-- section (\w+)\n", QUERIES.read_text(), flags=re.MULTILINE)
    parts = [HEADER]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(prepare.encode())
        for title, query in zip(rest[::2], rest[1::2], strict=True):
            lines = [str(row[0]) for row in connection.execute(query.encode())]
            parts.append("\n".join([f"-- {title}", *lines, ""]))
    return "\n".join(parts)


def main() -> None:
    """Writes the listing of the database url given as argument, or of a stack started for the purpose."""
    if len(sys.argv) > 1:
        SCHEMA_FILE.write_text(listing(sys.argv[1]))
        return
    with scratch_directory() as directory, running_stack(directory / "stack", STACK_SEED="false") as stack:
        # The template itself takes no connections.
        with psycopg.connect(stack.admin_database_url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("create database catalogue template {} owner postgres").format(
                    sql.Identifier(stack.env["STACK_TEMPLATE_DATABASE"])
                )
            )
        SCHEMA_FILE.write_text(
            listing(psycopg.conninfo.make_conninfo(stack.database_url, dbname="catalogue"))
        )


if __name__ == "__main__":
    main()
