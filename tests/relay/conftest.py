"""Realtime's knobs, for the tests that break it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness import RunningStack


def turn(stack: RunningStack, **knobs: Any) -> None:
    """Turns Realtime's knobs for tests."""
    httpx.post(f"{stack.control_url}/_control", json=knobs).raise_for_status()


@pytest.fixture
def knobs_at_rest(stack: RunningStack) -> Iterator[None]:
    """Every knob at rest, before and after."""
    turn(stack, reset=True)
    yield
    turn(stack, reset=True)
