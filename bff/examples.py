"""Examples of the OpenAPI document: requests as people send them, and answers that fit their schemas."""

from collections.abc import Mapping
from typing import Any, Final

ORGANIZATION: Final = "0b6f1f0e-6f3c-4a51-9d3e-5d2f0f6c1a01"
ASSET: Final = "7d0a3c52-98c4-4a5e-8f0b-2f4f5a9e1b02"
PERSON: Final = "c1b7a6d4-2f0e-4f4c-bb1d-9a3f7e5d2c03"
COLLEAGUE: Final = "e4a9d2b0-51c7-4d0f-a5de-6b8c3f1e7d04"
THING: Final = "5f2e8c9a-7b16-4c3d-9e80-1d4a6c2b3e05"
START: Final = "2026-12-18T15:00:00Z"
END: Final = "2026-12-20T17:00:00Z"
NOW: Final = "2026-12-01T12:00:00Z"
BOOKING: Final[Mapping[str, Any]] = {
    "asset_id": ASSET,
    "title": "Fin de semana en Bocas",
    "start_date": START,
    "end_date": END,
    "guest_count": 4,
}

# By the name of the model of the body.
REQUESTS: Final[Mapping[str, Any]] = {
    "ChallengeCreate": {},
    "FactorCreate": {"friendly_name": "My phone"},
    "FactorVerify": {"challenge_id": THING, "code": "492039"},
    "Refresh": {"refresh_token": "v7q2mzk4c5ta"},
    "SignIn": {"email": "ana@example.com", "password": "correct horse battery staple"},
    "SignOut": {"scope": "local"},
    "Acceptance": {"token": "kq3vQm0c6wS8rJt1"},
    "AssetChanges": {"description": "Two cabins, crew of two.", "capacity": 8},
    "AssetCreate": {
        "section": "watercraft",
        "name": "Alba",
        "timezone": "America/Panama",
        "capacity": 8,
        "turnaround_minutes": 120,
        "details": {"length_m": 18, "wifi": True},
    },
    "BlackoutChanges": {"reason": "Annual survey, longer than planned"},
    "BlackoutCreate": {"start_date": "2190-05-01", "end_date": "2190-05-07", "reason": "Annual survey"},
    "BookingChanges": {"title": "Semana en Bocas", "guest_count": 6},
    "BulkAssets": {
        "mode": "partial",
        "operations": [{"op": "create", "asset": {"section": "planes", "name": "King Air"}}],
    },
    "Cancellation": {"reason": "The weather"},
    "Decision": {"decision": "approve", "notes": "Buen viaje"},
    "DelegationCreate": {
        "organization_id": ORGANIZATION,
        "delegate_id": COLLEAGUE,
        "starts_at": START,
        "ends_at": END,
    },
    "HoldCreate": {"asset_id": ASSET, "start_date": START, "end_date": END},
    "HolidayChanges": {"name_es": "Día de la fundación"},
    "HolidayCreate": {"name": "Founder's day", "name_es": "Día del fundador", "month_day": "07-16"},
    "InvitationCreate": {"email": "ana@example.com", "role": "member", "message": "Welcome aboard"},
    "MaintenanceChanges": {"title": "Engine inspection"},
    "MaintenanceCreate": {"title": "Inspection", "start_date": START, "end_date": END},
    "MemberChanges": {"role": "manager"},
    "OrganizationChanges": {"commercial_name": "Ríos", "billing_email": "cuentas@example.com"},
    "OrganizationCreate": {
        "legal_name": "Inversiones Ríos, S.A.",
        "commercial_name": "Ríos",
        "billing_email": "cuentas@example.com",
        "timezone": "America/Panama",
    },
    "PhotoChanges": {"caption": "The deck"},
    "PhotoCreate": {"path": f"{ORGANIZATION}/{ASSET}/deck.png", "caption": "The deck"},
    "PhotoUpload": {"content_type": "image/png", "size": 482_113},
    "ProfileChanges": {"first_name": "Ana", "locale": "es"},
    "ReservationChanges": {"title": "Semana en Bocas", "guest_count": 6},
    "ReservationCreate": {
        **BOOKING,
        "notes": "Child seats, please.",
        "guests": [{"name": "Luis Ríos", "email": "luis@example.com"}],
    },
    "RuleChanges": {"priority": 5, "overridable_by": ["owner"]},
    "RuleCreate": {
        "name": "Book two hours ahead",
        "rule_type": "lead_time",
        "conditions": {"min_hours": 2},
        "effect": "deny",
        "overridable_by": ["owner", "admin"],
    },
    "SeriesCreate": {**BOOKING, "rrule": "FREQ=WEEKLY;COUNT=4", "on_conflict": "skip"},
    "StreamTicketRequest": {"organization_id": ORGANIZATION},
    "TierChanges": {"color": "#0f766e", "limits": {"max_days_per_month": 10}},
    "TierCreate": {"name": "Family", "priority": 20, "limits": {"max_days_per_month": 14}},
    "WaitlistAcceptance": {"notes": "Gladly"},
    "WaitlistJoin": dict(BOOKING),
}

