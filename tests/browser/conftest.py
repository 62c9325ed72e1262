"""The calendar's page in a real Chromium: built from its sources, served by a BFF, played by scenarios."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.actors import Actor, Connection, Organization
from tests.harness import ROOT, RunningBff, RunningStack, running_bff, scratch_directory

HERE = Path(__file__).parent
# Everybody's; of a stack that is gone a minute later.
PASSWORD = "of-the-browser-tests"
ROLES = ("owner", "admin", "manager", "member", "viewer")
# What a scenario may take on two busy cores; a healthy one takes a tenth.
SCENARIO_SECONDS = 90.0

Stage = subprocess.Popen[str]
Play = Callable[..., None]


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, bundled from its sources as they are now."""
    folder = tmp_path_factory.mktemp("page")
    subprocess.run(["node", str(ROOT / "clients/calendar/build.mjs"), str(folder)], check=True, timeout=60)
    return folder


@pytest.fixture(scope="session")
def site(stack: RunningStack, page_folder: Path) -> Iterator[RunningBff]:
    """A BFF that serves the page."""
    with running_bff(stack.env, stack.directory / "site.log", CALENDAR_PAGE_DIR=str(page_folder)) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Stage]:
    """`stage.mjs` with one Chromium for all scenarios; each has contexts of its own in it."""
    # Without what makes child processes count their coverage.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    with (
        scratch_directory() as unpacked,
        subprocess.Popen(
            ["node", str(HERE / "stage.mjs")],
            cwd=ROOT,
            # The browser unpacks itself into TMPDIR, and whatever of its name is there already is run.
            env={**env, "TMPDIR": str(unpacked)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as node,
    ):
        yield node
        assert node.stdin is not None
        node.stdin.close()


@pytest.fixture
def office_with_passwords(office: Organization, live_db: Connection) -> Organization:
    """The office, whose people can sign in as people do."""
    live_db.execute(
        """
        update auth.users set encrypted_password = extensions.crypt(%s, extensions.gen_salt('bf', 4))
        where id = any (%s::uuid[])
        """,
        [PASSWORD, [office.actor(role).id for role in ROLES]],
    )
    return office


@pytest.fixture
def play(
    chromium: Stage,
    office_with_passwords: Organization,
    live_db: Connection,
    tmp_path_factory: pytest.TempPathFactory,
) -> Play:
    """Plays a scenario at a URL; what it asks for is done by the functions of `asks`."""
    office = office_with_passwords
    folder = tmp_path_factory.getbasetemp() / "screenshots"
    folder.mkdir(exist_ok=True)
    assets = {
        section: {"id": identity, "name": f"{section} one"} for section, identity in office.assets.items()
    }
    people = {role: _person(live_db, office.actor(role)) for role in ROLES}

    def run(scenario: str, url: str, asks: Mapping[str, Callable[[], None]] | None = None) -> None:
        wanted = {
            "scenario": scenario,
            "url": url,
            "folder": str(folder),
            "people": people,
            "organization": office.id,
            "assets": assets,
        }
        _play(chromium, wanted, asks or {})

    return run


def _person(db: Connection, actor: Actor) -> dict[str, str]:
    row = db.execute(
        "select first_name || ' ' || last_name as name from public.profiles where id = %s", [actor.id]
    ).fetchone()
    assert row is not None
    return {
        "id": actor.id,
        "email": actor.email,
        "password": PASSWORD,
        "token": actor.token,
        "name": row["name"],
    }


def _play(node: Stage, wanted: dict[str, Any], asks: Mapping[str, Callable[[], None]]) -> None:
    deadline = threading.Timer(SCENARIO_SECONDS, node.kill)
    deadline.start()
    try:
        said = _tell(node, wanted)
        while "ask" in said:
            asks[said["ask"]]()
            said = _tell(node, {"done": said["ask"]})
    finally:
        deadline.cancel()
    if "failed" in said:
        pictures = ", ".join(said["pictures"])
        pytest.fail(f"{said['failed']}\nscreenshots: {pictures}", pytrace=False)


def _tell(node: Stage, message: dict[str, Any]) -> dict[str, Any]:
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(json.dumps(message) + "\n")
    node.stdin.flush()
    line = node.stdout.readline()
    assert line, f"the stage ended with {node.wait()}"
    said: dict[str, Any] = json.loads(line)
    return said
