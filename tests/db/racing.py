"""Several who act at the same instant."""

import threading
from collections import Counter
from collections.abc import Callable

import psycopg

from tests.actors import RefusedError


def race(actions: list[Callable[[], object]]) -> Counter[str]:
    """Runs all actions at once, from one barrier; counts what came of them: 'done' or the error's code."""
    barrier = threading.Barrier(len(actions))
    outcomes: Counter[str] = Counter()
    guard = threading.Lock()

    def run(action: Callable[[], object]) -> None:
        barrier.wait(timeout=60)
        try:
            action()
            outcome = "done"
        except psycopg.Error as error:
            outcome = RefusedError(error).code if error.sqlstate == "PGRST" else str(error.sqlstate)
        with guard:
            outcomes[outcome] += 1

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert outcomes.total() == len(actions)
    return outcomes
