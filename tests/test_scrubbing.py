"""What must not leave is taken out of any text, and what helps stays."""

import json
import subprocess
import sys
import time

import pytest

from bff.scrubbing import MAX_PATH, MAX_TEXT, message_of, scrub, scrub_all, scrub_path
from tests.harness import ROOT

JWT = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3YjNjM2UwZSJ9.c2lnbmF0dXJl-_x"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIHabcdef+/=\nxyz\n-----END EC PRIVATE KEY-----"
ID = "7b3c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4d"

TELLER = """
import logging, structlog
from bff.telemetry import configure_logging
configure_logging("INFO")
structlog.get_logger().error("ours", body={"password": "abc"}, otp=123456, api_key=["abc"])
logging.getLogger("a library").error("theirs", extra={"refresh_token": "abc"})
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Authorization: Bearer {JWT}", "Authorization: [secret]"),
        (f"('authorization', 'Bearer {JWT}')", "('authorization', 'Bearer [token]')"),
        ("Basic dXNlcjpwYXNz", "Basic [token]"),
        (f"/stream?ticket={JWT}&x=1", "/stream?ticket=[secret]&x=1"),
        (f"token {JWT}.", "token [token]"),
        ("apikey=sb_secret_0123 and sb_publishable_x", "apikey=[secret] and [secret]"),
        ('{"password": "hunter2", "a": 1}', '{"password": "[secret]", "a": 1}'),
        ("refresh_token=abc;next", "refresh_token=[secret];next"),
        ("otpauth://totp/Reserve:anna?secret=JBSW issued", "[secret] issued"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw!", "[secret]"),
        ("rediss://default:hunter2@cache.example:6379", "rediss://[secret]@cache.example:6379"),
        ('{"new_password": "hunter2!"}', '{"new_password": "[secret]"}'),
        ("current_password=hunter2&x=1", "current_password=[secret]&x=1"),
        (
            "REDIS_PASSWORD=abc SUPABASE_SECRET_KEY=zzzz",
            "REDIS_PASSWORD=[secret] SUPABASE_SECRET_KEY=[secret]",
        ),
        ("X-Api-Key: abcdef\nAccept: a", "X-Api-Key: [secret]\nAccept: a"),
        ("pwd=abc, passwd=abc", "pwd=[secret], passwd=[secret]"),
        ('password: "correct horse battery staple", a', 'password: "[secret]", a'),
        (r'"password": "with \" within", "a": 1', r'"password": "[secret]", "a": 1'),
        ("password='it is; secret' a", "password='[secret]' a"),
        ("password='never closed, and more", "password='[secret]"),
        ("password: hunter'2 a", "password: [secret] a"),
        (r"{\"password\": \"a b\", \"a\": 1}", r"{\"password\": \"[secret]\", \"a\": 1}"),
        (r"{\\\"password\\\": \\\"a \\\\\\\" b\\\", 1}", r"{\\\"password\\\": \\\"[secret]\\\", 1}"),
        ("{'client_secret': 'a b', 'x': 1}", "{'client_secret': '[secret]', 'x': 1}"),
        ("next=%2F%3Faccess_token%3Dabc", "next=%2F%3Faccess_token%3D[secret]"),
        ("Cookie: sid=abc; refresh=zzz\nAccept: a", "Cookie: [secret]\nAccept: a"),
        ("Authorization: Digest abc def", "Authorization: [secret]"),
        (f"of {PEM} there", "of [secret] there"),
        (PEM[:50], "[secret]"),
        (PEM.replace("\n", "\\n"), "[secret]"),
        ("postgres://u:p@ss@h/db", "postgres://[secret]@h/db"),
        ("redis://:p/w@host:6379/0", "redis://[secret]@host:6379/0"),
        ("https://key@o1.example/1", "https://[secret]@o1.example/1"),
        ("code=123456", "code=[code]"),
        ("for anna.perez+x@mail.example.test now", "for [email] now"),
        ("user%40example.test", "[email]"),
        ("to=anna@example.test", "[email]"),
        ("call +507 6123-4567 or +50761234567.", "call [phone] or [phone]."),
    ],
)
def test_secrets_and_people_are_taken_out(text: str, expected: str) -> None:
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "request",
        f"organization {ID}",
        "status code: 500",
        "2026-11-28T14:27:39.494805+00:00",
        "[Errno 28] No space left on device",
        "cannot reach http://127.0.0.1:54321/rest/v1/rpc/me",
        "http://[::1]:54321/x?a=b: no token, and the password is wrong",
        "the footprint: 3, a potpourri = 4",
        "duration_ms=12 seq=7",
        "a + 5 = b, 1+12345678",
        "reservation_created: no such key: asset_ids",
    ],
)
def test_what_helps_stays(text: str) -> None:
    assert scrub(text) == text


def test_texts_are_cut_before_they_are_searched() -> None:
    assert len(scrub("x" * 10_000_000)) == MAX_TEXT + 1
    assert scrub("y" * MAX_TEXT) == "y" * MAX_TEXT


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "a@",
        "a.",
        "@",
        "+1",
        "eyJ",
        "a:",
        "://",
        "%40",
        "token=",
        "bearer ",
        "é=",
        "-@-.",
        "token",
        "token:\\",
        "'token':'",
        "cookie ",
        "://a:b",
        "-----BEGIN KEY-----",
    ],
)
def test_no_text_takes_long(part: str) -> None:
    # Of this thread's own time, which others do not take: some milliseconds where patterns do not go back and
    # forth, and minutes where one does.
    text = (part * MAX_TEXT)[:MAX_TEXT]
    began = time.thread_time()
    for _ in range(20):
        scrub(text)
        scrub_path(text)
    assert time.thread_time() - began < 20


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/api/v1/organizations/{ID}/calendar", f"/api/v1/organizations/{ID}/calendar"),
        (f"/api/v1/organizations/{ID.upper()}", f"/api/v1/organizations/{ID.upper()}"),
        (
            "/api/v1/invitations/Zk3v0pQx9LmN7RtYbW2cA8dF5gHjK1sE/accept",
            "/api/v1/invitations/[opaque]/accept",
        ),
        (f"/{ID}{ID}", "/[opaque]"),
        ("/users/anna@example.test", "/users/[email]"),
        (f"/x/{JWT}", "/x/[token]"),
        ("/" + "a/" * 1000, "/" + "a/" * 127 + "a…"),
    ],
)
def test_paths_keep_ids_and_lose_what_is_opaque(path: str, expected: str) -> None:
    assert scrub_path(path) == expected
    assert len(scrub_path(path)) <= MAX_PATH + 1


def test_structures_are_scrubbed_all_through_and_bounded() -> None:
    deep: object = "end"
    for _ in range(50):
        deep = [deep]
    given = {
        "anna@example.test": ("sb_secret_1", {"x": "anna@example.test"}),
        "many": list(range(10_000)),
        "deep": deep,
        "object": object,
        "number": 1.5,
        "nothing": None,
    }
    scrubbed = scrub_all(given)
    text = json.dumps(scrubbed)
    assert "anna" not in text
    assert "sb_secret" not in text
    assert "[left out]" in text
    assert len(scrubbed["many"]) == 200
    assert (scrubbed["number"], scrubbed["nothing"], scrubbed["object"]) == (1.5, None, "<class 'object'>")


def test_what_a_structure_calls_secret_is_whatever_it_is() -> None:
    given = {
        "password": "hunter2secret",
        "Authorization": b"abc",
        "new_password": 12345,
        "x-api-key": ["abc"],
        "clientSecret": {"a": "abc"},
        "headers": [(b"cookie", b"abc"), ("x-request-id", "1")],
        "token_type": None,
        "has_password": True,
        "name" * 1000 + "password": "abc",
        "left": 1,
    }
    scrubbed = scrub_all({"deep": [given]})["deep"][0]
    text = json.dumps(scrubbed)
    assert "abc" not in text
    assert "hunter2" not in text
    assert "12345" not in text
    assert scrubbed["headers"] == [["cookie", "[secret]"], ["x-request-id", "1"]]
    assert (scrubbed["token_type"], scrubbed["has_password"], scrubbed["left"]) == (None, True, 1)


def test_no_line_of_the_log_says_what_its_fields_call_secret() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELLER], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "abc" not in done.stdout
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["ours", "theirs"]
    assert lines[0]["body"] == {"password": "[secret]"}
    assert (lines[0]["otp"], lines[0]["api_key"], lines[1]["refresh_token"]) == ("[secret]",) * 3


def test_messages_that_quote_their_input_are_left_out() -> None:
    with pytest.raises(ValueError, match="anna") as quoting:
        int("anna")
    assert message_of(quoting.value) == "[left out: it may quote its input]"
    assert message_of(KeyError("anna")) == "[left out: it may quote its input]"
    assert message_of(OSError(28, "No space left on device")) == "[Errno 28] No space left on device"
    # The operator's own files: who mends what is full has to know which.
    assert message_of(FileNotFoundError(2, "no file", "/var/x")) == "[Errno 2] no file: '/var/x'"
    assert message_of(RuntimeError("for anna@example.test")) == "for [email]"
