"""The second factor, demanded in the database: what the catalogue lets people write, tried without one."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from tests.actors import Actor, Connection, Organization, RefusedError, add_factor, as_user, refused, rpc
from tests.db import test_access as access
from tests.harness import RunningStack
from tests.scene import Scene
from tests.stack.api import api

scene = access.scene
FACTOR = """
    insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
    values (gen_random_uuid(), %(actor)s, 'totp', '{}', now(), now())
"""
DEMANDED = "update public.organizations set require_mfa = true where id = %(organization)s"
# What has to be done first for the function to have anything to do.
BEFORE = {
    "restore_organization": "update public.organizations set deleted_at = now() where id = %(organization)s"
}
# Needs a token that only the one who is invited has; the page names its test.
ELSEWHERE = {"accept_invitation"}
MFA_REQUIRED = "MFA_REQUIRED"
DONE = "done"


def page_names(nth_table: int) -> set[str]:
    """What the first column of the page's nth table on second factors names."""
    section = access.DOC.read_text().split("\n## Second factor\n")[1].split("\n## ")[0]
    table = [part for part in section.split("\n\n") if part.startswith("|")][nth_table]
    return {name for line in table.splitlines()[2:] for name in access.names(line.split("|")[1])}


SENSITIVE, EXCEPTIONS = page_names(0), page_names(1)
BY_PEOPLE = sorted(name for name, cells in access.FUNCTIONS.items() if cells["owner"] != "no")
WRITES = """
    select p.proname from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.provolatile = 'v'
        and has_function_privilege('authenticated', p.oid, 'execute')
"""


def doer(scene: Scene, function: str) -> Actor:
    """Somebody whom the function obeys."""
    cells = access.FUNCTIONS[function]
    role = next((role for role in ("owner", "admin", "manager", "member") if cells[role] == "yes"), "owner")
    return scene.actor(role)


def attempt(
    db: Connection,
    scene: Scene,
    actor: Actor,
    statement: str,
    *,
    aal: str = "aal1",
    before: Sequence[str] = (),
) -> str:
    """What a statement comes to for somebody, after the dashboard's: done, or the code; it is taken back."""
    values = {**scene.values("owner"), "me": actor.id, "actor": actor.id}
    try:
        with db.transaction(force_rollback=True):
            for each in before:
                db.execute(each.encode(), values)
            claims = json.dumps({**actor.claims, "aal": aal})
            db.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            db.execute("set local role authenticated")
            touched = db.execute(statement.encode(), values).rowcount
    except psycopg.Error as error:
        if error.sqlstate != "PGRST":
            raise
        return RefusedError(error).code
    return DONE if touched else "nothing"


def before(function: str, *statements: str) -> list[str]:
    # Whoever has a factor has it before, and what is demanded is demanded before it is deleted.
    return [*statements, *([BEFORE[function]] if function in BEFORE else [])]


def test_each_function_that_writes_is_known_to_this_test(db: Connection) -> None:
    writing = {row["proname"] for row in db.execute(WRITES)}
    assert writing <= set(BY_PEOPLE)
    assert set(BY_PEOPLE) | {access.names(line)[0] for line in access.ROWS} >= SENSITIVE | EXCEPTIONS


@pytest.mark.parametrize("function", BY_PEOPLE)
def test_where_it_is_demanded_nobody_writes_without_it(db: Connection, scene: Scene, function: str) -> None:
    writing = {row["proname"] for row in db.execute(WRITES)}
    if function in ELSEWHERE or function not in writing:
        assert function not in EXCEPTIONS
        return
    actor, call = doer(scene, function), f"select {access.CALLS[function]}"
    statements = before(function, DEMANDED)
    without = attempt(db, scene, actor, call, before=statements)
    assert (without == MFA_REQUIRED) == (function not in EXCEPTIONS), without
    assert attempt(db, scene, actor, call, aal="aal2", before=statements) == DONE


