"""Requests against the whole stack, and what the database's own audit log then says of them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.actors import Actor, Connection, Organization, TokenSigner, connect, make_organization
from tests.api.shape import assert_error, data
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack, running_bff
from tests.relay.calendar import slot
from tests.relay.fakes import until

Entry = dict[str, Any]


@pytest.fixture
def log(stack: RunningStack) -> Iterator[Connection]:
    """The database as its owner: a connection of its own, since some tests end the others."""
    with connect(stack.database_url) as connection:
        yield connection


def entries_of(log: Connection, *requests: str) -> list[Entry]:
    """What was recorded of requests, not of the rows that they changed."""
    return [each for each in all_of(log, *requests) if each["metadata"]["source"] == "request"]


def all_of(log: Connection, *requests: str) -> list[Entry]:
    """All that was recorded under these requests' ids."""
    return log.execute(
        "select * from public.audit_logs where metadata ->> 'request_id' = any (%s) order by created_at",
        (list(requests),),
    ).fetchall()


async def entry_of(log: Connection, response: httpx.Response) -> Entry:
    """The one entry of a request."""
    request = response.headers["x-request-id"]
    await until(lambda: entries_of(log, request))
    [entry] = entries_of(log, request)
    return entry


def booking(office: Organization, **more: Any) -> dict[str, Any]:
    return {"asset_id": office.assets["planes"], "title": "Trip", **slot(), **more}


async def test_a_booking_and_what_it_changed_carry_the_same_request_id(
    client: Client, office: Organization, log: Connection
) -> None:
    body = booking(office, notes="hush")
    response = await client(office.member).post("/api/v1/reservations", json=body)
    made = data(response, 201)
    entry = await entry_of(log, response)
    assert str(entry["user_id"]) == office.member.id
    assert str(entry["organization_id"]) == office.id
    assert (entry["action"], entry["resource_type"]) == ("create_reservation", "reservations")
    assert str(entry["resource_id"]) == made["id"]
    assert str(entry["ip_address"]) == "127.0.0.1"
    assert (entry["response_status"], entry["error_message"]) == (201, None)
    assert entry["request_body"]["asset_id"] == body["asset_id"]
    assert entry["request_body"]["notes"] == entry["request_body"]["title"] == "[withheld]"
    assert entry["duration_ms"] > 0
    changed = {
        (each["action"], str(each["resource_id"]))
        for each in all_of(log, response.headers["x-request-id"])
        if each["metadata"]["source"] != "request"
    }
    assert ("insert", made["id"]) in changed


async def test_a_hold_that_is_given_up_stands_in_its_organisations_log(
    client: Client, office: Organization, log: Connection
) -> None:
    member = client(office.member)
    held = data(await member.post("/api/v1/holds", json={"asset_id": office.assets["planes"], **slot()}), 201)
    response = await member.delete(f"/api/v1/holds/{held['id']}")
    assert response.status_code == 204
    entry = await entry_of(log, response)
    assert (entry["action"], str(entry["resource_id"])) == ("release_hold", held["id"])
    assert str(entry["organization_id"]) == office.id


async def test_a_refused_booking_is_found_in_the_log_of_the_assets_organisation(
    client: Client, office: Organization, log: Connection
) -> None:
    body = booking(office)
    member = client(office.member)
    data(await member.post("/api/v1/reservations", json=body), 201)
    response = await member.post("/api/v1/reservations", json=body)
    assert_error(response, "CONFLICT")
    entry = await entry_of(log, response)
    assert str(entry["organization_id"]) == office.id
    assert (entry["resource_type"], str(entry["resource_id"])) == ("assets", body["asset_id"])
    assert (entry["response_status"], entry["metadata"]["code"]) == (409, "CONFLICT")


async def test_a_denial_is_recorded_with_who_was_denied_what(
    client: Client, office: Organization, log: Connection
) -> None:
    response = await client(office.member).patch(
        f"/api/v1/organizations/{office.id}", json={"legal_name": "Mine now"}
    )
    assert_error(response, "FORBIDDEN")
    entry = await entry_of(log, response)
    assert (entry["action"], entry["metadata"]["code"]) == ("update_organization", "FORBIDDEN")
    assert (str(entry["user_id"]), str(entry["organization_id"])) == (office.member.id, office.id)


async def test_a_look_into_another_office_is_recorded_and_not_in_that_offices_own_log(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner, log: Connection
) -> None:
    other_office = make_organization(live_db, signer=signer)
    for path in ("", "/members"):
        response = await client(office.member).get(f"/api/v1/organizations/{other_office.id}{path}")
        assert_error(response, "NOT_FOUND")
        entry = await entry_of(log, response)
        assert (str(entry["user_id"]), entry["organization_id"]) == (office.member.id, None)
        assert entry["metadata"]["claimed_organization_id"] == other_office.id


async def test_that_somebody_read_the_log_is_recorded(
    client: Client, office: Organization, log: Connection
) -> None:
    response = await client(office.owner).get(f"/api/v1/organizations/{office.id}/audit-logs")
    assert response.status_code == 200
    entry = await entry_of(log, response)
    assert (entry["action"], entry["response_status"]) == ("list_audit_logs", 200)
    assert (str(entry["user_id"]), str(entry["organization_id"])) == (office.owner.id, office.id)


@pytest.mark.parametrize("path", ["members", "calendar/stream"])
async def test_who_has_no_token_is_recorded_and_not_in_the_offices_own_log(
    client: Client, office: Organization, log: Connection, path: str
) -> None:
    response = await client(None).get(f"/api/v1/organizations/{office.id}/{path}")
    assert_error(response, "UNAUTHORIZED")
    entry = await entry_of(log, response)
    assert (entry["user_id"], entry["organization_id"], entry["response_status"]) == (None, None, 401)


async def ask(bff: RunningBff, actor: Actor, body: dict[str, Any], *, seconds: float) -> httpx.Response:
    headers = {"Authorization": f"Bearer {actor.token}"}
    async with httpx.AsyncClient(base_url=bff.url, headers=headers, timeout=seconds) as http:
        return await http.post("/api/v1/reservations", json=body)


@pytest.mark.parametrize("part", ["lite", "postgres"])
async def test_what_is_asked_while_the_database_is_gone_is_recorded_once_when_it_is_back(
    stack: RunningStack, office: Organization, part: str
) -> None:
    settings = {"RETRY_BASE": "0.1", "RETRY_CAP": "0.3"}
    with running_bff(stack.env, stack.directory / f"bff-audit-{part}.log", **settings) as bff:
        died = stack.kill(part)
        answers = [await ask(bff, office.member, booking(office), seconds=30) for _ in range(3)]
        answers.append(await ask(bff, office.member, {}, seconds=30))
        stack.wait_ready(part, died=died)
        requests = [answer.headers["x-request-id"] for answer in answers]
        with connect(stack.database_url) as log:
            await until(lambda: len(entries_of(log, *requests)) == len(requests), seconds=60)
            entries = entries_of(log, *requests)
            assert [entry["metadata"]["request_id"] for entry in entries] == requests
            assert [entry["response_status"] for entry in entries] == [each.status_code for each in answers]
