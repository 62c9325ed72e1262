"""The runbooks fit what is there: commands run, links lead somewhere, and signs are those of the fault."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from bff.audit.spool import Spool, new_path, paths, project_of
from ops import sql
from tests.harness import ROOT, RunningStack, running_bff, stopped, wait_until
from tests.ops.test_alerts import ALERTS, anchors

RUNBOOKS = ROOT / "ops/runbooks"
PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")
DOCUMENTS = [
    *sorted(path for folder in ("docs", "ops") for path in (ROOT / folder).rglob("*.md")),
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
]
SECTIONS = ("What it looks like", "First five minutes", "Mend", "Verify", "Afterwards")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# The whole of one page, which asks a project all that check-hosted asks.
WALK_SECONDS = 120


@pytest.fixture(scope="module")
def environment(stack: RunningStack, bff_url: str) -> dict[str, str]:
    """What a hand at the terminal has set, against the embedded stack."""
    return {
        **os.environ,
        **{
            name: stack.env[name]
            for name in ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY")
        },
        "DATABASE_URL": stack.database_url,
        "BFF_URL": bff_url,
        "METRICS_TOKEN": "none is asked for",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def blocks(page: str) -> list[str]:
    """The commands that a page has run, in order."""
    found = BLOCK.findall((RUNBOOKS / page).read_text())
    assert found, page
    return [str(each) for each in found]


def walk(scripts: list[str], environment: dict[str, str]) -> str:
    """What they print, one after another in one shell that stops at the first failure."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "".join(scripts)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WALK_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_runbook_goes_from_the_signs_to_what_is_done_afterwards(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == list(SECTIONS)


@pytest.mark.parametrize(
    "page", [path for path in PAGES if path.stem != "monitoring"], ids=lambda path: path.stem
)
def test_the_commands_of_a_runbook_run_and_find_nothing_wrong(
    page: Path, environment: dict[str, str]
) -> None:
    printed = walk(blocks(page.name), environment)
    assert not re.search(r"^fail", printed, re.MULTILINE), printed
    assert "unhealthy" not in printed


def test_who_is_told_to_change_a_setting_is_told_how_it_reaches_a_container() -> None:
    """A container has its settings from its start: SIGHUP alone brings none."""
    told = {
        (page.name, "up -d" in paragraph)
        for page in PAGES
        for paragraph in re.split(r"\n\n|\n- ", page.read_text())
        if "SIGHUP" in paragraph and re.search(r"[Ss]ettings|\bset\b|\.env", paragraph)
    }
    assert told == {("supabase-down.md", True), ("relay-lag.md", True), ("key-rotation.md", True)}


