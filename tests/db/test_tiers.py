"""Tiers, rules, blackouts and holidays: the same words for functions and for rows written directly."""

from typing import Any

import pytest

from tests.actors import Connection, Organization, as_user, make_organization, refused, rpc
from tests.db.approving import make_tier
from tests.db.booking import Json
from tests.db.racing import second_of_two

DIRECT: list[tuple[str, Json, str, str]] = [
    ("tiers", {"name": " ", "priority": 7}, "name", "string_too_short"),
    ("tiers", {"name": "x", "priority": -1}, "priority", "out_of_range"),
    ("tiers", {"name": "x"}, "priority", "missing"),
    ("tiers", {"name": "x", "priority": 7, "color": "red"}, "color", "value_error"),
    ("tiers", {"name": "x", "priority": 7, "sections": "{planes,planes}"}, "sections", "repeated"),
    ("tier_rules", {"max_days_per_month": 32}, "max_days_per_month", "out_of_range"),
    ("tier_rules", {"min_cancellation_notice_hours": -1}, "min_cancellation_notice_hours", "out_of_range"),
    ("blackout_dates", {"start_date": "2031-01-02"}, "end_date", "missing"),
    ("blackout_dates", {"start_date": "2031-01-02", "end_date": "2031-01-01"}, "end_date", "range_order"),
    ("holidays", {"name": "x", "month_day": "02-30"}, "month_day", "value_error"),
    ("holidays", {"name": "x"}, "date", "one_of"),
]


@pytest.mark.parametrize(("table", "columns", "path", "code"), DIRECT)
def test_a_row_written_directly_is_refused_by_its_fields(
    database: str, organization: Organization, table: str, columns: Json, path: str, code: str
) -> None:
    values = {"organization_id": organization.id, **columns}
    if table == "tier_rules":
        values["tier_id"] = organization.tier
    places = ", ".join(["%s"] * len(values))
    query = f"insert into public.{table} ({', '.join(values)}) values ({places})"
    with as_user(database, organization.admin) as admin, refused("VALIDATION_ERROR", 400) as failures:
        admin.execute(query.encode(), list(values.values()))
    assert [(f["path"], f["code"]) for f in failures[0].details["fields"]] == [(path, code)]


def call(connection: Connection, function: str, organization: Organization, **arguments: Any) -> Json:
    named = {f"p_{name}": value for name, value in arguments.items()}
    answer: Json = rpc(connection, function, p_organization_id=organization.id, **named)
    return answer


def test_all_faults_of_a_tier_and_its_limits_are_named_at_once(
    database: str, organization: Organization
) -> None:
    faulty = {
        "name": 5,
        "priority": 1.5,
        "sections": ["planes", "trains"],
        "is_default": "yes",
        "limits": {"max_advance_days": 3661, "requires_approval": None, "weekly": 1},
        "rank": 1,
    }
    with as_user(database, organization.admin) as admin:
        with refused("VALIDATION_ERROR", 400) as failures:
            call(admin, "create_tier", organization, tier=faulty)
        assert {(f["path"], f["code"]) for f in failures[0].details["fields"]} == {
            ("name", "string_type"),
            ("priority", "int_type"),
            ("sections", "literal_error"),
            ("is_default", "bool_type"),
            ("limits.max_advance_days", "out_of_range"),
            ("limits.requires_approval", "missing"),
            ("limits.weekly", "extra_forbidden"),
            ("rank", "extra_forbidden"),
        }
        for body in ("null", "[]", "5"):
            with refused("VALIDATION_ERROR", 400):
                admin.execute("select public.create_tier(%s, %s)", [organization.id, body])


def test_limits_written_directly_count_as_a_change_of_the_tier(
    database: str, organization: Organization
) -> None:
    with as_user(database, organization.admin) as admin:
        for query in (
            "insert into public.tier_rules (organization_id, tier_id) values (%s, %s)",
            "update public.tier_rules set max_advance_days = 5 where organization_id = %s and tier_id = %s",
            "delete from public.tier_rules where organization_id = %s and tier_id = %s",
        ):
            admin.execute(query.encode(), [organization.id, organization.tier])
        (tier,) = call(admin, "list_tiers", organization)["items"]
        assert (tier["version"], tier["limits"]) == (4, None)
        changed = call(
            admin,
            "update_tier",
            organization,
            tier_id=organization.tier,
            changes={"name": "Renamed", "limits": {"max_advance_days": 9}},
        )
        assert (changed["version"], changed["limits"]["max_advance_days"]) == (5, 9)
        with refused("INVALID_STATE", 409) as failures:
            call(admin, "update_tier", organization, tier_id=organization.tier, changes={"is_default": False})
        assert failures[0].details == {"reason": "default_tier"}


