"""Whether Realtime lets the relay in, and nobody else."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from ops.check_hosted.project import TIMEOUT, Project
from ops.check_hosted.report import Finding, failed, passed, unknown

TOPIC: Final = "calendar-events"
# Any other topic will do to see whether public channels are allowed; nobody uses this one.
PUBLIC_TOPIC: Final = "check-hosted"
# A refusal takes five seconds.
ANSWER_SECONDS: Final = 12.0


def findings(project: Project) -> Iterator[Finding]:
    """The three joins: the service's, and two that must be refused."""
    name = "realtime: the relay may join its channel"
    try:
        status, reason = join(project, project.secret_key, TOPIC, private=True)
    except (OSError, WebSocketException) as error:
        yield failed(name, f"no websocket: {type(error).__name__}: {error}")
        return
    if status == "ok":
        yield passed(name)
    else:
        yield failed(name, f"refused: {reason}: is Realtime enabled, and the secret key this project's?")
    yield from _refused(project)


def _refused(project: Project) -> Iterator[Finding]:
    name = "realtime: nobody else may join it"
    try:
        status, _ = join(project, project.publishable_key, TOPIC, private=True)
        if status == "ok":
            yield failed(name, "the publishable key joins it: who wrote a policy on realtime.messages?")
        else:
            yield passed(name)
        name = "realtime: private channels only"
        status, _ = join(project, project.publishable_key, PUBLIC_TOPIC, private=False)
    except (OSError, WebSocketException) as error:
        yield unknown(name, f"the connection broke: {type(error).__name__}: {error}")
        return
    if status != "ok":
        yield passed(name)
    elif project.development:
        yield unknown(name, "public channels are allowed; a development project has no such setting")
    else:
        yield failed(name, "turn off Realtime, Settings, Allow public access: strangers share your quota")


def join(project: Project, key: str, topic: str, *, private: bool) -> tuple[str, str]:
    """Joins a channel and leaves it by closing the connection; sends nothing else.

    Returns:
        What was answered, `ok` or `error`, and the reason given.

    Raises:
        OSError: nobody listens there, or there was no answer in time.
        WebSocketException: the connection was refused or broke.
    """
    url = project.url.replace("http", "ws", 1)
    query = urlencode({"apikey": key, "vsn": "1.0.0"})
    with connect(
        f"{url}/realtime/v1/websocket?{query}", open_timeout=TIMEOUT, close_timeout=2, max_size=2**20
    ) as socket:
        config = {"broadcast": {"ack": False, "self": False}, "presence": {"enabled": False}}
        message: dict[str, Any] = {
            "topic": f"realtime:{topic}",
            "event": "phx_join",
            "payload": {"config": {**config, "private": private, "postgres_changes": []}},
            "ref": "1",
            "join_ref": "1",
        }
        if not key.startswith("sb_"):
            message["payload"]["access_token"] = key
        socket.send(json.dumps(message))
        return _answer(socket)


def _answer(socket: Connection) -> tuple[str, str]:
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            frame = json.loads(socket.recv(timeout=max(deadline - time.monotonic(), 0)))
            if frame["event"] == "phx_reply" and frame["ref"] == "1":
                payload = frame["payload"]
                return str(payload["status"]), str(payload["response"].get("reason", ""))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise WebSocketException(f"what answers is no Realtime: {type(error).__name__}") from error
