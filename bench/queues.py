"""The baseline of the fan-out: sse-starlette's EventSourceResponse with a queue for each stream.

`python -m bench.queues <port>` serves it under uvicorn; `POST /publish?bursts=&size=` hands every stream that
many bursts of events, each when all streams have taken the one before. Handing them out costs nothing more,
and no stream is limited in any way: it is as fast as this design gets.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.logstub import frame_data, make_event
from bff.server import BACKLOG, listen


class Queues:
    """The streams' queues, and how many of their events are not yet taken."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[ServerSentEvent]] = set()
        self._seq = 0

    async def stream(self, _: Request) -> Response:
        """One stream, for ever."""
        return EventSourceResponse(self._events(), sep="\n", ping=3600)

    async def _events(self) -> AsyncIterator[ServerSentEvent]:
        queue: asyncio.Queue[ServerSentEvent] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield ServerSentEvent("{}", event="ready", sep="\n")
            while True:
                yield await queue.get()
                queue.task_done()
        finally:
            self._queues.discard(queue)

    async def publish(self, request: Request) -> Response:
        """Bursts, one after the other."""
        for _ in range(int(request.query_params["bursts"])):
            events = [self._next() for _ in range(int(request.query_params["size"]))]
            for queue in self._queues:
                for event in events:
                    queue.put_nowait(event)
            for queue in self._queues:
                await queue.join()
        return PlainTextResponse("published")

    def _next(self) -> ServerSentEvent:
        self._seq += 1
        event = make_event("org", self._seq)
        return ServerSentEvent(frame_data(event), event=event["type"], id=event["cursor"], sep="\n")


def live(_: Request) -> Response:
    """For whoever waits for the process."""
    return PlainTextResponse("alive")


def main() -> None:
    """Serves until it is told to end."""
    queues = Queues()
    app = Starlette(
        routes=[
            Route("/api/live", live),
            Route("/stream", queues.stream),
            Route("/publish", queues.publish, methods=["POST"]),
        ]
    )
    config = uvicorn.Config(app, log_level="warning", access_log=False, backlog=BACKLOG)
    with listen("127.0.0.1", int(sys.argv[1])) as listener:
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
