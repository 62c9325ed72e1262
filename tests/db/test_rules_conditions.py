"""What a rule, a blackout or a holiday may be, written directly by those who administer an organisation."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.actors import Connection, Organization, add_factor, as_user, connect, make_organization, refused
from tests.db.booking import at
from tests.db.ruling import Json, add_row, add_rule, judge

NOWHERE = str(uuid.uuid4())
DAYS = {"start_date": "2032-05-01", "end_date": "2032-05-02"}


@pytest.fixture
def admin(database: str, organization: Organization) -> Iterator[Connection]:
    with as_user(database, organization.admin) as connection:
        yield connection


@pytest.fixture(scope="module")
def stranger(database: str) -> Organization:
    """Another organisation, whose ids are no use here."""
    with connect(database) as db:
        return make_organization(db)


def faults(failures: list[Any]) -> set[tuple[str, str]]:
    return {(field["path"], field["code"]) for field in failures[0].details["fields"]}


def christmas(db: Connection) -> str:
    row = db.execute(
        "select id from public.holidays where organization_id is null and name = 'Christmas Day'"
    ).fetchone()
    assert row is not None
    return str(row["id"])


VALID: list[tuple[str, Json]] = [
    ("date_range", {"start_month_day": "12-20", "end_month_day": "01-06"}),
    ("date_range", {"start_month_day": "02-29", "end_month_day": "02-29", "start_date": None}),
    ("date_range", {"start_date": "2032-02-29", "end_date": "2032-02-29"}),
    ("lead_time", {"min_hours": 48}),
    ("advance_window", {"max_days": 0}),
    ("duration", {"min_minutes": 60, "max_minutes": 60, "max_nights": 0}),
    ("duration", {"max_nights": 7}),
    ("max_consecutive_days", {"max": 7}),
    ("max_consecutive_days", {"max": 7, "gap_days": 2}),
    ("quota", {"amount": 2.5, "unit": "hours", "period": "rolling_365", "scope": "section"}),
    ("quota", {"amount": 14, "unit": "nights", "period": "year", "scope": "asset"}),
    ("consecutive_booking", {"count": 2, "unit": "weekends"}),
    ("concurrent_booking", {"max_assets": 1}),
    ("max_open", {"max": 3}),
    ("max_open", {"max": 3, "exempt_within_days": 2}),
]


@pytest.mark.parametrize(("rule_type", "conditions"), VALID, ids=str)
def test_each_type_takes_its_conditions(
    admin: Connection, organization: Organization, rule_type: str, conditions: Json
) -> None:
    rule = add_rule(admin, organization, rule_type, conditions)
    assert (rule["conditions"], rule["version"], str(rule["tier_id"])) == (conditions, 1, "None")
    assert (rule["effect"], rule["approval_type"], rule["timeout_hours"]) == ("deny", "any_approver", 72)


def test_whatever_is_taken_can_be_judged_whole_numbers_with_a_fraction_of_zero_too(
    admin: Connection, db: Connection, court: Connection, organization: Organization, plane: str
) -> None:
    holidays: Json = {"holiday_ids": [christmas(db)], "days_before": 1, "days_after": 1}
    taken = [*VALID, ("holiday", holidays), ("custom", {"description": "Always"})]
    for rule_type, conditions in taken:
        as_floats = {key: float(value) if type(value) is int else value for key, value in conditions.items()}
        add_rule(admin, organization, rule_type, as_floats, effect="require_approval")
    judge(court, plane, organization.member, at(5), at(6))


def test_holidays_are_those_built_in_or_ones_own(
    admin: Connection, db: Connection, organization: Organization, stranger: Organization
) -> None:
    own = add_row(admin, "holidays", organization_id=organization.id, name="Founder", month_day="07-01")["id"]
    theirs = add_row(db, "holidays", organization_id=stranger.id, name="Theirs", month_day="07-01")["id"]
    add_rule(admin, organization, "holiday", {"holiday_ids": [christmas(db), own], "days_before": 60})
    with refused("VALIDATION_ERROR", 400) as failures:
        add_rule(admin, organization, "holiday", {"holiday_ids": [own, theirs, NOWHERE]})
    assert faults(failures) == {
        ("conditions.holiday_ids.1", "not_found"),
        ("conditions.holiday_ids.2", "not_found"),
    }


INVALID: list[tuple[str, Any, set[tuple[str, str]]]] = [
    ("date_range", {}, {("", "one_pair")}),
    ("date_range", {"start_month_day": "12-20"}, {(".end_month_day", "missing")}),
    ("date_range", {"start_month_day": "12-20", "end_date": "2032-01-01"}, {("", "one_pair")}),
    (
        "date_range",
        {"start_month_day": "02-30", "end_month_day": "13-01"},
        {(".start_month_day", "month_day"), (".end_month_day", "month_day")},
    ),
    (
        "date_range",
        {"start_month_day": "04-31", "end_month_day": 101},
        {(".start_month_day", "month_day"), (".end_month_day", "month_day")},
    ),
    (
        "date_range",
        {"start_date": "2033-02-29", "end_date": "tomorrow"},
        {(".start_date", "date_parsing"), (".end_date", "date_parsing")},
    ),
    (
        "date_range",
        {"start_date": "1969-12-31", "end_date": "2200-01-01"},
        {(".start_date", "date_parsing"), (".end_date", "date_parsing")},
    ),
    ("date_range", {"start_date": "2032-02-02", "end_date": "2032-02-01"}, {(".end_date", "range_order")}),
    ("holiday", {}, {(".holiday_ids", "missing")}),
    ("holiday", {"holiday_ids": []}, {(".holiday_ids", "out_of_range")}),
    ("holiday", {"holiday_ids": "x"}, {(".holiday_ids", "list_type")}),
    (
        "holiday",
        {"holiday_ids": [1], "days_before": -1, "days_after": 61},
        {
            (".holiday_ids", "list_type"),
            (".days_before", "out_of_range"),
            (".days_after", "out_of_range"),
        },
    ),
    ("lead_time", {}, {(".min_hours", "missing")}),
    ("lead_time", {"min_hours": None}, {(".min_hours", "missing")}),
    ("lead_time", {"min_hours": 0}, {(".min_hours", "out_of_range")}),
    ("lead_time", {"min_hours": "48"}, {(".min_hours", "integer_type")}),
    ("lead_time", {"min_hours": 1e300}, {(".min_hours", "out_of_range")}),
    (
        "lead_time",
        {"min_hours": 1.5, "max_hours": 2, "note": "x"},
        {
            (".min_hours", "integer_type"),
            (".max_hours", "extra_forbidden"),
            (".note", "extra_forbidden"),
        },
    ),
    ("advance_window", {"max_days": True}, {(".max_days", "integer_type")}),
    ("duration", {}, {("", "missing")}),
    ("duration", {"max_nights": None}, {("", "missing")}),
    ("duration", {"min_minutes": 61, "max_minutes": 60}, {(".max_minutes", "range_order")}),
    ("duration", {"min_minutes": 0, "max_minutes": 527041}, {
        (".min_minutes", "out_of_range"), (".max_minutes", "out_of_range")}),
    ("max_consecutive_days", {"gap_days": 1}, {(".max", "missing")}),
    (
        "quota",
        {"amount": -1, "unit": "weeks", "period": None, "scope": 7},
        {
            (".amount", "out_of_range"),
            (".unit", "enum"),
            (".period", "missing"),
            (".scope", "enum"),
        },
    ),
    (
        "quota",
        {"amount": 1.5, "unit": "days", "period": "month", "scope": "asset"},
        {(".amount", "integer_type")},
    ),
    ("consecutive_booking", {"count": 1, "unit": "weekends"}, {(".count", "out_of_range")}),
    ("concurrent_booking", {"max_assets": 0}, {(".max_assets", "out_of_range")}),
    ("max_open", {"exempt_within_days": 2}, {(".max", "missing")}),
]  # fmt: skip


def name(value: object) -> str:
    """A test's id: the same in each process, where a set has no order of its own."""
    return str(sorted(value) if isinstance(value, set) else value)[:60]


