"""Tiers, rules, blackouts and holidays over HTTP, as each role."""

import uuid
from typing import Any

import pytest

from tests.actors import Connection, Organization, TokenSigner, make_organization
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client

BODIES: dict[str, dict[str, Any]] = {
    "tiers": {
        "name": "Guests",
        "priority": 50,
        "color": "#0f766e",
        "sections": ["planes"],
        "limits": {"max_days_per_month": 5, "requires_approval": True},
    },
    "rules": {
        "name": "Notice",
        "rule_type": "lead_time",
        "conditions": {"min_hours": 24},
        "overridable_by": ["admin"],
    },
    "blackouts": {"start_date": "2031-12-24", "end_date": "2032-01-01", "reason": "Family only"},
    "holidays": {"name": "Virgen del Carmen", "name_es": "Virgen del Carmen", "month_day": "07-16"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "tiers": {"name": "Friends"},
    "rules": {"is_active": False},
    "blackouts": {"reason": "Closed"},
    "holidays": {"name": "Feast"},
}


def path_of(organization: Organization, kind: str, row: str = "") -> str:
    return f"/api/v1/organizations/{organization.id}/{kind}" + (f"/{row}" if row else "")


@pytest.mark.parametrize("kind", BODIES)
async def test_admins_make_change_and_delete_and_all_members_read(
    client: Client, office: Organization, kind: str
) -> None:
    admin, viewer = client(office.admin), client(office.viewer)
    response = await admin.post(path_of(office, kind), json=BODIES[kind])
    made = data(response, 201)
    assert (response.headers["location"], response.headers["etag"]) == (
        path_of(office, kind, made["id"]),
        '"1"',
    )
    sent = {name: value for name, value in BODIES[kind].items() if name != "limits"}
    assert {name: made[name] for name in sent} == sent
    listed = await viewer.get(path_of(office, kind), params={"pageSize": 100})
    assert made in data(listed)
    assert pagination(listed).totalItems == len(data(listed))

    path = path_of(office, kind, made["id"])
    changed = await admin.patch(path, json=CHANGES[kind], headers={"If-Match": '"1"'})
    assert changed.headers["etag"] == '"2"'
    assert {name: data(changed)[name] for name in CHANGES[kind]} == CHANGES[kind]
    stale = assert_error(
        await admin.patch(path, json=CHANGES[kind], headers={"If-Match": '"1"'}), "PRECONDITION_FAILED"
    )
    assert stale["details"]["current"] == data(changed)
    assert_error(await admin.delete(path, headers={"If-Match": '"1"'}), "PRECONDITION_FAILED")
    assert (await admin.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert_error(await admin.delete(path), "NOT_FOUND")


@pytest.mark.parametrize("kind", BODIES)
async def test_nobody_else_writes_and_strangers_find_nothing(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner, kind: str
) -> None:
    made = data(await client(office.owner).post(path_of(office, kind), json=BODIES[kind]), 201)
    path = path_of(office, kind, made["id"])
    for role in ("manager", "member", "viewer"):
        caller = client(office.actor(role))
        assert_error(await caller.post(path_of(office, kind), json=BODIES[kind]), "FORBIDDEN")
        assert_error(await caller.patch(path, json=CHANGES[kind]), "FORBIDDEN")
        assert_error(await caller.delete(path), "FORBIDDEN")
    other = make_organization(live_db, signer=signer)
    stranger = client(other.owner)
    assert_error(await stranger.get(path_of(office, kind)), "NOT_FOUND")
    assert_error(await stranger.post(path_of(office, kind), json=BODIES[kind]), "NOT_FOUND")
    for target in (path, path_of(other, kind, made["id"])):
        assert_error(await stranger.patch(target, json=CHANGES[kind]), "NOT_FOUND")
        assert_error(await stranger.delete(target), "NOT_FOUND")
    assert_error(await client(None).get(path_of(office, kind)), "UNAUTHORIZED")


async def test_a_tier_carries_its_limits(client: Client, office: Organization) -> None:
    admin = client(office.admin)
    made = data(await admin.post(path_of(office, "tiers"), json=BODIES["tiers"]), 201)
    none = dict.fromkeys(
        (
            "max_consecutive_days",
            "max_days_per_month",
            "min_lead_time_hours",
            "max_advance_days",
            "min_cancellation_notice_hours",
        )
    )
    assert made["limits"] == {**none, "max_days_per_month": 5, "requires_approval": True}
    path = path_of(office, "tiers", made["id"])
    changed = await admin.patch(path, json={"limits": {"max_advance_days": 90}})
    assert data(changed)["limits"] == {**made["limits"], "max_advance_days": 90}
    assert changed.headers["etag"] == '"2"'
    assert data(await admin.patch(path, json={"limits": None}))["limits"] is None
    assert_fields(
        await admin.patch(path, json={"limits": {"max_days_per_month": 32, "x": 1}, "color": "red"}),
        **{
            "limits.max_days_per_month": "less_than_equal",
            "limits.x": "extra_forbidden",
            "color": "string_pattern_mismatch",
        },
    )
    again = {"name": "Same strength", "priority": 50}
    assert_fields(await admin.post(path_of(office, "tiers"), json=again), priority="not_unique")
    error = assert_error(await admin.delete(path_of(office, "tiers", office.tier)), "INVALID_STATE")
    assert error["details"]["reason"] == "tier_in_use"


async def test_a_rule_names_what_is_wrong_with_it(
    client: Client, office: Organization, live_db: Connection
) -> None:
    other = make_organization(live_db)
    admin, path = client(office.admin), path_of(office, "rules")
    rule = BODIES["rules"]
    assert_fields(
        await admin.post(path, json={**rule, "conditions": {"min_hours": 0, "max": 1}}),
        **{"conditions.min_hours": "out_of_range", "conditions.max": "extra_forbidden"},
    )
    assert_fields(await admin.post(path, json={**rule, "tier_id": other.tier}), tier_id="not_found")
    assert_fields(
        await admin.post(path, json={**rule, "asset_ids": [office.assets["planes"], other.assets["planes"]]}),
        **{"asset_ids.1": "not_found"},
    )
    approvers = {
        **rule,
        "effect": "require_approval",
        "approval_type": "specific_users",
        "approver_user_ids": [other.owner.id],
    }
    assert_fields(await admin.post(path, json=approvers), **{"approver_user_ids.0": "not_found"})


async def test_a_rule_comes_with_its_assets(client: Client, office: Organization) -> None:
    admin, path = client(office.admin), path_of(office, "rules")
    plane, boat = office.assets["planes"], office.assets["watercraft"]
    made = data(await admin.post(path, json={**BODIES["rules"], "asset_ids": [plane]}), 201)
    assert (made["asset_ids"], made["applies_to_all_assets"]) == ([plane], False)
    one = path_of(office, "rules", made["id"])
    changed = await admin.patch(one, json={"asset_ids": [boat]})
    assert (data(changed)["asset_ids"], changed.headers["etag"]) == ([boat], '"2"')
    assert data(await admin.get(path, params={"asset_id": plane})) == []
    assert [row["id"] for row in data(await admin.get(path, params={"asset_id": boat}))] == [made["id"]]
    everywhere = data(await admin.patch(one, json={"asset_ids": None}))
    assert (everywhere["asset_ids"], everywhere["applies_to_all_assets"]) == (None, True)
    assert [row["id"] for row in data(await admin.get(path, params={"is_active": "true"}))] == [made["id"]]


async def test_blackouts_are_listed_by_the_days_that_they_touch(
    client: Client, office: Organization, live_db: Connection
) -> None:
    other = make_organization(live_db)
    admin, path = client(office.admin), path_of(office, "blackouts")
    made = data(await admin.post(path, json=BODIES["blackouts"]), 201)
    for days, found in (
        ({"from": "2032-01-01"}, True),
        ({"from": "2032-01-02"}, False),
        ({"to": "2031-12-24"}, True),
        ({"to": "2031-12-23"}, False),
    ):
        assert (made in data(await admin.get(path, params=days))) == found
    body = {"start_date": "2031-12-24", "end_date": "2031-12-23"}
    assert_fields(await admin.post(path, json=body), end_date="range_order")
    body = {**BODIES["blackouts"], "asset_id": other.assets["planes"], "tier_id": other.tier}
    assert_fields(await admin.post(path, json=body), asset_id="not_found", tier_id="not_found")
    assert_fields(
        await admin.post(path, json={"start_date": "2031-02-29", "end_date": 5}),
        start_date="date_from_datetime_parsing",
        end_date="date_format",
    )


async def test_holidays_built_in_are_everyone_s_and_nobody_s_to_change(
    client: Client, office: Organization
) -> None:
    admin, path = client(office.admin), path_of(office, "holidays")
    carnival = next(
        row
        for row in data(await admin.get(path, params={"pageSize": 100}))
        if row["name"] == "Carnival Tuesday"
    )
    assert carnival["built_in"] is True
    assert carnival["next_date"]
    one = path_of(office, "holidays", carnival["id"])
    for response in (await admin.patch(one, json={"name": "Mine"}), await admin.delete(one)):
        assert assert_error(response, "FORBIDDEN")["details"] == {"reason": "built_in"}
    both = {"name": "Both", "month_day": "07-16", "date": "2031-07-16"}
    assert_fields(await admin.post(path, json=both), date="one_of")
    own = data(await admin.post(path, json=BODIES["holidays"]), 201)
    rule = {"name": "Feast", "rule_type": "holiday", "conditions": {"holiday_ids": [own["id"]]}}
    data(await admin.post(path_of(office, "rules"), json=rule), 201)
    error = assert_error(await admin.delete(path_of(office, "holidays", own["id"])), "INVALID_STATE")
    assert error["details"]["reason"] == "holiday_in_use"


async def test_ids_that_are_none_are_not_found(client: Client, office: Organization) -> None:
    for kind, change in CHANGES.items():
        row = path_of(office, kind, str(uuid.uuid4()))
        assert_error(await client(office.admin).patch(row, json=change), "NOT_FOUND")
