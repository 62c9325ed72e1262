"""What is switched off is refused where it is done, for whom it is switched off, and from then on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from bff.flags import FEATURES, OFF_HEADER, off_headers
from bff.schemas.accounts import Features
from tests.actors import Connection, Organization, as_service, as_user, make_organization, refused, rpc
from tests.db.approving import status_of
from tests.db.booking import at, book, preview
from tests.db.test_bulk import bulk, create
from tests.db.test_stream_grants import grants, request
from tests.db.waiting import entry_of, wait


def switch(
    db: Connection, feature: str, organization: Organization | None = None, *, enabled: bool = False
) -> None:
    """A row of the flags, as the dashboard writes one."""
    db.execute(
        "insert into app.feature_flags (feature, organization_id, enabled) values (%s, %s, %s)",
        [feature, None if organization is None else organization.id, enabled],
    )


@pytest.fixture(autouse=True)
def all_on(db: Connection) -> Iterator[None]:
    """Nothing is left switched off for the other tests of the database."""
    yield
    db.execute("delete from app.feature_flags")


def features(connection: Connection, organization: Organization) -> dict[str, bool]:
    """What `me` says is on there."""
    [found] = [
        membership["features"]
        for membership in rpc(connection, "me")["memberships"]
        if membership["organization"]["id"] == organization.id
    ]
    return dict(found)


@contextmanager
def sent_with(connection: Connection, headers: dict[str, str]) -> Iterator[None]:
    """As PostgREST hands a request's headers over: their names in lower case."""
    lower = json.dumps({name.lower(): value for name, value in headers.items()})
    connection.execute("select set_config('request.headers', %s, false)", [lower])
    yield
    connection.execute("select set_config('request.headers', '', false)")


def test_the_database_the_bff_and_the_schema_name_the_same_features(db: Connection) -> None:
    rows = db.execute("select unnest(enum_range(null::app.feature))::text as name").fetchall()
    assert [row["name"] for row in rows] == list(FEATURES) == list(Features.model_fields)


def test_everything_is_on_until_it_is_switched_off(member: Connection, organization: Organization) -> None:
    assert features(member, organization) == dict.fromkeys(FEATURES, True)


def test_an_organisations_row_wins_over_everyones_and_another_organisations_says_nothing(
    db: Connection, database: str, member: Connection, organization: Organization
) -> None:
    other = make_organization(db)
    switch(db, "waitlist")
    switch(db, "waitlist", organization, enabled=True)
    switch(db, "bulk_assets", other)
    assert features(member, organization) == dict.fromkeys(FEATURES, True)
    with as_user(database, other.member) as theirs:
        assert features(theirs, other) == {
            **dict.fromkeys(FEATURES, True),
            "waitlist": False,
            "bulk_assets": False,
        }


@pytest.mark.parametrize("name", ["waitlsit", "", "WAITLIST"])
def test_a_name_that_there_is_not_is_refused(db: Connection, name: str) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        switch(db, name)


def test_there_is_one_row_for_a_feature_and_an_organisation(
    db: Connection, organization: Organization
) -> None:
    for whose in (None, organization):
        switch(db, "waitlist", whose)
        with pytest.raises(psycopg.errors.UniqueViolation):
            switch(db, "waitlist", whose, enabled=True)


def test_an_edit_is_dated_and_a_deleted_organisation_takes_its_rows_along(db: Connection) -> None:
    organization = make_organization(db)
    switch(db, "waitlist", organization)
    db.execute("update app.feature_flags set enabled = true")
    row = db.execute("select version, updated_at > created_at as later from app.feature_flags").fetchone()
    assert row == {"version": 2, "later": True}
    db.execute("delete from public.organizations where id = %s", [organization.id])
    assert db.execute("select from app.feature_flags").fetchall() == []


