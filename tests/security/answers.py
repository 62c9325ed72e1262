"""What every answer carries, whatever it answers."""

import httpx

from bff.middleware import DOCUMENT_HEADERS, SECURITY_HEADERS

# Words of the inside that no answer may hold: of SQL, of Python, of where things lie.
INSIDES = ("Traceback", "psycopg", "PGRST", "pg_catalog", "security definer", "/site-packages/", "sb_secret_")


def assert_hardened(response: httpx.Response) -> None:
    """The security headers, how long it may be kept, what it is, and nothing of the inside."""
    headers = response.headers
    is_document = headers.get("content-type", "").startswith("text/html")
    for name, value in SECURITY_HEADERS.items():
        if name == "Content-Security-Policy":
            # Pages say more, never less.
            [policy] = headers.get_list(name)
            assert set(value.split("; ")) <= set(policy.split("; ")), policy
            assert "unsafe" not in policy
        elif name == "Cache-Control":
            [policy] = headers.get_list(name)
            assert policy == value or "no-cache" in policy.split(", "), policy
            assert "public" not in policy
        else:
            assert headers.get_list(name) == [value], (response.request.url, response.status_code, name)
    for name, value in DOCUMENT_HEADERS.items():
        assert headers.get_list(name) == ([value] if is_document else [])
    assert response.status_code in (204, 304) or "content-type" in headers
    assert "server" not in headers
    assert "x-powered-by" not in headers
    assert "set-cookie" not in headers
    assert headers["x-request-id"]
