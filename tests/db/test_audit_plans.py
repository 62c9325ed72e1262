"""Each index of the audit log serves the query that it is there for, as plans show."""

import json
import re

import pytest

from tests.actors import Connection, Organization, as_user, connect, make_organization
from tests.db.auditing import seal
from tests.db.plans import explaining, indexes

OTHERS = 40
ENTRIES = 1000
PEOPLE = 25


@pytest.fixture(scope="module")
def crowd(database: str, admin_database: str) -> Organization:
    """An organisation among forty others, each with a thousand entries of many people about many things."""
    with connect(database) as db:
        organization = make_organization(db)
        seal(database)
        db.execute(
            """
            with office as (
                select o as place, case when o = 0 then %(organization)s else gen_random_uuid() end as id
                from generate_series(0, %(others)s) o
            )
            insert into public.audit_logs
                (created_at, user_id, organization_id, action, resource_type, resource_id, metadata)
            select now() - n * interval '7 minutes', md5('person' || n %% %(people)s)::uuid, o.id, 'update',
                'assets', md5('thing' || o.place || n %% 200)::uuid,
                jsonb_build_object('request_id', md5(o.place || '-' || n))
            from office o cross join generate_series(1, %(entries)s) n
            order by md5(o.place::text || n)
            """,
            {"organization": organization.id, "others": OTHERS, "entries": ENTRIES, "people": PEOPLE},
        )
        # As sealing leaves them, but for the hashes.
        db.execute(
            """
            insert into app.audit_chain (chain_id, position, entry_id, sealed_at, previous_hash, hash)
            select l.organization_id, 1000 + row_number() over (partition by l.organization_id), l.id, now(),
                '', ''
            from public.audit_logs l
            where l.organization_id is not null
                and not exists (select from app.audit_chain c where c.entry_id = l.id)
            """
        )
    with connect(admin_database) as admin:
        admin.execute("vacuum analyze")
    return organization


def test_the_log_is_read_by_its_index_under_row_security(database: str, crowd: Organization) -> None:
    with as_user(database, crowd.owner) as owner:
        row = owner.execute(
            """
            explain (format json) select * from public.audit_logs
            where organization_id = %s order by created_at desc, id desc limit 50
            """,
            [crowd.id],
        ).fetchone()
    assert row is not None
    plan = row["QUERY PLAN"][0]["Plan"]
    assert "idx_audit_logs_org_time" in indexes(plan), json.dumps(plan, indent=1)


@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("idx_audit_logs_org_time", "public.list_audit_logs(%(org)s)"),
        ("idx_audit_logs_org_time", "public.list_audit_logs(%(org)s, p_to => now() - interval '3 days')"),
        ("idx_audit_logs_org_user", "public.list_audit_logs(%(org)s, p_user_id => md5('person3')::uuid)"),
        ("idx_audit_logs_resource", "public.list_audit_logs(%(org)s, p_resource_id => md5('thing07')::uuid)"),
        ("idx_audit_logs_request", "public.list_audit_logs(%(org)s, p_request_id => md5('0-5'))"),
        ("audit_chain_entry_once", "public.list_audit_logs(%(org)s)"),
        ("audit_chain_pkey", "public.export_audit_logs(%(org)s, p_action => 'insert')"),
        ("audit_chain_pkey", "public.verify_audit_chain(%(org)s, p_limit => 10)"),
    ],
)
def test_an_index_serves_what_a_function_asks(
    admin_database: str, crowd: Organization, index: str, query: str
) -> None:
    with explaining(admin_database, crowd.owner) as (connection, plans):
        connection.execute(f"select {query}".encode(), {"org": crowd.id})
    told = "\n".join(plans)
    assert re.search(rf"\b{index}\b", told), told
    assert not re.search(r"Seq Scan on (public\.)?audit_logs", told), told


@pytest.mark.usefixtures("crowd")
def test_where_a_thing_belongs_is_found_by_an_index(db: Connection) -> None:
    row = db.execute(
        """
        explain (format json) select organization_id from public.audit_logs
        where resource_id = md5('thing07')::uuid and organization_id is not null
            and metadata ->> 'source' = 'row'
        order by created_at desc limit 1
        """
    ).fetchone()
    assert row is not None
    assert indexes(row["QUERY PLAN"][0]["Plan"]) == {"idx_audit_logs_resource"}
