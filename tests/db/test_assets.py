"""Assets and photos: what may be stored, who sees it by section, and what the plans use."""

import threading
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Connection,
    Organization,
    add_member,
    as_service,
    as_user,
    connect,
    make_asset,
    make_organization,
    refused,
)
from tests.harness import wait_until


def _names(connection: Connection) -> set[str]:
    return {row["name"] for row in connection.execute("select name from public.assets")}


def test_admins_keep_assets_and_each_change_counts(database: str, organization: Organization) -> None:
    with as_user(database, organization.admin) as admin:
        created = admin.execute(
            """
            insert into public.assets (organization_id, section, name, details, timezone, turnaround_minutes,
                check_in, check_out, capacity)
            values (%s, 'residences', 'Casa', '{"bedrooms": 4}', 'America/New_York', 240, '15:00', '11:00', 8)
            returning id, version
            """,
            [organization.id],
        ).fetchone()
        assert created is not None
        update = "update public.assets set name = %s where id = %s and version = %s returning version"
        assert admin.execute(update, ["Casa Azul", created["id"], 1]).fetchone() == {"version": 2}
        assert admin.execute(update, ["Casa Roja", created["id"], 1]).fetchone() is None
        # What changes nothing does not spoil the version that others hold.
        assert admin.execute(update, ["Casa Azul", created["id"], 2]).fetchone() == {"version": 2}


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("name", " ", "string_too_short"),
        ("name", "x" * 201, "string_too_long"),
        ("name", None, "missing"),
        ("description", "x" * 2001, "string_too_long"),
        ("details", "[]", "dict_type"),
        ("details", '{"x": "' + "x" * 16384 + '"}', "too_large"),
        ("turnaround_minutes", -1, "out_of_range"),
        ("turnaround_minutes", 10081, "out_of_range"),
        ("capacity", 0, "out_of_range"),
        ("check_in", "15:00", "residences_only"),
        ("check_out", "11:00", "residences_only"),
        ("current_location", '"here"', "dict_type"),
        ("primary_photo_url", "javascript:alert(1)", "value_error"),
        ("timezone", "EST5", "value_error"),
    ],
)
def test_what_an_asset_cannot_be_is_told_by_its_field(
    database: str, organization: Organization, column: str, value: Any, code: str
) -> None:
    with as_user(database, organization.admin) as admin, refused("VALIDATION_ERROR", 400) as failures:
        admin.execute(
            f"update public.assets set {column} = %s where id = %s".encode(),
            [value, organization.assets["planes"]],
        )
    assert [(field["path"], field["code"]) for field in failures[0].details["fields"]] == [(column, code)]


def test_all_faults_of_an_asset_are_told_at_once(database: str, organization: Organization) -> None:
    with as_user(database, organization.admin) as admin, refused("VALIDATION_ERROR", 400) as failures:
        admin.execute(
            "insert into public.assets (organization_id, section, capacity, check_in, check_out)"
            " values (%s, 'planes', 0, '15:00', '11:00')",
            [organization.id],
        )
    fields = {field["path"] for field in failures[0].details["fields"]}
    assert fields == {"name", "capacity", "check_in", "check_out"}


def test_what_the_words_let_through_the_constraints_would_not(
    admin_database: str, organization: Organization
) -> None:
    """As when a restore runs without triggers."""
    with connect(admin_database) as admin:
        admin.execute("set session_replication_role = replica")
        for change in ("name = ' '", "capacity = 0", "check_in = '15:00'", "details = '[]'"):
            with pytest.raises(psycopg.errors.CheckViolation):
                admin.execute(
                    f"update public.assets set {change} where id = %s".encode(),
                    [organization.assets["planes"]],
                )


