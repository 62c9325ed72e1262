"""What a real process logs while everything goes wrong: whole lines, with the request's id, and no secret."""

import base64
import contextlib
import fcntl
import json
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import pytest

from bff.relay.tickets import Identity, Tickets
from tests.actors import Organization
from tests.harness import RunningBff, RunningStack, running_bff, wait_until

PASSWORD: Final = "hunter2-and-more"
EMAIL: Final = "anna.perez@example.test"
INVITATION: Final = "Zk3v0pQx9LmN7RtYbW2cA8dF5gHjK1sE"
KEY: Final = "idempotency-of-a-client"
FORGED: Final = '{"event": "forged", "level": "info"}'
ESCAPES: Final = "\x1b[31mred\x1b[0m"
LONGEST_LINE: Final = 8 * 1024


@pytest.fixture(scope="module")
def chatty(stack: RunningStack) -> Iterator[RunningBff]:
    """A BFF that logs all that it and its libraries can say."""
    log = stack.directory / "bff-chatty.log"
    with running_bff(stack.env, log, LOG_LEVEL="DEBUG") as running:
        yield running


def raw_request(bff: RunningBff, message: bytes) -> bytes:
    """What is answered to these bytes, until the connection is closed or has said all."""
    target = urlsplit(bff.url)
    assert target.hostname is not None
    assert target.port is not None
    with socket.create_connection((target.hostname, target.port), timeout=20) as connection:
        connection.sendall(message)
        answered = b""
        while chunk := connection.recv(65_536):
            answered += chunk
        return answered


def lines_of(log: Path) -> list[dict[str, Any]]:
    """Every line; each must be one JSON object."""
    found = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(isinstance(line, dict) for line in found)
    return found


def failures(stack: RunningStack, office: Organization, ticket: str) -> list[httpx.Request]:
    """Requests that carry secrets everywhere, each refused in another way."""
    bearer = {"Authorization": f"Bearer {office.member.token}"}
    wrong = {"Authorization": f"Bearer {office.member.token[:-6]}AAAAAA"}
    person = {"email": EMAIL, "password": PASSWORD, "token": INVITATION}
    stream = f"/api/v1/organizations/{office.id}/calendar/stream"
    strange = {
        "User-Agent": f"{EMAIL} \xe9 {FORGED}",
        "Cookie": f"sid={PASSWORD}",
        "apikey": stack.secret_key,
    }

    def ask(method: str, path: str, headers: dict[str, str], **options: Any) -> httpx.Request:
        # As httpx encodes no header of such kinds by itself.
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return httpx.Request(method, f"http://bff{path}", headers=encoded, **options)

    return [
        ask("GET", "/api/v1/me", wrong),
        ask("GET", "/api/v1/me", {"Authorization": f"Basic {base64.b64encode(PASSWORD.encode()).decode()}"}),
        ask("GET", f"/api/v1/me?access_token={office.member.token}", {}),
        ask("GET", f"{stream}?ticket={ticket}x", {}),
        ask("GET", f"{stream}?ticket={ticket}&cursor=no", {}),
        ask("GET", f"{stream}?ticket={PASSWORD}", strange),
        ask("POST", "/api/v1/auth/sign-in", strange, json=person),
        ask("POST", f"/api/v1/auth/sign-in?password={PASSWORD}", {}, json=person),
        ask("POST", "/api/v1/invitations/accept", bearer, json=person),
        ask("GET", f"/api/v1/invitations/{INVITATION}", bearer),
        ask("GET", f"/people/{quote(EMAIL)}/{office.member.token}", bearer),
        ask("PATCH", "/api/v1/me", bearer, json={"phone": EMAIL, "password": PASSWORD}),
        ask("PATCH", "/api/v1/me", bearer, content=f'{{"first_name": "{EMAIL}'),
        ask("PATCH", "/api/v1/me", {**bearer, "Content-Type": "text/plain"}, content=PASSWORD),
        ask("POST", "/api/v1/reservations", {**bearer, "Idempotency-Key": f"{KEY} {EMAIL}"}, json=person),
        ask("POST", "/api/v1/reservations", {**bearer, "Idempotency-Key": KEY}, content=EMAIL * 20_000),
        ask("POST", "/api/v1/reservations", {**bearer, "If-Match": PASSWORD}, json=person),
        ask("GET", f"/api/v1/organizations/{uuid.uuid4()}?email={EMAIL}", bearer),
        ask("PROPFIND", f"/api/v1/{quote(EMAIL)}", bearer),
        ask("GET", f"/{quote('a' * 3000 + EMAIL)}", bearer),
        ask("GET", f"/x{quote(chr(13) + chr(10) + FORGED)}", bearer),
        ask("GET", f"/x{quote(ESCAPES)}%00%ff%e2%80%a8", bearer),
        ask("GET", "/api/v1/me", {**bearer, "X-Request-ID": f"x {FORGED}"}),
        ask("GET", "/api/v1/me", {**bearer, "User-Agent": "x" * 30_000}),
        ask("OPTIONS", f"/api/v1/me?ticket={ticket}", {"Origin": f"https://{EMAIL}"}),
    ]


