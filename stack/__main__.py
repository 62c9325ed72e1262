"""`python -m stack start|stop|status|reset|run`: the embedded Supabase's command line."""

import argparse
import asyncio
import sys
from pathlib import Path

from stack.settings import Settings
from stack.supervisor import Supervisor, serve


async def forever(supervisor: Supervisor) -> int:
    print(f"stack: ready on {supervisor.url}; addresses and keys are in {supervisor.directory / 'env'}", flush=True)
    await asyncio.Event().wait()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack")
    parser.add_argument("command", choices=["start"])
    parser.add_argument("--dir", type=Path)
    arguments = parser.parse_args()
    settings = Settings(**({"dir": arguments.dir} if arguments.dir else {}))
    return asyncio.run(serve(settings, forever))


if __name__ == "__main__":
    sys.exit(main())
