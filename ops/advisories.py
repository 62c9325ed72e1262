"""`python -m ops.advisories`: is a known vulnerability in what the lock files name?

Asks pip-audit (of OSV's advisories) and npm audit (of the registry's). A known vulnerability fails. Where
their data cannot be reached this is said and fails nothing: without a network one lints too.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

ROOT: Final = Path(__file__).parent.parent
# Some hundred small requests, one after the other; beyond it the network is none to speak of.
SECONDS: Final = 120.0
# For one of them. Unreachable without an answer, both would otherwise wait for minutes.
REQUEST_SECONDS: Final = 10
OSV: Final = "https://api.osv.dev/v1/query"
# Of one that is named in what is said.
SHOWN: Final = 200  # characters

Verdict = Literal["clean", "vulnerable", "unreachable", "broken"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an audit: `lines` name the advisories, or say what was in the way."""

    verdict: Verdict
    lines: Sequence[str] = ()


def audit_python(locks: Sequence[Path], osv: str = OSV, seconds: float = SECONDS) -> Result:
    """The packages of requirements files that pin each by its hashes; nothing is resolved or installed.

    Args:
        locks: The files.
        osv: Where OSV's queries are answered.
        seconds: How long it may take.

    """
    # fmt: off
    command = [
        sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off",
        "--format", "json", "--vulnerability-service", "osv", "--osv-url", osv,
        "--timeout", str(REQUEST_SECONDS),
    ]
    # fmt: on
    for lock in locks:
        command += ["--requirement", str(lock)]
    answer = _run(command, seconds)
    if answer is None:
        return Result("unreachable", [f"no end within {seconds:g} s"])
    report = _json(answer.stdout)
    if not isinstance(report, dict) or "dependencies" not in report:
        return _without_report(answer.stderr)
    found = [
        f"{package['name']} {package['version']}: {advisory['id']}"
        f" (mended in {', '.join(advisory['fix_versions']) or 'no version yet'})"
        for package in report["dependencies"]
        for advisory in package.get("vulns", ())
    ]
    return Result("vulnerable", found) if found else Result("clean")


def _without_report(complaint: str) -> Result:
    # pip-audit ends with 1 alike for a vulnerability, a file that it cannot read and a service that it cannot
    # reach; its services raise these two for the last, and requests' exceptions where they forget to.
    last = (complaint.strip().splitlines() or ["nothing was said"])[-1][:SHOWN]
    marks = ("ConnectionError", "ServiceError", "requests.exceptions.", "Could not connect", "HTTP error")
    is_away = any(mark in complaint for mark in marks)
    return Result("unreachable" if is_away else "broken", [last])


def audit_npm(folder: Path, registry: str | None = None, seconds: float = SECONDS) -> Result:
    """The packages of a folder's package-lock.json.

    Args:
        folder: Where it lies.
        registry: Which one is asked, if not npm's own setting.
        seconds: How long it may take.

    """
    # fmt: off
    command = [
        "npm", "audit", "--json", "--package-lock-only", "--no-offline", "--fetch-retries=0",
        f"--fetch-timeout={REQUEST_SECONDS * 1000}", *([f"--registry={registry}"] if registry else []),
    ]
    # fmt: on
    answer = _run(command, seconds, folder)
    if answer is None:
        return Result("unreachable", [f"no end within {seconds:g} s"])
    report = _json(answer.stdout)
    if not isinstance(report, dict):
        return Result("broken", [answer.stderr.strip()[:SHOWN] or "nothing was said"])
    if "vulnerabilities" not in report:
        return _npm_error(report)
    found = [
        f"{name} {each.get('range', '')}: {each.get('severity', 'unknown')}"
        f" ({', '.join(_titles(each)) or 'by what it needs'})"
        for name, each in sorted(report["vulnerabilities"].items())
    ]
    return Result("vulnerable", found) if found else Result("clean")


def _titles(vulnerability: dict[str, Any]) -> list[str]:
    return [str(via.get("url") or via.get("title")) for via in vulnerability["via"] if isinstance(via, dict)]


def _npm_error(report: dict[str, Any]) -> Result:
    error = report.get("error") or {}
    said = str(report.get("message") or error.get("summary") or error.get("code") or "nothing was said")
    # Without a lock file, or with one that is not JSON, no request was made.
    is_ours = str(error.get("code", "")) in ("ENOLOCK", "EJSONPARSE", "EUSAGE")
    return Result("broken" if is_ours else "unreachable", [said[:SHOWN]])


def _run(
    command: Sequence[str], seconds: float, folder: Path = ROOT
) -> subprocess.CompletedProcess[str] | None:
    """None where it took too long."""
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


SAID: Final[dict[Verdict, str]] = {
    "clean": "no known vulnerability",
    "vulnerable": "KNOWN VULNERABILITIES",
    "unreachable": "NOT AUDITED: the advisories cannot be reached from here",
    "broken": "the audit failed",
}


def main() -> int:
    """1 for a known vulnerability, or an audit that failed for another reason than the network; else 0."""
    results = {
        "pip-audit": audit_python([ROOT / "requirements.lock", ROOT / "requirements-dev.lock"]),
        "npm audit": audit_npm(ROOT),
    }
    for name, result in results.items():
        print(f"{name}: {SAID[result.verdict]}")
        for line in result.lines:
            print(f"  {line}")
    return int(any(result.verdict in ("vulnerable", "broken") for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
