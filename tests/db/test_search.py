"""Finding assets: by words of two languages, by facts, by who is free, and only what one may see."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors import (
    Connection,
    Organization,
    as_user,
    connect,
    make_asset,
    make_organization,
    refused,
    rpc,
)
from tests.db.booking import Json, at, insert_booking
from tests.db.plans import explaining


def search(connection: Connection, organization: Organization, **arguments: Any) -> Json:
    """search_assets; `arguments` without their `p_`."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    found: Json = rpc(connection, "search_assets", p_organization_id=organization.id, **named)
    assert found["total"] >= len(found["items"])
    return found


def names(found: Json) -> list[str]:
    return [item["name"] for item in found["items"]]


@pytest.fixture
def fleet(db: Connection, organization: Organization) -> Organization:
    """Beside one asset a section: what a family office has, described in both languages."""
    possessions: list[tuple[str, str, Json]] = [
        (
            "planes",
            "Gulfstream HP-1280",
            {"description": "Sleeps nine", "details": {"year": 2019, "wifi": True}, "capacity": 9},
        ),
        (
            "residences",
            "Casa Contadora",
            {
                "description": "Habitaciones frente al océano, with dogs' running grounds",
                "details": {"bedrooms": 6, "staff": ["cocinera", "captain"], "year": "2019"},
                "capacity": 14,
            },
        ),
        ("residences", "Cabaña Boquete", {"description": "The cabin of the valley", "capacity": 4}),
        (
            "watercraft",
            "Océano",
            {"description": "Yate de motor", "details": {"wifi": False, "length_m": 28.5}},
        ),
    ]
    for section, name, columns in possessions:
        make_asset(db, organization.id, section, name, **columns)
    return organization


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("gulfstream", ["Gulfstream HP-1280"]),
        ("GULF", ["Gulfstream HP-1280"]),
        ("gulfstream h", ["Gulfstream HP-1280"]),
        ("gulf hp", []),
        ("hp-1280", ["Gulfstream HP-1280"]),
        ("1280", ["Gulfstream HP-1280"]),
        ("hp 128", ["Gulfstream HP-1280"]),
        ("sleeping", ["Gulfstream HP-1280"]),
        ("habitación", ["Casa Contadora"]),
        ("HABITACION", ["Casa Contadora"]),
        ("runs dog", ["Casa Contadora"]),
        ("casa con habitaciones", ["Casa Contadora"]),
        ("océano", ["Océano", "Casa Contadora"]),
        ("oceano", ["Océano", "Casa Contadora"]),
        ("cabaña", ["Cabaña Boquete"]),
        ("cabana", ["Cabaña Boquete"]),
        ("the cabin of the valley", ["Cabaña Boquete"]),
        ("cocinera", ["Casa Contadora"]),
        ("cocin", ["Casa Contadora"]),
        ("casa gulfstream", []),
        ("nothing like it", []),
        ("!!! & | :*", None),
        ("   ", None),
        ("casa' | 'x", []),
    ],
)
def test_words_are_found_in_english_and_spanish(
    database: str, fleet: Organization, words: str, found: list[str] | None
) -> None:
    with as_user(database, fleet.viewer) as viewer:
        answer = search(viewer, fleet, q=words)
    # Without a single word nothing is asked for, and everything answers.
    assert names(answer) == found if found is not None else answer["total"] == 8


def test_a_name_weighs_more_than_a_description_and_that_more_than_details(
    db: Connection, database: str, organization: Organization
) -> None:
    make_asset(db, organization.id, "planes", "A", details={"note": "falcon"})
    make_asset(db, organization.id, "planes", "B", description="A falcon of many hours")
    make_asset(db, organization.id, "planes", "C falcon")
    with as_user(database, organization.member) as member:
        assert names(search(member, organization, q="falcon")) == ["C falcon", "B", "A"]
        assert names(search(member, organization, q="falcon", sort="-relevance")) == ["A", "B", "C falcon"]
        assert names(search(member, organization, q="falcon", sort="name")) == ["A", "B", "C falcon"]


@pytest.mark.parametrize(
    ("details", "found"),
    [
        ({"wifi": True}, {"Gulfstream HP-1280"}),
        ({"wifi": False}, {"Océano"}),
        ({"year": 2019}, {"Gulfstream HP-1280"}),
        ({"year": "2019"}, {"Casa Contadora"}),
        ({"staff": ["captain"]}, {"Casa Contadora"}),
        ({"length_m": 28.5}, {"Océano"}),
        ({"wifi": True, "year": 2020}, set()),
        ({"wifi": None}, set()),
    ],
)
def test_details_are_matched_by_value_and_type(
    database: str, fleet: Organization, details: Json, found: set[str]
) -> None:
    with as_user(database, fleet.member) as member:
        assert set(names(search(member, fleet, details=details))) == found


