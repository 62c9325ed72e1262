"""Whatever anybody asks, the BFF answers as its OpenAPI document says.

schemathesis draws requests from the document, right and wrong ones, and makes all its checks of each answer.
Nothing is switched off: `tests.contract.campaign` says which statuses are expected of what, and
`tests.contract.refusals` what valid data may be refused for.
"""

import json
import os
from typing import Any

import pytest

from bff import openapi
from bff.app import ENDPOINTS
from tests.actors import Connection, TokenSigner
from tests.contract import campaign
from tests.contract.world import ROLES, World
from tests.harness import RunningStack

# More of it, by `make contract`; the document's corners are walked once, as the owner, who may do everything.
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "6"))
SEED = int(os.environ.get("CONTRACT_SEED", "1"))
DRAWN = ("examples", "fuzzing", "stateful")

ALL = frozenset(declared.handler.__name__ for declared in ENDPOINTS)
OWNERS_ONLY = frozenset({"delete_organization", "restore_organization"})
ADMINS_ONLY = frozenset(
    {
        *("create_asset", "update_asset", "archive_asset", "restore_asset", "bulk_assets"),
        *("plan_upload", "register_photo", "update_photo", "delete_photo"),
        *("create_maintenance", "update_maintenance", "cancel_maintenance"),
        *("update_organization", "update_member", "remove_member"),
        *("list_invitations", "create_invitation", "revoke_invitation"),
        *("create_tier", "update_tier", "delete_tier", "create_rule", "update_rule", "delete_rule"),
        *("create_blackout", "update_blackout", "delete_blackout"),
        *("create_holiday", "update_holiday", "delete_holiday"),
        *("list_audit_logs", "verify_audit_chain", "export_audit_logs"),
    }
)
MANAGERS_ONLY = frozenset({"decide_reservation", "read_utilization"})
BOOKERS_ONLY = frozenset(
    {
        *("create_reservation", "preview_reservation", "update_reservation", "cancel_reservation"),
        *("restore_reservation", "create_hold", "release_hold"),
        *("create_series", "update_series", "cancel_series"),
        *("join_waitlist", "leave_waitlist", "accept_waitlist_offer"),
        *("create_delegation", "delete_delegation"),
    }
)
ANYBODY = frozenset(
    {
        *("read_health", "read_liveness", "read_metrics", "read_openapi", "read_docs"),
        *("sign_in", "refresh_session"),
    }
)
# Not of this organisation: oneself, and what one founds or joins.
STRANGERS = ANYBODY | {
    *("read_me", "update_me", "list_organizations", "create_organization", "accept_invitation"),
    *("sign_out", "list_factors", "enroll_factor", "challenge_factor", "verify_factor", "unenroll_factor"),
}
# Who succeeds with what of the organisation; everything else is refused them.
MAY = {
    "owner": ALL,
    "admin": ALL - OWNERS_ONLY,
    "manager": ALL - OWNERS_ONLY - ADMINS_ONLY,
    "member": ALL - OWNERS_ONLY - ADMINS_ONLY - MANAGERS_ONLY,
    "viewer": ALL - OWNERS_ONLY - ADMINS_ONLY - MANAGERS_ONLY - BOOKERS_ONLY,
    "stranger": STRANGERS,
    "nobody": ANYBODY,
}


@pytest.fixture
def document() -> dict[str, Any]:
    """As it is served."""
    rendered: dict[str, Any] = json.loads(json.dumps(openapi.render(ENDPOINTS)))
    return rendered


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_as_the_document_says(
    role: str,
    document: dict[str, Any],
    bff_url: str,
    stack: RunningStack,
    signer: TokenSigner,
    live_db: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(live_db, stack, signer, role)
    told = campaign.configuration(
        ENDPOINTS,
        seed=SEED,
        examples=EXAMPLES,
        phases=(*DRAWN, "coverage") if role == "owner" else DRAWN,
        token=world.token,
        # The errors of who may nothing are asked for in their other form.
        accept="application/problem+json" if role == "stranger" else None,
    )
    try:
        outcome = campaign.run(document, bff_url, world, told)
    finally:
        world.close()
    with capsys.disabled():
        print(f"\n{role}: {outcome.summary()}")  # noqa: T201 (what a run is for)
    assert not outcome.failures, "\n\n".join(outcome.failures)
    assert outcome.granted == MAY[role]
