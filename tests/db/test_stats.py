"""The organisations' figures: right under joins, as of the last refresh, and only of what one may see."""

import threading
from datetime import datetime

import psycopg
import pytest

from tests.actors import (
    Connection,
    Organization,
    as_anonymous,
    as_service,
    as_user,
    make_asset,
    make_organization,
    refused,
    rpc,
)
from tests.db.booking import Json, at, insert_booking


def refresh(database: str) -> None:
    with as_service(database) as service:
        rpc(service, "refresh_organization_stats")


def stats(database: str, organization: Organization, role: str = "member") -> Json:
    with as_user(database, organization.actor(role)) as connection:
        figures: Json = rpc(connection, "organization_stats", p_organization_id=organization.id)
    return figures


@pytest.fixture
def busy(db: Connection, organization: Organization) -> Organization:
    """Two more planes, three bookings to come, two requests, and what must not be counted."""
    for name in ("Second", "Third"):
        make_asset(db, organization.id, "planes", name)
    gone = make_asset(db, organization.id, "planes", "Gone")
    db.execute("update public.assets set deleted_at = now() where id = %s", [gone])
    plane, boat = organization.assets["planes"], organization.assets["watercraft"]
    for asset, day, status in [
        (plane, 2, "approved"),
        (plane, 4, "approved"),
        (boat, 2, "approved"),
        (plane, 6, "pending"),
        (boat, 6, "pending"),
        (plane, 8, "canceled"),
        (plane, 10, "hold"),
        (plane, 12, "displaced"),
        (plane, 14, "rejected"),
        (plane, 16, "expired"),
        (plane, 18, "completed"),
    ]:
        insert_booking(db, organization, asset, at(day), at(day, 12), status=status)
    insert_booking(db, organization, plane, at(-3), at(-2))
    return organization


def test_each_figure_is_counted_by_itself(database: str, busy: Organization) -> None:
    refresh(database)
    figures = stats(database, busy)
    assert datetime.fromisoformat(figures.pop("as_of")).tzinfo is not None
    assert figures == {
        "organization_id": busy.id,
        "member_count": 5,
        "asset_count": 6,
        "upcoming_bookings": 3,
        "pending_approvals": 2,
        "assets_by_section": {"planes": 3, "helicopters": 1, "residences": 1, "watercraft": 1},
    }


def test_figures_are_those_of_the_last_refresh(database: str, db: Connection, busy: Organization) -> None:
    refresh(database)
    before = stats(database, busy)
    insert_booking(db, busy, busy.assets["residences"], at(2), at(3))
    assert stats(database, busy) == before
    refresh(database)
    after = stats(database, busy)
    assert after["upcoming_bookings"] == 4
    assert after["as_of"] > before["as_of"]


def test_an_organisation_younger_than_the_refresh_has_figures_too(database: str, db: Connection) -> None:
    refresh(database)
    young = make_organization(db)
    figures = stats(database, young)
    assert (figures["member_count"], figures["asset_count"]) == (5, 4)


def test_a_hidden_section_is_in_no_sum(database: str, db: Connection, busy: Organization) -> None:
    db.execute("update public.tiers set sections = '{watercraft}' where id = %s", [busy.tier])
    refresh(database)
    figures = stats(database, busy)
    assert (figures["asset_count"], figures["upcoming_bookings"], figures["pending_approvals"]) == (1, 1, 1)
    assert figures["assets_by_section"] == {"watercraft": 1}
    assert stats(database, busy, "manager")["asset_count"] == 6


def test_the_view_has_one_row_an_organisation(database: str, db: Connection, busy: Organization) -> None:
    refresh(database)
    row = db.execute(
        "select (select count(*) from app.mv_organization_stats) as stats,"
        " (select count(*) from public.organizations) as organizations,"
        " (select count(*) from app.mv_organization_stats where organization_id = %s) as own",
        [busy.id],
    ).fetchone()
    assert row is not None
    assert row["stats"] == row["organizations"]
    assert row["own"] == 1


def test_readers_are_not_locked_out_by_a_refresh(database: str, busy: Organization) -> None:
    refresh(database)
    with as_service(database) as service, service.transaction():
        rpc(service, "refresh_organization_stats")
        with as_user(database, busy.member) as member:
            member.execute("set lock_timeout = '1s'")
            assert rpc(member, "organization_stats", p_organization_id=busy.id)["asset_count"] == 6


def test_two_refreshes_at_once_both_succeed(database: str, busy: Organization) -> None:
    failures: list[psycopg.Error] = []

    def run(barrier: threading.Barrier) -> None:
        barrier.wait(timeout=60)
        try:
            refresh(database)
        except psycopg.Error as error:
            failures.append(error)

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=run, args=[barrier]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert stats(database, busy)["asset_count"] == 6


def test_figures_are_for_members_only(database: str, db: Connection, busy: Organization) -> None:
    with as_user(database, make_organization(db).owner) as stranger, refused("NOT_FOUND", 404):
        rpc(stranger, "organization_stats", p_organization_id=busy.id)
    with as_anonymous(database) as nobody, pytest.raises(psycopg.errors.InsufficientPrivilege):
        rpc(nobody, "organization_stats", p_organization_id=busy.id)
    with as_user(database, busy.owner) as owner, pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("select * from app.mv_organization_stats")
