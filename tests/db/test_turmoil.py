"""Everything at once: whatever people do, in any order, the calendar is right afterwards."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg

from tests.actors import Actor, Connection, Organization, RefusedError, as_service, as_user, rpc
from tests.db.approving import decide, join, make_rule, make_tier
from tests.db.auditing import export, first_fault, rows_now, rows_retold, seal, verify
from tests.db.booking import Watcher, at, book, cancel, change, hold, restore
from tests.db.maintenance import schedule
from tests.db.waiting import accept, wait

# What a person may be told. Anything else, a deadlock above all, is a fault of ours.
TOLD = {
    "done", "nothing", "CONFLICT", "INVALID_STATE", "RULE_VIOLATION", "NOT_FOUND", "FORBIDDEN",
    "NO_ELIGIBLE_APPROVER", "SERVICE_UNAVAILABLE", "VALIDATION_ERROR",
}  # fmt: skip
ACTS_EACH = 40
ACTS = (
    "book", "book", "book", "hold", "cancel", "restore", "change", "change", "wait", "accept", "accept",
    "leave", "decide", "maintain", "call_off",
)  # fmt: skip
SCHEDULES = (
    "expire_holds", "offer_waitlist", "expire_approvals", "complete_reservations", "seal_audit_logs",
)  # fmt: skip
# What the audit log must be able to tell again, row by row.
RETOLD = ("reservations", "approval_requests", "rule_approvals", "waitlist_entries", "maintenance_windows")
# What there must be none of.
WRONG = {
    "a booking without its time": """
        select r.id from public.reservations r
        where r.organization_id = %(org)s and r.status in ('pending', 'approved') and (
            select count(*) from app.occupancy o
            where o.source_id = r.id and o.asset_id = r.asset_id and o.kind = 'reservation'
                and o.occupied = tstzrange(r.start_date, r.end_date)
        ) <> 1""",
    "time taken for nothing": """
        select o.source_id, o.kind from app.occupancy o join public.assets a on a.id = o.asset_id
        where a.organization_id = %(org)s
            and not exists (
                select from public.reservations r
                where r.id = o.source_id and r.status in ('hold', 'pending', 'approved')
            ) and not exists (
                select from public.maintenance_windows w where w.id = o.source_id and w.status = 'scheduled'
            )""",
    "maintenance that left a gap": """
        select w.id from public.maintenance_windows w
        where w.organization_id = %(org)s and w.status = 'scheduled'
            and not tstzrange(w.start_date, w.end_date) <@ (
                select range_agg(o.occupied) from app.occupancy o where o.asset_id = w.asset_id
            )""",
    "a pending booking that nobody is asked about": """
        select r.id from public.reservations r
        where r.organization_id = %(org)s and r.status = 'pending' and not exists (
            select from public.approval_requests q where q.reservation_id = r.id and q.status = 'pending'
        )""",
    "a request about what is not pending": """
        select q.id from public.approval_requests q join public.reservations r on r.id = q.reservation_id
        where r.organization_id = %(org)s and q.status = 'pending' and r.status <> 'pending'""",
    "an offer without its hold": """
        select w.id from public.waitlist_entries w left join public.reservations r on r.id = w.hold_id
        where w.organization_id = %(org)s and w.status = 'offered' and r.status is distinct from 'hold'""",
    "an accepted offer without a booking": """
        select w.id from public.waitlist_entries w
        where w.organization_id = %(org)s and w.status = 'accepted' and w.reservation_id is null""",
    "a quota that is exceeded": """
        select r.user_id, count(*) from public.reservations r
        where r.organization_id = %(org)s and r.status in ('pending', 'approved')
        group by 1 having count(*) > 3""",
}


class Turmoil:
    """People who act at random on two assets and a few days."""

    def __init__(self, database: str, organization: Organization, seed: int) -> None:
        self._database = database
        self._organization = organization
        self._assets = [organization.assets["planes"], organization.assets["helicopters"]]
        self._seed = seed
        self.outcomes: Counter[str] = Counter()
        self._guard = threading.Lock()

    def run(self, people: list[Actor]) -> None:
        threads = [
            threading.Thread(target=self._act_all, args=(person, random.Random(self._seed * 100 + place)))
            for place, person in enumerate(people)
        ]
        threads.append(threading.Thread(target=self._pass_time))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=300)

    def _count(self, name: str, act: Callable[[], object]) -> None:
        try:
            outcome = "nothing" if act() is None else "done"
        except psycopg.Error as error:
            outcome = RefusedError(error).code if error.sqlstate == "PGRST" else f"{error.sqlstate} {error}"
        with self._guard:
            self.outcomes[f"{name}: {outcome}"] += 1

    def _pass_time(self) -> None:
        with as_service(self._database) as service:
            for _ in range(ACTS_EACH // 2):
                for name in SCHEDULES:
                    self._count(name, lambda name=name: rpc(service, name))  # type: ignore[misc]
                service.execute(
                    "update public.reservations set hold_expires_at = now()"
                    " where id = (select id from public.reservations where status = 'hold'"
                    " order by random() limit 1)"
                )

    def _act_all(self, person: Actor, dice: random.Random) -> None:
        with as_user(self._database, person) as connection:
            acts = [getattr(self, f"_{name}") for name in ACTS]
            for _ in range(ACTS_EACH):
                act = dice.choice(acts)
                self._count(act.__name__, lambda act=act: act(connection, dice))  # type: ignore[misc]

    def _slot(self, dice: random.Random) -> tuple[str, Any, Any]:
        start = dice.randrange(2, 6)
        hour = dice.choice([0, 8, 12])
        return dice.choice(self._assets), at(start, hour), at(start + dice.choice([0, 1]), hour + 8)

    def _any(self, connection: Connection, dice: random.Random, table: str, where: str) -> Any:
        found = connection.execute(
            f"""
            select id::text from public.{table} where organization_id = %s and {where} order by id
            """.encode(),
            [self._organization.id],
        ).fetchall()
        return dice.choice(found) if found else None

    def _book(self, connection: Connection, dice: random.Random) -> Any:
        return book(connection, *self._slot(dice), displace=dice.random() < 0.5)

    def _hold(self, connection: Connection, dice: random.Random) -> Any:
        asset, start, end = self._slot(dice)
        held = hold(connection, asset, start, end)
        return dice.random() < 0.5 or book(connection, asset, start, end, hold_id=held["id"])

    def _cancel(self, connection: Connection, dice: random.Random) -> Any:
        row = self._any(connection, dice, "reservations", "status in ('pending', 'approved')")
        return row and cancel(connection, row)

    def _restore(self, connection: Connection, dice: random.Random) -> Any:
        row = self._any(connection, dice, "reservations", "status = 'canceled'")
        return row and restore(connection, row)

    def _change(self, connection: Connection, dice: random.Random) -> Any:
        row = self._any(connection, dice, "reservations", "status in ('pending', 'approved')")
        asset, start, end = self._slot(dice)
        return row and change(connection, row, asset_id=asset, start_date=start, end_date=end)

    def _wait(self, connection: Connection, dice: random.Random) -> Any:
        asset, _, _ = self._slot(dice)
        return wait(connection, self._organization, asset, dice.randrange(2, 6))

    def _accept(self, connection: Connection, dice: random.Random) -> Any:
        row = self._any(connection, dice, "waitlist_entries", "status = 'offered'")
        return row and accept(connection, row)

    def _leave(self, connection: Connection, dice: random.Random) -> Any:
        row = self._any(connection, dice, "waitlist_entries", "status in ('waiting', 'offered')")
        return row and rpc(connection, "leave_waitlist", p_entry_id=row["id"])

    def _decide(self, connection: Connection, dice: random.Random) -> Any:
        row = self._any(connection, dice, "reservations", "status = 'pending'")
        return row and decide(connection, row, dice.choice(["approve", "reject"]))

    def _maintain(self, connection: Connection, dice: random.Random) -> Any:
        asset, start, end = self._slot(dice)
        return schedule(connection, asset, start, end, resolution=dice.choice(["keep", "cancel"]))

    def _call_off(self, connection: Connection, dice: random.Random) -> Any:
        row = self._any(connection, dice, "maintenance_windows", "status = 'scheduled'")
        return row and rpc(connection, "cancel_maintenance", p_maintenance_id=row["id"])


def test_whatever_is_done_at_once_the_calendar_is_right(
    database: str, db: Connection, organization: Organization, watcher: Watcher
) -> None:
    strong = make_tier(db, organization, "Principals", 1, can_override=True)
    db.execute("update public.tiers set priority = 50 where id = %s", [organization.tier])
    people = [
        organization.owner,
        organization.admin,
        organization.manager,
        organization.member,
        join(db, organization, "ana", tier=strong),
        join(db, organization, "luis", tier=strong),
    ]
    make_rule(db, organization, tier_id=organization.tier, approval_type="any_approver")
    quota = '{"amount": 3, "unit": "count", "period": "rolling_365", "scope": "organization"}'
    make_rule(db, organization, name="Three", rule_type="quota", conditions=quota, effect="deny")
    turmoil = Turmoil(database, organization, 7)
    turmoil.run(people)
    assert not {outcome for outcome in turmoil.outcomes if outcome.split(": ", 1)[1] not in TOLD}
    for wrong, query in WRONG.items():
        assert db.execute(query.encode(), {"org": organization.id}).fetchall() == [], wrong
    watcher.events()
    while seal(database):
        pass
    assert verify(database, organization)["intact"]
    assert first_fault(organization.id, export(database, organization)) is None
    for table in RETOLD:
        retold = rows_retold(db, organization.id, table)
        # A hold leaves no entry until it is a booking.
        now = {
            row_id: row
            for row_id, row in rows_now(db, organization.id, table).items()
            if (table, row["status"]) != ("reservations", "hold")
        }
        assert retold == now
        assert now
