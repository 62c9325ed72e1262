"""Approvals in the tests of the database: rules that ask, bookings that wait, decisions in a line."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.actors import Actor, Connection, Organization, add_member, make_user, rpc
from tests.db.booking import Json, at, insert_booking

# A connection as the person of that name; it closes with the test.
Act = Callable[[str], Connection]


@dataclass(frozen=True)
class House:
    """An organisation with two principals beside its five; people by name."""

    organization: Organization
    principals: str
    people: dict[str, Actor]

    def ids(self, *names: str) -> list[str]:
        return [self.people[name].id for name in names]

    def names(self, ids: set[str] | list[str]) -> set[str]:
        known = {person.id: name for name, person in self.people.items()}
        return {known[each] for each in ids}


def _insert(db: Connection, table: str, values: Json) -> str:
    places = ", ".join(["%s"] * len(values))
    row = db.execute(
        f"insert into public.{table} ({', '.join(values)}) values ({places}) returning id",
        list(values.values()),
    ).fetchone()
    assert row is not None
    return str(row["id"])


def make_rule(db: Connection, organization: Organization, **columns: Any) -> str:
    """A rule that always asks for approval; `columns` say of whom."""
    values = {
        "organization_id": organization.id,
        "name": "Ask first",
        "rule_type": "custom",
        "conditions": json.dumps({"description": "Always"}),
        "effect": "require_approval",
        **columns,
    }
    return _insert(db, "tier_booking_rules", values)


def make_tier(db: Connection, organization: Organization, name: str, priority: int, **columns: Any) -> str:
    """A tier; lower `priority` is stronger."""
    values = {"organization_id": organization.id, "name": name, "priority": priority, **columns}
    return _insert(db, "tiers", values)


def join(
    db: Connection, organization: Organization, name: str, role: str = "member", tier: str | None = None
) -> Actor:
    """A further member."""
    actor = make_user(db, name)
    add_member(db, organization.id, actor, role, tier)
    return actor


def violation(rule: str | None, **keys: Any) -> Json:
    """What the rules' judge says of a rule that asks for approval; None is the tier's own limit."""
    return {
        "ruleId": rule,
        "ruleType": "custom" if rule else "tier_limit",
        "code": "custom" if rule else "tier_requires_approval",
        "effect": "require_approval",
        **keys,
    }


def ask(
    db: Connection,
    organization: Organization,
    *rules: str | None,
    asset: str | None = None,
    booker: Actor | None = None,
    submitter: Actor | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Json:
    """A pending booking, submitted by these rules for its approval as a booking function does."""
    booker = booker or organization.member
    with db.transaction():
        claims = (submitter or booker).claims
        db.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
        booking = insert_booking(
            db,
            organization,
            asset or organization.assets["planes"],
            start or at(5),
            end or at(6),
            user_id=booker.id,
            status="pending",
        )
        submit(db, booking, *rules)
    return booking


def submit(db: Connection, booking: Json, *rules: str | None) -> None:
    """Asks for approval of a pending booking."""
    db.execute(
        """
        select app.submit_approvals(
            r, app.approval_plan(app.make_case(a, r.user_id, r.start_date, r.end_date), %s))
        from public.reservations r join public.assets a on a.id = r.asset_id
        where r.id = %s
        """,
        [json.dumps([violation(rule) for rule in rules]), booking["id"]],
    )


def decide(connection: Connection, booking: Json, decision: str = "approve", **arguments: Any) -> Json:
    """decide_reservation; `arguments` without their `p_`."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    decided: Json = rpc(
        connection, "decide_reservation", p_reservation_id=booking["id"], p_decision=decision, **named
    )
    return decided


def status_of(db: Connection, booking: Json) -> str:
    row = db.execute("select status from public.reservations where id = %s", [booking["id"]]).fetchone()
    assert row is not None
    return str(row["status"])


def requests_of(db: Connection, booking: Json) -> list[Json]:
    """The booking's requests, as its readers see them."""
    row = db.execute("select app.approvals_json(%s) as requests", [booking["id"]]).fetchone()
    assert row is not None
    requests: list[Json] = row["requests"]
    return requests


def asked(request: Json, *statuses: str) -> set[str]:
    """Who is asked by this request, or has one of these statuses in it."""
    return {
        approver["user_id"]
        for approver in request["approvers"]
        if approver["status"] in (statuses or ("pending", "approved", "rejected"))
    }


def remove(db: Connection, organization: Organization, *people: Actor) -> None:
    """Ends memberships, as the dashboard does."""
    for person in people:
        db.execute(
            "delete from public.organization_members where organization_id = %s and user_id = %s",
            [organization.id, person.id],
        )


def set_role(db: Connection, organization: Organization, person: Actor, role: str) -> None:
    db.execute(
        "update public.organization_members set role = %s where organization_id = %s and user_id = %s",
        [role, organization.id, person.id],
    )


def rule_of(db: Connection, house: House, **columns: Any) -> str:
    """A rule; `users` by name, `tier` true for the principals'."""
    users = columns.pop("users", None)
    if columns.pop("tier", False):
        columns["approver_tier_id"] = house.principals
    if users:
        columns["approver_user_ids"] = house.ids(*users)
    return make_rule(db, house.organization, **columns)