def test_only_entitled_sections_get_assets(db: Connection, database: str, organization: Organization) -> None:
    boat = organization.assets["watercraft"]
    db.execute("update public.assets set deleted_at = now() where id = %s", [boat])
    lost = "update public.entitlements set is_active = false where organization_id = %s and section = %s"
    db.execute(lost, [organization.id, "watercraft"])
    with as_user(database, organization.admin) as admin:
        for query in (
            "insert into public.assets (organization_id, section, name) values (%(org)s, 'watercraft', 'B')",
            "update public.assets set section = 'watercraft' where id = %(plane)s",
            "update public.assets set deleted_at = null where id = %(boat)s",
        ):
            with refused("FORBIDDEN", 403) as failures:
                values = {"org": organization.id, "plane": organization.assets["planes"], "boat": boat}
                admin.execute(query.encode(), values)
            assert failures[0].details == {"reason": "section_not_entitled", "section": "watercraft"}
        # What is there may still be renamed, or nothing could be tidied up after a downgrade.
        assert admin.execute("update public.assets set name = 'Old' where id = %s", [boat]).rowcount == 1


def test_the_secret_key_passes_policies_but_no_rules(database: str, organization: Organization) -> None:
    plane = organization.assets["planes"]
    with as_service(database) as service:
        assert (
            service.execute("update public.assets set name = 'Renamed' where id = %s", [plane]).rowcount == 1
        )
        with refused("VALIDATION_ERROR"):
            service.execute("update public.assets set timezone = 'Nowhere' where id = %s", [plane])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("select from app.time_zones")