@pytest.mark.parametrize(("rule_type", "conditions", "expected"), INVALID, ids=name)
def test_all_faults_of_conditions_are_told_by_path(
    admin: Connection, organization: Organization, rule_type: str, conditions: Any, expected: set[Any]
) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        add_rule(admin, organization, rule_type, conditions)
    assert faults(failures) == {(f"conditions{path}", code) for path, code in expected}


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({}, "missing"),
        ({"description": " "}, "string_too_short"),
        ({"description": "x" * 2001}, "string_too_long"),
    ],
)
def test_a_custom_rule_describes_itself_and_only_asks(
    admin: Connection, organization: Organization, conditions: Json, code: str
) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        add_rule(admin, organization, "custom", conditions)
    assert faults(failures) == {("conditions.description", code), ("effect", "approval_only")}
    add_rule(admin, organization, "custom", {"description": "Ask."}, effect="require_approval")


def test_conditions_are_an_object(admin: Connection, organization: Organization) -> None:
    values = {"organization_id": organization.id, "name": "x", "rule_type": "lead_time"}
    with refused("VALIDATION_ERROR", 400):
        add_row(admin, "tier_booking_rules", conditions="[]", **values)


class TestApproval:
    """Who decides must fit the type of approval, and be of the organisation."""

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            ({"approval_type": "any_approver"}, set()),
            ({"approval_type": "all_principals"}, set()),
            ({"approval_type": "tier_members", "approver_tier_id": "tier"}, set()),
            ({"approval_type": "specific_users", "approver_user_ids": ["manager", "owner"]}, set()),
            ({"approval_type": "quorum", "quorum": 2}, set()),
            ({"approval_type": "quorum", "quorum": 2, "approver_tier_id": "tier"}, set()),
            ({"approval_type": "quorum", "quorum": 2, "approver_user_ids": ["manager", "owner"]}, set()),
            ({"approval_type": "tier_members"}, {("approver_tier_id", "missing")}),
            ({"approval_type": "specific_users"}, {("approver_user_ids", "missing")}),
            ({"approval_type": "quorum"}, {("quorum", "missing")}),
            (
                {"approval_type": "quorum", "quorum": 2, "approver_user_ids": ["owner", "owner"]},
                {("quorum", "out_of_range")},
            ),
            (
                {
                    "approval_type": "quorum", "quorum": 1, "approver_tier_id": "tier",
                    "approver_user_ids": ["owner"],
                },
                {("approver_user_ids", "not_used")},
            ),
            (
                {"quorum": 1, "approver_tier_id": "tier", "approver_user_ids": ["owner"]},
                {("quorum", "not_used"), ("approver_tier_id", "not_used"), ("approver_user_ids", "not_used")},
            ),
            (
                {"approval_type": "tier_members", "approver_tier_id": "their tier"},
                {("approver_tier_id", "not_found")},
            ),
            (
                {"approval_type": "specific_users", "approver_user_ids": ["owner", "their owner", "nobody"]},
                {("approver_user_ids.1", "not_found"), ("approver_user_ids.2", "not_found")},
            ),
        ],
        ids=name,
    )  # fmt: skip
    def test_it_names_what_its_type_needs_and_nothing_else(
        self,
        admin: Connection,
        organization: Organization,
        stranger: Organization,
        columns: Json,
        expected: set[Any],
    ) -> None:
        ids = {
            "tier": organization.tier,
            "their tier": stranger.tier,
            "owner": organization.owner.id,
            "manager": organization.manager.id,
            "their owner": stranger.owner.id,
            "nobody": NOWHERE,
        }
        named = {
            key: "{" + ",".join(ids[each] for each in value) + "}"
            if isinstance(value, list)
            else ids.get(value, value)
            for key, value in columns.items()
        }
        if not expected:
            add_rule(admin, organization, "lead_time", {"min_hours": 2}, **named)
            return
        with refused("VALIDATION_ERROR", 400) as failures:
            add_rule(admin, organization, "lead_time", {"min_hours": 2}, **named)
        assert faults(failures) == expected

    @pytest.mark.parametrize(
        "columns",
        [{"quorum": 0}, {"timeout_hours": 0}, {"approver_user_ids": "{}"}, {"overridable_by": "{NULL}"}],
    )
    def test_what_it_can_never_be_is_a_constraint(
        self, admin: Connection, organization: Organization, columns: Json
    ) -> None:
        with refused("VALIDATION_ERROR", 400):
            add_rule(admin, organization, "lead_time", {"min_hours": 2}, **columns)

    def test_unknown_words_are_no_types_effects_or_roles(
        self, admin: Connection, organization: Organization
    ) -> None:
        for columns in ({"effect": "allow"}, {"overridable_by": "{boss}"}, {"approval_type": "nobody"}):
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                add_rule(admin, organization, "lead_time", {"min_hours": 2}, **columns)
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            add_rule(admin, organization, "lucky_day")

    def test_a_rule_whose_approver_has_left_can_still_be_switched_off(
        self, admin: Connection, db: Connection, organization: Organization
    ) -> None:
        rule = add_rule(admin, organization, "lead_time", {"min_hours": 2}, approval_type="specific_users",
                        approver_user_ids=f"{{{organization.manager.id}}}")  # fmt: skip
        db.execute("delete from public.organization_members where user_id = %s", [organization.manager.id])
        switched = admin.execute(
            "update public.tier_booking_rules set is_active = false where id = %s returning version",
            [rule["id"]],
        )
        assert switched.fetchone() == {"version": 2}
        with refused("VALIDATION_ERROR", 400) as failures:
            admin.execute(
                "update public.tier_booking_rules set conditions = '{}' where id = %s", [rule["id"]]
            )
        assert faults(failures) == {("conditions.min_hours", "missing"), ("approver_user_ids.0", "not_found")}


