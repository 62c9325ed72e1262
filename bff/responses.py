"""The envelope of every answer: success, list and error (also as RFC 9457 problem details)."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import BaseModel
from starlette.responses import Response

from bff.errors import ApiError
from bff.state import Request
from bff.wording import Language, Reader, error_message, language_of, worded

PROBLEM: Final = "application/problem+json"
# What one user may see, another may not: a cache keyed by the URL alone would mix them up on one machine.
# The language is named everywhere: a 304 must name what its 200 named, whether or not that held a sentence.
PRIVATE: Final[Mapping[str, str]] = {
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization, Accept, Accept-Language",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list was asked for and how long it is; `page` counts from 1."""

    page: int
    page_size: int
    total_items: int

    @property
    def total_pages(self) -> int:
        """Number of pages, 0 for an empty list."""
        return math.ceil(self.total_items / self.page_size)

    def as_json(self) -> dict[str, Any]:
        """The envelope's `pagination`."""
        return {
            "page": self.page,
            "pageSize": self.page_size,
            "totalItems": self.total_items,
            "totalPages": self.total_pages,
            "hasNext": self.page < self.total_pages,
            "hasPrevious": self.page > 1 and self.total_pages > 0,
        }


def success(
    request: Request,
    data: BaseModel | Sequence[BaseModel],
    *,
    status: int = 200,
    version: int | None = None,
    location: str | None = None,
    page: Page | None = None,
    cached: bool = False,
    secret: bool = False,
) -> Response:
    """The envelope around `data`.

    Args:
        request: The request that is answered.
        data: What pydantic models hold; fields that were never set are left out.
        status: HTTP status.
        version: The resource's version, sent as a strong ETag.
        location: Path of what was created.
        page: For lists: adds `pagination` and the `Link` header (RFC 8288).
        cached: Whether the data may be older than the request.
        secret: Holds what is shown this once: no cache may keep it.

    """
    if isinstance(data, BaseModel):
        noted = request.state["noted"]
        noted.resource_id = getattr(data, "id", None)
        noted.organization_id = getattr(data, "organization_id", None)
    headers = dict(PRIVATE)
    if secret:
        headers["Cache-Control"] = "no-store"
    if version is not None:
        headers["ETag"] = etag(version)
    if location is not None:
        headers["Location"] = location
    reader = Reader(_language(request))
    content = _dump(data, reader)
    if reader.was_told:
        headers["Content-Language"] = reader.language
    pagination = b""
    if page is not None:
        pagination = b',"pagination":' + json.dumps(page.as_json(), separators=(",", ":")).encode()
        headers["Link"] = _links(request, page)
    body = b"".join(
        (
            b'{"success":true,"data":',
            content,
            pagination,
            b',"metadata":',
            _metadata(request, cached),
            b"}",
        )
    )
    return Response(body, status, headers, "application/json")


def no_content() -> Response:
    """204, for what is gone."""
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def etag(version: int) -> str:
    """The strong ETag of a resource's version (RFC 9110, 8.8.3)."""
    return f'"{version}"'


def not_modified(request: Request, version: int) -> Response | None:
    """304 where `If-None-Match` names the version (weak comparison, RFC 9110, 13.1.2), else None."""
    # A list that may come in several headers (RFC 9110, 5.3).
    sent = ",".join(request.headers.getlist("if-none-match"))
    tags = [tag.strip().removeprefix("W/") for tag in sent.split(",")]
    if "*" in tags or etag(version) in tags:
        return Response(status_code=304, headers={**PRIVATE, "ETag": etag(version)})
    return None


def error_response(request: Request, error: ApiError) -> Response:
    """The one body of every error, in the form and the language that the request asks for."""
    request.state["noted"].error = error
    language = _language(request)
    message = error_message(error.code, error.message, error.details, language)
    members = _error_members(error, worded(error.details, language))
    body: dict[str, Any]
    if PROBLEM in request.headers.get("accept", ""):
        media_type = PROBLEM
        body = {
            "type": problem_type(error.code),
            "title": problem_title(error.code),
            "status": error.status,
            "detail": message,
            "instance": request.url.path,
            **members,
            "requestId": request.state["request_id"],
        }
    else:
        media_type = "application/json"
        body = {
            "success": False,
            "error": {"message": message, **members},
            "metadata": json.loads(_metadata(request, cached=False)),
        }
    headers = {"Cache-Control": "no-store", "Content-Language": language, **error.headers}
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, error.status, headers, media_type)


def problem_type(code: str) -> str:
    """RFC 9457's `type` of a code: where it is explained."""
    return f"/api/docs#{code}"


def problem_title(code: str) -> str:
    """RFC 9457's `title` of a code: the same in each occurrence."""
    return code.replace("_", " ").capitalize()


def _error_members(error: ApiError, details: Mapping[str, Any] | None) -> dict[str, Any]:
    members: dict[str, Any] = {"code": error.code}
    if details is not None:
        members["details"] = details
    if error.retry_after is not None:
        members["retryAfter"] = error.retry_after
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**members, "timestamp": now}


def _metadata(request: Request, cached: bool) -> bytes:
    # Duration in milliseconds. The request id is safe to paste: middleware accepts only [A-Za-z0-9._-].
    duration = (time.perf_counter() - request.state["started_at"]) * 1000
    return b'{"requestId":"%b","duration":%.2f,"cached":%b}' % (
        request.state["request_id"].encode("ascii"),
        duration,
        b"true" if cached else b"false",
    )


def _language(request: Request) -> Language:
    return language_of(request.headers.get("accept-language", ""))


def _dump(data: BaseModel | Sequence[BaseModel], reader: Reader) -> bytes:
    if isinstance(data, BaseModel):
        return data.__pydantic_serializer__.to_json(
            data, by_alias=True, exclude_unset=True, context={"reader": reader}
        )
    return b"[" + b",".join(_dump(item, reader) for item in data) + b"]"


def _links(request: Request, page: Page) -> str:
    last = max(page.total_pages, 1)
    targets = {"first": 1, "last": last}
    if page.page > 1:
        targets["prev"] = min(page.page - 1, last)
    if page.page < page.total_pages:
        targets["next"] = page.page + 1
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    path = request.url.path
    return ", ".join(
        f'<{path}?{urlencode([*kept, ("page", number)])}>; rel="{rel}"' for rel, number in targets.items()
    )
