"""The calendar's page, as people use it; each scenario is a file of `scenarios/`, in a real Chromium."""

import os
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.actors import Organization, as_user, rpc
from tests.browser.conftest import Play
from tests.harness import RunningBff, RunningStack, free_port, running_bff


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param("booking", id="what one books by drag the other sees with the name of who did it"),
        pytest.param("conflict", id="a conflict says who is there and a free time is booked instead"),
        pytest.param("moving", id="a booking is moved by drag and goes back if that is refused"),
        pytest.param("offline", id="a browser without network says so and catches up with what it missed"),
        pytest.param("versions", id="an edit against an edit shows both versions and the chosen one wins"),
        pytest.param("approval", id="what waits looks different and the manager approves it"),
        pytest.param("spanish", id="in Spanish all is Spanish, what the rules say too"),
        pytest.param("keyboard", id="all of it is done with the keyboard alone"),
        pytest.param("phone", id="on a phone it is a list that fits, and a booking is made there"),
        pytest.param("viewer", id="who may only look is offered nothing else"),
        pytest.param("maintenance", id="an admin takes an asset out of service and the others see it"),
        pytest.param("session", id="a wrong password is said, and a session that ends asks to sign in again"),
        pytest.param("untouched", id="whoever changes a title changes nothing else"),
        pytest.param("stale", id="what is cancelled or approved is what was looked at"),
        pytest.param("leaving", id="what was open or on its way goes with the session"),
    ],
)
def test_the_page(site: RunningBff, play: Play, scenario: str) -> None:
    play(scenario, site.url)


def test_a_bff_that_dies_and_comes_back_is_caught_up_with(
    stack: RunningStack, page_folder: Path, play: Play, office: Organization
) -> None:
    settings = {"BFF_PORT": str(free_port()), "CALENDAR_PAGE_DIR": str(page_folder)}
    log = stack.directory / "restarted.log"
    with ExitStack() as running:
        first = running.enter_context(running_bff(stack.env, log, **settings))

        def kill() -> None:
            first.process.kill()
            first.process.wait()

        def book() -> None:
            start = datetime.now(UTC) + timedelta(days=2)
            with as_user(stack.database_url, office.manager) as manager:
                rpc(
                    manager,
                    "create_reservation",
                    p_asset_id=office.assets["planes"],
                    p_title="Meanwhile",
                    p_start_date=start,
                    p_end_date=start + timedelta(hours=4),
                )

        def start() -> None:
            running.enter_context(running_bff(stack.env, log, **settings))

        asks = {"kill the BFF": kill, "book without the BFF": book, "start the BFF": start}
        play("restart", first.url, asks)


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("clocks", id="its clocks are those of the assets"),
        pytest.param("reading", id="its forms read back what nobody touched as it was"),
        pytest.param("store", id="what it knows is what it was told last"),
        pytest.param("session", id="its session is of the one who signed in last, or of nobody"),
    ],
)
def test_what_the_page_works_out_by_itself(root: Path, module: str) -> None:
    done = subprocess.run(
        ["node", "--test", str(Path(__file__).with_name(f"{module}.test.mjs"))],
        cwd=root,
        # A clock of its own, so that the assets' are never the machine's by chance.
        env={**os.environ, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
