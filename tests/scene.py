"""An organisation with something of everything in it, for tests of who may do what to it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.actors import (
    Actor,
    Connection,
    Organization,
    TokenSigner,
    add_member,
    as_anonymous,
    as_user,
    make_organization,
    make_user,
)

# Sections of assets that the tier of members shows and hides.
VISIBLE, HIDDEN = "planes", "watercraft"


@dataclass(frozen=True)
class Scene:
    """An organisation with a row for each line of docs/access.md, a removed member and a stranger."""

    conninfo: str
    organization: Organization
    removed: Actor
    stranger: Actor
    ids: dict[str, str]

    def actor(self, role: str) -> Actor:
        if role in ("removed", "stranger"):
            return self.removed if role == "removed" else self.stranger
        return self.organization.actor(role)

    def connect(self, role: str) -> AbstractContextManager[Connection]:
        return (
            as_anonymous(self.conninfo) if role == "anonymous" else as_user(self.conninfo, self.actor(role))
        )

    def values(self, role: str) -> dict[str, str]:
        """What the probes' placeholders stand for."""
        user = self.organization.owner.id if role == "anonymous" else self.actor(role).id
        return {**self.ids, "organization": self.organization.id, "me": user}


def _booking(
    db: Connection, organization: Organization, section: str, user: Actor, day: int, status: str
) -> str:
    row = db.execute(
        """
        with booking as (
            insert into public.reservations
                (organization_id, asset_id, user_id, title, start_date, end_date, status)
            values (%(organization)s, %(asset)s, %(user)s, 'Trip', now() + %(day)s * interval '1 day',
                    now() + %(day)s * interval '1 day' + interval '2 hours', %(status)s)
            returning id)
        select id from booking
        """,
        {
            "organization": organization.id,
            "asset": organization.assets[section],
            "user": user.id,
            "day": day,
            "status": status,
        },
    ).fetchone()
    assert row is not None
    db.execute(
        "insert into public.reservation_details (reservation_id, notes) values (%s, 'private')", [row["id"]]
    )
    db.execute(
        "insert into public.reservation_guests (reservation_id, position, name) values (%s, 1, 'Guest')",
        [row["id"]],
    )
    return str(row["id"])


def _series(db: Connection, organization: Organization, section: str, user: Actor, booking: str) -> str:
    """A series whose only instance is that booking."""
    return _insert(
        db,
        """
        with series as (
            insert into public.reservation_series
                (organization_id, asset_id, user_id, title, rrule, time_zone, starts_at, duration)
            values (%(organization)s, %(asset)s, %(user)s, 'Trip', 'FREQ=DAILY;COUNT=1', 'UTC', now(), '2 h')
            returning id
        ), instance as (
            insert into app.series_instances (series_id, place, starts_at, reservation_id, outcome)
            select id, 1, now(), %(booking)s, 'approved' from series
        )
        select id from series
        """,
        {
            "organization": organization.id,
            "asset": organization.assets[section],
            "user": user.id,
            "booking": booking,
        },
    )


def _insert(db: Connection, query: str, values: dict[str, Any]) -> str:
    row = db.execute(query.encode(), values).fetchone()
    assert row is not None
    return str(row["id"])


def _waiting(db: Connection, organization: Organization, waiter: Actor, status: str) -> str:
    """An entry of the waiting list; one that is offered has its hold."""
    values = {
        "organization": organization.id,
        "asset": organization.assets[VISIBLE],
        "user": waiter.id,
        "status": status,
        "hold": _booking(db, organization, VISIBLE, waiter, 60, "hold") if status == "offered" else None,
    }
    return _insert(
        db,
        """
        insert into public.waitlist_entries
            (organization_id, asset_id, user_id, title, start_date, end_date, status, hold_id,
             offer_expires_at)
        values (%(organization)s, %(asset)s, %(user)s, 'Trip', now() + interval '60 days',
                now() + interval '60 days 2 hours', %(status)s, %(hold)s, now() + interval '30 minutes')
        returning id
        """,
        values,
    )


def _approval_request(db: Connection, booking: str, *approvers: Actor) -> str:
    """A request for approval of this booking, of which any one of these people decides."""
    query = """
        with request as (
            insert into public.approval_requests
                (reservation_id, user_id, rule_type, approval_type, required, timeout_hours, expires_at)
            select r.id, r.user_id, 'custom', 'any_approver', 1, 72, r.start_date
            from public.reservations r where r.id = %(booking)s
            returning id, organization_id),
        approval as (
            insert into public.rule_approvals (organization_id, request_id, user_id)
            select organization_id, id, unnest(%(approvers)s::uuid[]) from request)
        select id from request
        """
    return _insert(db, query, {"booking": booking, "approvers": [approver.id for approver in approvers]})


def _delegation(db: Connection, organization: Organization, user: Actor, delegate: Actor) -> str:
    query = """
        insert into public.approval_delegations (organization_id, user_id, delegate_id, starts_at, ends_at)
        values (%(organization)s, %(user)s, %(delegate)s, now() + interval '1 day', now() + interval '2 days')
        returning id
        """
    return _insert(db, query, {"organization": organization.id, "user": user.id, "delegate": delegate.id})