def test_what_is_changed_is_found_anew(database: str, fleet: Organization) -> None:
    plane = fleet.assets["planes"]
    with as_user(database, fleet.admin) as admin:
        assert names(search(admin, fleet, q="embraer")) == []
        admin.execute("update public.assets set name = 'Embraer' where id = %s", [plane])
        assert names(search(admin, fleet, q="embraer")) == ["Embraer"]
        admin.execute("update public.assets set name = 'Phenom', is_active = false where id = %s", [plane])
        assert names(search(admin, fleet, q="embraer")) == []
        assert names(search(admin, fleet, q="pheno", status="inactive")) == ["Phenom"]


def test_filters_narrow_together(db: Connection, database: str, fleet: Organization) -> None:
    db.execute("update public.assets set is_active = false where name = 'Océano'")
    db.execute("update public.assets set deleted_at = now() where name = 'Cabaña Boquete'")
    with as_user(database, fleet.admin) as admin:
        assert search(admin, fleet)["total"] == 7
        assert search(admin, fleet, status="active")["total"] == 6
        assert names(search(admin, fleet, status="inactive")) == ["Océano"]
        assert names(search(admin, fleet, status="archived")) == ["Cabaña Boquete"]
        assert names(search(admin, fleet, section="residences")) == ["Casa Contadora", "residences one"]
        assert names(search(admin, fleet, capacity_min=10)) == ["Casa Contadora"]
        assert names(search(admin, fleet, q="oceano", section="residences")) == ["Casa Contadora"]
    with as_user(database, fleet.manager) as manager, refused("FORBIDDEN", 403) as failures:
        search(manager, fleet, status="archived")
    assert failures[0].details == {"reason": "role", "required_role": "admin"}


def test_free_between_leaves_out_what_is_taken_turnaround_included(
    db: Connection, database: str, organization: Organization
) -> None:
    plane, boat = organization.assets["planes"], organization.assets["watercraft"]
    db.execute("update public.assets set turnaround_minutes = 60 where id = %s", [plane])
    insert_booking(db, organization, plane, at(2, 12), at(2, 14))

    def free(start: int, end: int) -> set[str]:
        with as_user(database, organization.viewer) as viewer:
            found = search(viewer, organization, free_from=at(2, start), free_to=at(2, end))
        return {item["id"] for item in found["items"]}

    assert plane not in free(13, 20)
    # Its own turnaround after it, and the other's.
    assert plane not in free(14, 20)
    assert plane in free(15, 20)
    assert plane in free(8, 11)
    db_row = db.execute("select turnaround_minutes from public.assets where id = %s", [plane]).fetchone()
    assert db_row == {"turnaround_minutes": 60}
    assert plane not in free(8, 12)
    assert boat in free(13, 20)


def test_a_hold_that_has_expired_takes_nothing(
    db: Connection, database: str, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    booking = insert_booking(db, organization, plane, at(2, 12), at(2, 14), status="hold")
    window = {"free_from": at(2, 13), "free_to": at(2, 20)}
    expire = "update app.occupancy set expires_at = now() + %s * interval '1 minute' where source_id = %s"
    with as_user(database, organization.viewer) as viewer:
        db.execute(expire, [5, booking["id"]])
        assert "planes one" not in names(search(viewer, organization, **window))
        db.execute(expire, [-5, booking["id"]])
        assert "planes one" in names(search(viewer, organization, **window))


def test_pages_are_sorted_with_ties_by_id_and_count_all(
    db: Connection, database: str, organization: Organization
) -> None:
    for capacity in (3, 3, 3, 9, None):
        make_asset(db, organization.id, "watercraft", "Boat", capacity=capacity)
    with as_user(database, organization.viewer) as viewer:

        def pages(sort: str) -> list[Json]:
            found = [
                search(viewer, organization, section="watercraft", sort=sort, page=page, page_size=4)
                for page in (1, 2, 3)
            ]
            assert [answer["total"] for answer in found] == [6, 6, 6]
            assert [len(answer["items"]) for answer in found] == [4, 2, 0]
            return [item for answer in found for item in answer["items"]]

        rising, falling = pages("capacity"), pages("-capacity")
        assert [item["capacity"] for item in rising] == [3, 3, 3, 9, None, None]
        assert [item["capacity"] for item in falling] == [9, 3, 3, 3, None, None]
        assert [item["id"] for item in rising[:3]] == sorted(item["id"] for item in rising[:3])
        assert [item["id"] for item in falling[1:4]] == [item["id"] for item in reversed(rising[:3])]
        named = pages("name")
        assert [item["name"] for item in named] == ["Boat"] * 5 + ["watercraft one"]
        assert [item["id"] for item in named] == [item["id"] for item in reversed(pages("-name"))]
        assert {item["id"] for item in pages("created_at")} == {item["id"] for item in named}
        assert {item["id"] for item in pages("-section")} == {item["id"] for item in named}


def test_nothing_of_a_hidden_section_is_found_or_counted(
    db: Connection, database: str, fleet: Organization
) -> None:
    db.execute("update public.tiers set sections = '{planes}' where id = %s", [fleet.tier])
    for role in ("viewer", "member"):
        with as_user(database, fleet.actor(role)) as connection:
            assert search(connection, fleet)["total"] == 2
            assert search(connection, fleet, q="contadora") == {"items": [], "total": 0}
            assert search(connection, fleet, section="residences")["total"] == 0
    with as_user(database, fleet.manager) as manager:
        assert search(manager, fleet, q="contadora")["total"] == 1


def test_another_organisation_does_not_exist(db: Connection, database: str, fleet: Organization) -> None:
    with as_user(database, make_organization(db).owner) as stranger, refused("NOT_FOUND", 404):
        search(stranger, fleet, q="casa")


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ({"q": "x" * 201}, {"q"}),
        ({"status": "gone"}, {"status"}),
        ({"sort": "version"}, {"sort"}),
        ({"capacity_min": 0}, {"capacity_min"}),
        ({"page": 0, "page_size": 101}, {"page", "page_size"}),
        ({"free_from": at(1)}, {"free_to"}),
        ({"free_from": at(2), "free_to": at(1)}, {"free_to"}),
        ({"details": json.dumps(["wifi"])}, {"details"}),
    ],
)
def test_what_cannot_be_asked_is_named(
    database: str, organization: Organization, arguments: Json, paths: set[str]
) -> None:
    with as_user(database, organization.viewer) as viewer, refused("VALIDATION_ERROR", 400) as failures:
        search(viewer, organization, **arguments)
    assert {field["path"] for field in failures[0].details["fields"]} == paths


