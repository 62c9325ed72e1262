"""Reports over HTTP; what they count is tested in the database."""

import pytest

from tests.actors import Connection, Organization, make_organization
from tests.api.shape import assert_error, assert_fields, data
from tests.conftest import Client
from tests.db.booking import at, insert_booking, utc


def path(office: Organization) -> str:
    return f"/api/v1/organizations/{office.id}/reports/utilization"


async def test_a_manager_reads_how_much_was_used(
    client: Client, office: Organization, live_db: Connection
) -> None:
    insert_booking(live_db, office, office.assets["planes"], at(3, 10), at(3, 22))
    manager, window = client(office.manager), {"from": utc(at(3)), "to": utc(at(4))}
    report = data(await manager.get(path(office), params=window))
    assert (report["from"], report["to"]) == (window["from"], window["to"])
    first = report["rows"][0]
    assert (first["key"], first["label"], first["hours"]) == (office.assets["planes"], "planes one", 12)
    assert first["utilization"] == 0.5
    assert report["totals"]["capacity_hours"] == 96
    by_member = data(await manager.get(path(office), params={**window, "group_by": "member"}))
    assert [(row["key"], row["hours"]) for row in by_member["rows"]] == [(office.member.id, 12)]
    boats = data(await manager.get(path(office), params={**window, "section": "watercraft"}))
    assert (boats["section"], boats["totals"]["hours"]) == ("watercraft", 0)


@pytest.mark.parametrize("role", ["member", "viewer"])
async def test_reports_are_not_for_members(client: Client, office: Organization, role: str) -> None:
    window = {"from": utc(at(3)), "to": utc(at(4))}
    assert_error(await client(office.actor(role)).get(path(office), params=window), "FORBIDDEN")


async def test_another_organisations_report_does_not_exist(
    client: Client, office: Organization, live_db: Connection
) -> None:
    window = {"from": utc(at(3)), "to": utc(at(4))}
    foreign = make_organization(live_db)
    assert_error(await client(office.owner).get(path(foreign), params=window), "NOT_FOUND")


async def test_what_cannot_be_reported_is_named(client: Client, office: Organization) -> None:
    owner = client(office.owner)
    wrong = {"from": utc(at(4)), "to": utc(at(3)), "group_by": "asset"}
    assert_fields(await owner.get(path(office), params=wrong), to="range_order")
    assert_fields(
        await owner.get(path(office), params={"group_by": "tail"}),
        **{"from": "missing", "to": "missing", "group_by": "literal_error"},
    )
