"""What the TypeScript client's tests ask of this side over HTTP: organisations, tokens, and troubles."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.actors import Actor, TokenSigner, connect, make_organization
from tests.harness import RunningBff, RunningStack, free_port, running_bff

ROLES = ("owner", "admin", "manager", "member", "viewer")
# Of the BFF that is killed and narrow: heartbeats soon enough to be waited for, and few streams for one user.
FRAIL = {"RELAY_HEARTBEAT_SECONDS": "0.5", "RELAY_MAX_STREAMS_PER_USER": "3"}


class Control:
    """Answers `POST /<name>` with what the method of that name answers, as JSON."""

    def __init__(self, stack: RunningStack, signer: TokenSigner) -> None:
        self._stack = stack
        self._signer = signer
        self._actors: dict[str, Actor] = {}
        self._lock = threading.Lock()
        self._frail_port = str(free_port())
        self._frail = ExitStack()
        self._running: RunningBff | None = None

    @property
    def frail_url(self) -> str:
        """Where the BFF answers that can be killed."""
        return f"http://127.0.0.1:{self._frail_port}"

    def office(self) -> dict[str, Any]:
        """A fresh organisation."""
        with connect(self._stack.database_url) as db:
            made = make_organization(db, signer=self._signer)
        people = {role: made.actor(role) for role in ROLES}
        self._actors.update({actor.id: actor for actor in people.values()})
        return {
            "id": made.id,
            "tier": made.tier,
            "assets": made.assets,
            "people": {role: actor.id for role, actor in people.items()},
        }

    def token(self, user: str, lifetime: int) -> dict[str, Any]:
        """An access token that ends in `lifetime` seconds, which may be past."""
        return {"token": self._signer.sign(self._actors[user], lifetime=lifetime)}

    def restrict(self, tier: str, sections: list[str] | None) -> dict[str, Any]:
        """What the members of a tier may see from now on."""
        self._execute("update public.tiers set sections = %s where id = %s", sections, tier)
        return {}

    def dismiss(self, organization: str, user: str) -> dict[str, Any]:
        """A member is one no more."""
        self._execute(
            "delete from public.organization_members where organization_id = %s and user_id = %s",
            organization,
            user,
        )
        return {}

    def demand_mfa(self, organization: str) -> dict[str, Any]:
        """An organisation asks for a second factor from now on."""
        self._execute("update public.organizations set require_mfa = true where id = %s", organization)
        return {}

    def delete(self, reservation: str) -> dict[str, Any]:
        """A booking is deleted, as from the dashboard."""
        self._execute("delete from public.reservations where id = %s", reservation)
        return {}

    def kill(self) -> dict[str, Any]:
        """kill -9 of the frail BFF."""
        assert self._running is not None
        self._running.process.kill()
        self._running.process.wait()
        return {}

    def stop(self) -> dict[str, Any]:
        """SIGTERM to the frail BFF, which says farewell."""
        with self._lock:
            self._frail.close()
        return {}

    def replace(self) -> dict[str, Any]:
        """The frail BFF says farewell, and another one takes its place."""
        self.stop()
        return self.start()

    def start(self) -> dict[str, Any]:
        """The frail BFF, at its address of before; it has ended."""
        with self._lock:
            self._frail.close()
            log = self._stack.directory / "bff-frail.log"
            frail = running_bff(self._stack.env, log, BFF_PORT=self._frail_port, **FRAIL)
            self._running = self._frail.enter_context(frail)
        return {}

    def _execute(self, query: str, *values: Any) -> None:
        with connect(self._stack.database_url) as db:
            db.execute(query.encode(), values)


ACTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    f"/{action.__name__}": action
    for action in (
        Control.office,
        Control.token,
        Control.restrict,
        Control.dismiss,
        Control.demand_mfa,
        Control.delete,
        Control.kill,
        Control.replace,
        Control.start,
    )
}


@contextmanager
def serving(control: Control) -> Iterator[str]:
    """Serves a control, and starts its frail BFF; answers the control's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
            try:
                status, answer = 200, ACTIONS[self.path](control, **sent)
            except Exception as error:  # noqa: BLE001 - whoever asked is told, and fails
                status, answer = 500, {"error": repr(error)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - as it is called
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    control.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        control.stop()
        server.shutdown()
        thread.join()
        server.server_close()


CLIENT = Path("clients/typescript")
