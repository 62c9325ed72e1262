"""The only way to Supabase's REST API: rows through `Repository[T]`, functions through `Session.rpc`.

Requests are built with `postgrest` and sent over one shared pool. The caller's JWT is a header of the single
request, never kept in a client that another caller might meet. The service key is out of reach from here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import httpx
import structlog
from postgrest import (
    AsyncFilterRequestBuilder,
    AsyncPostgrestClient,
    AsyncSelectRequestBuilder,
    CountMethod,
)
from postgrest.base_request_builder import RequestConfig
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from bff.errors import BadGatewayError, ForbiddenError, NotFoundError, PreconditionFailedError
from bff.exchange import RANGE_NOT_SATISFIABLE, Exchange, Message
from bff.pool import Answer
from bff.upstream import to_api_error, to_storage_error

log = structlog.get_logger(__name__)

Request = RequestConfig[httpx.AsyncClient]
T = TypeVar("T", bound=BaseModel)
F = TypeVar("F", AsyncSelectRequestBuilder, AsyncFilterRequestBuilder)
Narrow = Callable[[AsyncSelectRequestBuilder], AsyncSelectRequestBuilder]


class Supabase:
    """The project's REST API and Storage.

    Args:
        exchange: How calls get there; belongs to the caller.
        client: What postgrest's builders insist on; it never sends anything.
        url: The project's address, without `/rest/v1`.
        publishable_key: Sent as `apikey` beside the caller's JWT.
        headers: Sent with every request to REST.

    """

    def __init__(
        self,
        exchange: Exchange,
        client: httpx.AsyncClient,
        url: str,
        publishable_key: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.exchange = exchange
        self.url = url
        self._client = client
        self._rest_url = f"{url.rstrip('/')}/rest/v1"
        self._headers = {"apikey": publishable_key, **(headers or {})}

    def session(self, token: str, caller: str, started_at: float, request_id: str) -> "Session":
        """Supabase as the holder of `token` sees it, for a request begun at `started_at` (perf_counter).

        Calls take turns by `caller`: the user's id, for one may have any number of tokens. The request's id
        goes along: the audit log joins what was asked and the rows that it changed by it.
        """
        # A builder for each request costs some 15 µs, and keeps one caller's header from another's call.
        builder = AsyncPostgrestClient(
            self._rest_url,
            headers={**self._headers, "Authorization": f"Bearer {token}", "X-Request-ID": request_id},
            http_client=self._client,
        )
        return Session(self.exchange, builder, caller, started_at + self.exchange.timing.request)


class Session:
    """Supabase as one caller sees it, until the request's deadline (perf_counter seconds)."""

    def __init__(
        self, exchange: Exchange, builder: AsyncPostgrestClient, caller: str, deadline: float
    ) -> None:
        self._exchange = exchange
        self._builder = builder
        self._caller = caller
        self._deadline = deadline

    async def rpc(
        self, function: str, arguments: Mapping[str, Any], answer: type[T], *, safe: bool = False
    ) -> T:
        """Calls a function of schema public.

        Args:
            function: Its name.
            arguments: By name; None counts as given.
            answer: Model of the JSON value that it returns.
            safe: Calling it twice does no more than once (it reads, or has an idempotency key): retry it.

        Raises:
            ApiError: What the function raised, or that Supabase is away, late or unreadable.

        """
        request = self._builder.rpc(function, {}).request
        request.json = dict(arguments)
        response = await self.send(request, safe=safe)
        return parse(answer, response.content)

    def table(
        self, name: str, model: type[T], columns: str = "*", alive: Mapping[str, None] | None = None
    ) -> "Repository[T]":
        """The rows of a table (or view) that the caller may see; see `Repository`."""
        return Repository(self, self._builder, name, model, columns, alive or {})

    async def send(self, request: Request, *, safe: bool) -> Answer:
        """Sends a built request within the deadline; where `safe`, again after a passing failure.

        Raises:
            ApiError: The answer is an error, or there is none.

        """
        return await self._exchange.send(
            "rest", self._caller, _to_message(request), to_api_error, safe=safe, deadline=self._deadline
        )

    async def storage(self, method: str, path: str, body: Mapping[str, Any] | None, *, safe: bool) -> Answer:
        """Asks Supabase Storage, as the same caller and within the same deadline.

        Args:
            method: As in RFC 9110.
            path: Behind `/storage/v1`, percent-encoded.
            body: Sent as JSON.
            safe: Calling it twice does no more than once: retry it.

        Raises:
            ApiError: The answer is an error, or there is none.

        """
        headers = [(name, self._builder.headers[name]) for name in ("apikey", "Authorization")]
        content = None
        if body is not None:
            headers.append(("Content-Type", "application/json"))
            content = to_json(body)
        message = (method, f"/storage/v1{path}", headers, content)
        return await self._exchange.send(
            "storage", self._caller, message, to_storage_error, safe=safe, deadline=self._deadline
        )


def _to_message(request: Request) -> Message:
    target = request.path.raw_path
    if request.params:
        target = f"{target}?{request.params}"
    headers = request.headers.multi_items()
    if request.json is None:
        return request.http_method, target, headers, None
    return (
        request.http_method,
        target,
        [*headers, ("Content-Type", "application/json")],
        to_json(request.json),
    )


