"""Judging by an organisation's rules: which concern a booking, in which order, who may set one aside."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.actors import (
    Connection,
    Organization,
    add_member,
    make_asset,
    make_organization,
    make_user,
    refused,
)
from tests.db.booking import at
from tests.db.ruling import (
    PANAMA,
    add_row,
    add_rule,
    bench,
    codes,
    judge,
    local,
    weigh,
)


def test_a_booking_is_judged_in_the_tier_of_whose_it_is(
    court: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    strong = add_row(db, "tiers", organization_id=organization.id, name="Principals", priority=1)["id"]
    untiered = make_user(db, "untiered")
    add_member(db, organization.id, untiered, "member", None)
    db.execute(
        "update public.organization_members set tier_id = %s where user_id = %s",
        [strong, organization.owner.id],
    )
    for tier, hours in ((None, 8000), (organization.tier, 8001), (strong, 8002)):
        add_rule(db, organization, "lead_time", {"min_hours": hours}, tier_id=tier)

    def asked(user: Any) -> list[int]:
        return [each["params"]["min_hours"] for each in judge(court, plane, user, at(2), at(3))]

    # Without a tier the default one's rules hold, never none.
    assert sorted(asked(organization.member)) == sorted(asked(untiered)) == [8000, 8001]
    assert sorted(asked(organization.owner)) == [8000, 8002]


def test_a_rule_is_for_all_assets_or_for_those_it_names(
    court: Connection, db: Connection, organization: Organization
) -> None:
    rule = add_rule(
        db,
        organization,
        "custom",
        {"description": "Ask."},
        effect="require_approval",
        applies_to_all_assets=False,
    )
    assets = organization.assets

    def judged() -> list[str]:
        return [
            section for section in assets if judge(court, assets[section], organization.member, at(2), at(3))
        ]

    assert judged() == []
    add_row(
        db, "tier_rule_assets", rule_id=rule["id"], asset_id=assets["planes"], organization_id=organization.id
    )
    assert judged() == ["planes"]
    db.execute(
        "update public.tier_booking_rules set applies_to_all_assets = true where id = %s", [rule["id"]]
    )
    assert judged() == list(assets)


def test_all_violations_are_told_strictest_first_then_in_order(
    court: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    start, end = local(PANAMA, "2032-05-03 10:00"), local(PANAMA, "2032-05-03 12:00")
    add_row(
        db, "blackout_dates", organization_id=organization.id, start_date="2032-05-01", end_date="2032-05-03"
    )
    add_rule(db, organization, "custom", {"description": "Ask."}, effect="require_approval", priority=1)
    add_rule(db, organization, "duration", {"max_minutes": 60}, priority=5)
    add_rule(db, organization, "advance_window", {"max_days": 30}, priority=3, effect="require_approval")
    add_rule(
        db, organization, "date_range", {"start_month_day": "05-01", "end_month_day": "05-31"}, priority=4
    )
    add_rule(db, organization, "lead_time", {"min_hours": 1}, priority=2)
    violations = judge(court, plane, organization.member, start, end)
    assert codes(violations) == ["blackout", "date_range", "duration_too_long", "custom", "advance_window"]
    assert [each["effect"] for each in violations] == ["deny"] * 3 + ["require_approval"] * 2
    keys = {
        "ruleId",
        "ruleType",
        "ruleName",
        "ruleVersion",
        "code",
        "effect",
        "message",
        "params",
        "overridable",
    }
    assert all(set(violation) == keys for violation in violations)


def test_equal_priorities_are_ordered_by_id(
    court: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    ids = sorted(
        add_rule(db, organization, "custom", {"description": f"{n}"}, effect="require_approval")["id"]
        for n in range(6)
    )
    violations = judge(court, plane, organization.member, at(2), at(3))
    assert [each["ruleId"] for each in violations] == ids


def test_a_triggered_override_silences_later_rules_of_its_own_type_only(
    court: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    yearly = {"start_month_day": "12-20", "end_month_day": "01-06"}
    add_rule(db, organization, "date_range", yearly, priority=1, name="everyday")
    add_rule(db, organization, "duration", {"max_minutes": 60}, priority=2, name="short")
    override = add_rule(
        db,
        organization,
        "date_range",
        {"start_date": "2031-12-24", "end_date": "2031-12-26"},
        priority=900,
        is_override=True,
        effect="require_approval",
        name="this year",
    )
    add_rule(db, organization, "date_range", yearly, priority=950, is_override=True, name="later override")

    def names(day: str) -> list[str]:
        start = local(PANAMA, f"{day} 10:00")
        return [
            each["ruleName"]
            for each in judge(court, plane, organization.member, start, start + timedelta(hours=2))
        ]

    # It comes first whatever its priority, and its milder word is the only one of its type.
    assert names("2031-12-25") == ["short", "this year"]
    # Not triggered, it silences nothing.
    assert names("2032-12-25") == ["later override", "short"]
    switch = "update public.tier_booking_rules set is_active = %s where is_override and organization_id = %s"
    db.execute(switch, [False, organization.id])
    assert names("2031-12-25") == ["everyday", "short"]
    db.execute("update public.tier_booking_rules set is_active = true where id = %s", [override["id"]])
    assert names("2031-12-25") == ["short", "this year"]


@pytest.mark.parametrize(
    ("effects", "outcome"),
    [
        ([], "approved"),
        (["require_approval"], "pending"),
        (["require_approval", "deny"], "refused"),
        (["deny", "deny"], "refused"),
    ],
)
def test_the_strictest_effect_wins(
    court: Connection,
    db: Connection,
    organization: Organization,
    plane: str,
    effects: list[str],
    outcome: str,
) -> None:
    for effect in effects:
        add_rule(db, organization, "lead_time", {"min_hours": 8000}, effect=effect)
    verdict = weigh(court, plane, organization.member, at(2), at(3))
    assert (verdict["outcome"], len(verdict["violations"])) == (outcome, len(effects))
    assert verdict["overridden"] == []


class TestOverriding:
    """An override names rules and a reason, and needs a role of those that the rule lists."""

    def test_listed_roles_set_a_rule_aside_and_others_do_not(
        self, database: str, db: Connection, organization: Organization, plane: str
    ) -> None:
        rule = add_rule(db, organization, "lead_time", {"min_hours": 8000}, overridable_by="{manager,owner}")[
            "id"
        ]
        override = {"rule_ids": [rule], "reason": " A family emergency. "}
        for role in ("owner", "admin", "manager", "member"):
            caller = organization.actor(role)
            with bench(database, caller) as court:
                (violation,) = judge(court, plane, organization.member, at(2), at(3))
                assert violation["overridable"] == (role in ("manager", "owner"))
                if not violation["overridable"]:
                    with refused("FORBIDDEN", 403) as failures:
                        weigh(court, plane, organization.member, at(2), at(3), override=override)
                    assert failures[0].details == {"reason": "not_overridable", "rule_id": rule}
                    continue
                verdict = weigh(court, plane, organization.member, at(2), at(3), override=override)
                assert (verdict["outcome"], verdict["violations"]) == ("approved", [])
                (overridden,) = verdict["overridden"]
                assert overridden.pop("overridden_at").endswith("Z")
                assert overridden.pop("params")["min_hours"] == 8000
                assert overridden == {
                    "rule_id": rule,
                    "rule_type": "lead_time",
                    "rule_version": 1,
                    "code": "lead_time",
                    "reason": "A family emergency.",
                    "overridden_by": caller.id,
                }

    def test_what_is_not_named_still_stands(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        own = {"overridable_by": "{member}"}
        denied = add_rule(db, organization, "lead_time", {"min_hours": 8000}, **own)["id"]
        asking = add_rule(
            db, organization, "custom", {"description": "Ask."}, effect="require_approval", **own
        )["id"]

        def outcome(*ids: str) -> Any:
            override = {"rule_ids": list(ids), "reason": "Why not."}
            return weigh(court, plane, organization.member, at(2), at(3), override=override)["outcome"]

        assert outcome(asking) == "refused"
        assert outcome(denied) == "pending"
        assert outcome(denied, asking, denied.upper()) == "approved"

    def test_blackouts_and_hours_have_no_rule_to_name(
        self, database: str, db: Connection, organization: Organization
    ) -> None:
        house = make_asset(db, organization.id, "residences", "House", check_in="15:00")
        add_row(
            db,
            "blackout_dates",
            organization_id=organization.id,
            start_date="2032-05-01",
            end_date="2032-05-03",
        )
        with bench(database, organization.owner) as court:
            violations = judge(
                court,
                house,
                organization.owner,
                local(PANAMA, "2032-05-03 10:00"),
                local(PANAMA, "2032-05-04 10:00"),
            )
        assert [(each["ruleType"], each["ruleId"], each["overridable"]) for each in violations] == [
            ("blackout", None, False),
            ("check_in", None, False),
        ]

    def test_rules_that_do_not_stand_in_the_way_are_refused_by_place(
        self, court: Connection, db: Connection, organization: Organization, plane: str
    ) -> None:
        own = {"overridable_by": "{member}"}
        triggered = add_rule(db, organization, "lead_time", {"min_hours": 8000}, **own)["id"]
        sleeping = add_rule(db, organization, "lead_time", {"min_hours": 1}, **own)["id"]
        strangers = add_rule(db, make_organization(db), "lead_time", {"min_hours": 8000}, **own)["id"]
        override = {"rule_ids": [triggered, sleeping, strangers, str(uuid.uuid4())], "reason": "Why not."}
        with refused("VALIDATION_ERROR", 400) as failures:
            weigh(court, plane, organization.member, at(2), at(3), override=override)
        assert [(field["path"], field["code"]) for field in failures[0].details["fields"]] == [
            (f"override.rule_ids.{place}", "not_triggered") for place in (1, 2, 3)
        ]
        # The instances of a series share one override, and not each of them meets every rule.
        verdict = weigh(
            court, plane, organization.member, at(2), at(3), override=override, ignore_others=True
        )
        assert (verdict["outcome"], len(verdict["overridden"])) == ("approved", 1)

    @pytest.mark.parametrize(
        ("override", "faults"),
        [
            ([], [("override", "dict_type")]),
            ({}, [("override.reason", "missing"), ("override.rule_ids", "missing")]),
            ({"rule_ids": [], "reason": "x"}, [("override.rule_ids", "out_of_range")]),
            ({"rule_ids": ["no id"], "reason": "x"}, [("override.rule_ids", "list_type")]),
            (
                {"rule_ids": "no list", "reason": " ", "why": 1},
                [
                    ("override.why", "extra_forbidden"),
                    ("override.rule_ids", "list_type"),
                    ("override.reason", "string_too_short"),
                ],
            ),
            (
                {"rule_ids": [], "reason": "x" * 2001},
                [("override.rule_ids", "out_of_range"), ("override.reason", "string_too_long")],
            ),
        ],
    )
    def test_its_shape_is_checked_whole(
        self, court: Connection, organization: Organization, plane: str, override: Any, faults: Any
    ) -> None:
        with refused("VALIDATION_ERROR", 400) as failures:
            weigh(court, plane, organization.member, at(2), at(3), override=override)
        assert [(field["path"], field["code"]) for field in failures[0].details["fields"]] == faults


def test_rules_changed_or_switched_off_are_judged_as_they_stand(
    court: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    rule = add_rule(db, organization, "lead_time", {"min_hours": 8000})["id"]

    def versions() -> list[int]:
        return [each["ruleVersion"] for each in judge(court, plane, organization.member, at(3), at(4))]

    assert versions() == [1]
    db.execute(
        """update public.tier_booking_rules set conditions = '{"min_hours": 7000}' where id = %s""", [rule]
    )
    assert versions() == [2]
    db.execute("update public.tier_booking_rules set is_active = false where id = %s", [rule])
    assert versions() == []
    db.execute("update public.tier_booking_rules set is_active = true where id = %s", [rule])
    assert versions() == [4]
    db.execute("delete from public.tier_booking_rules where id = %s", [rule])
    assert versions() == []


def test_another_organisations_rules_do_not_concern_us(
    court: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    stranger = make_organization(db)
    add_rule(db, stranger, "lead_time", {"min_hours": 8000})
    add_rule(db, stranger, "custom", {"description": "Ask."}, effect="require_approval")
    verdict = weigh(court, plane, organization.member, at(2), at(3))
    assert (verdict["outcome"], verdict["violations"]) == ("approved", [])


def test_judging_reads_its_rules_by_their_index(db: Connection) -> None:
    """Of many organisations with 50 rules each, one's own are read."""
    with db.transaction(force_rollback=True):
        db.execute("alter table public.tier_booking_rules disable trigger user")
        row = db.execute(
            """
            with others as (
                insert into public.organizations (legal_name)
                select 'Other' from generate_series(1, 100) returning id),
            rules as (
                insert into public.tier_booking_rules (organization_id, name, rule_type, conditions)
                select o.id, 'x', 'lead_time', '{"min_hours": 1}' from others o, generate_series(1, 50)
                returning organization_id)
            select organization_id from rules limit 1
            """
        ).fetchone()
        assert row is not None
        db.execute("set constraints all immediate")
        db.execute("analyze public.tier_booking_rules")
        explained = db.execute(
            """
            explain select r.id from public.tier_booking_rules r
            where r.organization_id = %s and r.is_active and (r.tier_id is null or r.tier_id = %s)
            order by r.is_override desc, r.priority, r.id
            """,
            [row["organization_id"], str(uuid.uuid4())],
        )
        plan = "\n".join(line["QUERY PLAN"] for line in explained)
    assert "tier_booking_rules_organization" in plan
    assert "Seq Scan" not in plan
