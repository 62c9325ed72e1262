"""A BFF of the contract's own: nobody is to be refused for asking too often."""

from collections.abc import Iterator

import pytest

from tests.harness import RunningBff, RunningStack, running_bff

# No limit is reached by whatever can be asked in a day.
ENDLESS = "1000000/minute"


@pytest.fixture(scope="session")
def contract_bff(stack: RunningStack) -> Iterator[RunningBff]:
    """The BFF that is asked."""
    with running_bff(stack.env, stack.directory / "bff-contract.log") as running:
        yield running
