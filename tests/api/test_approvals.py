"""Approvals over HTTP, against the real stack."""

import uuid
from datetime import timedelta
from typing import Any

from tests.actors import Connection, Organization
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client
from tests.db.approving import ask, make_rule
from tests.db.booking import at, utc


async def test_a_booking_waits_is_listed_and_is_approved(
    client: Client, live_db: Connection, office: Organization
) -> None:
    rule = make_rule(live_db, office, approval_type="quorum", quorum=2)
    booking = ask(live_db, office, rule)
    path = f"/api/v1/organizations/{office.id}/approvals"
    listed = await client(office.manager).get(path, params={"status": "pending"})
    (request,) = data(listed)
    assert pagination(listed).totalItems == 1
    assert (request["rule_id"], request["required"], request["can_decide"]) == (rule, 2, True)
    assert request["reservation"]["id"] == booking["id"]
    assert request["reservation"]["asset_name"] == "planes one"

    decision = f"/api/v1/reservations/{booking['id']}/decision"
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await client(office.manager).post(decision, json={"decision": "approve"}, headers=key)
    assert (data(first)["status"], first.headers["etag"]) == ("pending", '"2"')
    again = await client(office.manager).post(decision, json={"decision": "approve"}, headers=key)
    assert data(again) == data(first)
    second = data(
        await client(office.owner).post(decision, json={"decision": "approve", "notes": "Buen viaje"})
    )
    assert (second["status"], second["approved_by"]) == ("approved", office.owner.id)
    assert [request["status"] for request in second["approvals"]] == ["approved"]

    mine = data(await client(office.manager).get(path))
    assert [(r["status"], r["can_decide"]) for r in mine] == [("approved", False)]
    requested = data(await client(office.member).get(path, params={"scope": "requested"}))
    assert [r["reservation"]["id"] for r in requested] == [booking["id"]]
    assert data(await client(office.member).get(path)) == []
    assert_error(await client(office.member).get(path, params={"scope": "all"}), "FORBIDDEN")
    assert len(data(await client(office.manager).get(path, params={"scope": "all"}))) == 1


async def test_a_decision_is_refused_with_its_reason(
    client: Client, live_db: Connection, office: Organization
) -> None:
    booking = ask(live_db, office, make_rule(live_db, office))
    decision = f"/api/v1/reservations/{booking['id']}/decision"
    own = await client(office.member).post(decision, json={"decision": "approve"})
    assert assert_error(own, "FORBIDDEN")["details"] == {"reason": "own_request"}
    assert_fields(await client(office.manager).post(decision, json={}), decision="missing")
    assert_fields(
        await client(office.manager).post(decision, json={"decision": "maybe"}), decision="literal_error"
    )
    rejected = await client(office.manager).post(decision, json={"decision": "reject", "notes": "No"})
    assert (data(rejected)["status"], data(rejected)["rejected_reason"]) == ("rejected", "No")
    late = await client(office.admin).post(decision, json={"decision": "approve"})
    assert assert_error(late, "INVALID_STATE")["details"] == {"reason": "status", "status": "rejected"}
    assert (await client(office.manager).get(decision)).status_code == 405


async def test_somebody_stands_in_for_a_time(
    client: Client, live_db: Connection, office: Organization
) -> None:
    booking = ask(live_db, office, make_rule(live_db, office), booker=office.manager)
    path = "/api/v1/approval-delegations"
    body: dict[str, Any] = {
        "organization_id": office.id,
        "delegate_id": office.member.id,
        "ends_at": utc(at(30)),
    }
    made = await client(office.admin).post(path, json=body)
    delegation = data(made, 201)
    assert made.headers["location"] == f"{path}?organization_id={office.id}"
    assert (delegation["user_id"], delegation["delegate_name"]) == (office.admin.id, "Member Testigo")
    query = {"organization_id": office.id}
    assert data(await client(office.member).get(path, params=query)) == [delegation]
    assert data(await client(office.viewer).get(path, params=query)) == []
    waiting = data(await client(office.member).get(f"/api/v1/organizations/{office.id}/approvals"))
    assert [request["can_decide"] for request in waiting] == [True]

    ended = await client(office.admin).request("DELETE", path, params={"id": delegation["id"]})
    assert data(ended) == delegation
    decision = f"/api/v1/reservations/{booking['id']}/decision"
    refused = await client(office.member).post(decision, json={"decision": "approve"})
    assert assert_error(refused, "FORBIDDEN")["details"] == {"reason": "not_approver"}
    assert_error(
        await client(office.admin).request("DELETE", path, params={"id": delegation["id"]}), "NOT_FOUND"
    )
    assert_error(await client(office.viewer).post(path, json=body), "FORBIDDEN")
    past = {**body, "starts_at": utc(at(-2)), "ends_at": utc(at(-2) + timedelta(hours=1))}
    assert_fields(await client(office.admin).post(path, json=past), ends_at="datetime_future")
