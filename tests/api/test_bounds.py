"""What is too long, too slow, compressed or ambiguous, on the shipped server's own socket."""

import gzip
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import httpx
import pytest

from tests.actors import Organization
from tests.api.shape import assert_error
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack, running_bff, wait_until

HOST = b"host: bff\r\n"
GET = b"GET /api/live HTTP/1.1\r\n" + HOST
NOTHING = "/api/v1/reservations"
# A deadline for reading what must come; nothing here waits that long unless it fails.
SOON = 20.0
BODY = b'{"organization_id": "x"}'


@pytest.fixture(scope="module")
def hasty(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBff]:
    """A BFF of its own that gives up soon on slow clients."""
    settings = {
        "HEADER_SECONDS": "0.4",
        "BODY_SECONDS": "0.4",
        "WRITE_SECONDS": "0.4",
        "IDLE_SECONDS": "1",
        "MAX_CONNECTIONS": "40",
    }
    log = tmp_path_factory.mktemp("hasty") / "bff.log"
    with running_bff(stack.env, log, **settings) as running:
        yield running


def connect(bff: RunningBff) -> socket.socket:
    url = httpx.URL(bff.url)
    connection = socket.create_connection((url.host, url.port), SOON)
    connection.settimeout(SOON)
    return connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes; a reset is an end too."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def send_all(connection: socket.socket, data: bytes) -> None:
    """As much as the server takes."""
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data)


def exchange(bff: RunningBff, data: bytes) -> bytes:
    """Sends this, and answers all that comes until the server closes."""
    with closing(connect(bff)) as connection:
        send_all(connection, data)
        return everything(connection)


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


# Heads


async def test_a_url_that_is_too_long_is_414(client: Client) -> None:
    response = await client(None).get("/api/live", params={"q": "x" * 9000})
    assert assert_error(response, "URI_TOO_LONG")["details"] == {"max_bytes": 8192}


@pytest.mark.parametrize(
    "headers",
    [{f"x-{n}": "1" for n in range(120)}, {"x-long": "x" * 33_000}],
    ids=["many", "long"],
)
async def test_headers_that_are_too_many_or_too_large_are_431(
    client: Client, headers: dict[str, str]
) -> None:
    response = await client(None).get("/api/live", headers=headers)
    error = assert_error(response, "HEADERS_TOO_LARGE")
    assert error["details"] == {"max_count": 100, "max_bytes": 32_768}


@pytest.mark.parametrize(
    "head",
    [
        GET + b"x: " + b"a" * 1_000_000,
        GET + b"a: b\r\n" * 10_000 + b"\r\n",
        GET + b"a: " + b"b" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000_000,
    ],
    ids=["a header without an end", "ten thousand headers", "a megabyte of headers", "a url without an end"],
)
def test_a_head_without_bounds_is_cut_off(bff: RunningBff, head: bytes) -> None:
    assert status(exchange(bff, head)) == 431


# Bodies


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Encoding": "gzip"}, "encoding"),
        ({"Content-Encoding": "br, gzip"}, "encoding"),
        ({"Content-Type": "application/json; charset=utf-16"}, "charset"),
        ({"Content-Type": "text/json"}, None),
        ({"Content-Type": "application/json-patch+json"}, None),
        ({"Content-Type": "multipart/form-data; boundary=application/json"}, None),
        ({"Content-Type": ";;application/json"}, None),
    ],
    ids=["gzip", "two encodings", "utf-16", "text", "patch", "form", "nonsense"],
)
async def test_a_body_that_is_not_plain_json_is_415(
    client: Client, office: Organization, headers: dict[str, str], reason: str | None
) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 131_072
    sent = {"Content-Type": "application/json", **headers}
    response = await client(office.member).post(NOTHING, content=bomb, headers=sent)
    error = assert_error(response, "UNSUPPORTED_MEDIA_TYPE")
    assert error.get("details", {}).get("reason") == reason


@pytest.mark.parametrize(
    "media_type", ['application/json; charset="UTF-8"', "Application/JSON;charset=utf-8"]
)
async def test_json_that_says_that_it_is_utf_8_is_taken(
    client: Client, office: Organization, media_type: str
) -> None:
    response = await client(office.member).post(
        NOTHING, content=b"[", headers={"Content-Type": media_type, "Content-Encoding": "identity"}
    )
    assert_error(response, "VALIDATION_ERROR")


