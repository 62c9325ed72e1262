"""Every error that asks to wait says for how long."""

import pytest

from bff.errors import RETRY_AFTER, STATUS, ApiError

# Statuses for which a client waits and asks again (RFC 9110, 15.6; RFC 6585, 4).
WAIT = {429, 502, 503, 504}


def test_the_codes_that_ask_to_wait_are_those_of_the_statuses_that_do() -> None:
    assert set(RETRY_AFTER) == {code for code, status in STATUS.items() if status in WAIT}


@pytest.mark.parametrize("code", sorted(STATUS))
def test_an_error_has_a_time_to_wait_if_its_status_asks_for_it(code: str) -> None:
    error = ApiError(code, "whatever raised it")
    assert ("Retry-After" in error.headers) == (error.status in WAIT)
    if error.retry_after is not None:
        assert error.headers["Retry-After"] == str(error.retry_after)
        assert ApiError(code, "with its own", retry_after=7).headers["Retry-After"] == "7"
