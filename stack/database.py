"""What is in the stack's databases: the bootstrap, the migrations, the template for tests, the seed."""

from pathlib import Path

import psycopg
from psycopg import sql

from stack import migrations
from stack.postgres import SUPERUSER, TEMPLATE, conninfo

COMPLETE = "stack-complete"  # a file in the data folder

SQL = Path(__file__).with_name("sql")


def create(port: int, supabase_dir: Path, auth_schema: str, *, seed: bool) -> None:
    """Fill an empty cluster: roles and schemas, lite's tables, migrations, the template, the seed.

    Args:
        port: Postgres's.
        supabase_dir: holds migrations/ and seed.sql.
        auth_schema: the SQL of lite's own tables.
        seed: whether to run seed.sql.

    Raises:
        migrations.MigrationError: one of the files was refused.
    """
    with psycopg.connect(conninfo(port, SUPERUSER), autocommit=True) as connection, connection.transaction():
        migrations.run_file(connection, SQL / "bootstrap.sql")
        connection.execute(auth_schema.encode())
        migrations.run_file(connection, SQL / "auth.sql")
        migrations.run_file(connection, SQL / "mfa.sql")
        migrations.run_file(connection, SQL / "realtime.sql")
        migrations.run_file(connection, SQL / "storage.sql")
    migrations.apply_pending(conninfo(port, "postgres"), supabase_dir)
    with psycopg.connect(conninfo(port, SUPERUSER, "template1"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template postgres owner postgres").format(sql.Identifier(TEMPLATE))
        )
        _seal_template(connection, sealed=True)
    seed_file = supabase_dir / "seed.sql"
    if seed and seed_file.exists():
        with psycopg.connect(conninfo(port, "postgres")) as connection:
            migrations.run_file(connection, seed_file)


def update(port: int, supabase_dir: Path) -> list[str]:
    """Bring an older cluster up to date: second factors, Realtime, Storage, and pending migrations.

    Returns:
        The names of the migrations that were applied.

    Raises:
        migrations.MigrationError: one of the files was refused.
    """
    with psycopg.connect(conninfo(port, SUPERUSER), autocommit=True) as connection:
        _seal_template(connection, sealed=False)
        try:
            for database in (TEMPLATE, "postgres"):
                with psycopg.connect(conninfo(port, SUPERUSER, database)) as inside:
                    migrations.run_file(inside, SQL / "mfa.sql")
                    migrations.run_file(inside, SQL / "realtime.sql")
                    migrations.run_file(inside, SQL / "storage.sql")
                applied = migrations.apply_pending(conninfo(port, "postgres", database), supabase_dir)
        finally:
            _seal_template(connection, sealed=True)
    return applied


def is_complete(data: Path) -> bool:
    """Whether the first start on this data came to its end."""
    return (data / COMPLETE).exists()


def mark_complete(data: Path) -> None:
    """Note that the data is worth keeping from now on."""
    (data / COMPLETE).touch()


def mark_incomplete(data: Path) -> None:
    """Take that back, before something of the data is deleted."""
    (data / COMPLETE).unlink(missing_ok=True)


def _seal_template(connection: psycopg.Connection, *, sealed: bool) -> None:
    """Keep everybody out of the template, or let them in: one open connection to it stops every clone."""
    name = sql.Identifier(TEMPLATE)
    connection.execute(sql.SQL("alter database {} is_template true").format(name))
    connection.execute(
        sql.SQL("alter database {} allow_connections {}").format(name, sql.Literal(not sealed))
    )


def refresh_stats(port: int) -> None:
    """Refresh the organisations' statistics, which a schedule does on hosted Supabase."""
    _call_if_there(port, "refresh_organization_stats")


def seal_audit_logs(port: int) -> None:
    """Seal the audit log's new entries into their chains, which a schedule does on hosted Supabase."""
    _call_if_there(port, "seal_audit_logs")


def _call_if_there(port: int, function: str) -> None:
    # The functions belong to the migrations, which may not have them.
    with psycopg.connect(conninfo(port, "postgres"), autocommit=True) as connection:
        found = connection.execute(
            "select from pg_proc where pronamespace = 'public'::regnamespace and proname = %s", [function]
        )
        if found.rowcount:
            connection.execute(sql.SQL("select public.{}()").format(sql.Identifier(function)))
