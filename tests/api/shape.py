"""What every answer of the API must look like."""

from typing import Any

import httpx

from bff.errors import STATUS
from bff.schemas.envelope import Metadata, Pagination
from bff.schemas.failures import Failure, Problem


def assert_error(response: httpx.Response, code: str, status: int | None = None) -> dict[str, Any]:
    """The one error body, with this code and the code's status; answers its `error`."""
    assert response.status_code == (status or STATUS[code]), response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    failure = Failure.model_validate(body)
    assert failure.error.code == code
    assert failure.error.message
    assert failure.metadata.requestId == response.headers["x-request-id"]
    assert str(body["error"]["timestamp"]).endswith("Z")
    assert None not in body["error"].values(), "what is absent is left out"
    if failure.error.code in ("SERVICE_UNAVAILABLE", "TIMEOUT", "BAD_GATEWAY"):
        assert int(response.headers["retry-after"]) == body["error"]["retryAfter"]
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Bearer")
    error: dict[str, Any] = body["error"]
    return error


def assert_problem(response: httpx.Response, code: str) -> Problem:
    """The same as problem details (RFC 9457)."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(response.json())
    assert (problem.code, problem.status) == (code, response.status_code) == (code, STATUS[code])
    return problem


def assert_fields(response: httpx.Response, **fields: str) -> None:
    """400, and exactly these fields with these codes; `_` in a name stands for the dot after a number."""
    error = assert_error(response, "VALIDATION_ERROR")
    assert {f["path"]: f["code"] for f in error["details"]["fields"]} == fields
    assert all(f["message"] for f in error["details"]["fields"])


def data(response: httpx.Response, status: int = 200) -> Any:
    """The envelope's `data`, after a look at the envelope."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["success"] is True
    metadata = Metadata.model_validate(body["metadata"])
    assert metadata.requestId == response.headers["x-request-id"]
    assert metadata.duration > 0
    assert response.headers["cache-control"] in ("private, no-cache", "no-store")
    assert set(body) <= {"success", "data", "metadata", "pagination"}
    return body["data"]


def pagination(response: httpx.Response) -> Pagination:
    """The envelope's `pagination`."""
    return Pagination.model_validate(response.json()["pagination"])