def test_each_alert_is_in_the_table_of_runbooks() -> None:
    listed = (RUNBOOKS / "README.md").read_text()
    assert [rule["alert"] for rule in ALERTS if rule["alert"] not in listed] == []
    assert [page.name for page in PAGES if listed.count(f"| [{page.name}]({page.name})") != 1] == []
    for rule in ALERTS:
        page = rule["annotations"]["runbook"].removeprefix("ops/runbooks/").partition("#")[0]
        row = next(line for line in listed.splitlines() if line.startswith(f"| [{page}]"))
        assert rule["alert"] in row, page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_of_a_page_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name}: {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{document.name}: {target}"


def test_what_waits_in_the_spool_goes_along_to_another_project_as_the_runbook_says(tmp_path: Path) -> None:
    addresses = ("https://old.supabase.co", "https://new.supabase.co")
    old, new = map(project_of, addresses)
    left = Spool(new_path(tmp_path, old), "normal", 1 << 20)
    left.append([b'{"id": 1}'])
    left.let_go()
    strange = new_path(tmp_path, project_of("https://strange.supabase.co"))
    strange.touch()
    consoles = re.findall(
        r"^```console\n(.*?)^```", (RUNBOOKS / "restore.md").read_text(), re.MULTILINE | re.DOTALL
    )
    [rename] = [block for block in consoles if all(address in block for address in addresses)]
    walk([rename], {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "SPOOL": str(tmp_path)})
    assert paths(tmp_path, old) == []
    [found] = paths(tmp_path, new)
    spool = Spool(found, "normal", 1 << 20)
    assert [row.record for row in spool.oldest(10)] == [b'{"id": 1}']
    spool.close()
    assert strange.exists()


def test_while_supabase_stands_still_the_runbook_shows_what_it_says(
    stack: RunningStack, environment: dict[str, str]
) -> None:
    first, *_, last = blocks("supabase-down.md")
    with stopped(stack.pids()["lite"]):
        # What health says may be a second old.
        health = f"{environment['BFF_URL']}/api/health"
        wait_until(lambda: httpx.get(health, timeout=10).status_code == 503, what="its being noticed")
        printed = walk([first], environment)
        assert '"status": "unhealthy"' in printed
        assert "No answer in time" in printed
        assert "rest 000" in printed
    wait_until(lambda: '"status": "healthy"' in walk([first], environment), what="health")
    wait_until(lambda: "relay_log_up 1.0" in walk([last], environment), seconds=40, what="the log")


def test_while_realtime_is_away_the_runbook_shows_what_it_says(
    stack: RunningStack, environment: dict[str, str]
) -> None:
    signs, *_ = blocks("relay-lag.md")
    died = stack.kill("realtime", signal.SIGKILL)
    wait_until(
        lambda: "relay_feed_up 0.0" in (printed := walk([signs], environment)) and '"degraded"' in printed,
        what="the feed's loss",
    )
    stack.wait_ready("realtime", died=died)
    wait_until(lambda: "relay_feed_up 1.0" in walk([signs], environment), seconds=60, what="the feed")


def test_with_another_metrics_token_the_runbook_tells_401(
    stack: RunningStack, environment: dict[str, str], tmp_path: Path
) -> None:
    check = blocks("bff-down.md")[0]
    with running_bff(stack.env, tmp_path / "log", METRICS_TOKEN="the token that was rotated in") as bff:
        theirs = {**environment, "BFF_URL": bff.url}
        assert walk([check], {**theirs, "METRICS_TOKEN": "the token of yesterday"}).endswith("401\n")
        assert walk([check], {**theirs, "METRICS_TOKEN": "the token that was rotated in"}).endswith("200\n")


def test_a_secret_key_that_was_replaced_shows_as_unhealthy_and_as_401(
    stack: RunningStack, environment: dict[str, str], tmp_path: Path
) -> None:
    first, *_ = blocks("supabase-down.md")
    wrong = "sb_secret_that_was_deleted_after_it_leaked"
    with running_bff({**stack.env, "SUPABASE_SECRET_KEY": wrong}, tmp_path / "log") as bff:
        printed = walk([first], {**environment, "BFF_URL": bff.url, "SUPABASE_SECRET_KEY": wrong})
        assert '"status": "unhealthy"' in printed
        assert re.search("rest 40[13]", printed)
        assert httpx.get(f"{bff.url}/api/live").status_code == 200


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("delete from supabase_migrations.schema_migrations", psycopg.errors.ReadOnlySqlTransaction),
        ("commit; delete from supabase_migrations.schema_migrations", psycopg.errors.SyntaxError),
        ("select pg_sleep(60)", psycopg.errors.QueryCanceled),
    ],
    ids=["a write", "two statements", "what takes too long"],
)
def test_the_hand_that_looks_cannot_write_or_wait(
    statement: str, error: type[psycopg.Error], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "STATEMENT_MS", 500)
    with pytest.raises(error):
        sql.ask(database, statement)
    assert int(sql.ask(database, "select count(*) from supabase_migrations.schema_migrations")[1][0]) > 0


def test_what_it_sees_is_printed_with_the_columns_names(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"DATABASE_URL": database}
    assert sql.main(["select 1 as a, null as b, '50 %' as c"], environment) == 0
    assert capsys.readouterr().out == "a\tb\tc\n1\t\t50 %\n"
    assert sql.main(["select nothing"], environment) == 1
    assert sql.main([], environment) == 2
