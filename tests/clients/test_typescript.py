"""The TypeScript client against the running BFF, and what is generated, built and written of it."""

import json
import os
import re
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


def test_the_page_about_nextjs_shows_the_files_that_are_compiled(root: Path) -> None:
    page = (root / "docs/nextjs.md").read_text()
    shown = dict(re.findall(r"^`([\w.-]+)`\n\n```tsx?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    folder = root / CLIENT / "examples/nextjs"
    assert shown == {
        path.name: path.read_text() for path in folder.glob("*.ts*") if path.name != "tsconfig.json"
    }


def test_the_package_is_built_and_packed_with_all_that_an_app_needs(root: Path) -> None:
    run(root, "npm", "run", "build")
    (packed,) = json.loads(run(root, "npm", "pack", "--dry-run", "--json"))
    files = {file["path"] for file in packed["files"]}
    assert (root / CLIENT / "LICENSE").read_text() == (root / "LICENSE").read_text()
    assert {"package.json", "README.md", "LICENSE"} <= files
    assert {"dist/index.js", "dist/index.d.ts", "dist/schema.d.ts"} <= files
    assert {f"dist/{path.stem}.js" for path in (root / CLIENT / "src").glob("*.ts")} <= files
    assert not {path for path in files if path.startswith(("tests/", "examples/", "scripts/"))}
    # As an app finds it, by the package's exports; the sources are found only where they are asked for.
    found = "import.meta.resolve('@reservepty/client')"
    script = f"import('@reservepty/client').then(m => console.log({found}, typeof m.openCalendar))"
    where, kind = run(root, "node", "--input-type=module", "--eval", script).split()
    assert (Path(where).name, Path(where).parent.name, kind) == ("index.js", "dist", "function")