def posted(token: str, *headers: bytes) -> bytes:
    lines = [b"POST /api/v1/stream-tickets HTTP/1.1", b"host: bff", b"content-type: application/json"]
    return b"\r\n".join([*lines, f"authorization: Bearer {token}".encode(), *headers, b"", b""])


def test_a_body_in_chunks_of_one_byte_is_understood(bff: RunningBff, office: Organization) -> None:
    content = json.dumps({"organization_id": str(office.id)}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\n\r\n"
    head = posted(office.member.token, b"transfer-encoding: chunked", b"connection: close")
    assert status(exchange(bff, head + chunks)) == 200


def test_a_chunk_whose_extension_does_not_end_is_cut_off(bff: RunningBff, office: Organization) -> None:
    head = posted(office.member.token, b"transfer-encoding: chunked")
    assert status(exchange(bff, head + b"1;" + b"a" * 4_000_000)) == 413


def test_what_stands_behind_a_chunked_body_is_no_header(bff: RunningBff, office: Organization) -> None:
    content = json.dumps({"organization_id": str(office.id)}).encode()
    head = posted("nonsense", b"transfer-encoding: chunked", b"connection: close")
    trailer = f"authorization: Bearer {office.member.token}".encode()
    chunked = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(content), content, trailer)
    assert status(exchange(bff, head + chunked)) == 401


@pytest.mark.parametrize(
    "message",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"content-length: +5\r\n\r\nhello",
        b"content-length: 5, 5\r\n\r\nhello",
        b"transfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
        b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        b"x-folded: one\r\n two\r\ncontent-length: 0\r\n\r\n",
        b"x: a\rb\r\n\r\n",
        b"x: a\x00b\r\n\r\n",
        b"content-length: 0\n\n",
        b"host: another\r\ncontent-length: 0\r\n\r\n",
    ],
    ids=[
        "both lengths",
        "two lengths",
        "signed length",
        "list of lengths",
        "no chunk size",
        "chunk size with a bare LF",
        "negative chunk",
        "huge chunk",
        "chunked is not last",
        "space before the colon",
        "folded",
        "bare CR",
        "NUL",
        "bare LF",
        "two hosts",
    ],
)
def test_what_two_servers_may_read_differently_is_refused(bff: RunningBff, message: bytes) -> None:
    request = b"POST /api/v1/stream-tickets HTTP/1.1\r\n" + HOST + message
    assert status(exchange(bff, request + GET + b"connection: close\r\n\r\n")) == 400


@pytest.mark.parametrize(
    ("request_line", "headers", "expected"),
    [
        (b"POST /api/live HTTP/1.1", b"host: bff\r\ntransfer-encoding: gzip, chunked\r\n", 501),
        (b"POST /api/live HTTP/1.0", b"host: bff\r\ntransfer-encoding: chunked\r\n", 400),
        (b"GET /api/live HTTP/1.1", b"", 400),
        (b"GET /api/live HTTP/0.9", b"host: bff\r\n", 505),
        (b"GET /api/live", b"", 505),
        (b"PRI * HTTP/2.0", b"", 400),
        (b"CONNECT bff:443 HTTP/1.1", b"host: bff\r\n", 400),
    ],
    ids=["compressed chunks", "chunks to 1.0", "no host", "0.9", "no version", "2.0", "tunnel"],
)
def test_what_is_not_spoken_here_is_refused(
    bff: RunningBff, request_line: bytes, headers: bytes, expected: int
) -> None:
    assert status(exchange(bff, request_line + b"\r\n" + headers + b"\r\n0\r\n\r\n")) == expected


def test_an_offer_to_upgrade_is_ignored(bff: RunningBff) -> None:
    offer = b"connection: upgrade, close\r\nupgrade: h2c\r\n\r\n"
    assert status(exchange(bff, GET + offer)) == 200


def test_thousands_of_pipelined_requests_are_cut_off(bff: RunningBff) -> None:
    answers = exchange(bff, (GET + b"\r\n") * 5_000)
    assert answers.count(b"HTTP/1.1 200") < 100


