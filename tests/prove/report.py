"""A run's table, in Markdown."""

from collections import Counter
from collections.abc import Iterator

from tests.prove.run import Report

REFUSED = ("done", "nothing", "unanswered")


def table(report: Report) -> str:
    """What happened and what came of it; the violations in full."""
    return "\n".join(
        [*_summary(report), "", *_faults(report), "", *_acts(report), "", *_clients(report), *_wrong(report)]
    )


def _summary(report: Report) -> Iterator[str]:
    verdict = f"**{len(report.violations)} violations**" if report.violations else "**no violation**"
    yield "| run | |"
    yield "|---|---|"
    yield f"| seed, rounds, seconds | {report.plan.seed}, {len(report.converged)}, {report.seconds:.0f} |"
    who = f"{report.plan.houses}, {report.viewers}, {report.attempts}"
    yield f"| organisations, calendar views, attempts of strangers | {who} |"
    yield f"| acts, of them done | {report.acts.total()}, {_done(report)} |"
    yield f"| events in the logs | {report.events} |"
    yield f"| faults | {report.faults.total()} |"
    yield f"| frames read, of them changes | {report.clients['frames']}, {report.clients['changes']} |"
    yield f"| longest time to converge after the last fault | {max(report.converged, default=0):.1f} s |"
    yield f"| verdict | {verdict} |"


def _done(report: Report) -> int:
    return sum(count for (_, outcome), count in report.acts.items() if outcome == "done")


def _faults(report: Report) -> Iterator[str]:
    yield "| fault | times |"
    yield "|---|---|"
    for name, count in sorted(report.faults.items(), key=lambda each: each[0].lower()):
        yield f"| {name} | {count} |"
    for word, count in sorted(report.feed.items()):
        yield f"| as the BFFs' logs tell of them: `{word}` | {count} |"


def _acts(report: Report) -> Iterator[str]:
    names: Counter[str] = Counter()
    for (name, _), count in report.acts.items():
        names[name] += count
    yield "| act | done | refused | nothing to do | unanswered |"
    yield "|---|---|---|---|---|"
    for name, count in names.items():
        done, nothing, unanswered = (report.acts[name, outcome] for outcome in REFUSED)
        yield f"| {name} | {done} | {count - done - nothing - unanswered} | {nothing} | {unanswered} |"


def _clients(report: Report) -> Iterator[str]:
    yield "| clients | times |"
    yield "|---|---|"
    for name, count in report.clients.most_common():
        yield f"| {name} | {count} |"
    for reason, count in report.resets.most_common():
        yield f"| reset: {reason} | {count} |"


def _wrong(report: Report) -> Iterator[str]:
    if report.violations:
        yield "\nWhat was violated:\n"
        yield from (f"- {each}" for each in report.violations)