def test_nobody_reaches_the_flags_through_the_api(database: str, organization: Organization) -> None:
    for connected in (as_user(database, organization.owner), as_service(database)):
        with connected as caller:
            for statement in (
                "select from app.feature_flags",
                "insert into app.feature_flags (feature, enabled) values ('waitlist', false)",
                "delete from app.feature_flags",
                "select app.feature_enabled('waitlist', null)",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    caller.execute(statement)


def test_without_the_waiting_list_nobody_joins_and_who_waits_already_is_still_offered(
    db: Connection, organization: Organization, member: Connection, owner: Connection, plane: str
) -> None:
    booking = book(owner, plane, at(2), at(3))
    entry = wait(member, organization, plane, 2)
    switch(db, "waitlist", organization)
    book(owner, plane, at(5), at(6))
    with refused("FEATURE_DISABLED", 403) as failures:
        wait(member, organization, plane, 5)
    assert failures[0].details == {"feature": "waitlist"}
    rpc(owner, "cancel_reservation", p_reservation_id=booking["id"])
    assert entry_of(db, entry)["status"] == "offered"
    db.execute("delete from app.feature_flags")
    assert wait(member, organization, plane, 5)["status"] == "waiting"


def test_without_displacement_a_conflict_is_a_conflict_and_says_so(
    db: Connection, family: Organization, member: Connection, owner: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    switch(db, "displacement", family)
    told = preview(owner, plane, at(2), at(3), displace=True)
    assert (told["outcome"], told["displaceable"]) == ("conflict", False)
    with refused("CONFLICT", 409) as failures:
        book(owner, plane, at(2), at(3), displace=True)
    assert failures[0].details["displaceable"] is False
    assert status_of(db, booking) == "approved"
    # What is free needs no displacement.
    assert book(owner, plane, at(7), at(8), displace=True)["status"] == "approved"


def test_whoever_is_displaced_heads_the_waiting_list_though_nobody_may_join_it(
    db: Connection, family: Organization, member: Connection, owner: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    switch(db, "waitlist", family)
    book(owner, plane, at(2), at(3), displace=True)
    assert status_of(db, booking) == "displaced"
    [entry] = db.execute(
        "select status from public.waitlist_entries where displaced_reservation_id = %s", [booking["id"]]
    ).fetchall()
    assert entry["status"] == "waiting"


def test_without_bulks_none_is_done_and_strangers_learn_nothing_of_it(
    db: Connection, database: str, organization: Organization
) -> None:
    stranger = make_organization(db).owner
    switch(db, "bulk_assets", organization)
    with as_user(database, organization.admin) as admin, refused("FEATURE_DISABLED", 403) as failures:
        bulk(admin, organization, "partial", create("Piper"))
    assert failures[0].details == {"feature": "bulk_assets"}
    with as_user(database, organization.member) as weak, refused("FORBIDDEN", 403):
        bulk(weak, organization, "partial", create("Piper"))
    with as_user(database, stranger) as other, refused("NOT_FOUND", 404):
        bulk(other, organization, "partial", create("Piper"))


def test_without_streams_no_grant_is_given_and_strangers_learn_nothing_of_it(
    db: Connection, database: str, organization: Organization
) -> None:
    stranger = make_organization(db).owner
    switch(db, "calendar_stream", organization)
    assert grants(database, request(organization.member, organization), request(stranger, organization)) == [
        {"granted": False, "reason": "switched_off"},
        {"granted": False, "reason": "not_member"},
    ]


def test_what_a_deployment_does_without_is_off_whatever_the_table_says(
    db: Connection, organization: Organization, member: Connection
) -> None:
    switch(db, "waitlist", organization, enabled=True)
    with sent_with(member, dict(off_headers(["waitlist", "bulk_assets"]))):
        on = features(member, organization)
    assert [name for name in on if not on[name]] == ["waitlist", "bulk_assets"]
    assert features(member, organization) == dict.fromkeys(FEATURES, True)
    assert off_headers([]) == {}


@pytest.mark.parametrize("value", ["", ",", "waitlist'; drop table x;--", "*", "WAITLIST", "{}", "x" * 9000])
def test_whatever_a_caller_sends_as_that_header_switches_off_nothing_else(
    organization: Organization, member: Connection, value: str
) -> None:
    with sent_with(member, {OFF_HEADER: value}):
        assert features(member, organization) == dict.fromkeys(FEATURES, True)
