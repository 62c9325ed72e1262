"""The deployment guide: its schedule is what the migrations need, its figures are those of the code."""

import re
from pathlib import Path

import pytest

from bff import health
from bff.server import GRACE
from bff.settings import Settings, variables
from bff.workers import STOP_SECONDS
from ops.check_hosted.database import findings
from ops.check_hosted.expected import read
from tests.actors import Connection
from tests.ops.files import read_yaml


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs/deployment.md").read_text()


def schedule(page: str) -> str:
    (found,) = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(found)


# As much of pg_cron as the schedule meets.
CRON = """
create schema cron;
create table cron.job (
    jobid bigint generated always as identity, jobname text primary key, schedule text, command text,
    active boolean default true
);
create table cron.job_run_details (
    jobid bigint, runid bigint, status text, return_message text, start_time timestamptz, end_time timestamptz
);
create function cron.schedule(job_name text, schedule text, command text) returns void language sql
begin atomic
    insert into cron.job (jobname, schedule, command) values ($1, $2, $3)
    on conflict (jobname) do update set schedule = excluded.schedule, command = excluded.command;
end;
"""


def test_the_schedule_can_be_laid_twice_satisfies_the_check_and_each_of_its_commands_runs(
    page: str, db: Connection, database: str
) -> None:
    db.execute(CRON.encode())
    for _ in range(2):
        db.execute(schedule(page).encode())
    commands = [row["command"] for row in db.execute("select command from cron.job").fetchall()]
    assert len(commands) == len(read().scheduled) + 1
    for command in commands:
        db.execute(command.encode())
    told = {finding.name: finding.status for finding in findings(database, read(), development=False)}
    assert told["database: schedule"] == "pass"


def test_the_variables_of_the_guide_exist(page: str) -> None:
    known = {name for field in Settings.model_fields.values() for name in variables(field)}
    table = page.partition("| variable | to |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", table))
    assert {"SUPABASE_URL", "METRICS_TOKEN"} <= named
    assert named <= known


def test_orchestrators_wait_longer_than_an_end_may_take(root: Path, page: str) -> None:
    assert f"for {GRACE} s" in page
    assert f"within {STOP_SECONDS:g} s" in page
    waits = re.findall(r"(?:stop_grace_period: |terminationGracePeriodSeconds: |TimeoutStopSec=)(\d+)", page)
    assert len(waits) == 3
    assert all(int(each) > STOP_SECONDS for each in waits)
    compose = read_yaml(root / "ops/compose.yaml")
    assert compose["services"]["bff"]["stop_grace_period"] == f"{waits[0]}s"


def test_the_schedule_stands_in_the_guide_alone(root: Path) -> None:
    pages = [*(root / "docs").rglob("*.md"), *(root / "ops").rglob("*.md"), root / "README.md"]
    assert [page.name for page in pages if "cron.schedule(" in page.read_text()] == ["deployment.md"]


def test_the_time_in_which_health_answers_is_that_of_the_code(root: Path) -> None:
    # What is told may be so old, and takes so long to find out.
    assert health.CACHED_FOR + health.TIMEOUT < 1
    for name in ("docs/observability.md", "ops/runbooks/supabase-down.md", "ops/blackbox/blackbox.yml"):
        text = (root / name).read_text()
        assert "within a second" in text, name
        assert "within two seconds" not in text, name