# By the name of the member; what is not here follows from its schema.
MEMBERS: Final[Mapping[str, Any]] = {
    "id": THING,
    "organization_id": ORGANIZATION,
    "asset_id": ASSET,
    "user_id": PERSON,
    "delegate_id": COLLEAGUE,
    "start_date": START,
    "starts_at": START,
    "from": START,
    "end_date": END,
    "ends_at": END,
    "to": END,
    "title": "Fin de semana en Bocas",
    "name": "Alba",
    "legal_name": "Inversiones Ríos, S.A.",
    "commercial_name": "Ríos",
    "booked_by": "Ana Ríos",
    "first_name": "Ana",
    "last_name": "Ríos",
    "email": "ana@example.com",
    "billing_email": "cuentas@example.com",
    "phone": "+50761234567",
    "timezone": "America/Panama",
    "time_zone": "America/Panama",
    "locale": "es",
    "color": "#0f766e",
    "rrule": "FREQ=WEEKLY;COUNT=4",
    "cursor": "41-9c0d2e1f",
    "requestId": "5c1e0f7ab3d94e0f8a2b6d1c9e4f7a30",
    "duration": 8.41,
    "cached": False,
    "success": True,
    "page": 1,
    "pageSize": 50,
    "totalItems": 1,
    "totalPages": 1,
    "hasNext": False,
    "hasPrevious": False,
    "version": 3,
    "month_day": "07-16",
    "method": "PUT",
    "path": f"{ORGANIZATION}/{ASSET}/deck.png",
    "url": "https://project.supabase.co/storage/v1/object/sign/asset-photos/deck.png?token=eyJ",
    "rule_type": "lead_time",
    "conditions": {"min_hours": 2},
    "details": {},
    "params": {},
}

