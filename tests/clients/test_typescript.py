"""The TypeScript client against the running BFF, and what is generated, built and written of it."""

import json
import os
import subprocess
from pathlib import Path

from bff.document import document
from tests.actors import TokenSigner
from tests.clients.control import CLIENT, Control, serving
from tests.harness import RunningStack


def run(root: Path, *command: str, **options: str) -> str:
    """What a command of the client's folder prints; its whole output is the failure's message."""
    done = subprocess.run(
        command,
        cwd=root / CLIENT,
        env={**os.environ, "NO_COLOR": "1", **options},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_client_follows_calendars_of_the_running_bff(
    root: Path, stack: RunningStack, bff_url: str, signer: TokenSigner
) -> None:
    control = Control(stack, signer)
    with serving(control) as address:
        running = {"control": address, "bff": bff_url, "frail": control.frail_url}
        run(root, "npx", "vitest", "run", RESERVEPTY_RUNNING=json.dumps(running))


def test_the_types_are_those_of_the_openapi_document(root: Path) -> None:
    generated = subprocess.run(
        ["node", "scripts/generate.mjs"],
        cwd=root / CLIENT,
        input=document(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (root / CLIENT / "src/schema.ts").read_text() == generated.stdout, "make client"