class TestReferences:
    """Nothing of another organisation can be named, and the answer is that it is not there."""

    def test_tiers_and_assets_of_others_are_not_there(
        self, admin: Connection, organization: Organization, stranger: Organization
    ) -> None:
        own = {"organization_id": organization.id}
        rule = add_rule(admin, organization, "lead_time", {"min_hours": 2}, applies_to_all_assets=False)["id"]
        plane, their_plane = organization.assets["planes"], stranger.assets["planes"]
        attempts: list[tuple[str, Json, set[str]]] = [
            ("tier_booking_rules", {"tier_id": stranger.tier, "name": "x", "rule_type": "lead_time",
                                    "conditions": {"min_hours": 2}}, {"tier_id"}),
            ("blackout_dates", {"tier_id": stranger.tier, **DAYS}, {"tier_id"}),
            ("blackout_dates", {"tier_id": NOWHERE, "asset_id": NOWHERE, **DAYS}, {"tier_id", "asset_id"}),
            ("blackout_dates", {"asset_id": their_plane, **DAYS}, {"asset_id"}),
            ("tier_rule_assets", {"rule_id": rule, "asset_id": their_plane}, {"asset_id"}),
            ("tier_rule_assets", {"rule_id": NOWHERE, "asset_id": plane}, {"rule_id"}),
        ]  # fmt: skip
        for table, values, paths in attempts:
            with refused("VALIDATION_ERROR", 400) as failures:
                add_row(admin, table, **own, **values)
            assert faults(failures) == {(path, "not_found") for path in paths}

    def test_a_forged_organization_is_refused_before_anything_is_said(
        self, admin: Connection, organization: Organization, stranger: Organization
    ) -> None:
        attempts: list[tuple[str, Json]] = [
            ("tier_booking_rules", {"tier_id": stranger.tier, "name": "x", "rule_type": "lead_time"}),
            ("blackout_dates", {"asset_id": organization.assets["planes"], **DAYS}),
            ("tier_rule_assets", {"rule_id": NOWHERE, "asset_id": stranger.assets["planes"]}),
            ("holidays", {"name": "Mine", "month_day": "07-01"}),
        ]
        for table, values in attempts:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                add_row(admin, table, organization_id=stranger.id, **values)

    def test_the_dashboard_cannot_mix_organisations_either(
        self, db: Connection, organization: Organization, stranger: Organization
    ) -> None:
        """With its triggers switched off, the foreign keys still say no."""
        with db.transaction(force_rollback=True):
            db.execute("alter table public.blackout_dates disable trigger user")
            add_row(db, "blackout_dates", organization_id=organization.id, tier_id=stranger.tier, **DAYS)
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                db.execute("set constraints all immediate")


