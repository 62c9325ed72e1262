"""`python -m ops.check_hosted [URL]`: is this Supabase project what the BFF expects?

Reads SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY and SUPABASE_SECRET_KEY (or their other names in
docs/settings.md), and DATABASE_URL if it is set. Sends GET, HEAD and joins of Realtime, nothing else.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence

import httpx

from ops.check_hosted import bff, checks, database, expected, realtime
from ops.check_hosted.project import Project
from ops.check_hosted.report import Finding, exit_code, render

NAMES = {
    "url": ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL"),
    "publishable": ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY", "NEXT_PUBLIC_SUPABASE_ANON_KEY"),
    "secret": ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
}
MISSING = 2  # exit code: there is nothing to check with


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line.

    Raises:
        SystemExit: it is not one of ours; argparse has said so.
    """
    parser = argparse.ArgumentParser(prog="python -m ops.check_hosted", description=__doc__)
    parser.add_argument("url", nargs="?", help="the project's address (SUPABASE_URL)")
    parser.add_argument("--bff", help="the BFF's address as browsers reach it, to be checked too")
    parser.add_argument("--strict", action="store_true", help="what cannot be told is a failure too")
    parser.add_argument(
        "--development", action="store_true", help="an embedded or local project: no TLS, mail or schedule"
    )
    return parser.parse_args(arguments)


def _first(environment: Mapping[str, str], name: str) -> str | None:
    return next((environment[each] for each in NAMES[name] if environment.get(each)), None)


def is_address(url: str) -> bool:
    """Whether it is the address of some host, over HTTP."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    # httpx takes more for a host than any name server does.
    return parsed.scheme in ("http", "https") and bool(re.fullmatch(r"[\w.-]+|[\da-f:]+", parsed.host))


def check(project: Project, database_url: str | None, bff_url: str | None) -> list[Finding]:
    """All findings, in the order of the checklist."""
    wanted = expected.read()
    found = [finding for each in checks.CHECKS for finding in checks.run(each, project, wanted)]
    found.extend(realtime.findings(project))
    found.extend(database.findings(database_url, wanted, development=project.development))
    found.extend(bff.findings(bff_url))
    return found


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command; its exit code: 0, 1 if something failed, 2 if it could not begin."""
    options = parse(arguments)
    url = options.url or _first(environment, "url")
    publishable, secret = _first(environment, "publishable"), _first(environment, "secret")
    if not (url and publishable and secret):
        given = {"url": url, "publishable": publishable, "secret": secret}
        missing = [NAMES[name][0] for name, value in given.items() if not value]
        sys.stderr.write(
            f"check-hosted: {', '.join(missing)} must be set; docs/deployment.md says where from\n"
        )
        return MISSING
    if not is_address(url):
        sys.stderr.write(f"check-hosted: {url} is no https:// address of a project\n")
        return MISSING
    project = Project(url, publishable, secret, development=options.development)
    try:
        found = check(project, environment.get("DATABASE_URL"), options.bff)
    finally:
        project.close()
    printed = render(found)
    for key in (secret, publishable):
        # Libraries tell of addresses, and Realtime's holds the key.
        printed = printed.replace(key, "…")
    sys.stdout.write(printed)
    return exit_code(found, strict=options.strict)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
