"""Pages whose examples are run: the blocks, and bash to run them in order.

A fenced block `sh` is run by bash, all of a page in one shell; a block `text` right after it is what it
prints, where `…` stands for anything within a line. A block without one prints nothing.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^```sh\n(?P<script>.*?)^```\n(?:\n*```text\n(?P<prints>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
END = "\x1e"  # ASCII's record separator: what one block prints ends here
WALK_SECONDS = 300  # over a hundred requests; ten seconds where nothing else runs


@dataclass(frozen=True)
class Example:
    """A block of commands, and what the page says that they print."""

    name: str
    script: str
    prints: str


def examples(page: str) -> list[Example]:
    """The page's examples in order, each named by its heading and its place below that."""
    found: list[Example] = []
    for match in BLOCK.finditer(page):
        heading = re.findall(r"^#+ (.+)$", page[: match.start()], re.MULTILINE)[-1].replace("`", "")
        place = 1 + sum(example.name.startswith(f"{heading} ") for example in found)
        found.append(Example(f"{heading} {place}", match["script"], match["prints"] or ""))
    return found


def run(scripts: list[str], stack_directory: Path, bff_url: str) -> list[str]:
    """What each of these prints, run one after another in one shell against that stack and that BFF.

    Raises:
        AssertionError: a command failed, with what was printed until then and the end of the BFF's log.
    """
    env = {
        **os.environ,
        "STACK_DIR": str(stack_directory),
        "BFF_URL": bff_url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    walk = "set -e\n" + "".join(f"{script}printf '\\036'\n" for script in scripts)
    done = subprocess.run(
        ["bash", "-c", walk], env=env, capture_output=True, text=True, timeout=WALK_SECONDS, check=False
    )
    if done.returncode != 0:
        log = (stack_directory / "bff.log").read_text(errors="replace")
        raise AssertionError(f"{done.stdout[-2000:]}\n{done.stderr}\n{log[-4000:]}")
    return done.stdout.split(END)[:-1]


def assert_printed(example: Example, printed: str) -> None:
    """It is what the page says."""
    expected = ".*".join(re.escape(part) for part in example.prints.split("…"))
    assert re.fullmatch(expected, printed), (
        f"{example.script}\nprinted:\n{printed}\nexpected:\n{example.prints}"
    )
