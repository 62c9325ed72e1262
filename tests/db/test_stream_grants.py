"""stream_grants: who may open a stream and what it may show; and the hints that make the relay ask again."""

import uuid
from functools import partial
from itertools import combinations
from typing import Any

import psycopg
import pytest

from tests.actors import (
    SECTIONS,
    Actor,
    Connection,
    Organization,
    add_member,
    as_service,
    as_user,
    make_organization,
    rpc,
)
from tests.db.booking import at, fetch_events, insert_booking
from tests.db.racing import race


def request(actor: Actor, organization: Organization, **replaced: Any) -> dict[str, Any]:
    return {
        "user_id": actor.id,
        "organization_id": organization.id,
        "aal": "aal1",
        "session_id": actor.session_id,
        **replaced,
    }


def grants(database: str, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    with as_service(database) as service:
        answers: list[dict[str, Any]] = rpc(service, "stream_grants", p_requests=list(requests))
    return answers


def raise_session(db: Connection, actor: Actor) -> None:
    db.execute("update auth.sessions set aal = 'aal2' where user_id = %s", [actor.id])


def hints(db: Connection, organization: Organization) -> list[str | None]:
    """Whom the hints of changed access name, in order."""
    rows = db.execute(
        "select payload ->> 'user_id' as person from realtime.messages"
        " where topic = 'calendar-events' and event = 'access_changed' and private"
        " and payload ->> 'organization_id' = %s order by inserted_at",
        [organization.id],
    ).fetchall()
    return [row["person"] for row in rows]


def test_answers_come_in_the_order_of_the_requests(
    database: str, db: Connection, organization: Organization
) -> None:
    stranger = make_organization(db).owner
    insert_booking(db, organization, organization.assets["planes"], at(2), at(3))
    cursor = fetch_events(database, organization.id, None)["cursor"]
    answers = grants(
        database,
        request(organization.member, organization),
        request(stranger, organization),
        request(organization.owner, organization),
        request(organization.owner, organization, organization_id=str(uuid.uuid4())),
        request(organization.viewer, organization, session_id=str(uuid.uuid4())),
        request(organization.viewer, organization, session_id=organization.member.session_id),
        request(organization.viewer, organization, session_id="not an id"),
        request(organization.viewer, organization, session_id=None),
    )
    mark = answers[0]["mark"]
    granted = {"granted": True, "sections": None, "cursor": cursor, "mark": mark, "epoch": 0}
    assert answers == [
        granted,
        {"granted": False, "reason": "not_member"},
        granted,
        {"granted": False, "reason": "not_found"},
        {"granted": False, "reason": "session_ended"},
        {"granted": False, "reason": "session_ended"},
        {"granted": False, "reason": "session_ended"},
        granted,
    ]


def test_a_tier_s_sections_are_granted_to_members_and_all_to_managers(
    database: str, db: Connection, organization: Organization
) -> None:
    db.execute("update public.tiers set sections = '{planes}' where id = %s", [organization.tier])
    db.execute(
        "update public.organization_members set tier_id = null where user_id = %s", [organization.viewer.id]
    )
    people = (organization.viewer, organization.member, organization.manager)
    answers = grants(database, *(request(person, organization) for person in people))
    assert [answer["sections"] for answer in answers] == [["planes"], ["planes"], None]


def test_sign_out_ends_the_grant(database: str, db: Connection, organization: Organization) -> None:
    db.execute("delete from auth.sessions where id = %s", [organization.member.session_id])
    assert grants(database, request(organization.member, organization)) == [
        {"granted": False, "reason": "session_ended"}
    ]


def test_a_closed_organisation_is_not_found(
    database: str, db: Connection, organization: Organization
) -> None:
    db.execute("update public.organizations set is_active = false where id = %s", [organization.id])
    assert grants(database, request(organization.owner, organization)) == [
        {"granted": False, "reason": "not_found"}
    ]


def test_an_organisation_may_demand_a_second_factor(
    database: str, db: Connection, organization: Organization
) -> None:
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    raise_session(db, organization.owner)
    weak, strong = grants(
        database,
        request(organization.owner, organization),
        request(organization.owner, organization, aal="aal2"),
    )
    assert weak == {"granted": False, "reason": "mfa_required"}
    assert strong["granted"] is True


def test_a_session_that_lost_its_second_factor_is_refused_whatever_its_token_says(
    database: str, db: Connection, organization: Organization
) -> None:
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    asked = [request(organization.owner, organization, aal="aal2")]
    raise_session(db, organization.owner)
    assert grants(database, *asked)[0]["granted"] is True
    before = len(hints(db, organization))
    db.execute("update auth.sessions set aal = 'aal1' where user_id = %s", [organization.owner.id])
    assert hints(db, organization)[before:] == [organization.owner.id]
    assert grants(database, *asked) == [{"granted": False, "reason": "mfa_required"}]
    raise_session(db, organization.owner)
    assert len(hints(db, organization)) == before + 1, "a raised session sees nothing that it did not"
    asked = [request(organization.owner, organization, aal="aal2", session_id=None)]
    assert grants(database, *asked)[0]["granted"] is True, "a token without a session has its own word only"


def test_whoever_signs_out_is_hinted_once_for_each_organisation_of_theirs(
    db: Connection, organization: Organization
) -> None:
    other = make_organization(db)
    add_member(db, other.id, organization.member, "viewer", None)
    for _ in range(3):
        db.execute(
            "insert into auth.sessions (id, user_id) values (gen_random_uuid(), %s)",
            [organization.member.id],
        )
    before = [len(hints(db, each)) for each in (organization, other)]
    db.execute("delete from auth.sessions where user_id = %s", [organization.member.id])
    for each, known in zip((organization, other), before, strict=True):
        assert hints(db, each)[known:] == [organization.member.id]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("stream_grants", {"p_requests": []}),
        ("events_since", {"p_requests": []}),
        ("prune_calendar_events", {}),
        ("refresh_organization_stats", {}),
    ],
)
def test_people_may_not_call_what_the_service_calls(
    database: str, organization: Organization, function: str, arguments: dict[str, Any]
) -> None:
    with (
        as_user(database, organization.owner) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege) as failure,
    ):
        owner.execute(
            f"select public.{function}({', '.join(['%s::jsonb'] * len(arguments))})",
            ["[]"] * len(arguments),
        )
    assert failure.value.sqlstate == "42501"


