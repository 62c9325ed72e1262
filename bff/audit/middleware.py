"""Makes the records: of each request that changes something, is refused, or reads what is sensitive."""

import os
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, unquote

from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff import __version__
from bff.addresses import UNKNOWN
from bff.audit.recorder import TOO_MANY
from bff.audit.repeats import Fields, Refusal
from bff.audit.subjects import ORGANIZATION, PREFIX, Subject, Subjects, as_uuid, fill
from bff.errors import ServiceUnavailableError
from bff.limits.limiter import network
from bff.metrics import NO_ANSWER
from bff.scrubbing import scrub, scrub_path
from bff.state import Noted

# They change nothing, and are recorded where they were refused only.
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSED: Final = frozenset({401, 403, TOO_MANY})
# What is not there, or not for who asks: of another organisation the database says no more.
MISSING: Final = 404
# Counted where a person repeats them; of nobody, whatever fails is.
REPEATED: Final = REFUSED | {MISSING}
# Characters of what a client sends as it likes.
USER_AGENT: Final = 256
PATH: Final = 512
MESSAGE: Final = 300
SESSION: Final = 64
# Bytes of a redacted body. Beyond, its fields' names say what there was.
BODY: Final = 16_384
TOO_LARGE: Final = "[too large]"
# Seconds after which it makes sense to try again where there is no room for records.
RETRY_AFTER: Final = 5


class Audit:
    """Records requests; the record is on disk before the answer's first byte leaves.

    Stands outside of whatever can refuse, so that each refusal is seen, and inside of what gives the request
    its id, its start and its client's address.
    """

    def __init__(self, app: ASGIApp, subjects: Subjects) -> None:
        self.app = app
        self._subjects = subjects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        recorder = scope["state"]["audit"]
        is_recorded = False

        async def record_and_send(message: Message) -> None:
            nonlocal is_recorded
            if message["type"] == "http.response.start" and not is_recorded:
                is_recorded = True
                if (record := self._record(scope, message["status"])) is not None:
                    await recorder.keep(record, by_nobody=_is_by_nobody(scope, message["status"]))
            await send(message)

        try:
            await self.app(scope, receive, record_and_send)
        finally:
            # It left, was cancelled or broke before an answer began: nothing may be waited for here.
            if not is_recorded and (record := self._record(scope, NO_ANSWER)) is not None:
                recorder.put(record, by_nobody=_is_by_nobody(scope, NO_ANSWER))

    def _record(self, scope: Scope, status: int) -> bytes | None:
        """The request's record as JSON, or None where it needs none, or is counted with others like it."""
        if scope["method"] == "OPTIONS" or scope["state"]["noted"].is_turned_away:
            return None
        # Most requests by far are reads that nobody refused: the router has matched them.
        if scope["method"] in READING and status not in REFUSED and "route" not in scope:
            return None
        subject, parameters, template = self._subjects.of(scope)
        if scope["method"] in READING and not _is_told(scope, subject, parameters, status):
            return None
        path = _path(scope) if template is None else fill(template, parameters)
        fields = _fields(scope, subject, parameters, status, path)
        refusal = _refusal(fields, scope["state"])
        if refusal is not None and scope["state"]["audit"].is_counted(refusal, fields):
            return None
        return to_json(fields)


def _is_told(scope: Scope, subject: Subject, parameters: Mapping[str, Any], status: int) -> bool:
    """Whether a read is recorded."""
    if subject.always or status in REFUSED:
        return True
    # By an id, somebody asks for what is not theirs, or for what is gone: nobody can tell which.
    return status == MISSING and bool(parameters) and scope["state"]["principal"] is not None


def _is_by_nobody(scope: Scope, status: int) -> bool:
    """Whether its record must leave room for others: nobody we know caused it, or who can at will."""
    return scope["state"]["principal"] is None or status == TOO_MANY


def _refusal(fields: Fields, state: Mapping[str, Any]) -> Refusal | None:
    """What it is the same as when it comes again, where it was refused."""
    user, status = fields["user_id"], fields["response_status"]
    if status not in REPEATED if user else status < 400:
        return None
    return Refusal(
        user or network(state["client_address"]), fields["action"], fields["metadata"]["code"] or str(status)
    )


