"""`python -m tests.prove`: the long run, against a stack of its own. Exit code 1 if anything was violated."""

import argparse
import asyncio
import functools
import math
import secrets
import shutil
import sys

from tests.harness import ROOT, running_stack, scratch_directory
from tests.prove.report import table
from tests.prove.run import Plan, prove

# Long enough for a deck of faults; short enough that what is wrong is found near to where it went wrong.
ROUND_SECONDS = 60.0
LOGS = ROOT / ".stack" / "prove"


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="of turmoil; rests come on top")
    parser.add_argument("--seed", type=int, default=None, help="repeats the schedule of acts and faults")
    options = parser.parse_args()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    print(f"seed {seed}: repeat with `make prove SEED={seed} SECONDS={options.seconds:g}`", flush=True)
    rounds = math.ceil(options.seconds / ROUND_SECONDS)
    tell = functools.partial(print, flush=True)
    plan = Plan(seed, [options.seconds / rounds] * rounds)
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in LOGS.glob("*.log"):
        old.unlink()
    with scratch_directory() as directory, running_stack(directory / "stack") as stack:
        try:
            report = asyncio.run(prove(plan, stack, LOGS, tell))
        finally:
            shutil.copytree(stack.directory / "logs", LOGS, dirs_exist_ok=True)
    print(table(report))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
