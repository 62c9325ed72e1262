"""A database in which somebody has lived: the demo data, and something in each table that people fill."""

import uuid
from datetime import timedelta

from tests.actors import (
    Connection,
    Organization,
    as_service,
    as_user,
    make_organization,
    rpc,
)
from tests.db.auditing import hand_over, record, seal
from tests.db.booking import at, book, cancel
from tests.db.maintenance import schedule
from tests.db.test_invitations import invite, set_seats
from tests.db.test_photos import folder, register, store
from tests.db.test_series import repeat
from tests.db.waiting import wait
from tests.harness import ROOT

SEED = ROOT / "supabase" / "seed.sql"


def live_in(db: Connection, database: str) -> Organization:
    """Loads the demo data, and does in a fresh organisation what people do; answers that organisation.

    Args:
        db: role postgres.
        database: how to connect to the same database.
    """
    db.execute(SEED.read_bytes())
    organization = make_organization(db)
    plane, house, boat = (organization.assets[section] for section in ("planes", "residences", "watercraft"))
    set_seats(db, organization, 9)
    with as_user(database, organization.member) as member:
        kept = book(member, plane, at(30), at(31), notes="Two cars", idempotency_key=str(uuid.uuid4()))
        cancel(member, book(member, plane, at(33), at(34)), reason="Weather")
        book(member, plane, at(36), at(37), guests=[{"name": "Ana"}])
        repeat(member, boat)
        rpc(member, "create_hold", p_asset_id=house, p_start_date=at(40), p_end_date=at(41))
    with as_user(database, organization.manager) as manager:
        wait(manager, organization, plane, 30)
    db.execute(
        "insert into public.tier_rules (tier_id, organization_id, max_days_per_month) values (%s, %s, 31)",
        [organization.tier, organization.id],
    )
    db.execute(
        "update public.tiers set sections = '{planes,residences,watercraft}' where id = %s",
        [organization.tier],
    )
    with as_user(database, organization.admin) as admin:
        schedule(admin, plane, at(50), at(51))
        register(admin, organization, path=store(db, f"{folder(organization)}/a.png"))
        register(admin, organization, url="https://photos.example.test/a.png")
        invite(admin, organization, "new@example.test", role="viewer")
        admin.execute(
            "insert into public.holidays (organization_id, name, month_day) values (%s, 'Founders', '07-14')",
            [organization.id],
        )
    with as_user(database, organization.manager) as manager:
        rpc(
            manager,
            "create_approval_delegation",
            p_organization_id=organization.id,
            p_delegate_id=organization.admin.id,
            p_starts_at=at(1),
            p_ends_at=at(2),
        )
    db.execute(
        "insert into app.feature_flags (feature, organization_id, enabled) values ('waitlist', %s, true)",
        [organization.id],
    )
    # After the maintenance: the log must not end with an event that the former log cannot hold.
    with as_user(database, organization.member) as member:
        book(member, plane, at(60), at(60) + timedelta(hours=2), title=f"After {kept['title']}")
    with as_service(database) as service:
        ask = {"user_id": organization.member.id, "organization_id": organization.id, "aal": "aal1"}
        rpc(service, "stream_grants", p_requests=[{**ask, "ticket_id": str(uuid.uuid4())}])
        rpc(service, "refresh_organization_stats")
    hand_over(database, record(organization, organization.member))
    seal(database)
    # One that waits to be sealed.
    hand_over(database, record(organization, organization.member))
    return organization
