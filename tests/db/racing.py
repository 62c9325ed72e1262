"""Several who act at the same instant, and two of whom the second waits for the first."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg

from tests.actors import Actor, Connection, RefusedError, as_user
from tests.harness import wait_until

Act = Callable[[Connection], Any]


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


def second_of_two(database: str, db: Connection, first: tuple[Actor, Act], second: tuple[Actor, Act]) -> Any:
    """What comes of the second act, begun before the first is committed: its answer or refusal."""
    outcome: list[Any] = []

    def act(connection: Connection) -> None:
        try:
            outcome.append(second[1](connection))
        except psycopg.Error as error:
            outcome.append(RefusedError(error) if error.sqlstate == "PGRST" else error)

    with ExitStack() as stack:
        one = stack.enter_context(as_user(database, first[0]))
        two = stack.enter_context(as_user(database, second[0]))
        with one.transaction():
            first[1](one)
            thread = threading.Thread(target=act, args=(two,))
            thread.start()
            wait_until(
                lambda: (
                    outcome
                    or db.execute(
                        "select from pg_locks where pid = %s and not granted", [two.info.backend_pid]
                    ).rowcount
                ),
                what="the second one waits",
            )
            assert not outcome, f"the second one did not wait: {outcome}"
        thread.join(timeout=20)
    return outcome[0]
