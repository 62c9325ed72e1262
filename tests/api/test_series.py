"""Series over HTTP, against the real stack."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.actors import Organization
from tests.api.shape import assert_error, data
from tests.conftest import Client

FIRST = datetime(2031, 3, 4, 9, tzinfo=ZoneInfo("America/Panama"))


def at(weeks: float, hours: float = 0) -> str:
    return (FIRST + timedelta(weeks=weeks, hours=hours)).isoformat()


def weekly(office: Organization, **fields: Any) -> dict[str, Any]:
    return {
        "asset_id": office.assets["planes"],
        "title": "Todos los martes",
        "start_date": at(0),
        "end_date": at(0, 2),
        "rrule": "FREQ=WEEKLY;COUNT=4",
        **fields,
    }


async def test_a_series_is_made_read_moved_and_cancelled(client: Client, office: Organization) -> None:
    member = client(office.member)
    response = await member.post(
        "/api/v1/series", json=weekly(office, notes="Ventana", guests=[{"name": "Ana"}], exdates=[at(3)])
    )
    made = data(response, 201)
    path = response.headers["location"]
    assert path == f"/api/v1/series/{made['id']}"
    assert [each["outcome"] for each in made["instances"]] == ["approved"] * 3 + ["excluded"]
    booking = data(await member.get(f"/api/v1/reservations/{made['instances'][1]['reservation_id']}"))
    assert (booking["series_id"], booking["notes"]) == (made["id"], "Ventana")

    read = await member.get(path)
    etag = read.headers["etag"]
    assert data(read)["rrule"] == "FREQ=WEEKLY;COUNT=4"
    assert (await member.get(path, headers={"If-None-Match": etag})).status_code == 304

    one = {"scope": "this", "from": at(1)}
    alone = await member.patch(path, params=one, json={"end_date": at(1, 3)}, headers={"If-Match": etag})
    assert [each["detached"] for each in data(alone)["instances"]] == [False, True, False, False]
    stale = await member.request("DELETE", path, params={"scope": "all"}, headers={"If-Match": etag})
    assert assert_error(stale, "PRECONDITION_FAILED")["details"]["current"]["id"] == made["id"]

    rest = {"scope": "following", "from": at(2)}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    moved = await member.patch(path, params=rest, json={"start_date": at(2, -1)}, headers=key)
    later = data(moved)
    assert later["previous_series_id"] == made["id"]
    assert [each["outcome"] for each in later["instances"]] == ["approved", "excluded"]
    assert data(await member.patch(path, params=rest, json={"start_date": at(2, -1)}, headers=key)) == later

    gone = await member.request(
        "DELETE",
        path,
        params={"scope": "all"},
        json={"reason": "Lluvia"},
        headers={"If-Match": (await member.get(path)).headers["etag"]},
    )
    assert [each["outcome"] for each in data(gone)["instances"]] == ["canceled", "canceled"]
    again = await member.delete(path, params={"scope": "all"})
    assert assert_error(again, "INVALID_STATE")["details"] == {"reason": "nothing_to_change"}


async def test_what_is_taken_is_reported_or_left_out(client: Client, office: Organization) -> None:
    member = client(office.member)
    taken = {**weekly(office), "start_date": at(2, 1), "end_date": at(2, 3), "title": "Otro"}
    del taken["rrule"]
    other = data(await client(office.manager).post("/api/v1/reservations", json=taken), 201)
    refused = assert_error(await member.post("/api/v1/series", json=weekly(office)), "CONFLICT")
    report = refused["details"]["instances"]
    assert [each["outcome"] for each in report] == ["approved", "approved", "conflict", "approved"]
    assert [conflict["id"] for conflict in report[2]["conflicts"]] == [other["id"]]
    made = data(await member.post("/api/v1/series", json=weekly(office, on_conflict="skip")), 201)
    assert [each["outcome"] for each in made["instances"]] == [each["outcome"] for each in report]


async def test_faults_are_named(client: Client, office: Organization) -> None:
    member = client(office.member)
    for fields, path, code in (
        ({"rrule": "FREQ=WEEKLY"}, "rrule", "rrule_unbounded"),
        ({"rrule": "FREQ=DAILY;BYHOUR=3;COUNT=2"}, "rrule", "rrule_unsupported"),
        ({"rrule": "FREQ=DAILY;COUNT=3", "end_date": at(0, 30)}, "rrule", "self_overlap"),
        ({"rrule": "x" * 501}, "rrule", "string_too_long"),
        ({"on_conflict": "overwrite"}, "on_conflict", "literal_error"),
    ):
        error = assert_error(
            await member.post("/api/v1/series", json=weekly(office, **fields)), "VALIDATION_ERROR"
        )
        assert [(field["path"], field["code"]) for field in error["details"]["fields"]] == [(path, code)]
    path = f"/api/v1/series/{data(await member.post('/api/v1/series', json=weekly(office)), 201)['id']}"
    for params in ({}, {"scope": "this"}, {"scope": "some"}, {"scope": "following", "from": at(0.5)}):
        assert_error(await member.patch(path, params=params, json={"title": "x"}), "VALIDATION_ERROR")
        assert_error(await member.delete(path, params=params), "VALIDATION_ERROR")
    assert_error(
        await member.patch(path, params={"scope": "all"}, json={"rrule": "FREQ=DAILY;COUNT=2"}),
        "VALIDATION_ERROR",
    )


async def test_who_may_touch_a_series(client: Client, office: Organization) -> None:
    made = data(await client(office.owner).post("/api/v1/series", json=weekly(office)), 201)
    path = f"/api/v1/series/{made['id']}"
    assert_error(await client(office.viewer).post("/api/v1/series", json=weekly(office)), "FORBIDDEN")
    assert data(await client(office.viewer).get(path))["id"] == made["id"]
    for actor in (office.viewer, office.member):
        everything = {"scope": "all"}
        assert_error(await client(actor).patch(path, params=everything, json={"title": "Mío"}), "FORBIDDEN")
        assert_error(await client(actor).delete(path, params=everything), "FORBIDDEN")
    assert_error(await client(office.owner).get(f"/api/v1/series/{uuid.uuid4()}"), "NOT_FOUND")
    assert_error(await client(None).get(path), "UNAUTHORIZED")