def parse(model: type[T], content: bytes) -> T:
    """A JSON value from Supabase as `model`.

    Raises:
        BadGatewayError: It is something else.

    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise _unreadable(model, error) from None


@lru_cache
def _rows_of(model: type[BaseModel]) -> TypeAdapter[list[Any]]:
    return TypeAdapter(list[model])  # type: ignore[valid-type]  # a type made at run time


def _unreadable(model: type[BaseModel], error: ValidationError) -> BadGatewayError:
    where = [".".join(map(str, found["loc"])) for found in error.errors(include_input=False)[:5]]
    log.error("upstream_malformed", model=model.__name__, fields=where)
    return BadGatewayError()


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A part of a list; `count` is the number of all that match."""

    items: list[T]
    count: int
    has_more: bool


class Repository(Generic[T]):
    """The rows of one table that the caller may see and, as far as policies let them, write.

    Args:
        session: The caller's session.
        builder: Builds requests with the caller's headers.
        table: Its name.
        model: What a row is read as. Rows that are updated with a version have the field `version`.
        columns: PostgREST's `select`, embedded tables included.
        alive: Columns that must be null in what is read and changed (`deleted_at`).

    """

    def __init__(
        self,
        session: Session,
        builder: AsyncPostgrestClient,
        table: str,
        model: type[T],
        columns: str,
        alive: Mapping[str, None],
    ) -> None:
        self._session = session
        self._builder = builder
        self._table = table
        self._model = model
        self._columns = columns
        self._alive = alive

    async def find_by_id(self, row_id: UUID) -> T:
        """One row.

        Raises:
            NotFoundError: There is none, or none that the caller may see.

        """
        query = self._builder.from_(self._table).select(self._columns).eq("id", row_id).limit(1)
        rows = await self._fetch(self._living(query), safe=True)
        if not rows:
            raise NotFoundError
        return rows[0]

    async def find_all(
        self, narrow: Narrow, *, order: str, descending: bool = False, page: int = 1, page_size: int = 50
    ) -> Found[T]:
        """A page of rows, ties broken by id.

        Args:
            narrow: Adds filters to the query.
            order: Column to sort by.
            descending: Whether largest first.
            page: From 1.
            page_size: Rows a page; PostgREST cuts at 1,000 without a word.

        """
        query = self._builder.from_(self._table).select(self._columns, count=CountMethod.exact)
        query = narrow(self._living(query)).order(order, desc=descending)
        if order != "id":
            query = query.order("id", desc=descending)
        offset = (page - 1) * page_size
        response = await self._session.send(query.limit(page_size).offset(offset).request, safe=True)
        count = _total(response)
        if response.status == RANGE_NOT_SATISFIABLE:
            return Found([], count, has_more=False)
        rows = self._parse(response)
        return Found(rows, count, has_more=offset + len(rows) < count)

    async def create(self, values: Mapping[str, Any]) -> T:
        """Inserts a row and returns it as it was stored."""
        query = self._builder.from_(self._table).insert(dict(values)).select(self._columns)
        rows = await self._fetch(query, safe=False)
        if not rows:
            raise ForbiddenError
        return rows[0]

    async def update(self, row_id: UUID, changes: Mapping[str, Any], *, version: int | None = None) -> T:
        """Changes a row and returns it.

        Args:
            row_id: Its id.
            changes: New values by column.
            version: Only if it still has this version.

        Raises:
            NotFoundError: There is none, or none that the caller may see.
            PreconditionFailedError: It has another version; carries the current row.
            ForbiddenError: The caller may see it, but not change it.

        """
        query = self._builder.from_(self._table).update(dict(changes)).eq("id", row_id)
        return await self._write(query, row_id, version)

    async def delete(self, row_id: UUID, *, version: int | None = None) -> T:
        """Deletes a row for good and returns it as it was; raises as `update` does."""
        query = self._builder.from_(self._table).delete().eq("id", row_id)
        return await self._write(query, row_id, version)

    async def _write(self, query: F, row_id: UUID, version: int | None) -> T:
        if version is not None:
            query = query.eq("version", version)
        rows = await self._fetch(self._living(query).select(self._columns), safe=False)
        if rows:
            return rows[0]
        # A second round trip, on failure only: no row was written, and the caller must learn why, with the
        # current state where a version was named.
        current = await self.find_by_id(row_id)
        if version is not None and getattr(current, "version", version) != version:
            raise PreconditionFailedError(current.model_dump(mode="json", by_alias=True, exclude_unset=True))
        raise ForbiddenError

    def _living(self, query: F) -> F:
        for column, value in self._alive.items():
            query = query.is_(column, value)
        return query

    async def _fetch(
        self, query: AsyncSelectRequestBuilder | AsyncFilterRequestBuilder, *, safe: bool
    ) -> list[T]:
        return self._parse(await self._session.send(query.request, safe=safe))

    def _parse(self, response: Answer) -> list[T]:
        try:
            return _rows_of(self._model).validate_json(response.content)
        except ValidationError as error:
            raise _unreadable(self._model, error) from None


def _total(response: Answer) -> int:
    # RFC 9110, 14.4: `0-49/1234`, or `*/1234` where the page lies behind the end.
    _, _, total = response.headers.get("content-range", "").partition("/")
    if not total.isdecimal():
        log.error("upstream_without_count", status=response.status)
        raise BadGatewayError
    return int(total)