def test_no_failure_brings_a_secret_or_a_person_into_the_log_and_none_forges_a_line(
    stack: RunningStack, chatty: RunningBff, office: Organization
) -> None:
    identity = Identity(office.member.id, office.member.session_id, "aal1", 2**31)
    ticket = Tickets(stack.secret_key).issue(identity, office.id)
    ids = []
    with httpx.Client(base_url=chatty.url, timeout=20) as client:
        for request in failures(stack, office, ticket):
            path = request.url.raw_path.decode()
            answer = client.request(request.method, path, headers=request.headers.raw, content=request.read())
            ids.append(answer.headers["x-request-id"])
    for header in (f"User-Agent: {ESCAPES}", f"X-A: {PASSWORD}\r\n {FORGED}\r\nBad Header"):
        broken = f"GET /{EMAIL} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n"
        assert b" 400 " in raw_request(chatty, broken.encode())
    wait_until(lambda: ids[-1] in chatty.log.read_text(), what="the last line")

    text = chatty.log.read_text()
    lines = lines_of(chatty.log)
    told = [line["request_id"] for line in lines if line["event"] == "request"]
    assert [each for each in told if each in ids] == ids
    assert "forged" not in {line["event"] for line in lines}
    assert max(map(len, text.splitlines())) < LONGEST_LINE
    assert text.isascii()
    assert "\x1b" not in text
    for secret in (
        *(office.member.token, office.member.token.split(".")[2], ticket, ticket.split(".")[2]),
        *(stack.secret_key, stack.publishable_key, PASSWORD, INVITATION, KEY),
        *(EMAIL, quote(EMAIL), office.member.email),
        base64.b64encode(PASSWORD.encode()).decode(),
    ):
        assert secret not in text, secret


async def test_whatever_is_logged_for_a_request_has_its_id(chatty: RunningBff, office: Organization) -> None:
    headers = {"Authorization": f"Bearer {office.viewer.token}", "X-Request-ID": f"only-{uuid.uuid4().hex}"}
    async with httpx.AsyncClient(base_url=chatty.url, headers=headers, timeout=20) as client:
        assert (await client.get(f"/api/v1/organizations/{office.id}/assets")).status_code == 200
        assert (await client.get("/api/v1/nothing")).status_code == 404
    wait_until(
        lambda: chatty.log.read_text().count(headers["X-Request-ID"]) >= 2, what="both lines of the requests"
    )
    own = [line for line in lines_of(chatty.log) if line.get("request_id") == headers["X-Request-ID"]]
    assert [line["status"] for line in own if line["event"] == "request"] == [200, 404]
    for line in lines_of(chatty.log):
        assert {"timestamp", "level", "event"} <= line.keys()
        assert line["timestamp"].endswith("Z")
        assert line["event"] != "request" or line["request_id"]


def test_a_log_that_cannot_be_written_fails_no_request(stack: RunningStack, office: Organization) -> None:
    full = Path("/dev/full")
    assert full.is_char_device()
    headers = {"Authorization": f"Bearer {office.viewer.token}"}
    with (
        running_bff(stack.env, full) as bff,
        httpx.Client(base_url=bff.url, headers=headers, timeout=20) as client,
    ):
        for _ in range(3):
            assert client.get("/api/v1/me").status_code == 200
            assert client.get("/api/v1/nothing").status_code == 404
    assert bff.process.returncode == 0


def test_whoever_does_not_read_the_log_stops_no_request_no_probe_and_no_end(
    stack: RunningStack, office: Organization, tmp_path: Path
) -> None:
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    # Holds it open, and reads nothing for now.
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    headers = {"Authorization": f"Bearer {office.viewer.token}", "Connection": "close"}
    asked = [f"unread-{number}" for number in range(60)]
    try:
        with (
            running_bff(stack.env, pipe, BFF_WORKERS="2") as bff,
            httpx.Client(base_url=bff.url, headers=headers, timeout=20) as client,
        ):
            for each in asked:
                assert client.get("/api/v1/nothing", headers={"X-Request-ID": each}).status_code == 404
            assert client.get("/api/live").status_code == 200
            text = ""

            def are_told() -> bool:
                nonlocal text
                with contextlib.suppress(BlockingIOError):
                    text += os.read(reader, 65_536).decode()
                return all(each in text for each in asked)

            wait_until(are_told, what="lines that waited")
            whole = [json.loads(line) for line in text.splitlines()[:-1]]
            assert all(isinstance(line, dict) for line in whole)
            # And now nobody reads again, until the end.
            for each in asked:
                assert client.get("/api/v1/nothing", headers={"X-Request-ID": each}).status_code == 404
        assert bff.process.returncode == 0
    finally:
        os.close(reader)


def test_requests_that_are_none_do_not_fill_the_log(chatty: RunningBff) -> None:
    mark, warning = uuid.uuid4().hex, "Invalid HTTP request received."
    before = chatty.log.read_text().count(warning)
    for _ in range(30):
        assert b" 400 " in raw_request(chatty, b"GET / HTTP/1.1\r\nBad Header\r\n\r\n")
    httpx.get(f"{chatty.url}/api/v1/nothing", headers={"X-Request-ID": mark}, timeout=20)
    text = wait_until(lambda: mark in (text := chatty.log.read_text()) and text, what="the next line")
    # One a minute, and what is slow may begin another.
    assert text.count(warning) - before <= 2
