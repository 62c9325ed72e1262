"""An organisation's bookings as a list: filtered, searched, sorted, paged, never more than one may see."""

from typing import Any

import pytest

from tests.actors import Connection, Organization, as_user, make_organization, refused, rpc
from tests.db.booking import Json, at, book, cancel, hold, utc


def listed(connection: Connection, organization: Organization, **filters: Any) -> Json:
    """list_reservations; `filters` without their `p_`."""
    named = {f"p_{name}": value for name, value in filters.items()}
    answer: Json = rpc(connection, "list_reservations", p_organization_id=organization.id, **named)
    return answer


def titles(connection: Connection, organization: Organization, **filters: Any) -> list[str]:
    return [row["title"] for row in listed(connection, organization, **filters)["items"]]


@pytest.fixture
def three(member: Connection, manager: Connection, organization: Organization, plane: str) -> list[Json]:
    """Two bookings of the member's, the second one cancelled, and between them one of the manager's boat."""
    boat = organization.assets["watercraft"]
    first = book(member, plane, at(2), at(3), title="Bocas del Toro", notes="Contadora, perhaps")
    second = book(manager, boat, at(4), at(5), title="100% Contadora")
    third = book(member, plane, at(6), at(7), title="bocas otra vez")
    return [first, second, cancel(member, third)]


def test_a_row_is_what_every_member_may_see(
    member: Connection, organization: Organization, plane: str, three: list[Json]
) -> None:
    row = listed(member, organization)["items"][0]
    assert row == {
        "id": three[0]["id"],
        "organization_id": organization.id,
        "asset_id": plane,
        "user_id": organization.member.id,
        "booked_by": "Member Testigo",
        "title": "Bocas del Toro",
        "start_date": utc(at(2)),
        "end_date": utc(at(3)),
        "status": "approved",
        "guest_count": None,
        "version": 1,
        "series_id": None,
        "hold_expires_at": None,
        "approved_by": None,
        "approved_at": three[0]["approved_at"],
        "canceled_at": None,
        "created_at": three[0]["created_at"],
        "updated_at": three[0]["updated_at"],
        "asset": {"name": "planes one", "section": "planes", "timezone": "America/Panama"},
    }


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"sort": "-start_date"}, [2, 1, 0]),
        ({"sort": "created_at"}, [0, 1, 2]),
        ({"sort": "-created_at"}, [2, 1, 0]),
        ({"status": ["canceled", "rejected"]}, [2]),
        ({"status": []}, [0, 1, 2]),
        ({"from": at(3), "to": at(6)}, [1]),
        ({"from": at(2, 12)}, [0, 1, 2]),
        ({"to": at(2)}, []),
        ({"q": "BOCAS"}, [0, 2]),
        ({"q": "  otra "}, [2]),
        ({"q": "100% c"}, [1]),
        ({"q": "%"}, [1]),
        ({"q": "_"}, []),
        ({"q": "perhaps"}, []),
        ({"q": "Bocas", "status": ["approved"]}, [0]),
    ],
)
def test_filters_keep_what_was_asked_for(
    member: Connection, organization: Organization, three: list[Json], filters: Json, expected: list[int]
) -> None:
    assert titles(member, organization, **filters) == [three[place]["title"] for place in expected]


def test_one_asset_s_and_one_person_s(
    member: Connection, organization: Organization, plane: str, three: list[Json]
) -> None:
    assert titles(member, organization, asset_id=plane) == [three[0]["title"], three[2]["title"]]
    assert titles(member, organization, user_id=organization.manager.id) == [three[1]["title"]]


def test_pages_have_a_total_and_no_row_twice(
    member: Connection, organization: Organization, three: list[Json]
) -> None:
    pages = [listed(member, organization, page=page, page_size=2) for page in (1, 2, 3)]
    assert [page["total"] for page in pages] == [3, 3, 3]
    assert [[row["id"] for row in page["items"]] for page in pages] == [
        [three[0]["id"], three[1]["id"]],
        [three[2]["id"]],
        [],
    ]


def test_a_tier_s_sections_bound_the_list_and_its_total(
    member: Connection, manager: Connection, db: Connection, organization: Organization, three: list[Json]
) -> None:
    db.execute("update public.tiers set sections = '{watercraft}' where id = %s", [organization.tier])
    assert listed(member, organization)["total"] == 1
    assert titles(member, organization) == [three[1]["title"]]
    assert titles(member, organization, q="Bocas") == []
    assert listed(manager, organization)["total"] == 3


def test_a_hold_is_listed_for_its_holder_until_it_expires(
    member: Connection, manager: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    held = hold(member, plane, at(2), at(3))
    assert [row["id"] for row in listed(member, organization)["items"]] == [held["id"]]
    assert listed(manager, organization) == {"items": [], "total": 0}
    db.execute("update public.reservations set hold_expires_at = now() where id = %s", [held["id"]])
    assert listed(member, organization)["total"] == 0


def test_strangers_see_no_list(database: str, db: Connection, organization: Organization) -> None:
    with as_user(database, make_organization(db).owner) as stranger, refused("NOT_FOUND", 404):
        listed(stranger, organization)


def test_all_faults_of_a_query_are_told_at_once(member: Connection, organization: Organization) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        listed(
            member,
            organization,
            status=["gone"],
            **{"from": at(3), "to": at(2)},
            q="x" * 201,
            sort="title",
            page=0,
            page_size=101,
        )
    assert [field["path"] for field in failures[0].details["fields"]] == [
        "status",
        "to",
        "q",
        "sort",
        "page",
        "page_size",
    ]