def test_strangers_learn_nothing_of_a_subscription(
    db: Connection, database: str, organization: Organization
) -> None:
    db.execute(
        "update public.entitlements set is_active = false where organization_id = %s", [organization.id]
    )
    with (
        as_user(database, make_organization(db).owner) as stranger,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        stranger.execute(
            "insert into public.assets (organization_id, section, name) values (%s, 'planes', 'Mine')",
            [organization.id],
        )


def test_an_admin_cannot_move_an_asset_to_another_organization(db: Connection, database: str) -> None:
    mine, theirs = make_organization(db), make_organization(db)
    with as_user(database, mine.owner) as owner, pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("update public.assets set organization_id = %s", [theirs.id])


@pytest.mark.parametrize("tier_id", ["own", "default"])
def test_members_see_the_sections_of_their_tier_or_of_the_default_one(
    db: Connection, database: str, organization: Organization, tier_id: str
) -> None:
    db.execute("update public.tiers set sections = '{residences}' where id = %s", [organization.tier])
    if tier_id == "default":
        db.execute(
            "update public.organization_members set tier_id = null where organization_id = %s",
            [organization.id],
        )
    with as_user(database, organization.member) as member:
        assert _names(member) == {"residences one"}
        db.execute("update public.tiers set sections = '{}' where id = %s", [organization.tier])
        assert _names(member) == set()
        db.execute("update public.tiers set sections = null where id = %s", [organization.tier])
        assert len(_names(member)) == 4
    db.execute("update public.tiers set sections = '{}' where id = %s", [organization.tier])
    with as_user(database, organization.manager) as manager:
        assert len(_names(manager)) == 4


def test_without_any_tier_nothing_is_shown(db: Connection, database: str, organization: Organization) -> None:
    """As when the dashboard has made an organisation and no tier."""
    made = db.execute(
        "insert into public.organizations (legal_name) values ('By hand') returning id"
    ).fetchone()
    assert made is not None
    db.execute(
        """
        with subscription as (
            insert into public.subscriptions (organization_id) values (%s) returning id, organization_id
        )
        insert into public.entitlements (subscription_id, organization_id, section)
        select id, organization_id, 'planes' from subscription
        """,
        [made["id"]],
    )
    make_asset(db, made["id"], "planes", "By hand")
    for actor, role in ((organization.manager, "owner"), (organization.member, "member")):
        add_member(db, made["id"], actor, role, None)
    with as_user(database, organization.member) as member:
        assert "By hand" not in _names(member)
    with as_user(database, organization.manager) as owner:
        assert "By hand" in _names(owner)


def test_a_tier_of_one_organization_hides_nothing_of_another(db: Connection, database: str) -> None:
    narrow, wide = make_organization(db), make_organization(db)
    db.execute("update public.tiers set sections = '{planes}' where id = %s", [narrow.tier])
    db.execute(
        "insert into public.organization_members (organization_id, user_id, role) values (%s, %s, 'member')",
        [wide.id, narrow.member.id],
    )
    with as_user(database, narrow.member) as member:
        seen = member.execute(
            "select organization_id::text as id, count(*) as n from public.assets group by 1"
        )
        assert {row["id"]: row["n"] for row in seen} == {narrow.id: 1, wide.id: 4}


def test_archived_assets_show_to_admins_only_and_can_come_back(
    database: str, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    with as_user(database, organization.admin) as admin, as_user(database, organization.manager) as manager:
        admin.execute("update public.assets set deleted_at = now() where id = %s", [plane])
        assert "planes one" in _names(admin)
        assert "planes one" not in _names(manager)
        admin.execute("update public.assets set deleted_at = null where id = %s", [plane])
        assert "planes one" in _names(manager)


PHOTO = (
    "insert into public.asset_photos (organization_id, asset_id, url) values (%s, %s, 'https://x.test/p.jpg')"
)


def test_no_photo_mixes_organizations(
    db: Connection, admin_database: str, organization: Organization
) -> None:
    other = make_organization(db)
    with refused("VALIDATION_ERROR", 400) as failures:
        db.execute(PHOTO, [organization.id, other.assets["planes"]])
    assert [(field["path"], field["code"]) for field in failures[0].details["fields"]] == [
        ("asset_id", "not_found")
    ]
    with connect(admin_database) as admin:
        admin.execute('alter table public.asset_photos disable trigger "0_source_exists"')
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            admin.execute(PHOTO, [organization.id, other.assets["planes"]])
        admin.execute('alter table public.asset_photos enable trigger "0_source_exists"')


def test_an_asset_has_twenty_photos_at_most_even_in_one_statement(
    database: str, organization: Organization
) -> None:
    many = PHOTO.replace(
        "values (%s, %s, 'https://x.test/p.jpg')",
        "select %s, %s, 'https://x.test/' || n from generate_series(1, %s) n",
    )
    with as_user(database, organization.admin) as admin:
        plane = [organization.id, organization.assets["planes"]]
        with refused("VALIDATION_ERROR", 400):
            admin.execute(many.encode(), [*plane, 21])
        assert admin.execute(many.encode(), [*plane, 20]).rowcount == 20
        with refused("VALIDATION_ERROR"):
            admin.execute(PHOTO, plane)


def test_two_who_add_the_twentieth_photo_at_once_do_not_make_it_twenty_one(
    db: Connection, database: str, organization: Organization
) -> None:
    plane = [organization.id, organization.assets["planes"]]
    for _ in range(19):
        db.execute(PHOTO, plane)
    outcome: list[str] = []

    def add(connection: Connection) -> None:
        with refused("VALIDATION_ERROR"):
            connection.execute(PHOTO, plane)
        outcome.append("refused")

    with as_user(database, organization.admin) as one, connect(database) as two:
        with one.transaction():
            one.execute(PHOTO, plane)
            other = threading.Thread(target=add, args=(two,))
            other.start()
            wait_until(
                lambda: (
                    db.execute(
                        "select pg_blocking_pids(%s) <> '{}' as waits", [two.info.backend_pid]
                    ).fetchone()
                    == {"waits": True}
                ),
                what="the second one waits",
            )
        other.join(timeout=20)
    assert outcome == ["refused"]


def test_the_list_of_an_organizations_section_uses_its_index(db: Connection, database: str) -> None:
    large, mine = make_organization(db), make_organization(db)
    for number in range(3):
        make_asset(db, mine.id, "planes", f"plane {number}")
    db.execute(
        """
        insert into public.assets (organization_id, section, name)
        select %s, 'planes', 'Plane ' || n from generate_series(1, 1000) n
        """,
        [large.id],
    )
    db.execute("analyze public.assets")
    with as_user(database, mine.member) as member:
        plan = member.execute(
            "explain select * from public.assets where organization_id = %s and section = 'planes'", [mine.id]
        )
        assert "idx_assets_org_section" in "\n".join(str(line) for line in plan)
