"""What is said when a stream opens, and when it does not, by a real `python -m bff`."""

import json

import httpx
import pytest

from tests.actors import Connection, Organization, TokenSigner, make_user
from tests.api.shape import assert_error
from tests.harness import RunningStack, running_bff, wait_until
from tests.relay.client import watch

ORIGIN = "https://app.example"


async def test_a_stream_that_took_its_connection_has_the_headers_of_every_answer_and_is_logged_when_it_opens(
    stack: RunningStack, office: Organization
) -> None:
    headers = {
        "Authorization": f"Bearer {office.viewer.token}",
        "Origin": ORIGIN,
        "X-Request-ID": "of-the-test",
    }
    log = stack.directory / "bff-opening.log"
    with running_bff(stack.env, log, CORS_ORIGINS=ORIGIN) as bff:
        async with (
            httpx.AsyncClient(base_url=bff.url, headers=headers) as http,
            watch(http, office.id) as stream,
        ):
            sent = stream.response.headers
            ready = await stream.get("ready")
            wait_until(lambda: "of-the-test" in log.read_text(), what="the opening's line in the log")
    assert sent["access-control-allow-origin"] == ORIGIN
    assert sent["x-request-id"] == "of-the-test"
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["connection"] == "close"
    assert ready.retry is not None
    lines = [json.loads(line) for line in log.read_text().splitlines() if "of-the-test" in line]
    assert [(line["path"].rpartition("/")[2], line["status"]) for line in lines] == [("stream", 200)]


@pytest.mark.parametrize(
    ("reason", "setting"),
    [
        ("full", {"RELAY_MAX_STREAMS": "1"}),
        ("memory", {"RELAY_MAX_RESIDENT_BYTES": "1", "RELAY_MAX_STREAMS": "10"}),
    ],
)
async def test_without_room_a_stream_is_refused_with_503_and_a_time_to_come_back(
    stack: RunningStack, office: Organization, reason: str, setting: dict[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {office.viewer.token}"}
    url = f"/api/v1/organizations/{office.id}/calendar/stream"
    with running_bff(stack.env, stack.directory / "bff-room.log", **setting) as bff:
        async with httpx.AsyncClient(base_url=bff.url, headers=headers) as http:
            async with watch(http, office.id):
                answer = await http.get(url)
            metrics = (await http.get("/api/metrics")).text
    assert_error(answer, "SERVICE_UNAVAILABLE")
    assert 5 <= int(answer.headers["Retry-After"]) <= 30
    assert f'relay_refusals_total{{reason="{reason}"}} 1.0' in metrics


async def test_whoever_is_refused_takes_no_place(
    stack: RunningStack, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    stranger = make_user(live_db, "stranger", signer=signer)
    url = f"/api/v1/organizations/{office.id}/calendar/stream"
    with running_bff(stack.env, stack.directory / "bff-place.log", RELAY_MAX_STREAMS="1") as bff:
        async with httpx.AsyncClient(base_url=bff.url) as http:
            for _ in range(3):
                answer = await http.get(url, headers={"Authorization": f"Bearer {stranger.token}"})
                assert_error(answer, "NOT_FOUND")
            async with watch(http, office.id, headers={"Authorization": f"Bearer {office.viewer.token}"}):
                pass
