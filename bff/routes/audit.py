"""The audit log of an organisation: read, verified, taken away. docs/audit.md says what stands in it."""

import time
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from starlette.responses import Response, StreamingResponse

from bff.errors import ApiError
from bff.export.csv import to_csv
from bff.http import endpoint, path_id, session_of, session_since
from bff.responses import success
from bff.schemas.audit import AuditCheck, AuditFilter, AuditList, AuditPage, AuditRows, AuditVerification
from bff.state import Request

log = structlog.get_logger(__name__)

ERRORS: Final = ("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND")
# In the order of `app.audit_cells`; those from `id` on are what an entry's digest covers.
COLUMNS: Final = (
    "position",
    "hash",
    "previous_hash",
    "sealed_at",
    "id",
    "created_at",
    "user_id",
    "organization_id",
    "action",
    "resource_type",
    "resource_id",
    "ip_address",
    "user_agent",
    "request_method",
    "request_path",
    "request_body",
    "response_status",
    "error_message",
    "duration_ms",
    "metadata",
)


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/audit-logs",
    summary="The audit log, newest first (admins and owners)",
    description=(
        "Names of people are in the members' directory. Whoever has a second factor must have used it. "
        "`Link` names the next page."
    ),
    tag="audit",
    query=AuditList,
    response=AuditPage,
    errors=ERRORS,
    optional_headers=("Link",),
    audited=True,
)
async def list_audit_logs(request: Request, query: AuditList) -> Response:
    """One call to `list_audit_logs`."""
    arguments = {
        **query.arguments(path_id(request, "org")),
        "p_cursor": query.cursor,
        "p_limit": query.page_size,
    }
    page = await session_of(request).rpc("list_audit_logs", arguments, AuditPage, safe=True)
    response = success(request, page)
    if page.next_cursor is not None:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        target = urlencode([*kept, ("cursor", page.next_cursor)])
        response.headers["Link"] = f'<{request.url.path}?{target}>; rel="next"'
    return response


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/audit-logs/verify",
    summary="Is the audit log what it was? (admins and owners)",
    description="Recomputes a part of the chain. That somebody did is an entry of the log itself.",
    tag="audit",
    query=AuditCheck,
    response=AuditVerification,
    errors=ERRORS,
    audited=True,
)
async def verify_audit_chain(request: Request, query: AuditCheck) -> Response:
    """One call to `verify_audit_chain`."""
    known = None
    if query.known_position is not None:
        known = {"position": query.known_position, "hash": query.known_hash}
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_known_head": known,
        "p_from": query.from_position,
        "p_limit": query.limit,
    }
    found = await session_of(request).rpc("verify_audit_chain", arguments, AuditVerification, safe=True)
    return success(request, found)


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/exports/audit.csv",
    summary="The audit log as CSV, in the order of its chain (admins and owners)",
    description=(
        "UTF-8, every cell quoted. A text that is empty or begins with one of `=+-@'` or a control "
        "character has an apostrophe in front: take it away before hashing; an empty cell is null. Without "
        "filters the last row is the entry about this export. An answer that is cut off is incomplete."
    ),
    tag="audit",
    query=AuditFilter,
    response=str,
    envelope=False,
    media_type="text/csv",
    errors=ERRORS,
    audited=True,
)
async def export_audit_logs(request: Request, query: AuditFilter) -> Response:
    """A call to `export_audit_logs` for each part; the first before the answer begins, to refuse in words."""
    organization_id = path_id(request, "org")
    arguments = query.arguments(organization_id)
    first = await _rows(request, arguments)
    return StreamingResponse(
        _parts(request, arguments, first),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="audit-{organization_id}.csv"',
            "Cache-Control": "no-store",
        },
    )


async def _parts(request: Request, arguments: dict[str, Any], first: AuditRows) -> AsyncIterator[bytes]:
    """The file, one part in memory at a time: the next is fetched once the last has left."""
    yield to_csv([COLUMNS])
    part = first
    while True:
        if part.rows:
            yield to_csv(part.rows)
        if part.next is None or request.method == "HEAD":
            return
        going_on = {**arguments, "p_export_id": first.export_id, "p_after": part.next}
        try:
            part = await _rows(request, going_on)
        except ApiError as error:
            # The connection is cut: an end in good order would make half a file look whole.
            log.warning("export_cut", code=error.code)
            raise


async def _rows(request: Request, arguments: dict[str, Any]) -> AuditRows:
    # Many round trips: a log has no bound, and a part has. Each has a deadline of its own.
    session = session_since(request, time.perf_counter())
    return await session.rpc("export_audit_logs", arguments, AuditRows, safe="p_export_id" in arguments)


ENDPOINTS: Final = (list_audit_logs, verify_audit_chain, export_audit_logs)
