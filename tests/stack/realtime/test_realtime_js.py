"""npm realtime-js, the official client, unmodified: protocol 2.0.0 with its binary frames."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tests.actors import Actor, Connection
from tests.stack.realtime.wire import ANSWER_SECONDS, RunningRealtime

SCRIPT = Path(__file__).with_name("client.mjs")


class Script:
    """The node process; each line that it prints is one JSON value."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> Any:
        """What it says next."""
        assert self.process.stdout is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            line = await self.process.stdout.readline()
        assert line, "the client ended too early"
        return json.loads(line)


async def test_it_joins_is_refused_broadcasts_and_hears_sql(
    realtime: RunningRealtime, db: Connection, anna: Actor, ben: Actor, root: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(SCRIPT),
        env={
            **os.environ,
            "REALTIME_URL": realtime.url.replace("http", "ws", 1) + "/realtime/v1",
            "API_KEY": realtime.publishable_key,
            "TOKEN": anna.token,
            "DESK": f"desk:{anna.id}",
            "ANOTHER": f"notes:{ben.id}",
        },
        cwd=root,
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    script = Script(process)
    try:
        assert await script.line() == {"desk": "SUBSCRIBED"}
        refused = await script.line()
        assert refused["another"] == "CHANNEL_ERROR"
        assert "You do not have permissions to read from this Channel topic" in refused["error"]
        assert await script.line() == {"note": {"text": "año"}, "sent": "ok"}
        assert await script.line() == {"bytes": [0, 255]}
        assert await script.line() == {"http": {"text": "by http"}}
        db.execute("select realtime.send(%s::jsonb, 'sql', %s)", ['{"id": "from sql"}', f"desk:{anna.id}"])
        assert await script.line() == {"sql": {"id": "from sql"}}
        assert await script.line() == {"left": "ok"}
        assert await asyncio.wait_for(process.wait(), ANSWER_SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
