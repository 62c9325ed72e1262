"""What the campaigns run against."""

import pytest

from tests.actors import Connection, TokenSigner
from tests.contract.roles import Contract
from tests.harness import RunningStack


@pytest.fixture
def contract(
    bff_url: str,
    stack: RunningStack,
    signer: TokenSigner,
    live_db: Connection,
    capsys: pytest.CaptureFixture[str],
) -> Contract:
    """The BFF of the run, and its document."""
    return Contract(bff_url, stack, signer, live_db, capsys)
