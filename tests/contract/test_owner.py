"""Whatever an owner asks, who may do everything, the BFF answers as its OpenAPI document says.

schemathesis draws requests from the document, right and wrong ones, and makes all its checks of each answer.
Nothing is switched off: `tests.contract.campaign` says which statuses are expected of what, and
`tests.contract.refusals` what valid data may be refused for.
"""

from tests.contract.roles import DRAWN, Contract


def test_every_answer_to_an_owner_is_as_the_document_says(contract: Contract) -> None:
    # The document's corners are walked once, by who gets everywhere.
    contract.hold("owner", phases=(*DRAWN, "coverage"))