ASSETS, OTHERS, BOOKINGS = 1000, 20, 10


@pytest.fixture(scope="module")
def large(database: str, admin_database: str) -> Organization:
    """An organisation of many assets among others, all of them booked."""
    with connect(database) as db:
        organization = make_organization(db)
    with connect(admin_database) as admin:
        # Without the triggers, which would take a minute.
        admin.execute("set session_replication_role = replica")
        admin.execute(
            "insert into public.organizations (legal_name)"
            " select 'Other ' || n from generate_series(1, %s) n",
            [OTHERS],
        )
        admin.execute(
            """
            insert into public.assets (organization_id, section, name, description, details)
            select o.id, 'planes', 'Asset ' || n,
                case when n %% 100 = 0 then 'Helipuerto cercano' else 'Nothing' end,
                jsonb_build_object('year', 1990 + n %% 30, 'tail', 'HP-' || n)
            from public.organizations o
            cross join lateral generate_series(1, case when o.id = %(id)s then %(many)s else 50 end) n
            """,
            {"id": organization.id, "many": ASSETS},
        )
        admin.execute(
            "insert into app.asset_documents (asset_id, document)"
            " select id, app.asset_document(name, description, details) from public.assets"
            " on conflict do nothing"
        )
        admin.execute(
            """
            insert into app.occupancy (asset_id, occupied, kind, source_id)
            select a.id, tstzrange(t.starts, t.starts + interval '8 hours'), 'reservation', gen_random_uuid()
            from public.assets a cross join generate_series(1, %s) n
            cross join lateral (select now() + n * interval '30 hours' as starts) t
            order by md5(a.id::text || n)
            """,
            [BOOKINGS],
        )
        admin.execute("vacuum analyze")
    return organization


@pytest.fixture
def explained(admin_database: str, large: Organization) -> Iterator[tuple[Connection, list[str]]]:
    """A connection as the member that also tells the plans of what functions run inside."""
    with explaining(admin_database, large.member) as explained:
        yield explained


@pytest.mark.parametrize(
    ("index", "arguments"),
    [
        ("idx_assets_search", {"q": "helipuertos"}),
        ("idx_assets_search", {"q": "helipuer", "section": "planes", "free_from": at(3), "free_to": at(5)}),
        ("idx_assets_details", {"details": {"tail": "HP-77"}}),
        ("occupancy_no_overlap", {"details": {"year": 2001}, "free_from": at(3), "free_to": at(5)}),
        ("occupancy_no_overlap", {"free_from": at(3), "free_to": at(4)}),
    ],
)
def test_an_index_serves_a_search(
    explained: tuple[Connection, list[str]], large: Organization, index: str, arguments: Json
) -> None:
    connection, plans = explained
    search(connection, large, **arguments)
    told = "\n".join(plans)
    assert re.search(rf"\b{index}\b", told), told
    assert not re.search(r"Seq Scan on (public\.|app\.)?(occupancy|reservations)", told), told
    if "search" in index or "details" in index:
        assert not re.search(r"Seq Scan on (public\.|app\.)?(assets|asset_documents)", told), told