class TestWhatRulesHangOn:
    def test_its_assets_are_part_of_the_rule_and_count_as_a_change(
        self, admin: Connection, organization: Organization
    ) -> None:
        rule = add_rule(admin, organization, "lead_time", {"min_hours": 2}, applies_to_all_assets=False)["id"]

        def version() -> int:
            query = "select version from public.tier_booking_rules where id = %s"
            row = admin.execute(query, [rule]).fetchone()
            assert row is not None
            return int(row["version"])

        def add(section: str) -> None:
            asset = organization.assets[section]
            add_row(admin, "tier_rule_assets", rule_id=rule, asset_id=asset, organization_id=organization.id)

        add("planes")
        assert version() == 2
        admin.execute("delete from public.tier_rule_assets where rule_id = %s", [rule])
        assert version() == 3
        with admin.transaction():
            add("planes")
            add("helicopters")
            admin.execute("update public.tier_booking_rules set name = 'x' where id = %s", [rule])
        assert version() >= 4

    def test_a_tier_takes_its_rules_along_but_not_those_it_approves(
        self, admin: Connection, organization: Organization
    ) -> None:
        tier = add_row(admin, "tiers", organization_id=organization.id, name="Extra", priority=1)["id"]
        own = add_rule(admin, organization, "lead_time", {"min_hours": 2}, tier_id=tier,
                       approval_type="tier_members", approver_tier_id=tier)["id"]  # fmt: skip
        other = add_rule(admin, organization, "lead_time", {"min_hours": 2}, approval_type="tier_members",
                         approver_tier_id=tier)["id"]  # fmt: skip
        with refused("INVALID_STATE", 409) as failures:
            admin.execute("delete from public.tiers where id = %s", [tier])
        assert failures[0].details == {"reason": "tier_approves", "rules": 1}
        admin.execute("delete from public.tier_booking_rules where id = %s", [other])
        admin.execute("delete from public.tiers where id = %s", [tier])
        assert admin.execute("select from public.tier_booking_rules where id = %s", [own]).fetchone() is None

    def test_a_holiday_that_a_rule_names_stays(self, admin: Connection, organization: Organization) -> None:
        founder = {"organization_id": organization.id, "name": "Founder", "month_day": "07-01"}
        holiday = add_row(admin, "holidays", **founder)["id"]
        rule = add_rule(admin, organization, "holiday", {"holiday_ids": [holiday.upper()]})["id"]
        with refused("INVALID_STATE", 409) as failures:
            admin.execute("delete from public.holidays where id = %s", [holiday])
        assert failures[0].details == {"reason": "holiday_in_use", "rules": 1}
        admin.execute("delete from public.tier_booking_rules where id = %s", [rule])
        assert admin.execute("delete from public.holidays where id = %s", [holiday]).rowcount == 1

    def test_an_organisation_goes_with_all_of_it(self, db: Connection) -> None:
        gone = make_organization(db)
        columns = {"tier_id": gone.tier, "approval_type": "tier_members", "approver_tier_id": gone.tier}
        rule = add_rule(db, gone, "lead_time", {"min_hours": 2}, **columns, applies_to_all_assets=False)["id"]
        plane = gone.assets["planes"]
        add_row(db, "tier_rule_assets", rule_id=rule, asset_id=plane, organization_id=gone.id)
        add_row(db, "blackout_dates", organization_id=gone.id, asset_id=plane, tier_id=gone.tier, **DAYS)
        holiday = add_row(db, "holidays", organization_id=gone.id, name="Founder", month_day="07-01")["id"]
        add_rule(db, gone, "holiday", {"holiday_ids": [holiday]})
        db.execute("delete from public.organizations where id = %s", [gone.id])
        for table in ("tier_booking_rules", "tier_rule_assets", "blackout_dates", "holidays"):
            rows = db.execute(f"select from public.{table} where organization_id = %s".encode(), [gone.id])
            assert rows.rowcount == 0

    @pytest.mark.parametrize(
        "columns",
        [
            {},
            {"month_day": "07-01", "easter_offset": 3},
            {"month_day": "02-30"},
            {"month_day": "7-1"},
            {"date": "1969-12-31"},
            {"easter_offset": 201},
        ],
    )
    def test_a_holiday_says_once_when_it_is(
        self, admin: Connection, organization: Organization, columns: Json
    ) -> None:
        with refused("VALIDATION_ERROR", 400):
            add_row(admin, "holidays", organization_id=organization.id, name="x", **columns)

    def test_a_blackout_does_not_end_before_it_begins(
        self, admin: Connection, organization: Organization
    ) -> None:
        with refused("VALIDATION_ERROR", 400):
            add_row(admin, "blackout_dates", organization_id=organization.id, start_date="2032-05-02",
                    end_date="2032-05-01")  # fmt: skip


def test_whoever_has_a_second_factor_needs_it_to_change_the_rules(
    db: Connection, database: str, organization: Organization
) -> None:
    rule = add_rule(db, organization, "lead_time", {"min_hours": 2})["id"]
    add_row(db, "blackout_dates", organization_id=organization.id, **DAYS)
    add_row(db, "holidays", organization_id=organization.id, name="Founder", month_day="07-01")
    add_factor(db, organization.admin)
    add_asset = f"""
        insert into public.tier_rule_assets (rule_id, asset_id, organization_id)
        values ('{rule}', '{organization.assets["planes"]}', %s)
    """
    changes = (
        "update public.tier_booking_rules set name = 'x' where organization_id = %s",
        "update public.blackout_dates set reason = 'x' where organization_id = %s",
        "delete from public.holidays where organization_id = %s",
        add_asset,
    )
    for change in changes:
        with as_user(database, organization.admin) as once, refused("MFA_REQUIRED", 403):
            once.execute(change.encode(), [organization.id])
        with as_user(database, organization.admin, aal="aal2") as twice:
            assert twice.execute(change.encode(), [organization.id]).rowcount == 1