def test_a_body_that_is_announced_is_asked_for_only_if_it_is_wanted(
    bff: RunningBff, office: Organization
) -> None:
    wanted = json.dumps({"organization_id": str(office.id)}).encode()
    size = b"content-length: %d" % len(wanted)
    with closing(connect(bff)) as connection:
        connection.sendall(posted(office.member.token, size, b"expect: 100-continue", b"connection: close"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(wanted)
        assert status(everything(connection)) == 200
    with closing(connect(bff)) as connection:
        connection.sendall(posted(office.member.token, b"content-length: 1000000", b"expect: 100-continue"))
        assert status(everything(connection)) == 413


# Answers


@pytest.mark.parametrize(
    "value",
    ["a\r\nset-cookie: x=1", "a\nset-cookie: x=1", "a\rset-cookie: x=1", "a\u2028b"],
    ids=["crlf", "lf", "cr", "line separator"],
)
async def test_what_a_client_sends_ends_no_header_of_an_answer(
    client: Client, office: Organization, value: str
) -> None:
    """The query comes back in `Link`; on the wire itself a CR or LF is refused, see above."""
    query = {"q": value, "pageSize": "1"}
    path = f"/api/v1/organizations/{office.id}/reservations"
    response = await client(office.member).get(path, params=query)
    assert response.status_code == 200, response.text
    assert "set-cookie" not in response.headers
    assert all(each.isprintable() for each in response.headers.values())
    links = [httpx.URL(each["url"]).params["q"] for each in response.links.values()]
    assert set(links) == {value}


@pytest.mark.parametrize("value", ["a b", "a%0d%0ab", "é", "x" * 500, "<script>"])
async def test_a_request_id_that_is_not_sane_is_not_sent_back(client: Client, value: str) -> None:
    response = await client(None).get("/api/live", headers={b"X-Request-ID": value.encode()})
    assert re.fullmatch(r"[0-9a-f-]{32,36}", response.headers["x-request-id"])


# Slow clients


@pytest.mark.parametrize(
    "part", [b"", b"GET /api/live HT", GET + b"x-half: 1\r\n"], ids=["nothing", "half a line", "half a head"]
)
def test_a_head_that_does_not_arrive_ends_its_connection(hasty: RunningBff, part: bytes) -> None:
    answer = exchange(hasty, part)
    assert not answer if not part else status(answer) == 408


def test_a_second_head_that_does_not_arrive_ends_its_connection_too(hasty: RunningBff) -> None:
    answers = exchange(hasty, GET + b"\r\n" + GET)
    assert answers.count(b"HTTP/1.1 200 OK") == 1


def test_a_body_that_does_not_arrive_is_408(hasty: RunningBff, office: Organization) -> None:
    head = posted(office.member.token, b"content-length: 100")
    answer = exchange(hasty, head + b"{")
    assert status(answer) == 408
    assert b'"REQUEST_TIMEOUT"' in answer
    assert b"connection: close" in answer.lower()


def test_a_body_that_arrives_slowly_but_in_time_is_taken(bff: RunningBff, office: Organization) -> None:
    content = json.dumps({"organization_id": str(office.id)}).encode()
    with closing(connect(bff)) as connection:
        size = b"content-length: %d" % len(content)
        connection.sendall(posted(office.member.token, size, b"connection: close"))
        for byte in content:
            connection.sendall(bytes([byte]))
        assert status(everything(connection)) == 200


def test_a_body_that_nobody_waits_for_ends_its_connection(hasty: RunningBff) -> None:
    answer = exchange(hasty, b"POST /api/nowhere HTTP/1.1\r\n" + HOST + b"content-length: 1000\r\n\r\n{")
    assert status(answer) == 404


def test_an_idle_connection_is_closed(hasty: RunningBff) -> None:
    assert status(exchange(hasty, GET + b"\r\n")) == 200


def test_a_reader_that_reads_nothing_is_given_up(hasty: RunningBff) -> None:
    """Enough answers for every buffer on the way to be full."""
    request = b"GET /api/openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    url = httpx.URL(hasty.url)
    reader = socket.socket()
    # Set before it connects, or the window is larger.
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with closing(reader):
        reader.settimeout(SOON)
        reader.connect((url.host, url.port))

        def is_ended() -> bool:
            try:
                reader.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                return True
            return False

        wait_until(is_ended, what="the connection's end")


def test_connections_beyond_the_most_are_told_to_come_back(hasty: RunningBff) -> None:
    request = b"GET /api/live HTTP/1.1\r\nhost: bff\r\n"
    crowd = [connect(hasty) for _ in range(60)]
    try:
        answers = [everything(each) for each in crowd]
        told = [each for each in answers if each.startswith(b"HTTP/1.1 503")]
        assert len(told) >= 15
        assert all(b"retry-after: 1" in each for each in told)
    finally:
        for each in crowd:
            each.close()
    wait_until(
        lambda: exchange(hasty, request + b"connection: close\r\n\r\n").startswith(b"HTTP/1.1 200"),
        what="room again",
    )
