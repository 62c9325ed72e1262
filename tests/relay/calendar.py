"""What clients of the calendar do in the tests: book, change, look, and keep their picture up to date."""

import itertools
from typing import Any

import httpx

from tests.actors import Connection, Organization
from tests.relay.client import Sent, Watching

WINDOW = {"from": "2032-01-01T00:00:00Z", "to": "2032-12-31T00:00:00Z"}
slots = itertools.count()


def slot() -> dict[str, str]:
    """Two hours that nobody has taken yet."""
    day, hour = divmod(next(slots), 8)
    month, day = divmod(day, 28)
    date = f"2032-{month + 1:02}-{day + 1:02}"
    return {"start_date": f"{date}T{hour * 3:02}:00:00Z", "end_date": f"{date}T{hour * 3 + 2:02}:00:00Z"}


async def book(client: httpx.AsyncClient, asset: str, title: str = "Trip") -> dict[str, Any]:
    response = await client.post("/api/v1/reservations", json={"asset_id": asset, "title": title, **slot()})
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def change(client: httpx.AsyncClient, reservation: str, **changes: Any) -> None:
    response = await client.patch(f"/api/v1/reservations/{reservation}", json=changes)
    assert response.status_code == 200, response.text


async def cancel(client: httpx.AsyncClient, reservation: str) -> None:
    response = await client.post(f"/api/v1/reservations/{reservation}/cancel", json={"reason": "Weather"})
    assert response.status_code == 200, response.text


async def maintain(
    client: httpx.AsyncClient, asset: str, title: str = "Check", **fields: Any
) -> dict[str, Any]:
    """Schedules maintenance, where nobody has taken the time unless `fields` say when."""
    body = {"title": title, **slot(), **fields}
    response = await client.post(f"/api/v1/assets/{asset}/maintenance", json=body)
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def change_maintenance(client: httpx.AsyncClient, window: str, **changes: Any) -> None:
    response = await client.patch(f"/api/v1/maintenance/{window}", json=changes)
    assert response.status_code == 200, response.text


async def cancel_maintenance(client: httpx.AsyncClient, window: str) -> None:
    response = await client.delete(f"/api/v1/maintenance/{window}")
    assert response.status_code == 204, response.text


async def snapshot(client: httpx.AsyncClient, organization: str) -> dict[str, Any]:
    response = await client.get(f"/api/v1/organizations/{organization}/calendar", params=WINDOW)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def by_id(calendar: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in (*calendar["reservations"], *calendar["maintenance"])}


def state_of(frame: Sent) -> dict[str, Any]:
    """The booking or the maintenance that a frame is about; as it was, where it moved out of sight."""
    payload = frame.data["payload"]
    state: dict[str, Any] = payload[frame.event.partition("_")[0]] or payload["previousState"]
    return state


def apply(state: dict[str, dict[str, Any]], frames: list[Sent]) -> dict[str, dict[str, Any]]:
    """What a client's calendar shows after these frames."""
    state = dict(state)
    for frame in frames:
        changed = state_of(frame)
        if frame.event.endswith("_canceled"):
            state.pop(changed["id"], None)
        else:
            state[changed["id"]] = changed
    return state


def titles(stream: Watching) -> list[tuple[str, str]]:
    return [(frame.event, state_of(frame)["title"]) for frame in stream.changes]


def restrict(db: Connection, organization: Organization, sections: list[str] | None) -> None:
    """What the members' tier shows."""
    db.execute("update public.tiers set sections = %s where id = %s", [sections, organization.tier])


def assert_error(response: httpx.Response, status: int, code: str, path: str | None = None) -> None:
    body = response.json()
    assert (response.status_code, body["success"], body["error"]["code"]) == (status, False, code), body
    if path is not None:
        assert [field["path"] for field in body["error"]["details"]["fields"]] == [path]
