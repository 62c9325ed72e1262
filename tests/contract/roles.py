"""Who may do what, and the campaign that holds the BFF to its OpenAPI document as one of these roles."""

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest

from bff import openapi
from bff.app import ENDPOINTS
from tests.actors import Connection, TokenSigner
from tests.contract import campaign
from tests.contract.world import World
from tests.harness import RunningStack

# More of it by `make contract`.
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "2"))
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


@dataclass(frozen=True)
class Contract:
    """The BFF that is held to its document, and what the world of a role is made with."""

    bff_url: str
    stack: RunningStack
    signer: TokenSigner
    live_db: Connection
    capsys: pytest.CaptureFixture[str]

    def hold(self, role: str, *, phases: tuple[str, ...] = DRAWN) -> None:
        """Ask whatever the document allows and forbids as this role, and print what was asked in a line.

        Raises:
            AssertionError: an answer that is not declared, or a success that is not this role's.
        """
        document: dict[str, Any] = json.loads(json.dumps(openapi.render(ENDPOINTS)))
        world = World(self.live_db, self.stack, self.signer, role)
        told = campaign.configuration(
            ENDPOINTS,
            seed=SEED,
            examples=EXAMPLES,
            phases=phases,
            token=world.token,
            # The errors of who may nothing are asked for in their other form.
            accept="application/problem+json" if role == "stranger" else None,
        )
        try:
            outcome = campaign.run(document, self.bff_url, world, told)
        finally:
            world.close()
        with self.capsys.disabled():
            print(f"\n{role}: {outcome.summary()}")  # noqa: T201 (what a run is for)
        assert not outcome.failures, "\n\n".join(outcome.failures)
        assert outcome.granted == MAY[role]
