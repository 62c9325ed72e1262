"""`python -m tests.load`: people of many offices at their calendars. Exit code 1 where an aim was missed.

Then the audit is compared with what was asked: each request that must be recorded is, once, and each change;
and all chains are verified. With --soak: long, and what is shown is that memory does not grow.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator

from bench.report import Figure, render
from tests.harness import running_stack, scratch_directory
from tests.load.auditing import Audited
from tests.load.run import Outcome, Plan, percentile, run

LOAD_SECONDS = 120
SOAK_SECONDS = 1_200
# The share of a soak by whose end memory has settled; from then on it must not grow.
SETTLED = 0.25


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--soak", action="store_true", help=f"{SOAK_SECONDS} s instead of {LOAD_SECONDS}")
    parser.add_argument("--seconds", type=int, help="how long the people stay")
    parser.add_argument("--share", type=float, default=0.25, help="of the rate that REST sustains")
    options = parser.parse_args()
    plan = Plan(options.seconds or (SOAK_SECONDS if options.soak else LOAD_SECONDS), share=options.share)
    with scratch_directory() as directory, running_stack(directory / "stack") as stack:
        outcome = run(plan, stack, directory)
    print(_requests(outcome))
    figures = [
        *_load_figures(outcome),
        *(_soak_figures(outcome) if options.soak else ()),
        *_audit_figures(outcome.audited),
    ]
    print(f"\n{render(figures)}\n")
    for line in (*outcome.audited.wrong, *outcome.audited.broken):
        print(f"audit: {line}")
    return 0 if all(figure.met for figure in figures) else 1


def _requests(outcome: Outcome) -> str:
    lines = [f"{'request':22} {'count':>6} {'failed':>6} {'median':>7} {'P95':>7} {'P99':>7}  (ms)"]
    for row in sorted(outcome.requests, key=lambda row: -row["num_requests"]):
        p50, p95, p99 = (percentile(row["response_times"], share) for share in (0.5, 0.95, 0.99))
        name = f"{row['method']} {row['name']}"
        lines.append(
            f"{name:22} {row['num_requests']:6} {row['num_failures']:6} {p50:7.0f} {p95:7.0f} {p99:7.0f}"
        )
    lines += ["", "answers but 200 and 201 (a slot that is taken is answered 409):"]
    for (operation, status), count in sorted(outcome.tally.answered.items()):
        if status not in ("200", "201"):
            lines.append(f"{operation} {status}: {count:,}")
    lines += [f"{name} without one: {count:,}" for name, count in sorted(outcome.tally.unanswered.items())]
    return "\n".join(lines)


def _load_figures(outcome: Outcome) -> Iterator[Figure]:
    plan, streams = outcome.plan, outcome.streams
    count = sum(row["num_requests"] for row in outcome.requests)
    failed = sum(row["num_failures"] for row in outcome.requests)
    times: dict[str, int] = {}
    for row in outcome.requests:
        for time_ms, number in row["response_times"].items():
            times[time_ms] = times.get(time_ms, 0) + number
    yield Figure(
        f"{plan.people} people of {plan.offices} offices, {plan.seconds} s: requests, failed",
        f"REST alone {outcome.sustained:.0f}/s, of which {outcome.rate:.0f}/s are asked",
        f"{count:,} ({count / plan.seconds:.0f}/s), {failed} failed",
        count / plan.seconds / outcome.sustained,
        "none failed",
        failed == 0,
    )
    p95 = percentile(times, 0.95)
    yield Figure(
        "P95 of all requests",
        f"median {percentile(times, 0.5):.0f} ms",
        f"{p95:.0f} ms",
        p95 / percentile(times, 0.5),
        "200 ms at most",
        p95 <= 200,
    )
    own = statistics.quantiles(outcome.own, n=100, method="inclusive")
    yield Figure(
        "P95 of the BFF's own share (its time without its waits for Supabase)",
        f"median {own[49]:.1f} ms",
        f"{own[94]:.1f} ms",
        own[94] / own[49],
        "20 ms at most",
        own[94] <= 20,
    )
    lags = streams["lags"]
    unseen, ended = streams["unseen"], sum(streams["ended"].values())
    p95_lag = statistics.quantiles(lags, n=20)[18] * 1000
    yield Figure(
        f"{plan.people} streams: bookings that came back on the booker's own",
        f"{len(lags) + unseen:,} bookings made",
        f"{len(lags):,}; P95 {p95_lag:.0f} ms after the answer; {ended} ended",
        len(lags) / (len(lags) + unseen),
        "all, no stream ended",
        unseen == 0 and ended == 0,
    )


def _soak_figures(outcome: Outcome) -> Iterator[Figure]:
    seconds = outcome.plan.seconds
    # The median of some looks: a single one may fall beside a collection.
    sizes = outcome.memory
    some = max(1, len(sizes) // 20)
    settled = round(SETTLED * len(sizes))
    early, late = statistics.median(sizes[settled : settled + some]), statistics.median(sizes[-some:])
    yield Figure(
        f"resident memory after {seconds} s",
        f"after {SETTLED * seconds:.0f} s {early / 1e6:.1f} MB",
        f"{late / 1e6:.1f} MB",
        late / early,
        "1.05 times at most",
        late <= 1.05 * early,
    )


def _audit_figures(audited: Audited) -> Iterator[Figure]:
    # Of what broke off nobody knows whether it is recorded; the load has failed then.
    broke_off = f", {audited.unanswered:,} broke off" if audited.unanswered else ""
    yield Figure(
        "audit: requests that change something or are refused, recorded",
        f"{audited.made:,} made{broke_off}",
        f"{audited.recorded:,} recorded",
        audited.recorded / audited.made,
        "each once",
        not audited.wrong,
    )
    yield Figure(
        "audit: rows that they changed, with an entry",
        f"{audited.changes:,} changed",
        f"{audited.changed:,} entries",
        audited.changed / audited.changes,
        "each once",
        not audited.wrong,
    )
    yield Figure(
        f"audit: all {audited.chains} chains verified",
        f"{audited.entries:,} entries of the offices",
        f"{audited.links:,} links, {len(audited.broken)} chains broken",
        audited.links / audited.entries,
        "all intact, each entry linked",
        not audited.broken and audited.links == audited.entries,
    )


if __name__ == "__main__":
    sys.exit(main())
