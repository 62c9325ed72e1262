"""What Postgres plans: which indexes a query reads, and what functions ask inside."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.actors import Actor, Connection, connect


def indexes(plan: dict[str, Any]) -> set[str]:
    """The indexes that a plan reads."""
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    return found.union(*(indexes(child) for child in plan.get("Plans", [])))


@contextmanager
def explaining(admin_database: str, actor: Actor) -> Iterator[tuple[Connection, list[str]]]:
    """A connection as the actor that also tells the plans of what functions run inside."""
    plans: list[str] = []
    with closing(connect(admin_database)) as connection:
        connection.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
        connection.execute("load 'auto_explain'")
        for name, value in {
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_nested_statements": "on",
            "auto_explain.log_level": "notice",
            "request.jwt.claims": json.dumps(actor.claims),
        }.items():
            connection.execute("select set_config(%s, %s, false)", [name, value])
        connection.execute("set role authenticated")
        plans.clear()
        yield connection, plans