@pytest.mark.parametrize(
    ("statement", "person"),
    [
        ("update public.organization_members set role = 'manager' where user_id = %(member)s", "member"),
        ("update public.organization_members set tier_id = null where user_id = %(member)s", "member"),
        ("delete from public.organization_members where user_id = %(member)s", "member"),
        ("delete from auth.users where id = %(member)s", "member"),
        ("update public.tiers set sections = '{planes}' where id = %(tier)s", None),
        ("update public.assets set section = 'helicopters' where id = %(plane)s", None),
        ("update public.organizations set is_active = false where id = %(id)s", None),
        ("update public.organizations set deleted_at = now() where id = %(id)s", None),
        ("update public.organizations set require_mfa = true where id = %(id)s", None),
    ],
)
def test_whatever_changes_what_streams_may_show_is_hinted(
    db: Connection, organization: Organization, statement: str, person: str | None
) -> None:
    before = len(hints(db, organization))
    db.execute(
        statement,
        {
            "member": organization.member.id,
            "tier": organization.tier,
            "plane": organization.assets["planes"],
            "id": organization.id,
        },
    )
    # Once or, where a user's sessions go too, twice.
    assert set(hints(db, organization)[before:]) == {organization.actor(person).id if person else None}


@pytest.mark.parametrize(
    "statement",
    [
        "update public.organization_members set joined_at = now() where organization_id = %(id)s",
        "update public.tiers set name = 'Renamed' where organization_id = %(id)s",
        "update public.assets set name = 'Renamed' where organization_id = %(id)s",
        "update public.organizations set commercial_name = 'Renamed' where id = %(id)s",
    ],
)
def test_other_changes_are_not(db: Connection, organization: Organization, statement: str) -> None:
    before = len(hints(db, organization))
    db.execute(statement, {"id": organization.id})
    assert len(hints(db, organization)) == before


@pytest.mark.parametrize(
    "statement",
    [
        "update public.assets set section = 'helicopters' where id = %(plane)s",
        "update public.tiers set sections = '{watercraft}' where id = %(tier)s",
        "update public.organizations set require_mfa = true where id = %(id)s",
    ],
)
def test_a_grant_s_mark_tells_what_a_lost_hint_would_have(
    database: str, db: Connection, organization: Organization, statement: str
) -> None:
    other = make_organization(db)
    for each in (organization, other):
        raise_session(db, each.member)
    asked = [request(each.member, each, aal="aal2") for each in (organization, other)]
    before = [answer["mark"] for answer in grants(database, *asked)]
    db.execute(
        statement,
        {"tier": organization.tier, "plane": organization.assets["planes"], "id": organization.id},
    )
    after = [answer["mark"] for answer in grants(database, *asked)]
    assert after[0] != before[0]
    assert after[1] == before[1]
    db.execute("update public.assets set name = 'Renamed' where organization_id = %s", [organization.id])
    assert grants(database, asked[0])[0]["mark"] == after[0]


