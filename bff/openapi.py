"""The OpenAPI 3.1 document, rendered from the routes' declarations and their models."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from bff import __version__, examples
from bff.errors import RETRY_AFTER, STATUS
from bff.http import Endpoint, parameters_of
from bff.limits.policies import kind_of
from bff.responses import problem_title, problem_type
from bff.schemas.base import Changes, Worded
from bff.schemas.envelope import Metadata, Pagination
from bff.schemas.failures import Failure, Problem
from bff.schemas.stream import CURSOR_PATTERN

REF: Final = "#/components/schemas/{model}"
PARAMETER: Final = re.compile(r"\{(\w+)\}")
# What every route may answer, and what every route with a caller, a path parameter or query, or a body may.
ALWAYS: Final = ("INTERNAL_ERROR", "URI_TOO_LONG", "HEADERS_TOO_LARGE")
WITH_CALLER: Final = ("UNAUTHORIZED", "BAD_GATEWAY", "SERVICE_UNAVAILABLE", "TIMEOUT")
WITH_INPUT: Final = ("VALIDATION_ERROR",)
WITH_BODY: Final = ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "REQUEST_TIMEOUT")
# And every route that is under a rate limit.
WITH_LIMITS: Final = ("RATE_LIMIT_EXCEEDED",)

SECURITY: Final[dict[str, dict[str, Any]]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of Supabase Auth.",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "Of `POST /api/v1/stream-tickets`; good once.",
    },
    "metrics": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, where it is set."},
}
PATH_PARAMETERS: Final = {
    "org": "An organisation's id.",
    "id": "The id of what the path names.",
    "user": "A member's user id.",
}
HEADERS: Final[dict[str, dict[str, Any]]] = {
    "If-Match": {
        "description": "Only if the resource still has this ETag; else 412 with the current state.",
        "schema": {
            "type": "string",
            "pattern": r"""^(\*|(W/)?"[!#-~]*")$""",
        },
        "example": '"3"',
    },
    "If-None-Match": {
        "description": "304 if the resource still has this ETag.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "Idempotency-Key": {
        "description": "Sent again with the same body within 24 hours, it gets the first answer again.",
        "schema": {
            "type": "string",
            "pattern": r"^[!-~]{1,255}$",
        },
        "example": "8c1f0b52-booking",
    },
    "Last-Event-ID": {
        "description": "Resume after this event; wins over `cursor`.",
        "schema": {"type": "string", "pattern": f"^$|{CURSOR_PATTERN}"},
        "example": "41-9c0d2e1f",
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
    schemas = definitions.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for declared in endpoints:
        operation = _operation(declared, references, schemas)
        paths.setdefault(declared.path, {})[declared.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ReservePTY",
            "version": __version__,
            "description": "Shared calendars for planes, helicopters, residences and watercraft. Messages "
            "are in English or, where Accept-Language prefers it, in Spanish; codes and params are the same. "
            "Errors are problem details (RFC 9457) where Accept names application/problem+json. Wherever "
            "there is a GET there is a HEAD, but for the stream; a method that a path does not know gets 405 "
            "with `Allow`, and a path that there is not gets 404, with the body of any error.",
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(declared.tag for declared in endpoints)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": LIMIT_HEADERS,
            "examples": dict(_error_examples()),
            "securitySchemes": SECURITY,
        },
    }


def _error_examples() -> Iterator[tuple[str, dict[str, Any]]]:
    metadata = {name: examples.MEMBERS[name] for name in Metadata.model_fields}
    for code, status in STATUS.items():
        error = examples.error_of(code, RETRY_AFTER.get(code))
        yield code, {"value": {"success": False, "error": dict(error), "metadata": metadata}}
        problem = {
            "type": problem_type(code),
            "title": problem_title(code),
            "status": status,
            "detail": error.pop("message"),
            "instance": "/api/v1/reservations",
            **error,
            "requestId": metadata["requestId"],
        }
        yield f"{code}.problem", {"value": problem}


def _models(endpoints: Iterable[Endpoint]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    used: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (model, "serialization"): None for model in (Metadata, Pagination, Failure, Problem)
    }
    for declared in endpoints:
        if declared.body is not None:
            used[declared.body, "validation"] = None
        model = _item_of(declared.response)
        if _is_model(model):
            used[model, "serialization"] = None
    return list(used)


def _is_model(response: Any) -> bool:
    return isinstance(response, type) and issubclass(response, BaseModel)


def _item_of(response: Any) -> Any:
    """The model of a list's items, or the response itself."""
    return get_args(response)[0] if get_origin(response) is list else response


def _is_worded(annotation: Any) -> bool:
    """Whether what is answered may hold sentences in the reader's language."""
    if _is_model(annotation):
        return issubclass(annotation, Worded) or any(
            _is_worded(field.annotation) for field in annotation.model_fields.values()
        )
    return any(map(_is_worded, get_args(annotation)))


# By model and mode, as pydantic returns them.
References = Mapping[Any, dict[str, Any]]
Models = Mapping[str, Mapping[str, Any]]


def _operation(declared: Endpoint, references: References, schemas: Models) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": declared.name,
        "summary": declared.summary,
        "tags": [declared.tag],
        "parameters": _parameters(declared),
        "responses": _responses(declared, references, schemas),
    }
    if declared.description:
        operation["description"] = declared.description
    operation["security"] = [{name: []} if name else {} for name in credentials_of(declared)]
    if declared.body is not None:
        schema = references[declared.body, "validation"]
        operation["requestBody"] = {
            "required": _is_needed(declared.body),
            "content": {
                "application/json": {
                    "schema": schema,
                    "example": examples.REQUESTS[declared.body.__name__],
                }
            },
        }
    return operation


def credentials_of(declared: Endpoint) -> tuple[str, ...]:
    """Names of `SECURITY`, each of which will do; an empty one is none at all."""
    if declared.credentials is not None:
        return declared.credentials
    return () if declared.public else ("bearer",)


def _is_needed(body: type[BaseModel]) -> bool:
    """Whether no body at all, which stands for `{}`, would be refused."""
    return issubclass(body, Changes) or any(field.is_required() for field in body.model_fields.values())


def _parameters(declared: Endpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name],
            "schema": {"type": "string", "format": "uuid"},
            "example": examples.MEMBERS["organization_id" if name == "org" else "id"],
        }
        for name in PARAMETER.findall(declared.path)
    ]
    if declared.query is not None:
        schema = TypeAdapter(declared.query).json_schema(by_alias=True)
        required = schema.get("required", [])
        objects = parameters_of(declared.query, dict)
        for name, value in schema.get("properties", {}).items():
            parameters.append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in required,
                    "schema": _in_query(value),
                    **({"example": examples.example_of(value, {}, name)} if name in required else {}),
                    **({"style": "deepObject", "explode": True} if name in objects else {}),
                }
            )
    parameters += [{"name": name, "in": "header", **HEADERS[name]} for name in declared.request_headers]
    return parameters


def _in_query(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a parameter's text stands for: never null, which a query cannot say."""
    described = {key: part for key, part in schema.items() if key != "title"}
    others = [part for part in described.get("anyOf", ()) if part != {"type": "null"}]
    if len(others) == 1:
        del described["anyOf"]
        return {**others[0], **described}
    return described


def _responses(declared: Endpoint, references: References, schemas: Models) -> dict[str, Any]:
    headers = _always("X-Request-ID", *declared.response_headers, *(["Link"] if declared.paginated else []))
    sometimes = [*declared.optional_headers, *(["Content-Language"] if _is_worded(declared.response) else [])]
    headers |= {name: HEADERS[name] for name in sometimes}
    answer: dict[str, Any] = {"description": HTTPStatus(declared.status).phrase, "headers": headers}
    if declared.response is not None:
        content: dict[str, Any] = {"schema": _body(declared, references)}
        if _is_model(_item_of(declared.response)):
            content["example"] = examples.example_of(content["schema"], schemas)
        answer["content"] = {declared.media_type: content}
    responses = {str(declared.status): answer}
    for status in declared.other_statuses:
        responses[str(status)] = {**answer, "description": HTTPStatus(status).phrase}
    if "If-None-Match" in declared.request_headers:
        responses["304"] = {
            "description": "Not Modified",
            "headers": _always("X-Request-ID", "ETag"),
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


def _always(*names: str) -> dict[str, dict[str, Any]]:
    """Headers that an answer has each time."""
    return {name: {**HEADERS[name], "required": True} for name in names}


def _failure(codes: list[str]) -> dict[str, Any]:
    headers = _always("X-Request-ID", "Content-Language")
    if any(code in RETRY_AFTER for code in codes):
        headers |= _always("Retry-After")
    if "UNAUTHORIZED" in codes:
        headers |= _always("WWW-Authenticate")
    return {
        "description": ", ".join(sorted(codes)),
        "headers": headers,
        "content": {
            media_type: {
                "schema": {"$ref": REF.format(model=model)},
                "examples": {code: {"$ref": f"#/components/examples/{code}{kind}"} for code in codes},
            }
            for media_type, model, kind in (
                ("application/json", "Failure", ""),
                ("application/problem+json", "Problem", ".problem"),
            )
        },
    }


def _body(declared: Endpoint, references: References) -> dict[str, Any]:
    model = _item_of(declared.response)
    if not _is_model(model):
        return {"type": "object"} if model is dict else {"type": "string"}
    mode: Literal["serialization"] = "serialization"
    data: dict[str, Any] = references[model, mode]
    if not declared.envelope:
        return data
    is_list = declared.paginated or model is not declared.response
    properties: dict[str, Any] = {
        "success": {"const": True},
        "data": {"type": "array", "items": data} if is_list else data,
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
