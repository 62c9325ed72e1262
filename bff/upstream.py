"""What Supabase's REST API answered, as our own errors: by codes and status, never by a message's words."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

import structlog

from bff.errors import (
    STATUS,
    ApiError,
    BadGatewayError,
    ForbiddenError,
    NotFoundError,
    ServiceUnavailableError,
    UnauthorizedError,
    UpstreamTimeoutError,
)
from bff.pool import Answer

log = structlog.get_logger(__name__)

# SQLSTATEs (PostgreSQL, appendix A) that mean: nothing is wrong with the request, try again.
BUSY: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "25006",  # read_only_sql_transaction: so Supabase keeps a disk that is nearly full from filling
        "53100",  # disk_full
        "53200",  # out_of_memory
        "53300",  # too_many_connections
        "55P03",  # lock_not_available
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "08000",  # connection_exception
        "08003",  # connection_does_not_exist
        "08006",  # connection_failure
        "PGRST000",  # PostgREST cannot connect
        "PGRST001",
        "PGRST002",
        "PGRST003",  # PostgREST waited too long for a connection of its pool
    }
)
# Those of them that tell of the whole database and the way there: not of one transaction in another's way,
# nor of writes alone, nor of a pool that one caller's slow queries may have filled.
POOL_FULL: Final = "PGRST003"
GONE: Final = BUSY - {"40001", "40P01", "55P03", "25006", "53100", "53200", POOL_FULL}
CANCELED: Final = "57014"  # query_canceled: statement_timeout
DENIED: Final = "42501"  # insufficient_privilege: grants and row level security
BAD_TOKEN: Final = frozenset({"PGRST301", "PGRST302", "PGRST303"})
# Values that the schemas let through and the tables refuse. The functions word these themselves; this is for
# rows written directly.
REFUSED_VALUE: Final = frozenset(
    {"22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23514"}
)
DUPLICATE: Final = frozenset({"23505", "23P01"})
REFERENCE: Final = "23503"
# How PostgREST and Postgres name an error; a gateway may repeat its status as the code instead.
CODE: Final = re.compile(r"PGRST[0-9X]{3}|[0-9A-Z]{5}")
# Status without an error body that names such a code: a gateway's own words.
AWAY: Final = frozenset({429, 502, 503, 520, 521, 522, 523, 525, 526})
LATE: Final = frozenset({408, 504, 524})


Verdict = Literal["there", "late", "doubtful", "away"]


def judge(response: Answer) -> Verdict:
    """What an answer says of the part of Supabase that gave it.

    It is away by a gateway's own status or by a code of `GONE`, late where a gateway or PostgREST itself has
    waited in vain, and doubtful where a server's fault is in nobody's words. A statement that was canceled, a
    lock that was not had, a limit are one caller's alone.
    """
    if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "there"
    code = _read_body(response).get("code")
    if code == POOL_FULL:
        return "late"
    if isinstance(code, str) and (code in STATUS or CODE.fullmatch(code)):
        return "away" if code in GONE else "there"
    if response.status in LATE:
        return "late"
    return "away" if response.status in AWAY else "doubtful"


def to_api_error(response: Answer) -> ApiError:
    """The error that an unsuccessful answer of PostgREST stands for."""
    body = _read_body(response)
    code = body.get("code")
    if isinstance(code, str):
        if code in STATUS:
            return _business_error(code, body)
        if (known := _by_code(code)) is not None:
            return known
    if response.status in LATE:
        return UpstreamTimeoutError()
    if response.status in AWAY:
        return ServiceUnavailableError()
    if response.status == HTTPStatus.UNAUTHORIZED:
        return UnauthorizedError("The access token was refused.", sent=True)
    if not body:
        log.error("upstream_unreadable", status=response.status)
        return BadGatewayError()
    # The message may name tables and columns: it is for the log only.
    log.error("upstream_error", status=response.status, code=code, upstream_message=body.get("message"))
    return ApiError("INTERNAL_ERROR", "Something went wrong on our side.")


def to_storage_error(response: Answer) -> ApiError:
    """The error that an unsuccessful answer of Supabase Storage stands for: its status is in the body."""
    status = _read_body(response).get("statusCode")
    if status == "403":
        return ForbiddenError()
    if status == "404":
        return NotFoundError()
    if status == "409":
        return ApiError("CONFLICT", "It collides with something that exists.", {"reason": "duplicate"})
    return to_api_error(response)


def read_object(content: bytes | str) -> Mapping[str, Any]:
    """The JSON object, or an empty one where it is none, or is nested deeper than can be read."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _read_body(response: Answer) -> Mapping[str, Any]:
    return read_object(response.content)


def _business_error(code: str, body: Mapping[str, Any]) -> ApiError:
    # `app.fail` puts its details into the error as a JSON-encoded string; PostgREST's field is text.
    details = body.get("details")
    if isinstance(details, str):
        details = read_object(details) or None
    message = str(body.get("message") or "The request was refused.")
    if code == "SERVICE_UNAVAILABLE":
        return ServiceUnavailableError()
    return ApiError(code, message, details if isinstance(details, dict) else None)


def _by_code(code: str) -> ApiError | None:
    if code == DENIED:
        return ForbiddenError()
    if code in BUSY:
        return ServiceUnavailableError()
    if code == CANCELED:
        return UpstreamTimeoutError()
    if code in BAD_TOKEN:
        return UnauthorizedError("The access token was refused.", sent=True)
    if code == "PGRST116":
        return NotFoundError()
    if code in REFUSED_VALUE:
        return ApiError("VALIDATION_ERROR", "A value is not accepted.", {"fields": [], "reason": "value"})
    if code in DUPLICATE:
        return ApiError("CONFLICT", "It collides with something that exists.", {"reason": "duplicate"})
    if code == REFERENCE:
        return ApiError(
            "VALIDATION_ERROR",
            "It refers to something that does not exist.",
            {"fields": [], "reason": "reference"},
        )
    return None