class Room:
    """Refuses what must be recorded while there is no room for its record (AUDIT_WHEN_FULL).

    Before it is begun: a booking that was made is not taken back because nobody can write it down. It is
    counted and gets no record: the room that is left is for those that are under way.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if (
            scope["type"] == "http"
            and scope["method"] not in READING
            and scope["path"].startswith(PREFIX)
            and scope["state"]["audit"].refuses
        ):
            scope["state"]["audit"].turn_away()
            scope["state"]["noted"].is_turned_away = True
            raise ServiceUnavailableError("Requests cannot be recorded now; try again later.", RETRY_AFTER)
        await self.app(scope, receive, send)


def _fields(scope: Scope, subject: Subject, parameters: Mapping[str, Any], status: int, path: str) -> Fields:
    state = scope["state"]
    noted: Noted = state["noted"]
    principal = state["principal"]
    took = time.perf_counter() - state["started_at"]
    body = _body(noted, subject)
    named = body if isinstance(body, dict) else {}
    resource_type, resource = _resource(subject, parameters, noted, named)
    organization = as_uuid(
        parameters.get(ORGANIZATION, noted.organization_id or named.get("organization_id"))
    )
    if organization is None and resource_type == "organizations":
        organization = resource
    error = noted.error
    return {
        "id": str(uuid.uuid4()),
        "created_at": (datetime.now(UTC) - timedelta(seconds=took)).isoformat(),
        "user_id": noted.user_id if principal is None else str(principal.user_id),
        "organization_id": organization,
        "action": subject.action,
        "resource_type": resource_type,
        "resource_id": resource,
        "ip_address": None if state["client_address"] == UNKNOWN else state["client_address"],
        "user_agent": _user_agent(scope),
        "request_method": scope["method"],
        "request_path": path,
        "request_body": body,
        "response_status": status,
        "error_message": None if error is None else error.message[:MESSAGE],
        "duration_ms": round(took * 1000, 2),
        "metadata": {
            "request_id": state["request_id"],
            "code": None if error is None else error.code,
            "session_id": None if principal is None else (principal.session_id or "")[:SESSION] or None,
            "aal": None if principal is None else principal.aal,
            "process": os.getpid(),
            "version": __version__,
            **noted.facts,
        },
    }


def _resource(
    subject: Subject, parameters: Mapping[str, Any], noted: Noted, named: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Type and id of what a request is about; of what was not made, what it was to be made in or of."""
    if subject.parameter:
        return subject.resource_type, as_uuid(parameters.get(subject.parameter))
    if (made := as_uuid(noted.resource_id)) is not None:
        return subject.resource_type, made
    if subject.within:
        return subject.within[0], as_uuid(parameters.get(subject.within[1]))
    if (asset := as_uuid(named.get("asset_id"))) is not None:
        return "assets", asset
    return subject.resource_type, None


def _user_agent(scope: Scope) -> str | None:
    sent = next((value for name, value in scope["headers"] if name == b"user-agent"), None)
    # Scrubbed before it is cut: half a secret looks like none.
    return None if sent is None else scrub(_plain(sent.decode("latin-1")))[:USER_AGENT]


def _path(scope: Scope) -> str:
    """A path that is not ours, percent-encoded, without its query and what looks like a secret in it."""
    # What is encoded in it is looked at too, and twice: `%2540` is an @ for whoever decodes that far.
    return quote(scrub_path(_plain(unquote(scope["path"]))), safe="/[]@:")[:PATH]


def _plain(text: str) -> str:
    """Without control characters, which neither a table nor a log should hold, and halves of pairs."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _body(noted: Noted, subject: Subject) -> Any:
    if noted.body is None:
        return None
    kept = subject.redact(noted.body)
    if len(to_json(kept)) <= BODY:
        return kept
    return dict.fromkeys(kept, TOO_LARGE) if isinstance(kept, dict) else TOO_LARGE
