"""The short run: some faults of every family, and every view is right. `make prove` is the long one."""

import asyncio

from tests.harness import running_stack, scratch_directory
from tests.prove.faults import DEAF, PRUNED, REALTIME
from tests.prove.report import table
from tests.prove.run import Plan, prove

PLAN = Plan(
    seed=5,
    rounds=[20.0],
    hold=(0.3, 1.2),
    processes=(
        "BFF killed",
        "other BFF told to end",
        "Realtime killed",
        "REST (lite) killed",
        "Postgres restarted",
        DEAF,
        PRUNED,
    ),
    all_kinds=True,
)
# A machine that does ten things at once; by itself a run takes a minute.
DEADLINE_SECONDS = 300.0


async def test_whatever_breaks_each_view_comes_to_show_the_calendar_and_nothing_that_it_may_not() -> None:
    with scratch_directory() as directory, running_stack(directory / "stack") as stack:
        async with asyncio.timeout(DEADLINE_SECONDS):
            report = await prove(PLAN, stack, directory)
    told = table(report)
    assert not report.violations, told
    # That nothing was violated says something only where something happened.
    assert set(report.faults) >= {*PLAN.processes}, told
    assert len(set(report.faults) & set(REALTIME)) > len(REALTIME) / 2, told
    assert report.clients["changes"] > 500, told
    assert report.clients["resumed"] > 20, told
    assert report.resets["access_changed"] > 0, told
