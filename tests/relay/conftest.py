"""Realtime's knobs, for the tests that break it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness import RunningBff, RunningStack, running_bff, wait_until


def turn(stack: RunningStack, **knobs: Any) -> None:
    """Turns Realtime's knobs for tests."""
    httpx.post(f"{stack.control_url}/_control", json=knobs).raise_for_status()


@pytest.fixture
def several(stack: RunningStack) -> Iterator[RunningBff]:
    """A BFF of two workers of its own, which the test may break."""
    # A parent that is killed leaves its folder of metrics behind; here it goes with the stack's.
    settings = {"BFF_WORKERS": "2", "TMPDIR": str(stack.directory)}
    with running_bff(stack.env, stack.directory / "bff-workers.log", **settings) as running:
        yield running


@pytest.fixture
def knobs_at_rest(stack: RunningStack) -> Iterator[None]:
    """Every knob at rest, before and after."""
    turn(stack, reset=True)
    yield
    turn(stack, reset=True)


@pytest.fixture
def realtime_up(bff_url: str) -> None:
    """The BFF's feed is joined again, whatever the test before did to Realtime."""

    def is_up() -> bool:
        checks = httpx.get(f"{bff_url}/api/health", timeout=10).json()["checks"]
        return bool(checks["realtime"]["status"] == "pass")

    wait_until(is_up, seconds=90, what="the feed up")
