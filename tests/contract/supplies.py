"""What of the world each operation is about, so that a request can reach what it asks for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zlib import crc32

from schemathesis import Case
from schemathesis.core.transport import Response
from schemathesis.generation.meta import TestPhase

from tests.contract.world import World
from tests.db.booking import utc
from tests.stack.api import PASSWORD

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Supply:
    """What a request is about.

    Attributes:
        make: makes it; its values take the place of those that were drawn under their names.
        is_used_up: a success leaves nothing for the next request.
        query: parameters that are sent though none were drawn.

    """

    make: Callable[[World], Values]
    is_used_up: bool = False
    query: tuple[str, ...] = ()


def _id(make: Callable[[World], str], *, is_used_up: bool = False) -> Supply:
    return Supply(lambda world: {"id": make(world)}, is_used_up)


def _hour(world: World) -> dict[str, Any]:
    start, end = world.hour()
    return {"asset_id": world.office.assets["residences"], "start_date": utc(start), "end_date": utc(end)}


def _series(world: World) -> Values:
    return {**world.series(), "scope": "this"}


def _taken(world: World) -> Values:
    wish = world.taken()
    return {**wish, "start_date": utc(wish["start_date"]), "end_date": utc(wish["end_date"])}


def _window(world: World) -> Values:
    start, _ = world.hour()
    end = start + timedelta(days=30)
    return {
        "id": world.office.assets["planes"],
        "from": utc(start),
        "to": utc(end),
        "start": utc(start),
        "end": utc(end),
        "free_from": utc(start),
        "free_to": utc(end),
    }


HOUR: Final = Supply(_hour, is_used_up=True)
ASSET: Final = Supply(_window)
WINDOW: Final = Supply(lambda world: {**_window(world), "id": None})
SUPPLIES: Final[Mapping[str, Supply]] = {
    # Bookings
    "create_reservation": HOUR,
    "preview_reservation": HOUR,
    "list_reservations": WINDOW,
    "read_calendar": WINDOW,
    "read_reservation": _id(World.reservation),
    "update_reservation": Supply(lambda world: {**_hour(world), "id": world.reservation()}),
    "cancel_reservation": _id(World.reservation, is_used_up=True),
    "restore_reservation": _id(World.canceled_reservation, is_used_up=True),
    "decide_reservation": Supply(
        lambda world: {"id": world.pending_reservation(), "rule_id": world.rule},
        is_used_up=True,
    ),
    "create_hold": HOUR,
    "release_hold": Supply(World.hold, is_used_up=True),
    "create_series": HOUR,
    "read_series": Supply(_series),
    "update_series": Supply(
        lambda world: {**_hour(world), **_series(world)},
        is_used_up=True,
        query=("from",),
    ),
    "cancel_series": Supply(_series, is_used_up=True, query=("from",)),
    "join_waitlist": Supply(_taken, is_used_up=True),
    "leave_waitlist": Supply(World.waiting, is_used_up=True),
    "accept_waitlist_offer": _id(World.offered, is_used_up=True),
    "list_delegations": Supply(lambda world: {"organization_id": world.office.id}),
    "delete_delegation": Supply(lambda world: {"id": world.delegation()}, is_used_up=True),
    "create_delegation": Supply(
        lambda world: {
            "organization_id": world.office.id,
            "delegate_id": world.other(),
            "starts_at": utc(world.hour()[0]),
            "ends_at": utc(world.hour()[1] + timedelta(days=3)),
        },
        is_used_up=True,
    ),
    # Accounts
    "sign_in": Supply(lambda world: {"email": world.account.email, "password": PASSWORD}),
    "refresh_session": Supply(lambda world: {"refresh_token": world.refresh_token()}, is_used_up=True),
    "enroll_factor": Supply(lambda world: {"nothing": world.factor()}, is_used_up=True),
    "challenge_factor": Supply(World.factor),
    "verify_factor": Supply(World.factor, is_used_up=True),
    "unenroll_factor": Supply(World.factor, is_used_up=True),
    # Assets
    "list_assets": WINDOW,
    "read_asset": ASSET,
    "update_asset": _id(World.asset),
    "archive_asset": _id(World.asset, is_used_up=True),
    "restore_asset": _id(World.archived_asset, is_used_up=True),
    "read_availability": ASSET,
    "list_maintenance": ASSET,
    "create_maintenance": Supply(lambda world: {**_hour(world), "id": world.asset()}, is_used_up=True),
    "read_maintenance": _id(World.maintenance),
    "update_maintenance": Supply(
        lambda world: {**_hour(world), "id": world.maintenance(), "asset_id": world.asset()},
    ),
    "cancel_maintenance": _id(World.maintenance, is_used_up=True),
    "plan_upload": _id(World.asset),
    "list_photos": ASSET,
    "register_photo": Supply(
        lambda world: {"id": (file := world.uploaded())["asset"], "path": file["path"]},
        is_used_up=True,
    ),
    "update_photo": _id(World.photo),
    "delete_photo": _id(World.photo, is_used_up=True),
    # Organisations
    "update_organization": Supply(lambda world: {"org": world.organization()}),
    "delete_organization": Supply(lambda world: {"org": world.organization()}, is_used_up=True),
    "restore_organization": Supply(lambda world: {"org": world.organization(deleted=True)}, is_used_up=True),
    "update_member": Supply(lambda world: {"user": world.member()}),
    "remove_member": Supply(lambda world: {"user": world.member()}, is_used_up=True),
    "revoke_invitation": _id(World.invitation, is_used_up=True),
    "accept_invitation": Supply(lambda world: {"token": world.invitation_token()}, is_used_up=True),
    "read_utilization": WINDOW,
    # Rules
    "update_tier": _id(World.tier),
    "delete_tier": _id(World.tier, is_used_up=True),
    "create_tier": Supply(lambda world: {"priority": 2000 + world.number()}, is_used_up=True),
    "update_rule": _id(World.rule_of_none),
    "delete_rule": _id(World.rule_of_none, is_used_up=True),
    "update_blackout": _id(World.blackout),
    "delete_blackout": _id(World.blackout, is_used_up=True),
    "update_holiday": _id(World.holiday),
    "delete_holiday": _id(World.holiday, is_used_up=True),
    "create_stream_ticket": Supply(lambda world: {"organization_id": world.office.id}),
}
UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What is laid down is lifted at once, and with it what these were about.
LAYS_RULES: Final = ("create_rule", "update_rule", "create_blackout", "update_blackout")
LIFTED: Final = (*LAYS_RULES, "delete_rule", "delete_blackout")
# One in so many requests is left as it was drawn; the document's own examples never are.
SHARE: Final = 4
NOTHING: Final = Supply(lambda _: {})
ENDS_SESSIONS: Final = frozenset({"sign_out", "unenroll_factor"})


class Supplier:
    """Fills in what is real, most times, and leaves what was meant to be wrong."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: dict[str, Values] = {}
        # Ids that answers have told.
        self._told: set[str] = set()
        self._filled: set[str] = set()
        office = world.office
        # By the names of members that may stand anywhere.
        self._known: dict[str, Any] = {
            "org": office.id,
            "user": office.member.id,
            "asset_id": office.assets["planes"],
            "asset_ids": [office.assets["planes"]],
            "tier_id": office.tier,
            "approver_tier_id": office.tier,
            "approver_user_ids": [office.admin.id],
            "user_id": office.member.id,
            "transfer_to": office.admin.id,
            "timezone": "America/Panama",
        }

    def fill(self, case: Case[Any], operation: str) -> None:
        """Before a request is sent."""
        if case.meta is None:
            return
        modes = {location.value: part.mode.is_positive for location, part in case.meta.components.items()}
        body = case.body if isinstance(case.body, dict) else None
        drawn = repr((case.path_parameters, case.query, body)).encode()
        # Links lead from one answer to the next request: what they say stays.
        is_linked = bool(case.path_parameters) and self._told.issuperset(
            map(str, case.path_parameters.values())
        )
        is_shown = case.meta.phase.name == TestPhase.EXAMPLES
        is_real = (is_shown or crc32(drawn) % SHARE != 0) and not is_linked
        is_real = is_real or self._is_about_foundations(case, operation)
        if (
            "If-Match" in case.headers
            and modes.get("header", True)
            and (
                # What is drawn is no version; and schemathesis at times draws `0`, which is not valid either.
                is_real or case.headers["If-Match"] == "0"
            )
        ):
            case.headers["If-Match"] = "*"
        if not is_real:
            return
        if "Idempotency-Key" in case.headers and modes.get("header", True):
            # The document's own would be used for one request after another.
            case.headers["Idempotency-Key"] = f"{case.id}-{self._world.number()}"
        supply = SUPPLIES.get(operation, NOTHING)
        given = {**self._known, **self._supply(operation)}
        for location, values in (("path", case.path_parameters), ("query", case.query), ("body", case.body)):
            if modes.get(location, True) and isinstance(values, dict):
                values.update({name: given[name] for name in given if values.get(name) is not None})
        if modes.get("query", True):
            case.query.update({name: given[name] for name in supply.query})
        self._filled.add(case.id)

    def _is_about_foundations(self, case: Case[Any], operation: str) -> bool:
        """Whether an id that an answer told would have the request change what all others rest on."""
        if operation not in SUPPLIES or case.method == "GET":
            return False
        own = self._supply(operation)
        return any(
            name in own and str(value) in self._world.foundations
            for values in (case.path_parameters, case.query)
            for name, value in values.items()
        )

    def _supply(self, operation: str) -> Values:
        if operation not in self._made:
            self._made[operation] = SUPPLIES.get(operation, NOTHING).make(self._world)
        return self._made[operation]

    def answered(self, case: Case[Any], operation: str, response: Response) -> bool:
        """After a request: what it has used up is made anew for the next.

        Answers whether it succeeded with what is the world's.
        """
        is_filled = case.id in self._filled
        self._filled.discard(case.id)
        self._told.update(UUID.findall(response.text if response.status_code in (200, 201) else ""))
        if response.status_code >= 300:
            return False
        if operation in ENDS_SESSIONS:
            self._world.renew_session()
        if operation in LAYS_RULES:
            self._world.lift_rules()
            for about in LIFTED:
                self._made.pop(about, None)
        if SUPPLIES.get(operation, NOTHING).is_used_up:
            self._made.pop(operation, None)
        return is_filled