def test_a_rule_whose_approver_has_left_can_still_be_switched_off(
    db: Connection, database: str, organization: Organization
) -> None:
    body = {
        "name": "Ask the manager",
        "rule_type": "custom",
        "conditions": {"description": "Always"},
        "approval_type": "specific_users",
        "approver_user_ids": [organization.manager.id],
    }
    with as_user(database, organization.admin) as admin:
        rule = call(admin, "create_rule", organization, rule=body)
        assert rule["effect"] == "require_approval"
        db.execute("delete from public.organization_members where user_id = %s", [organization.manager.id])
        off = call(admin, "update_rule", organization, rule_id=rule["id"], changes={"is_active": False})
        assert (off["is_active"], off["version"]) == (False, 2)
        with refused("VALIDATION_ERROR", 400) as failures:
            call(admin, "update_rule", organization, rule_id=rule["id"], changes={"timeout_hours": 5})
    assert failures[0].details["fields"][0]["path"] == "approver_user_ids.0"


def test_another_organisation_s_rows_are_not_there(
    db: Connection, database: str, organization: Organization
) -> None:
    other = make_organization(db)
    with as_user(database, organization.owner) as owner:
        holiday = call(owner, "create_holiday", organization, holiday={"name": "Feast", "month_day": "02-29"})
        blackout = call(
            owner,
            "create_blackout",
            organization,
            blackout={"start_date": "2032-02-29", "end_date": "2032-02-29"},
        )
    with as_user(database, other.owner) as stranger:
        for kind, row in (
            ("tier", organization.tier),
            ("holiday", holiday["id"]),
            ("blackout", blackout["id"]),
        ):
            for target in (organization, other):
                with refused("NOT_FOUND", 404):
                    call(stranger, f"update_{kind}", target, **{f"{kind}_id": row, "changes": {}})
                with refused("NOT_FOUND", 404):
                    call(stranger, f"delete_{kind}", target, **{f"{kind}_id": row})
        assert holiday["id"] not in {
            row["id"] for row in call(stranger, "list_holidays", other, page_size=100)["items"]
        }
        assert call(stranger, "list_blackouts", other) == {"items": [], "total": 0}


def test_a_whole_number_has_no_fraction_not_even_zero(database: str, organization: Organization) -> None:
    with as_user(database, organization.admin) as admin, refused("VALIDATION_ERROR", 400) as failures:
        call(admin, "update_tier", organization, tier_id=organization.tier, changes={"priority": 7.0})
    assert [(f["path"], f["code"]) for f in failures[0].details["fields"]] == [("priority", "int_type")]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ({"priority": 1}, {"priority": 1}, "VALIDATION_ERROR"),
        ({"priority": 1, "is_default": True}, {"priority": 2, "is_default": True}, "SERVICE_UNAVAILABLE"),
    ],
    ids=["one_strength", "both_default"],
)
def test_of_two_tiers_at_once_the_second_is_told_what_stands_in_its_way(
    db: Connection, database: str, organization: Organization, first: Json, second: Json, code: str
) -> None:
    outcome = second_of_two(
        database,
        db,
        (organization.owner, lambda one: call(one, "create_tier", organization, tier={"name": "A", **first})),
        (
            organization.admin,
            lambda two: call(two, "create_tier", organization, tier={"name": "B", **second}),
        ),
    )
    assert outcome.code == code


LEAD_TIME = {"name": "x", "rule_type": "lead_time", "conditions": {"min_hours": 2}}
BY_TIER = {
    "name": "x",
    "rule_type": "custom",
    "conditions": {"description": "x"},
    "approval_type": "tier_members",
}


@pytest.mark.parametrize(
    ("kind", "key", "body"),
    [
        ("rule", "tier_id", LEAD_TIME),
        ("rule", "approver_tier_id", BY_TIER),
        ("blackout", "tier_id", {"start_date": "2032-02-29", "end_date": "2032-02-29"}),
    ],
)
def test_what_names_a_tier_that_is_just_being_deleted_is_refused_by_its_field(
    db: Connection, database: str, organization: Organization, kind: str, key: str, body: Json
) -> None:
    tier = make_tier(db, organization, "Guests", 300)
    outcome = second_of_two(
        database,
        db,
        (organization.owner, lambda one: call(one, "delete_tier", organization, tier_id=tier)),
        (
            organization.admin,
            lambda two: call(two, f"create_{kind}", organization, **{kind: {**body, key: tier}}),
        ),
    )
    assert [(f["path"], f["code"]) for f in outcome.details["fields"]] == [(key, "not_found")]


def test_a_tier_is_deleted_with_the_rule_that_is_just_being_made_for_it(
    db: Connection, database: str, organization: Organization
) -> None:
    tier = make_tier(db, organization, "Guests", 300)
    rule = {**LEAD_TIME, "tier_id": tier}
    outcome = second_of_two(
        database,
        db,
        (organization.owner, lambda one: call(one, "create_rule", organization, rule=rule)),
        (organization.admin, lambda two: call(two, "delete_tier", organization, tier_id=tier)),
    )
    assert outcome == {"id": tier}
    with as_user(database, organization.viewer) as viewer:
        assert call(viewer, "list_rules", organization)["total"] == 0
