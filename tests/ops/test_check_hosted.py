"""`make check-hosted` passes what is sound, names what is not, and never writes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from websockets.exceptions import InvalidURI

from ops.check_hosted import bff as bff_checks
from ops.check_hosted import checks, realtime
from ops.check_hosted import database as database_checks
from ops.check_hosted.__main__ import main
from ops.check_hosted.expected import Expected, read
from ops.check_hosted.project import Project, WriteError
from ops.check_hosted.report import Finding, exit_code
from tests.actors import Connection
from tests.harness import RunningStack
from tests.ops.hosted import (
    HostedProject,
    careless_realtime,
    hosted_project,
    recording_proxy,
)

PUBLISHABLE, SECRET = "sb_publishable_of_a_test", "sb_secret_of_a_test"
# What an embedded project cannot be asked, or does not have.
UNKNOWN_OF_THE_STACK = [
    "address: TLS",
    "auth: addresses are confirmed before a sign-in",
    "auth: second factors",
    "rest: size of its pool",
    "rest: the service's functions",
    "realtime: private channels only",
    "database: schedule",
]


@pytest.fixture(scope="module")
def expected() -> Expected:
    return read()


@pytest.fixture
def hosted(expected: Expected) -> Iterator[HostedProject]:
    with hosted_project(expected, PUBLISHABLE) as project:
        yield project


def found(hosted: HostedProject, expected: Expected) -> dict[str, Finding]:
    project = Project(hosted.url, PUBLISHABLE, SECRET)
    try:
        findings = [finding for check in checks.CHECKS for finding in checks.run(check, project, expected)]
    finally:
        project.close()
    return {finding.name: finding for finding in findings}


def by_status(findings: Iterator[Finding] | list[Finding], status: str) -> list[str]:
    return [finding.name for finding in findings if finding.status == status]


def told(printed: str, status: str) -> list[str]:
    """The names on the printed lines of that status."""
    return [line[9:].split("  ")[0] for line in printed.splitlines() if line.startswith(f"{status} ")]


def environment(stack: RunningStack, **more: str) -> dict[str, str]:
    return {
        "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
        "SUPABASE_SECRET_KEY": stack.secret_key,
        "DATABASE_URL": stack.database_url,
        **more,
    }


def test_the_embedded_project_passes_and_nothing_but_reads_is_sent(
    stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    with recording_proxy(stack.url) as proxy:
        code = main([proxy.url, "--development"], environment(stack))
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert told(printed, "unknown") == UNKNOWN_OF_THE_STACK
    assert len(told(printed, "pass")) > 15
    assert stack.secret_key not in printed
    assert stack.publishable_key not in printed
    requests = proxy.requests()
    assert {method for method, _ in requests} == {"GET"}
    assert sum(target.startswith("/realtime/v1/websocket") for _, target in requests) == 3
    assert not [target for _, target in requests if "/rpc/" in target]


def test_what_cannot_be_told_fails_a_strict_run(stack: RunningStack) -> None:
    assert main([stack.url, "--development", "--strict"], environment(stack)) == 1


def test_an_embedded_project_is_no_project_for_production(
    stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([stack.url], environment(stack)) == 1
    not_of_production = {"auth: second factors", "rest: size of its pool", "rest: the service's functions"}
    assert told(capsys.readouterr().out, "fail") == [
        name for name in UNKNOWN_OF_THE_STACK if name not in not_of_production
    ]


def test_without_keys_it_says_which_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://127.0.0.1:1"], {"SUPABASE_ANON_KEY": "x"}) == 2
    assert capsys.readouterr().err.startswith("check-hosted: SUPABASE_SECRET_KEY must be set")


def test_a_project_that_does_not_answer_fails_in_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    keys = {"SUPABASE_ANON_KEY": PUBLISHABLE, "SUPABASE_SERVICE_ROLE_KEY": SECRET}
    database_url = "postgresql://postgres:a-password@127.0.0.1:1/postgres"
    assert main(["http://127.0.0.1:1"], {**keys, "DATABASE_URL": database_url}) == 1
    printed = capsys.readouterr().out
    assert f"0 passed, {len(checks.CHECKS) + 3} failed, 0 unknown" in printed
    assert "a-password" not in printed


def test_a_sound_hosted_project_fails_in_nothing_but_plain_http(
    hosted: HostedProject, expected: Expected
) -> None:
    findings = found(hosted, expected)
    assert by_status(list(findings.values()), "fail") == ["address: TLS"]
    assert by_status(list(findings.values()), "unknown") == [
        "auth: second factors",
        "rest: size of its pool",
    ]


Change = Callable[[HostedProject], None]


def answers(path: str, status: int, body: Any) -> Change:
    def change(project: HostedProject) -> None:
        project.answers[path] = (status, body)

    return change


def without_path(path: str) -> Change:
    def change(project: HostedProject) -> None:
        del project.answers["/rest/v1/"][1]["paths"][path]

    return change


def open_table(project: HostedProject) -> None:
    project.nobody["/rest/v1/profiles"] = (200, [])


def open_organizations(project: HostedProject) -> None:
    project.nobody["/rest/v1/organizations"] = (200, [{"id": "1"}])


def wrong_publishable(project: HostedProject) -> None:
    project.nobody["/rest/v1/organizations"] = (401, {"message": "Invalid API key"})


def clock_of_last_year(project: HostedProject) -> None:
    project.headers["Date"] = "Fri, 28 Nov 2025 12:00:00 GMT"


SETTINGS = {"external": {}, "mailer_autoconfirm": False}
BUCKET = {"public": False, "file_size_limit": 1, "allowed_mime_types": ["image/png"]}
FAULTS: list[tuple[str, str, Change, str]] = [
    ("Auth is paused", "address: Auth answers", answers("/auth/v1/health", 540, {}), "540"),
    (
        "the secret key is another project's",
        "keys: the secret key reads as the service",
        answers("/rest/v1/organizations", 401, {"message": "Invalid API key"}),
        "401",
    ),
    ("the keys are exchanged", "keys: the publishable key is nobody's", open_organizations, "secret key"),
    ("the publishable key is wrong", "keys: the publishable key is nobody's", wrong_publishable, "wrong key"),
    (
        "only a shared secret signs",
        "auth: tokens are signed with a published key",
        answers("/auth/v1/.well-known/jwks.json", 200, {"keys": []}),
        "ES256",
    ),
    (
        "the key set is a page of HTML",
        "auth: tokens are signed with a published key",
        answers("/auth/v1/.well-known/jwks.json", 200, "<html>"),
        "ES256",
    ),
    ("settings are refused", "auth: settings", answers("/auth/v1/settings", 401, {}), "401"),
    (
        "addresses are not confirmed",
        "auth: addresses are confirmed before a sign-in",
        answers("/auth/v1/settings", 200, {**SETTINGS, "mailer_autoconfirm": True}),
        "Confirm email",
    ),
    (
        "anonymous users may come",
        "auth: no anonymous users",
        answers("/auth/v1/settings", 200, {**SETTINGS, "external": {"anonymous_users": True}}),
        "anonymous",
    ),
    (
        "schema app is exposed",
        "rest: schema app is not exposed",
        answers("/rest/v1/occupancy", 200, []),
        "Exposed schemas",
    ),
    (
        "another schema is exposed",
        "rest: schema app is not exposed",
        answers("/rest/v1/occupancy", 406, {"message": "one of the following: public, private"}),
        "private",
    ),
    ("anon may read a table", "rest: anon may read no table", open_table, "profiles"),
    ("a table is missing", "rest: tables", without_path("/waitlist_entries"), "waitlist_entries"),
    (
        "a function of the service is missing",
        "rest: the service's functions",
        without_path("/rpc/stream_grants"),
        "stream_grants",
    ),
    (
        "the bucket is public",
        "storage: bucket asset-photos is private",
        answers("/storage/v1/bucket/asset-photos", 200, {**BUCKET, "public": True}),
        "public",
    ),
    (
        "the bucket takes any size",
        "storage: bucket asset-photos is private",
        answers("/storage/v1/bucket/asset-photos", 200, {**BUCKET, "file_size_limit": None}),
        "limit",
    ),
    (
        "there is no bucket",
        "storage: bucket asset-photos is private",
        answers("/storage/v1/bucket/asset-photos", 400, {"error": "Bucket not found"}),
        "400",
    ),
    ("the clock is a year off", "clock: this host's agrees", clock_of_last_year, "NTP"),
]


@pytest.mark.parametrize(
    ("name", "change", "words"), [each[1:] for each in FAULTS], ids=[each[0] for each in FAULTS]
)
def test_a_fault_is_named_with_what_to_do(
    name: str, change: Change, words: str, hosted: HostedProject, expected: Expected
) -> None:
    change(hosted)
    finding = found(hosted, expected)[name]
    assert finding.status == "fail"
    assert words in finding.reason


@pytest.mark.parametrize(
    "everything",
    [
        b"<html>Sign in to this network</html>",
        b"{}",
        b"[]",
        b"null",
        b'{"keys": 7, "external": 7, "paths": null, "code": null}',
        b"\xff\xfe",
        b"1" * 1_000_000,
    ],
    ids=["a captive portal", "an object", "a list", "null", "wrong types", "no text", "a megabyte"],
)
def test_whatever_answers_in_the_projects_place_is_no_project(
    everything: bytes, hosted: HostedProject, expected: Expected
) -> None:
    hosted.everything = everything
    hosted.headers["Date"] = "yesterday"
    findings = found(hosted, expected)
    for name in (
        "keys: the publishable key is nobody's",
        "auth: tokens are signed with a published key",
        "rest: schema app is not exposed",
        "rest: anon may read no table",
    ):
        assert findings[name].status == "fail", name
    assert findings["clock: this host's agrees"].status == "unknown"


@pytest.mark.parametrize("url", ["https://[", "https://a b", "project.supabase.co", "ftp://x", ""])
def test_an_address_that_is_none_is_told_and_is_no_traceback(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"SUPABASE_ANON_KEY": PUBLISHABLE, "SUPABASE_SERVICE_ROLE_KEY": SECRET}
    assert main([url], keys) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("check-hosted: ")
    assert printed.out == ""


def test_what_libraries_say_of_an_address_does_not_show_the_key_in_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(project: Project, key: str, *_: object, **__: object) -> tuple[str, str]:
        raise InvalidURI(f"{project.url}/realtime/v1/websocket?apikey={key}", "no such scheme")

    monkeypatch.setattr(realtime, "join", refuse)
    keys = {"SUPABASE_ANON_KEY": PUBLISHABLE, "SUPABASE_SERVICE_ROLE_KEY": SECRET}
    assert main(["http://127.0.0.1:1"], keys) == 1
    printed = capsys.readouterr().out
    assert "apikey=…" in printed
    assert SECRET not in printed


def test_a_project_that_is_far_away_is_told_so(
    hosted: HostedProject, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LATENCY_SECONDS", 0.0)
    (finding,) = [each for name, each in found(hosted, expected).items() if name.startswith("latency")]
    assert (finding.status, "region" in finding.reason) == ("fail", True)


def test_a_realtime_that_lets_everybody_in_is_found() -> None:
    with careless_realtime() as url:
        findings = list(realtime.findings(Project(url, PUBLISHABLE, SECRET)))
    assert by_status(findings, "pass") == ["realtime: the relay may join its channel"]
    assert by_status(findings, "fail") == [
        "realtime: nobody else may join it",
        "realtime: private channels only",
    ]


@pytest.mark.parametrize("frame", ["no JSON", "[]", "7", '{"event": "phx_reply", "ref": "1"}'])
def test_what_speaks_websocket_and_is_no_realtime_fails(frame: str) -> None:
    with careless_realtime(frame) as url:
        findings = list(realtime.findings(Project(url, PUBLISHABLE, SECRET)))
    assert by_status(findings, "fail") == ["realtime: the relay may join its channel"]


def test_a_key_that_realtime_does_not_know_is_found(stack: RunningStack) -> None:
    findings = list(realtime.findings(Project(stack.url, stack.publishable_key, SECRET)))
    assert by_status(findings, "fail") == ["realtime: the relay may join its channel"]


def test_a_project_refuses_to_send_what_may_write() -> None:
    project = Project("http://127.0.0.1:1", PUBLISHABLE, SECRET)
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        with pytest.raises(WriteError, match=method):
            project._client.request(method, "/rest/v1/organizations")
    project.close()
    assert SECRET not in repr(project)


def database_findings(conninfo: str, expected: Expected) -> dict[str, Finding]:
    return {
        finding.name: finding for finding in database_checks.findings(conninfo, expected, development=False)
    }


def test_what_the_migrations_say_is_what_the_database_has(db: Connection, expected: Expected) -> None:
    tables = db.execute(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    assert {row["relname"] for row in tables.fetchall()} == expected.tables
    functions = db.execute(
        "select proname, has_function_privilege('service_role', oid, 'execute') as of_service from pg_proc"
        " where pronamespace = 'public'::regnamespace"
    ).fetchall()
    assert {row["proname"] for row in functions} == expected.functions
    assert {row["proname"] for row in functions if row["of_service"]} == expected.service_functions


def test_the_database_passes_once_each_function_is_on_the_schedule(
    db: Connection, database: str, expected: Expected
) -> None:
    name = "database: schedule"
    assert database_findings(database, expected)[name].status == "fail"
    db.execute("create schema cron; create table cron.job (command text, active boolean)")
    for function in expected.scheduled:
        reason = database_findings(database, expected)[name].reason
        assert function in reason or "more" in reason
        db.execute("insert into cron.job values (%s, true)", [f"select public.{function}()"])
    findings = database_findings(database, expected)
    assert by_status(list(findings.values()), "pass") == list(findings)
    db.execute("update cron.job set active = false where command ~ 'expire_holds'")
    assert "expire_holds" in database_findings(database, expected)[name].reason
    db.execute("update cron.job set active = true")
    db.execute("insert into cron.job values ('select public.seal_audit_logs()', true)")
    finding = database_findings(database, expected)[name]
    assert (finding.status, "two jobs call seal_audit_logs" in finding.reason) == ("fail", True)
    db.execute("drop schema cron cascade")


RUNS = """
drop schema if exists cron cascade;
create schema cron;
create table cron.job (jobid bigint, command text, active boolean);
create table cron.job_run_details (
    jobid bigint, runid bigint, status text, return_message text, start_time timestamptz default now()
);
"""


@pytest.mark.parametrize(
    ("runs", "status", "reason"),
    [
        ("", "unknown", "none yet: complete_reservations"),
        ("(1, 1, 'running', null, now())", "unknown", "none yet"),
        ("(1, 1, 'failed', 'x', now()), (1, 2, 'succeeded', '1 row', now())", "pass", "succeeded"),
        (
            "(1, 1, 'succeeded', '', now()), (1, 2, 'failed', E'ERROR: lock\nat', now())",
            "fail",
            "the last run failed: refresh_organization_stats: ERROR: lock",
        ),
        ("(1, 1, 'succeeded', '', now() - interval '3 hours')", "fail", "none in 2 hours"),
        ("(99, 1, 'failed', 'not ours', now())", "unknown", "none yet"),
    ],
    ids=["none", "the first is on", "mended", "failed", "long ago", "another's"],
)
def test_how_the_schedules_last_runs_went_is_told(
    runs: str, status: str, reason: str, db: Connection, database: str, expected: Expected
) -> None:
    db.execute(RUNS.encode())
    for number, function in enumerate(expected.scheduled, 1):
        db.execute("insert into cron.job values (%s, %s, true)", [number, f"select public.{function}()"])
    db.execute("insert into cron.job values (99, 'select 1', true)")
    others = range(2, len(expected.scheduled) + 1)
    if runs:
        db.execute(f"insert into cron.job_run_details values {runs}".encode())
        if "99" not in runs:
            for number in others:
                db.execute("insert into cron.job_run_details values (%s, 1, 'succeeded', '1 row')", [number])
    finding = database_findings(database, expected)["database: runs of the schedule"]
    db.execute("drop schema cron cascade")
    assert (finding.status, reason in finding.reason) == (status, True), finding


def test_migrations_that_are_missing_or_strange_are_named(
    db: Connection, database: str, expected: Expected
) -> None:
    name = "database: migrations"
    last = expected.versions[-1]
    db.execute("update supabase_migrations.schema_migrations set version = '99' where version = %s", [last])
    finding = database_findings(database, expected)[name]
    assert (finding.status, last in finding.reason) == ("fail", True)
    db.execute("insert into supabase_migrations.schema_migrations (version) values (%s)", [last])
    finding = database_findings(database, expected)[name]
    assert (finding.status, "99" in finding.reason) == ("fail", True)
    db.execute("delete from supabase_migrations.schema_migrations where version = '99'")


def test_a_function_that_is_gone_or_open_to_all_is_named(
    db: Connection, database: str, expected: Expected
) -> None:
    db.execute("alter function public.expire_holds() rename to expired_holds")
    db.execute("grant execute on function public.complete_reservations() to anon")
    findings = database_findings(database, expected)
    assert "expire_holds" in findings["database: functions"].reason
    assert "complete_reservations" in findings["database: anon may call no function"].reason
    db.execute("revoke execute on function public.complete_reservations() from anon")
    db.execute("alter function public.expired_holds() rename to expire_holds")
    assert database_findings(database, expected)["database: functions"].status == "pass"


def test_the_database_is_asked_in_a_transaction_that_cannot_write(
    database: str, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(connection: psycopg.Connection[Any], _: Expected) -> Iterator[Finding]:
        connection.execute("delete from supabase_migrations.schema_migrations")
        yield from ()

    monkeypatch.setattr(database_checks, "_migrations", write)
    (finding,) = database_findings(database, expected).values()
    assert finding.reason.startswith("ReadOnlySqlTransaction")


def test_a_bff_whose_metrics_are_open_to_all_is_told_so(bff_url: str) -> None:
    findings = list(bff_checks.findings(bff_url))
    assert by_status(findings, "fail") == ["bff: metrics are not for all"]
    assert by_status(findings, "pass") == [
        "bff: healthy",
        "bff: the API asks for a token",
        "bff: tells browsers to keep to TLS",
    ]


def test_what_is_no_bff_is_told_so(hosted: HostedProject) -> None:
    findings = list(bff_checks.findings(hosted.url))
    assert by_status(findings, "fail") == ["bff: healthy", "bff: the API asks for a token"]
    assert by_status(list(bff_checks.findings("http://127.0.0.1:1")), "fail") == ["bff: an answer"]


def test_the_exit_code_says_whether_anything_failed() -> None:
    lines = [Finding("a", "pass", ""), Finding("b", "unknown", "")]
    assert (exit_code(lines, strict=False), exit_code(lines, strict=True)) == (0, 1)
    assert exit_code([*lines, Finding("c", "fail", "")], strict=False) == 1
    assert json.dumps([line.status for line in lines]) == '["pass", "unknown"]'
