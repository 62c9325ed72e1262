"""Whatever anybody else asks, the BFF answers as its OpenAPI document says, and refuses what is not theirs.

A file apart from the owner's, as files are what the two processes of a run are given.
"""

import pytest

from tests.contract.roles import Contract
from tests.contract.world import ROLES


@pytest.mark.parametrize("role", [role for role in ROLES if role != "owner"])
def test_every_answer_is_as_the_document_says(role: str, contract: Contract) -> None:
    contract.hold(role)