def lay_scene(db: Connection, conninfo: str, signer: TokenSigner | None = None) -> Scene:
    """A fresh one, laid as the dashboard would; with a signer its people carry access tokens."""
    organization = make_organization(db, signer=signer)
    removed = make_user(db, "removed", signer=signer)
    add_member(db, organization.id, removed, "member", organization.tier)
    db.execute("update public.tiers set sections = '{planes,residences}' where id = %s", [organization.tier])
    values = {"organization": organization.id, "tier": organization.tier, **organization.assets}
    ids = {
        "tier": organization.tier,
        "asset": organization.assets[VISIBLE],
        "hidden": organization.assets[HIDDEN],
    }
    ids["spare_tier"] = _insert(
        db,
        "insert into public.tiers (organization_id, name, priority) "
        "values (%(organization)s, 'x', 1) returning id",
        values,
    )
    db.execute(
        "insert into public.tier_rules (tier_id, organization_id) values (%(tier)s, %(organization)s)",
        values,
    )
    ids["rule"] = _insert(
        db,
        "insert into public.tier_booking_rules "
        "(organization_id, name, rule_type, conditions, applies_to_all_assets) "
        """values (%(organization)s, 'Notice', 'lead_time', '{"min_hours": 1}', false) returning id""",
        values,
    )
    db.execute(
        "insert into public.tier_rule_assets (rule_id, asset_id, organization_id) values (%s, %s, %s)",
        [ids["rule"], ids["asset"], organization.id],
    )
    ids["blackout"] = _insert(
        db,
        "insert into public.blackout_dates (organization_id, start_date, end_date) "
        "values (%(organization)s, '2031-06-01', '2031-06-02') returning id",
        values,
    )
    ids["holiday"] = _insert(
        db,
        "insert into public.holidays (organization_id, name, date) "
        "values (%(organization)s, 'Once', '2031-07-01') returning id",
        values,
    )
    ids["archived"] = _insert(
        db,
        "insert into public.assets (organization_id, section, name, deleted_at) "
        "values (%(organization)s, 'planes', 'Old', now()) returning id",
        values,
    )
    for asset in ("asset", "hidden", "archived"):
        ids[f"{asset}_photo"] = _insert(
            db,
            "insert into public.asset_photos (organization_id, asset_id, url) "
            "values (%(organization)s, %(asset)s, 'https://x.test/1') returning id",
            {"organization": organization.id, "asset": ids[asset]},
        )
    # Their booking is written by hand afterwards: whoever has some to come is not removed.
    db.execute("delete from public.organization_members where user_id = %s", [removed.id])
    ids["booking"] = _booking(db, organization, VISIBLE, organization.member, 2, "approved")
    ids["owners_booking"] = _booking(db, organization, VISIBLE, organization.owner, 3, "approved")
    ids["removed_booking"] = _booking(db, organization, VISIBLE, removed, 4, "approved")
    ids["hidden_booking"] = _booking(db, organization, HIDDEN, organization.owner, 2, "approved")
    ids["series"] = _series(db, organization, VISIBLE, organization.member, ids["booking"])
    ids["hidden_series"] = _series(db, organization, HIDDEN, organization.owner, ids["hidden_booking"])
    ids["hold"] = _booking(db, organization, VISIBLE, organization.member, 5, "hold")
    colleague = make_user(db, "colleague")
    add_member(db, organization.id, colleague, "manager", None)
    ids["colleague"] = colleague.id
    ids["canceled_booking"] = _booking(db, organization, VISIBLE, organization.member, 8, "canceled")
    db.execute("update public.reservations set canceled_at = now() where id = %s", [ids["canceled_booking"]])
    db.execute(
        "update public.reservation_details set canceled_by = %s where reservation_id = %s",
        [organization.member.id, ids["canceled_booking"]],
    )
    ids["pending"] = _booking(db, organization, VISIBLE, organization.member, 6, "pending")
    _approval_request(db, ids["pending"], organization.manager, organization.admin, organization.owner)
    ids["request"] = _approval_request(db, ids["booking"], organization.manager)
    ids["owners_request"] = _approval_request(db, ids["owners_booking"], organization.viewer)
    ids["removed_request"] = _approval_request(db, ids["removed_booking"], removed)
    for name, waiter, status in (
        ("waiting", organization.member, "waiting"),
        ("owners_waiting", organization.owner, "waiting"),
        ("removed_waiting", removed, "waiting"),
        ("offered", organization.member, "offered"),
    ):
        ids[name] = _waiting(db, organization, waiter, status)
    ids["delegation"] = _delegation(db, organization, organization.manager, organization.member)
    ids["others_delegation"] = _delegation(db, organization, organization.owner, organization.admin)
    for asset, window in (("asset", "maintenance"), ("hidden", "hidden_maintenance")):
        ids[window] = _insert(
            db,
            "insert into public.maintenance_windows "
            "(organization_id, asset_id, title, start_date, end_date) "
            "values (%(organization)s, %(asset)s, 'Check', now() + '70 d', now() + '71 d') returning id",
            {"organization": organization.id, "asset": ids[asset]},
        )
    db.execute(
        "update public.subscriptions set seat_limit = 50 where organization_id = %(organization)s", values
    )
    ids["colleague"] = make_user(db, "colleague").id
    values["colleague"] = ids["colleague"]
    db.execute(
        "insert into public.organization_members (organization_id, user_id) "
        "values (%(organization)s, %(colleague)s)",
        values,
    )
    ids["invitation"] = _insert(
        db,
        "insert into public.invitations (organization_id, email) "
        "values (%(organization)s, 'new@example.test') returning id",
        values,
    )
    stranger = make_organization(db, signer=signer).owner
    return Scene(conninfo, organization, removed, stranger, ids)
