"""The waiting list in the tests of the database: waiting, accepting, and offers that end."""

from tests.actors import Connection, Organization, as_service, rpc
from tests.db.booking import Json, at, expire_hold


def wait(
    connection: Connection, organization: Organization, asset: str, day: int, **arguments: object
) -> Json:
    """Waits for the whole of that day from ten to ten."""
    entry: Json = rpc(
        connection,
        "join_waitlist",
        p_organization_id=organization.id,
        p_asset_id=asset,
        p_title="Wish",
        **{"p_start_date": at(day), "p_end_date": at(day + 1), **arguments},
    )
    return entry


def accept(connection: Connection, entry: Json, **arguments: object) -> Json:
    """accept_waitlist_offer."""
    booking: Json = rpc(connection, "accept_waitlist_offer", p_entry_id=entry["id"], **arguments)
    return booking


def entry_of(db: Connection, entry: Json) -> Json:
    """The entry as it is now."""
    row = db.execute("select * from public.waitlist_entries where id = %s", [entry["id"]]).fetchone()
    assert row is not None
    return row


def standing(db: Connection, *entries: Json) -> list[str]:
    """The entries' statuses."""
    return [entry_of(db, entry)["status"] for entry in entries]


def end_offer(db: Connection, entry: Json) -> None:
    """The offer's half hour is over, in each row that knows of it."""
    expire_hold(db, entry_of(db, entry)["hold_id"])
    db.execute("update public.waitlist_entries set offer_expires_at = now() where id = %s", [entry["id"]])


def offer_all(database: str) -> int:
    """offer_waitlist, as the schedule calls it."""
    with as_service(database) as service:
        count: int = rpc(service, "offer_waitlist")
    return count