# What an error of each code says, and its details where it has some.
ERRORS: Final[Mapping[str, tuple[str, Mapping[str, Any] | None]]] = {
    "VALIDATION_ERROR": (
        "The request is not valid.",
        {
            "fields": [
                {"path": "guests.0.name", "code": "missing", "message": "Field required"},
                {
                    "path": "title",
                    "code": "string_too_long",
                    "message": "String should have at most 200 characters",
                    "params": {"max_length": 200},
                },
            ]
        },
    ),
    "UNAUTHORIZED": ("A valid access token is required.", None),
    "FORBIDDEN": ("You may not do this.", None),
    "FEATURE_DISABLED": ("This is switched off at present.", {"feature": "waitlist"}),
    "MFA_REQUIRED": ("The organisation asks for a second factor.", None),
    "NOT_FOUND": ("There is no such thing here.", None),
    "METHOD_NOT_ALLOWED": ("The path does not know this method.", None),
    "REQUEST_TIMEOUT": ("The body did not arrive in time.", None),
    "CONFLICT": (
        "The time is taken.",
        {
            "conflicts": [
                {
                    "kind": "reservation",
                    "id": THING,
                    "title": "Reunión",
                    "start_date": START,
                    "end_date": END,
                    "status": "approved",
                }
            ],
            "alternatives": [{"start_date": "2026-12-20T19:00:00Z", "end_date": "2026-12-22T21:00:00Z"}],
            "displaceable": False,
        },
    ),
    "INVALID_STATE": ("The booking is over.", {"reason": "past"}),
    "PRECONDITION_FAILED": (
        "It has changed since you read it.",
        {"current": {"id": THING, "title": "Semana en Bocas", "version": 4}},
    ),
    "PAYLOAD_TOO_LARGE": ("The body may take at most 1048576 bytes.", {"max_bytes": 1_048_576}),
    "URI_TOO_LONG": ("The URL may take at most 8192 bytes.", {"max_bytes": 8192}),
    "UNSUPPORTED_MEDIA_TYPE": ("The body must be application/json.", None),
    "RULE_VIOLATION": (
        "The rules do not allow this booking.",
        {
            "violations": [
                {
                    "ruleId": THING,
                    "ruleType": "lead_time",
                    "ruleName": "Book two hours ahead",
                    "ruleVersion": 1,
                    "code": "lead_time",
                    "effect": "deny",
                    "message": "It must be booked at least 2 hours ahead.",
                    "params": {"min_hours": 2},
                    "overridable": False,
                }
            ]
        },
    ),
    "MFA_VERIFICATION_FAILED": ("The code is not right.", {"reason": "code"}),
    "NO_ELIGIBLE_APPROVER": ("Nobody could approve this booking.", None),
    "IDEMPOTENCY_KEY_REUSED": ("This key was used for another request.", None),
    "RATE_LIMIT_EXCEEDED": ("Too many requests; try again later.", {"reason": "streams"}),
    "HEADERS_TOO_LARGE": ("There may be 100 headers of 32768 bytes in all.", {"max_count": 100}),
    "INTERNAL_ERROR": ("Something went wrong on our side.", None),
    "BAD_GATEWAY": ("The database's answer could not be read.", None),
    "SERVICE_UNAVAILABLE": ("The service is busy or away; try again.", None),
    "TIMEOUT": ("The database did not answer in time.", None),
}
FORMATS: Final[Mapping[str, Any]] = {"uuid": THING, "date-time": NOW, "date": "2026-12-18"}
KINDS: Final[Mapping[str, Any]] = {
    "string": str,
    "integer": int,
    "number": float | int,
    "boolean": bool,
    "null": type(None),
    "object": dict,
}
TYPES: Final[Mapping[str, Any]] = {"string": "…", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def error_of(code: str, retry_after: int | None) -> dict[str, Any]:
    """The body's `error` of a code; `retry_after` in seconds."""
    message, details = ERRORS[code]
    members: dict[str, Any] = {"code": code, "message": message}
    if details is not None:
        members["details"] = details
    if retry_after is not None:
        members["retryAfter"] = retry_after
    return {**members, "timestamp": NOW}


def example_of(schema: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]], name: str = "") -> Any:
    """A value of the schema.

    Args:
        schema: of JSON Schema, as pydantic writes it.
        models: what `$ref` may name.
        name: of the member whose value it is.

    """
    if "$ref" in schema:
        return example_of(models[schema["$ref"].rpartition("/")[2]], models, name)
    if "properties" in schema:
        required = schema.get("required", ())
        return {
            member: example_of(described, models, member)
            for member, described in schema["properties"].items()
            if member in required
        }
    for known in ("const", "examples", "enum"):
        if known in schema:
            return schema[known] if known == "const" else schema[known][0]
    options = [part for part in schema.get("anyOf", ()) if part != {"type": "null"}]
    if options:
        return example_of(options[0], models, name)
    if schema.get("type") == "array":
        return [example_of(schema.get("items", {}), models, name)]
    if name in MEMBERS and isinstance(MEMBERS[name], KINDS[schema.get("type", "object")]):
        return MEMBERS[name]
    if "format" in schema:
        return FORMATS[schema["format"]]
    return {} if schema.get("type", "object") == "object" else TYPES[schema["type"]]
