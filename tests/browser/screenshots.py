"""`make screenshots`: the pictures of the README, from a stack with the demo data of today."""

import os
import subprocess
from pathlib import Path

from tests.harness import ROOT, running_bff, running_stack, scratch_directory

FOLDER = ROOT / "docs/images"
SECONDS = 120.0


def main() -> None:
    """Starts a stack and a BFF of its own, and has Chromium look at them."""
    FOLDER.mkdir(exist_ok=True)
    page = str(ROOT / "clients/calendar/dist")
    script = str(Path(__file__).with_suffix(".mjs"))
    with (
        scratch_directory() as directory,
        running_stack(directory / "stack") as stack,
        running_bff(stack.env, directory / "bff.log", CALENDAR_PAGE_DIR=page) as bff,
    ):
        # See the fixture `chromium`.
        env = {**os.environ, "TMPDIR": str(directory)}
        subprocess.run(["node", script, bff.url, str(FOLDER)], cwd=ROOT, env=env, check=True, timeout=SECONDS)


if __name__ == "__main__":
    main()
