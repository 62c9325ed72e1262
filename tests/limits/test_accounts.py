"""What a route counts about an account that nobody has proved to own yet."""

from collections.abc import Awaitable, Callable

import pytest

from bff.limits.limiter import Limiter, Names
from bff.limits.middleware import RateLimitedError, charge_account, charge_email
from bff.limits.policies import NAMES, Policies
from bff.limits.windows import Standing
from bff.metrics import Metrics
from bff.state import Request

AMOUNT = 3
Charge = Callable[[Request, str], Awaitable[None]]


class Asking:
    """Requests to sign in, each from another address."""

    def __init__(self) -> None:
        policies = Policies({**dict.fromkeys(NAMES, 100), "auth-account": AMOUNT}, 60, 10)
        self._limiter = Limiter(policies, Names("a secret"), Metrics().limits)
        self._addresses = iter(range(256))

    async def __call__(self, account: str, charge: Charge = charge_email) -> list[Standing]:
        address = f"192.0.2.{next(self._addresses)}"
        state = {"limiter": self._limiter, "rate_limits": [], "client_address": address}
        await charge(Request({"type": "http", "state": state}), account)
        standings: list[Standing] = state["rate_limits"]  # type: ignore[assignment]
        return standings


async def test_an_account_is_counted_over_many_addresses_however_its_email_is_spelt() -> None:
    asking = Asking()
    for left, spelling in ((2, "anna@example.com"), (1, "Anna@Example.COM"), (0, " anna@example.com ")):
        [standing] = await asking(spelling)
        assert (standing.policy, standing.remaining) == ("auth-account", left)
    with pytest.raises(RateLimitedError) as refused:
        await asking("ANNA@example.com")
    assert refused.value.details == {"policies": ["auth-account"]}
    assert 1 <= (refused.value.retry_after or 0) <= 60
    await asking("ben@example.com")


async def test_tokens_that_differ_in_capitals_are_different_accounts() -> None:
    asking = Asking()
    for left, token in ((2, "aBc"), (2, "AbC"), (1, "aBc")):
        [standing] = await asking(token, charge_account)
        assert standing.remaining == left
