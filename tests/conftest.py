"""Fixtures of all tests: one stack a process, one database a module, a fresh organisation a test."""

import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import psycopg.conninfo
import pytest
import pytest_asyncio
import structlog
from psycopg import sql

from tests.actors import Actor, Connection, Organization, TokenSigner, connect, make_organization
from tests.functions import FunctionCoverage, count_calls
from tests.harness import RunningBff, RunningStack, running_bff, running_stack, scratch_directory

FUNCTION_COVERAGE = pytest.StashKey[FunctionCoverage]()


@pytest.fixture(scope="session", autouse=True)
def _a_terminal_that_may_hang_up() -> None:
    """Under nohup the processes that the tests start would ignore SIGHUP as well."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _loggers_without_a_cache() -> Iterator[None]:
    """A logger that is cached keeps the processors of its first use, and `tests.logs` would not hear it."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            structlog,
            "configure",
            lambda **options: configure(**{**options, "cache_logger_on_first_use": False}),
        )
        yield


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """This process' embedded Supabase, on free ports; it counts which SQL functions are called."""
    with scratch_directory() as directory, running_stack(directory / "stack") as running:
        count_calls(running.admin_database_url)
        coverage = request.config.stash[FUNCTION_COVERAGE] = FunctionCoverage()
        yield running
        coverage.add(running.database_url, _postgres_log(running))


def _postgres_log(stack: RunningStack) -> Path:
    return stack.directory / "logs" / "postgres.log"


def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ARG001 (pytest-xdist's hook)
    """Takes in what a process of the run has counted."""
    counted = node.workeroutput.get("functions")
    if counted is not None:
        node.config.stash.setdefault(FUNCTION_COVERAGE, FunctionCoverage()).merge(counted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says which SQL functions no test has called."""
    coverage = config.stash.get(FUNCTION_COVERAGE, None)
    if coverage is not None and coverage.sources:
        uncalled = coverage.uncalled()
        terminalreporter.section("SQL functions")
        terminalreporter.line(f"{len(coverage.sources) - len(uncalled)} of {len(coverage.sources)} called")
        if _is_whole_run(config):
            terminalreporter.line(f"not called: {', '.join(uncalled) or 'none'}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run of everything fails where a SQL function was never called."""
    coverage = session.config.stash.get(FUNCTION_COVERAGE, None)
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["functions"] = None if coverage is None else coverage.counted()
    elif (
        coverage is not None
        and coverage.sources
        and _is_whole_run(session.config)
        and session.exitstatus == pytest.ExitCode.OK
        and coverage.uncalled()
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_whole_run(config: pytest.Config) -> bool:
    # pytest can be told to do without its cache, and so without --last-failed.
    last_failed = config.getoption("lf", default=False)
    chosen = config.option.keyword or config.option.markexpr or last_failed or config.option.maxfail
    return config.args == config.getini("testpaths") and not chosen


@pytest.fixture(scope="session")
def signer(stack: RunningStack) -> TokenSigner:
    """Signs access tokens with the stack's own key."""
    return token_signer(stack)


def token_signer(stack: RunningStack) -> TokenSigner:
    """A signer with the key that the stack's Auth signs with."""
    keys = httpx.get(f"{stack.url}/auth/v1/.well-known/jwks.json").json()["keys"]
    pem = (stack.directory / "signing-key.pem").read_text()
    return TokenSigner(key=pem, kid=keys[0]["kid"], issuer=f"{stack.url}/auth/v1")


@pytest.fixture(scope="module")
def database(stack: RunningStack, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the module's own, cloned from the migrated template; role postgres."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(stack.admin_database_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} owner postgres").format(
                sql.Identifier(name), sql.Identifier(stack.env["STACK_TEMPLATE_DATABASE"])
            )
        )
        conninfo = psycopg.conninfo.make_conninfo(stack.database_url, dbname=name)
        yield conninfo
        request.config.stash[FUNCTION_COVERAGE].add(conninfo, _postgres_log(stack))
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def admin_database(stack: RunningStack, database: str) -> str:
    """The module's database as the superuser."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    return psycopg.conninfo.make_conninfo(stack.admin_database_url, dbname=name)


@pytest.fixture
def db(database: str) -> Iterator[Connection]:
    """A connection to the module's database as role postgres: the dashboard's."""
    with connect(database) as connection:
        yield connection


@pytest.fixture
def organization(db: Connection) -> Organization:
    """A fresh organisation in the module's database."""
    return make_organization(db)


@pytest.fixture
def live_db(stack: RunningStack) -> Iterator[Connection]:
    """A connection to the stack's own database as role postgres."""
    with connect(stack.database_url) as connection:
        yield connection


@pytest.fixture
def office(live_db: Connection, signer: TokenSigner) -> Organization:
    """A fresh organisation in the live stack, whose people carry access tokens."""
    return make_organization(live_db, signer=signer)


@pytest.fixture(scope="session")
def bff(stack: RunningStack) -> Iterator[RunningBff]:
    """The run's BFF process."""
    with running_bff(stack.env, stack.directory / "bff.log") as running:
        yield running


@pytest.fixture(scope="session")
def bff_url(bff: RunningBff) -> str:
    """Where the run's BFF answers."""
    return bff.url


Client = Callable[[Actor | None], httpx.AsyncClient]


@pytest_asyncio.fixture
async def client(bff_url: str) -> AsyncIterator[Client]:
    """Makes HTTP clients of the BFF that act as a user, or as nobody."""
    clients: list[httpx.AsyncClient] = []

    def make(actor: Actor | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {actor.token}"} if actor else {}
        clients.append(httpx.AsyncClient(base_url=bff_url, headers=headers, timeout=20))
        return clients[-1]

    yield make
    for each in clients:
        await each.aclose()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent
