"""How a route is declared: once, for the router, the parsing of its input and the OpenAPI document.

A route module declares each of its routes with `@endpoint(...)` and lists them in `ENDPOINTS`. The handler
gets the request and, where declared, the parsed query and body.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from typing import Any, Final, Literal, TypedDict, TypeVar, Unpack, overload
from uuid import UUID

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from bff.auth import Principal
from bff.errors import ApiError, FieldError, InvalidRequestError, UnauthorizedError
from bff.repository import Session
from bff.schemas.base import FORMATS
from bff.state import Request, caller_of

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)
Decorator = Callable[[Callable[..., Awaitable[Response]]], "Endpoint"]

# RFC 6901 has no say here: field errors name a path as `guests.0.email`, as the SQL functions do.
PATH_SEPARATOR: Final = "."
# What pydantic's messages name of our own limits; the rest of its context may hold what was sent.
LIMITS: Final = frozenset(
    {"min_length", "max_length", "ge", "gt", "le", "lt", "multiple_of", "pattern", "expected", "max_bytes"}
)
_QUOTED: Final = re.compile(r"'([^']*)'")
_ENTITY_TAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
# RFC 9562, 4. `uuid.UUID` takes a dozen spellings, digits of other scripts among them: a thing has one
# address, or what stands in front and goes by addresses is gone around.
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# Fits PostgreSQL's integer.
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_DEEP_OBJECT: Final = re.compile(r"(\w+)\[(.*)\]", re.ASCII | re.DOTALL)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


class Options(TypedDict, total=False):
    """What else a declaration may say; defaults are those of `Endpoint`."""

    description: str
    response: Any
    paginated: bool
    envelope: bool
    status: int
    media_type: str
    errors: tuple[str, ...]
    request_headers: tuple[str, ...]
    response_headers: tuple[str, ...]
    optional_headers: tuple[str, ...]
    other_statuses: tuple[int, ...]
    public: bool
    audited: bool
    credentials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path.

    Attributes:
        path: The full path; parameters in braces are UUIDs.
        query: Model of the query parameters; others are refused. None: the query is not looked at.
        body: Model of the JSON body.
        response: Model (or type) of `data`, or of the whole body where `envelope` is false.
        errors: Codes of `bff.errors.STATUS` beyond those that every route may answer.
        request_headers: Names of `bff.openapi.HEADERS` that it reads.
        response_headers: Names of `bff.openapi.HEADERS` that it sends each time.
        optional_headers: Those that it sends at times.
        other_statuses: Further statuses that carry the same body.
        public: Needs no bearer token (or, as the stream, looks after it itself).
        audited: Recorded even where it succeeds; what is not GET always is.
        credentials: Names of `bff.openapi.SECURITY` where it is neither of the two; "" is none.

    """

    method: Method
    path: str
    summary: str
    tag: str
    handler: Callable[..., Awaitable[Response]]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    description: str = ""
    response: Any = None
    paginated: bool = False
    envelope: bool = True
    status: int = 200
    media_type: str = "application/json"
    errors: tuple[str, ...] = ()
    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    optional_headers: tuple[str, ...] = ()
    other_statuses: tuple[int, ...] = ()
    public: bool = False
    audited: bool = False
    credentials: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """The operation's id in the OpenAPI document."""
        return self.handler.__name__

    async def __call__(self, request: Request) -> Response:
        """Parses what is declared, then calls the handler.

        Raises:
            UnauthorizedError: No principal, and the route is not public.
            InvalidRequestError: The path, the query or the body is malformed.
            ApiError: UNSUPPORTED_MEDIA_TYPE, or whatever the handler raises.

        """
        if not self.public:
            principal_of(request)
        _parse_path(request)
        arguments: list[BaseModel] = []
        if self.query is not None:
            arguments.append(parse_query(request, self.query))
        if self.body is not None:
            arguments.append(await parse_body(request, self.body))
        return await self.handler(request, *arguments)


@overload
def endpoint(
    method: Method, path: str, *, summary: str, tag: str, **options: Unpack[Options]
) -> Callable[[Callable[[Request], Awaitable[Response]]], Endpoint]: ...
@overload
def endpoint(
    method: Method, path: str, *, summary: str, tag: str, query: type[Q], **options: Unpack[Options]
) -> Callable[[Callable[[Request, Q], Awaitable[Response]]], Endpoint]: ...
@overload
def endpoint(
    method: Method, path: str, *, summary: str, tag: str, body: type[B], **options: Unpack[Options]
) -> Callable[[Callable[[Request, B], Awaitable[Response]]], Endpoint]: ...


@overload
def endpoint(
    method: Method,
    path: str,
    *,
    summary: str,
    tag: str,
    query: type[Q],
    body: type[B],
    **options: Unpack[Options],
) -> Callable[[Callable[[Request, Q, B], Awaitable[Response]]], Endpoint]: ...
def endpoint(
    method: Method,
    path: str,
    *,
    summary: str,
    tag: str,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    **options: Unpack[Options],
) -> Decorator:
    """Declares a route; see `Endpoint` for the arguments.

    The handler is called with the request, and with the parsed `query` or `body` where there is one.
    """

    def declare(handler: Callable[..., Awaitable[Response]]) -> Endpoint:
        return Endpoint(method, path, summary, tag, handler, query, body, **options)

    return declare


class PathRoute(Route):
    """A path with all its methods: it answers for itself, also methods that it does not know.

    Starlette's own would give `PATCH /reservations/preview` to `/reservations/{id}`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Starlette's."""
        match, child = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), child


def to_routes(endpoints: Iterable[Endpoint]) -> list[PathRoute]:
    """One route a path, so that a 405 names all methods of the path in `Allow`.

    Paths without parameters come first: they are among those that paths with parameters match.
    """
    by_path: dict[str, dict[str, Endpoint]] = {}
    for declared in endpoints:
        methods = by_path.setdefault(declared.path, {})
        if declared.method in methods:
            raise ValueError(f"{declared.method} {declared.path} is declared twice")
        methods[declared.method] = declared
    paths = sorted(by_path, key=lambda path: path.count("{"))
    return [_to_route(path, by_path[path]) for path in paths]


def _to_route(path: str, methods: dict[str, Endpoint]) -> PathRoute:
    async def dispatch(request: Request) -> Response:
        return await methods["GET" if request.method == "HEAD" else request.method](request)

    return PathRoute(path, dispatch, methods=list(methods))


def principal_of(request: Request) -> Principal:
    """The verified caller of this request.

    Raises:
        UnauthorizedError: No bearer token was sent.

    """
    principal = request.state["principal"]
    if principal is None:
        raise UnauthorizedError
    return principal


def _parse_path(request: Request) -> None:
    parameters = request.path_params
    for name, value in parameters.items():
        if not _UUID.fullmatch(value):
            raise InvalidRequestError.of(name, "uuid", "It must be a UUID.")
        parameters[name] = UUID(value)


def path_id(request: Request, name: str) -> UUID:
    """The UUID at `{name}` of the path."""
    value: UUID = request.path_params[name]
    return value


def session_of(request: Request) -> Session:
    """Supabase as the caller sees it, until the request's deadline."""
    return session_since(request, request.state["started_at"])


def session_since(request: Request, started_at: float) -> Session:
    """As `session_of`, with the deadline counted from `started_at` (perf_counter): a long answer's part."""
    token = principal_of(request).token
    caller, request_id = caller_of(request.state), request.state["request_id"]
    return request.state["supabase"].session(token, caller, started_at, request_id)


def single_header(request: Request, name: str) -> str | None:
    """The header, or None. To heed one of several and drop the others would do what nobody asked for.

    Raises:
        InvalidRequestError: It was sent more than once.

    """
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise InvalidRequestError.of(name, "repeated", "It may be sent once only.")
    return values[0] if values else None


def expected_version(request: Request) -> int | None:
    """The version that `If-Match` asks for (RFC 9110, 13.1.1); None where any will do.

    A weak tag is taken as its strong one, since proxies that compress weaken tags on their way.

    Raises:
        InvalidRequestError: It is not one entity tag.

    """
    sent = single_header(request, "If-Match")
    if sent is None or sent.strip() == "*":
        return None
    match = _ENTITY_TAG.fullmatch(sent.strip())
    if match is None:
        raise InvalidRequestError.of("If-Match", "entity_tag", 'It must be one entity tag, such as "3".')
    tag = match[1]
    # A tag that we never gave matches nothing; versions begin at 1.
    return int(tag) if _VERSION.fullmatch(tag) else 0


def idempotency_key(request: Request) -> str | None:
    """The `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), or None.

    Raises:
        InvalidRequestError: It is empty, too long, not plain ASCII or sent twice.

    """
    sent = single_header(request, "Idempotency-Key")
    if sent is not None and not _KEY.fullmatch(sent):
        raise InvalidRequestError.of(
            "Idempotency-Key", "idempotency_key", "It must be 1 to 255 printable ASCII characters."
        )
    return sent


def parse_query(request: Request, model: type[Q]) -> Q:
    """The query parameters as `model`.

    Raises:
        InvalidRequestError: An unknown parameter, a repeated one that is no list, an invalid value.

    """
    lists, objects = parameters_of(model, list), parameters_of(model, dict)
    values: dict[str, Any] = {}
    for parameter, value in request.query_params.multi_items():
        name = parameter
        if name in lists:
            values.setdefault(name, []).append(value)
            continue
        # `details.bedrooms=4`, and `details[bedrooms]=4` (OpenAPI's deepObject), are the key `bedrooms`
        # of the object `details`.
        deep = _DEEP_OBJECT.fullmatch(name)
        prefix, key = deep.groups() if deep else name.partition(PATH_SEPARATOR)[::2]
        target = values
        if (key or deep) and prefix in objects:
            target, name = values.setdefault(prefix, {}), key
        if not isinstance(target, dict) or name in target:
            raise InvalidRequestError.of(parameter, "repeated", "It may be given once only.")
        target[name] = value
    return _validated(model, values)


@lru_cache
def parameters_of(model: type[BaseModel], kind: type) -> frozenset[str]:
    """The query parameters that are lists or objects: those that may be given several times."""
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if getattr(field.annotation, "__origin__", None) is kind
    )


async def parse_body(request: Request, model: type[B]) -> B:
    """The JSON body as `model`; no body at all stands for `{}`.

    Raises:
        InvalidRequestError: Not JSON (RFC 8259; without duplicate keys and NaN, in UTF-8), or not valid.
        ApiError: UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE.

    """
    content = await request.body()
    if not content:
        return _validated(model, {})
    _check_media_type(request)
    values = request.state["noted"].body = _parse_json(content)
    return _validated(model, values)


def _check_media_type(request: Request) -> None:
    # A few KB of a compressed body may stand for gigabytes.
    if (single_header(request, "Content-Encoding") or "identity").strip().lower() != "identity":
        message = "The body must not be compressed."
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", message, {"reason": "encoding"})
    content_type = single_header(request, "Content-Type") or "text/plain"
    if content_type == "application/json":
        return
    declared = Message()
    declared["Content-Type"] = content_type
    if declared.get_content_type() != "application/json":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.")
    if (declared.get_content_charset() or "utf-8").lower() != "utf-8":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "The body must be in UTF-8.", {"reason": "charset"})


def _parse_json(content: bytes) -> Any:
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except InvalidRequestError:
        raise
    except (ValueError, RecursionError):
        # ValueError: not UTF-8, not JSON, or an integer of thousands of digits.
        raise InvalidRequestError.of("", "json_invalid", "The body is not valid JSON.") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise InvalidRequestError.of(repeated, "repeated", "The key occurs twice in one object.")
    return result


def _refuse_constant(name: str) -> Any:
    raise InvalidRequestError.of("", "json_invalid", f"{name} is not a JSON number.")


def _validated(model: type[B], values: Any) -> B:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InvalidRequestError(field_errors(error)) from None


def field_errors(error: ValidationError) -> Sequence[FieldError]:
    """What pydantic found wrong, as `details.fields`; without the values, which may be secret."""
    return [_field_error(found) for found in error.errors(include_url=False, include_input=False)]


def _field_error(found: ErrorDetails) -> FieldError:
    field: FieldError = {
        "path": PATH_SEPARATOR.join(map(str, found["loc"])),
        "code": found["type"],
        "message": found["msg"],
    }
    limits = {name: value for name, value in found.get("ctx", {}).items() if name in LIMITS}
    if "pattern" in limits and (name_of_form := FORMATS.get(limits["pattern"])):
        limits["format"] = name_of_form
    if "expected" in limits:
        # `'a', 'b' or 'c'`, in English: a list, as SQL names them.
        limits["expected"] = _QUOTED.findall(limits["expected"])
    if limits:
        field["params"] = limits
    return field
