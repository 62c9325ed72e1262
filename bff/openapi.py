"""The OpenAPI 3.1 document, rendered from the routes' declarations and their models."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from bff import __version__
from bff.errors import RETRY_AFTER, STATUS
from bff.http import Endpoint, parameters_of
from bff.limits.policies import kind_of
from bff.schemas.base import Worded
from bff.schemas.envelope import Metadata, Pagination
from bff.schemas.failures import Failure, Problem

REF: Final = "#/components/schemas/{model}"
PARAMETER: Final = re.compile(r"\{(\w+)\}")
# What every route may answer, and what every route with a caller, a path parameter or query, or a body may.
ALWAYS: Final = ("INTERNAL_ERROR", "URI_TOO_LONG", "HEADERS_TOO_LARGE")
WITH_CALLER: Final = ("UNAUTHORIZED", "BAD_GATEWAY", "SERVICE_UNAVAILABLE", "TIMEOUT")
WITH_INPUT: Final = ("VALIDATION_ERROR",)
WITH_BODY: Final = ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "REQUEST_TIMEOUT")
# And every route that is under a rate limit.
WITH_LIMITS: Final = ("RATE_LIMIT_EXCEEDED",)

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "If-Match": {
        "description": "Only if the resource still has this ETag; else 412 with the current state.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "If-None-Match": {
        "description": "304 if the resource still has this ETag.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "Idempotency-Key": {
        "description": "Sent again with the same body within 24 hours, it gets the first answer again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "Last-Event-ID": {
        "description": "Resume after this event; wins over `cursor`.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The version, as a strong entity tag.", "schema": {"type": "string"}},
    "Location": {"description": "Path of what was created.", "schema": {"type": "string"}},
    "Link": {"description": "first, prev, next, last (RFC 8288).", "schema": {"type": "string"}},
    "Content-Language": {
        "description": "Of the messages: `en`, or `es` where Accept-Language prefers it.",
        "schema": {"type": "string", "enum": ["en", "es"]},
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {
        "description": "`Bearer`, with `error` where a token was sent (RFC 6750).",
        "schema": {"type": "string"},
    },
    "X-Request-ID": {
        "description": "The caller's, where sane, else a new one.",
        "schema": {"type": "string"},
    },
}

# On every answer of a route that is under a rate limit: written once, and referred to.
LIMIT_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-RateLimit-Limit": {
        "description": "Requests in a window, of the policy that is nearest to its end.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining": {
        "description": "Further requests that this policy would let in now.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Reset": {
        "description": "When it would let in one more than that, in Unix milliseconds.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit": {
        "description": "Of each policy what remains (`r`), and the seconds until there is more (`t`) "
        "(draft-ietf-httpapi-ratelimit-headers-11).",
        "schema": {"type": "string", "examples": ['"api";r=99;t=60, "booking";r=29;t=60']},
    },
    "RateLimit-Policy": {
        "description": "The policies: requests (`q`) in a window of seconds (`w`), or streams at once "
        "(`qu`) (draft-ietf-httpapi-ratelimit-headers-11).",
        "schema": {"type": "string", "examples": ['"api";q=100;w=60, "booking";q=30;w=60']},
    },
}
LIMIT_REFERENCES: Final = {name: {"$ref": f"#/components/headers/{name}"} for name in LIMIT_HEADERS}


def is_limited(declared: Endpoint) -> bool:
    """Whether the route is under a rate limit."""
    return kind_of(declared.method, declared.path) is not None


def render(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document for these routes."""
    models = _models(endpoints)
    references, definitions = models_json_schema([(model, mode) for model, mode in models], ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for declared in endpoints:
        operation = _operation(declared, references)
        paths.setdefault(declared.path, {})[declared.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ReservePTY",
            "version": __version__,
            "description": "Shared calendars for planes, helicopters, residences and watercraft. Messages "
            "are in English or, where Accept-Language prefers it, in Spanish; codes and params are the same.",
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(declared.tag for declared in endpoints)],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "headers": LIMIT_HEADERS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _models(endpoints: Iterable[Endpoint]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    used: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (model, "serialization"): None for model in (Metadata, Pagination, Failure, Problem)
    }
    for declared in endpoints:
        if declared.body is not None:
            used[declared.body, "validation"] = None
        if _is_model(declared.response):
            used[declared.response, "serialization"] = None
    return list(used)


def _is_model(response: Any) -> bool:
    return isinstance(response, type) and issubclass(response, BaseModel)


def _is_worded(annotation: Any) -> bool:
    """Whether what is answered may hold sentences in the reader's language."""
    if _is_model(annotation):
        return issubclass(annotation, Worded) or any(
            _is_worded(field.annotation) for field in annotation.model_fields.values()
        )
    return any(map(_is_worded, get_args(annotation)))


# By model and mode, as pydantic returns them.
References = Mapping[Any, dict[str, Any]]


def _operation(declared: Endpoint, references: References) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": declared.name,
        "summary": declared.summary,
        "tags": [declared.tag],
        "parameters": _parameters(declared),
        "responses": _responses(declared, references),
    }
    if declared.description:
        operation["description"] = declared.description
    if not declared.public:
        operation["security"] = [{"bearer": []}]
    if declared.body is not None:
        schema = references[declared.body, "validation"]
        operation["requestBody"] = {
            "required": any(field.is_required() for field in declared.body.model_fields.values()),
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(declared: Endpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in PARAMETER.findall(declared.path)
    ]
    if declared.query is not None:
        schema = TypeAdapter(declared.query).json_schema(by_alias=True)
        required = schema.get("required", [])
        objects = parameters_of(declared.query, dict)
        for name, value in schema.get("properties", {}).items():
            parameters.append(
                {
                    # OpenAPI has no style for an object's keys behind dots.
                    "name": f"{name}.{{key}}" if name in objects else name,
                    "in": "query",
                    "required": name in required,
                    "schema": {key: part for key, part in value.items() if key != "title"},
                }
            )
    parameters += [{"name": name, "in": "header", **HEADERS[name]} for name in declared.request_headers]
    return parameters


def _responses(declared: Endpoint, references: References) -> dict[str, Any]:
    headers = ["X-Request-ID", *declared.response_headers, *(["Link"] if declared.paginated else [])]
    if _is_worded(declared.response):
        headers.append("Content-Language")
    answer: dict[str, Any] = {
        "description": HTTPStatus(declared.status).phrase,
        "headers": {name: HEADERS[name] for name in headers},
    }
    if declared.response is not None:
        answer["content"] = {declared.media_type: {"schema": _body(declared, references)}}
    responses = {str(declared.status): answer}
    for status in declared.other_statuses:
        responses[str(status)] = {**answer, "description": HTTPStatus(status).phrase}
    if "If-None-Match" in declared.request_headers:
        responses["304"] = {
            "description": "Not Modified",
            "headers": {name: HEADERS[name] for name in ("X-Request-ID", "ETag")},
        }
    by_status: dict[int, list[str]] = {}
    for code in errors_of(declared):
        by_status.setdefault(STATUS[code], []).append(code)
    for status, codes in sorted(by_status.items()):
        responses.setdefault(str(status), _failure(codes))
    if is_limited(declared):
        for each in responses.values():
            each["headers"] = {**each["headers"], **LIMIT_REFERENCES}
    return responses


def errors_of(declared: Endpoint) -> list[str]:
    """The codes that a route may answer with."""
    codes = [*declared.errors, *ALWAYS]
    if not declared.public:
        codes += WITH_CALLER
    if declared.body is not None or declared.query is not None or PARAMETER.search(declared.path):
        codes += WITH_INPUT
    if declared.body is not None:
        codes += WITH_BODY
    if is_limited(declared):
        codes += WITH_LIMITS
    return list(dict.fromkeys(codes))


def _failure(codes: list[str]) -> dict[str, Any]:
    headers = {name: HEADERS[name] for name in ("X-Request-ID", "Content-Language")}
    if any(code in RETRY_AFTER for code in codes):
        headers["Retry-After"] = HEADERS["Retry-After"]
    if "UNAUTHORIZED" in codes:
        headers["WWW-Authenticate"] = HEADERS["WWW-Authenticate"]
    return {
        "description": ", ".join(sorted(codes)),
        "headers": headers,
        "content": {
            "application/json": {"schema": {"$ref": REF.format(model="Failure")}},
            "application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}},
        },
    }


def _body(declared: Endpoint, references: References) -> dict[str, Any]:
    if not _is_model(declared.response):
        return {"type": "object"} if declared.response is dict else {"type": "string"}
    mode: Literal["serialization"] = "serialization"
    data: dict[str, Any] = references[declared.response, mode]
    if not declared.envelope:
        return data
    properties: dict[str, Any] = {
        "success": {"const": True},
        "data": {"type": "array", "items": data} if declared.paginated else data,
        "metadata": references[Metadata, mode],
    }
    if declared.paginated:
        properties["pagination"] = references[Pagination, mode]
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