def test_marks_tell_apart_whoever_sees_other_sections(
    database: str, db: Connection, organization: Organization
) -> None:
    everyone = [request(each, organization) for each in (organization.manager, organization.member)]
    marks = set()
    some = [list(each) for size in range(5) for each in combinations(SECTIONS, size)]
    for sections in (None, *some, ["watercraft", "planes"]):
        db.execute("update public.tiers set sections = %s where id = %s", [sections, organization.tier])
        # What else a changed tier does to a mark is shown above.
        db.execute("delete from app.access_epochs where organization_id = %s", [organization.id])
        manager, member = (answer["mark"] for answer in grants(database, *everyone))
        assert (manager == member) == (sections is None)
        marks.add(member)
    assert len(marks) == 1 + len(some)


def test_a_calendar_and_a_grant_of_the_same_person_carry_the_same_mark(
    database: str, db: Connection, organization: Organization
) -> None:
    for sections in (None, ["planes"]):
        db.execute("update public.tiers set sections = %s where id = %s", [sections, organization.tier])
        (grant,) = grants(database, request(organization.member, organization))
        with as_user(database, organization.member) as member:
            calendar = rpc(member, "calendar", p_organization_id=organization.id, p_from=at(0), p_to=at(1))
        assert calendar["stream_cursor"] == f"{grant['cursor']}-{grant['mark']}"


def test_a_ticket_is_good_once_whatever_it_was_spent_on(database: str, organization: Organization) -> None:
    ticket, other = ({"ticket_id": str(uuid.uuid4())} for _ in range(2))
    spent = {"granted": False, "reason": "ticket_spent"}
    first, again, third = grants(
        database,
        request(organization.member, organization, **ticket),
        request(organization.member, organization, **ticket),
        request(organization.member, organization, organization_id=str(uuid.uuid4()), **other),
    )
    assert (first["granted"], again, third["reason"]) == (True, spent, "not_found")
    for each in (ticket, other):
        assert grants(database, request(organization.member, organization, **each)) == [spent]


def test_of_two_processes_that_spend_a_ticket_at_once_one_is_granted(
    database: str, organization: Organization
) -> None:
    answers: list[tuple[str, bool]] = []

    def spend(ticket: str) -> None:
        (answer,) = grants(database, request(organization.member, organization, ticket_id=ticket))
        answers.append((ticket, answer["granted"]))

    tickets = [str(uuid.uuid4()) for _ in range(10)]
    race([partial(spend, ticket) for ticket in tickets for _ in range(2)])
    assert sorted(answers) == sorted((ticket, granted) for ticket in tickets for granted in (True, False))


def test_spent_tickets_are_forgotten_once_they_have_expired_anyhow(
    database: str, db: Connection, organization: Organization
) -> None:
    ticket, later = str(uuid.uuid4()), str(uuid.uuid4())
    grants(database, request(organization.member, organization, ticket_id=ticket))
    db.execute(
        "update app.spent_tickets set expires_at = now() - interval '1 second' where id = %s", [ticket]
    )
    grants(database, request(organization.member, organization, ticket_id=later))
    left = db.execute("select id::text from app.spent_tickets where id = any (%s)", [[ticket, later]])
    assert left.fetchall() == [{"id": later}]


def test_the_first_default_tier_is_hinted_if_it_hides_something(db: Connection) -> None:
    row = db.execute(
        "insert into public.organizations (legal_name) values ('Without tiers') returning id"
    ).fetchone()
    assert row is not None
    db.execute(
        "insert into public.tiers (organization_id, name, priority, is_default, sections)"
        " values (%s, 'First', 1, true, '{planes}')",
        [row["id"]],
    )
    hinted = db.execute(
        "select payload -> 'user_id' as person from realtime.messages"
        " where event = 'access_changed' and payload ->> 'organization_id' = %s",
        [str(row["id"])],
    ).fetchall()
    assert hinted == [{"person": None}]