@pytest.mark.parametrize("function", BY_PEOPLE)
def test_what_is_sensitive_asks_it_of_whoever_has_one(db: Connection, scene: Scene, function: str) -> None:
    if function in ELSEWHERE:
        assert function in SENSITIVE
        return
    actor, call = doer(scene, function), f"select {access.CALLS[function]}"
    verified, unverified = (before(function, FACTOR.format(each)) for each in ("verified", "unverified"))
    with_factor = attempt(db, scene, actor, call, before=verified)
    assert (with_factor == MFA_REQUIRED) == (function in SENSITIVE), with_factor
    assert attempt(db, scene, actor, call, before=unverified) == DONE
    assert attempt(db, scene, actor, call, aal="aal2", before=verified) == DONE


def writing_statements(line: str) -> dict[str, str]:
    """The statements that the page lets an owner write the line's row with."""
    table, probe = access.names(line)[0], access.PROBES[line]
    statements = {
        "i": probe.insert,
        "u": f"update public.{table} set {probe.column} = {probe.column} where {probe.where}",
        "d": f"delete from public.{table} where {probe.where}",
    }
    return {letter: text for letter, text in statements.items() if letter in access.ROWS[line]["owner"]}


@pytest.mark.parametrize("line", [line for line in access.ROWS if writing_statements(line)])
def test_rows_written_directly_ask_it_just_as_the_functions_do(
    db: Connection, scene: Scene, line: str
) -> None:
    owner, table = scene.organization.owner, access.names(line)[0]
    for letter, statement in writing_statements(line).items():
        assert attempt(db, scene, owner, statement) == DONE
        demanded = attempt(db, scene, owner, statement, before=[DEMANDED])
        assert (demanded == MFA_REQUIRED) == (table not in EXCEPTIONS), (letter, demanded)
        sensitive = table in SENSITIVE or (table, letter) == ("tiers", "d")
        has_one = attempt(db, scene, owner, statement, before=[FACTOR.format("verified")])
        assert (has_one == MFA_REQUIRED) == sensitive, (letter, has_one)
        assert attempt(db, scene, owner, statement, aal="aal2", before=[DEMANDED]) == DONE


@pytest.mark.parametrize(
    "call",
    [
        """public.create_tier(%(organization)s, '{"name": "New", "priority": 77, "limits": {"max_days_per_month": 3}}')""",  # noqa: E501
        """public.update_tier(%(organization)s, %(spare_tier)s, '{"limits": {"max_days_per_month": 3}}')""",
    ],
    ids=["create_tier", "update_tier"],
)
def test_a_tiers_limits_are_rules(db: Connection, scene: Scene, call: str) -> None:
    factor = [FACTOR.format("verified")]
    owner = scene.organization.owner
    assert attempt(db, scene, owner, f"select {call}", before=factor) == MFA_REQUIRED
    assert attempt(db, scene, owner, f"select {call}", aal="aal2", before=factor) == DONE


def change_demand(connection: Connection, organization: Organization, *, to: bool) -> Any:
    return rpc(
        connection,
        "update_organization",
        p_organization_id=organization.id,
        p_changes={"require_mfa": to, "ruc": "1"},
    )


def test_whoever_demands_it_of_others_has_it(database: str, organization: Organization) -> None:
    with as_user(database, organization.owner) as once:
        assert change_demand(once, organization, to=False)["ruc"] == "1", "nothing changes"
        with refused("MFA_REQUIRED", 403):
            change_demand(once, organization, to=True)
    with as_user(database, organization.owner, aal="aal2") as twice:
        assert change_demand(twice, organization, to=True)["require_mfa"] is True
    with as_user(database, organization.owner) as once, refused("MFA_REQUIRED", 403):
        change_demand(once, organization, to=False)
    with as_user(database, organization.owner, aal="aal2") as twice:
        assert change_demand(twice, organization, to=False)["require_mfa"] is False


def test_at_rest_itself_the_answer_is_the_same(
    stack: RunningStack, live_db: Connection, office: Organization
) -> None:
    add_factor(live_db, office.owner)
    with api(stack, token=office.owner.token) as client:
        invitation = {"p_organization_id": office.id, "p_invitation": {"email": "new@example.test"}}
        holiday = {"organization_id": office.id, "name": "Founder", "month_day": "07-01"}
        answers = [
            client.post("/rest/v1/rpc/create_invitation", json=invitation),
            client.post("/rest/v1/holidays", json=holiday),
            client.delete(f"/rest/v1/tiers?id=eq.{office.tier}"),
        ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (403, "MFA_REQUIRED"), answer.text
