"""What `ops/nginx.conf` does by itself: what it logs, how many it lets in, how long it keeps connections."""

import re
from pathlib import Path

import httpx
import uvicorn

from tests.actors import Organization
from tests.harness import RunningBff, wait_until
from tests.proxy.nginx import CONFIGURATION, running_nginx
from tests.proxy.upstream import dropping_upstream

# What an address has back after a test has used it up: nothing, while the test lasts.
SLOW_RATE = "$binary_remote_addr zone=openings:1m rate=1r/m"
TICKET = "a-ticket-that-nobody-else-may-read"
# What an address may have at once.
BURST = 400


def stream_path(organization: str) -> str:
    return f"/api/v1/organizations/{organization}/calendar/stream"


def test_a_ticket_is_in_none_of_the_logs_when_the_bff_drops_the_connection_or_a_limit_refuses_it(
    tmp_path: Path,
) -> None:
    with (
        dropping_upstream() as upstream,
        running_nginx(tmp_path, upstream, limit_req_zone=SLOW_RATE) as nginx,
        httpx.Client(base_url=nginx.url, verify=nginx.trust) as client,
    ):
        path = stream_path("o")
        statuses = {client.get(path, params={"ticket": TICKET}).status_code for _ in range(BURST + 2)}
        assert statuses == {429, 502}
        assert any(TICKET in each for each in upstream.dropped)
        # Elsewhere such an error is logged: what is missing above is not lost for all.
        assert client.get("/api/v1/me").status_code == 502
        wait_until(lambda: "/api/v1/me" in nginx.log.read_text(), what="the log")
        text = nginx.log.read_text()
    assert f'"GET {path}" 502' in text
    assert f'"GET {path}" 429' in text
    assert "upstream prematurely closed" in text
    assert TICKET not in text


def test_an_address_that_opens_without_end_is_told_429_and_when_to_come_back_and_the_rest_goes_on(
    bff: RunningBff, office: Organization, tmp_path: Path
) -> None:
    with (
        running_nginx(
            tmp_path, bff, limit_req_zone="$binary_remote_addr zone=openings:1m rate=1r/m"
        ) as nginx,
        httpx.Client(base_url=nginx.url, verify=nginx.trust, timeout=20) as client,
    ):
        statuses = [client.post("/api/v1/stream-tickets").status_code for _ in range(BURST)]
        assert set(statuses) == {401}
        assert client.get(stream_path(office.id)).status_code == 401
        for refused in (client.post("/api/v1/stream-tickets"), client.get(stream_path(office.id))):
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "5"
            assert refused.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
        assert client.get("/api/live").status_code == 200
        assert client.get("/api/v1/me").status_code == 401


def test_nginx_closes_an_idle_connection_before_the_bff_does(tmp_path: Path) -> None:
    (seconds,) = re.findall(r"^\s*keepalive_timeout (\d+)s;$", CONFIGURATION.read_text(), re.MULTILINE)
    assert int(seconds) < uvicorn.Config("bff.app:create_app").timeout_keep_alive
    with dropping_upstream() as upstream, running_nginx(tmp_path, upstream, keepalive_timeout="1s"):
        assert upstream.left_by_peer.wait(20)
