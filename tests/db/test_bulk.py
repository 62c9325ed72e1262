"""Many assets at once: all or none, or each for itself, and never more than one may do alone."""

import json
import threading
import uuid
from typing import Any

import pytest

from tests.actors import Connection, Organization, as_user, connect, make_organization, refused, rpc
from tests.db.booking import Json, at, insert_booking
from tests.harness import wait_until


def bulk(
    connection: Connection, organization: Organization, mode: str, *operations: Json, key: str | None = None
) -> Json:
    """bulk_assets."""
    answer: Json = rpc(
        connection,
        "bulk_assets",
        p_organization_id=organization.id,
        p_mode=mode,
        p_operations=json.dumps(operations),
        p_idempotency_key=key,
    )
    assert [result["index"] for result in answer["results"]] == list(range(len(operations)))
    assert answer["succeeded"] + answer["failed"] == len(operations)
    return answer


def create(name: str, **asset: Any) -> Json:
    return {"op": "create", "asset": {"section": "planes", "name": name, **asset}}


def count(db: Connection, organization: Organization) -> int:
    row = db.execute(
        "select count(*) as n from public.assets where organization_id = %s", [organization.id]
    ).fetchone()
    assert row is not None
    return int(row["n"])


@pytest.mark.parametrize("mode", ["atomic", "partial"])
def test_each_operation_is_done_and_answered_in_its_place(
    database: str, organization: Organization, mode: str
) -> None:
    plane, boat = organization.assets["planes"], organization.assets["watercraft"]
    with as_user(database, organization.admin) as admin:
        answer = bulk(
            admin,
            organization,
            mode,
            create("New", capacity=8, details={"tail": "HP-1"}),
            {"op": "update", "id": plane, "version": 1, "asset": {"name": "Renamed", "description": None}},
            {"op": "archive", "id": boat},
            {"op": "restore", "id": boat},
            {"op": "update", "id": plane, "asset": {"capacity": 3}},
        )
    assert (answer["succeeded"], answer["failed"]) == (5, 0)
    results = answer["results"]
    assert [result["op"] for result in results] == ["create", "update", "archive", "restore", "update"]
    assert {result["status"] for result in results} == {"ok"}
    made = results[0]["asset"]
    assert (made["name"], made["capacity"], made["version"]) == ("New", 8, 1)
    # What the operation does not name is as the table has it.
    assert (made["timezone"], made["turnaround_minutes"], made["is_active"]) == ("America/Panama", 0, True)
    assert (results[4]["asset"]["name"], results[4]["asset"]["version"]) == ("Renamed", 3)
    assert results[3]["asset"]["id"] == boat


FAULTS: list[tuple[Json, str, dict[str, str]]] = [
    ({"op": "paint", "id": "x"}, "VALIDATION_ERROR", {"op": "enum"}),
    ({"op": "create"}, "VALIDATION_ERROR", {"asset": "missing"}),
    (
        {"op": "create", "asset": {"name": "x", "colour": "red"}},
        "VALIDATION_ERROR",
        {"asset.section": "missing", "asset.colour": "extra_forbidden"},
    ),
    ({"op": "create", "asset": []}, "VALIDATION_ERROR", {"asset": "dict_type"}),
    ({"op": "create", "id": str(uuid.uuid4()), **create("x")}, "VALIDATION_ERROR", {"id": "extra_forbidden"}),
    (create("x", section="cars"), "VALIDATION_ERROR", {"asset.section": "enum"}),
    (
        create("x", capacity="8", is_active=1, description=3, check_in="25:00"),
        "VALIDATION_ERROR",
        {
            "asset.capacity": "int_type",
            "asset.is_active": "bool_type",
            "asset.description": "string_type",
            "asset.check_in": "time_format",
        },
    ),
    (
        create(" ", capacity=0, check_in="15:00", timezone="Mars"),
        "VALIDATION_ERROR",
        {
            "asset.name": "string_too_short",
            "asset.capacity": "out_of_range",
            "asset.check_in": "residences_only",
            "asset.timezone": "value_error",
        },
    ),
    ({"op": "update", "id": "7", "asset": {"name": "x"}}, "VALIDATION_ERROR", {"id": "uuid_parsing"}),
    ({"op": "update", "id": str(uuid.uuid4()), "asset": {}}, "VALIDATION_ERROR", {"asset": "missing"}),
    ({"op": "archive", "id": str(uuid.uuid4())}, "NOT_FOUND", {}),
    (create("x", section="helicopters"), "FORBIDDEN", {}),
]


def test_in_partial_mode_each_stands_for_itself(
    db: Connection, database: str, organization: Organization
) -> None:
    db.execute(
        "update public.entitlements set is_active = false"
        " where organization_id = %s and section = 'helicopters'",
        [organization.id],
    )
    operations = [fault for fault, _, _ in FAULTS]
    with as_user(database, organization.owner) as owner:
        answer = bulk(owner, organization, "partial", create("First"), *operations, create("Last"))
    assert (answer["succeeded"], answer["failed"]) == (2, len(FAULTS))
    assert [result["status"] for result in answer["results"]] == ["ok", *["error"] * len(FAULTS), "ok"]
    for result, (_, code, fields) in zip(answer["results"][1:-1], FAULTS, strict=True):
        error = result["error"]
        assert error["code"] == code, result
        assert error["message"]
        if fields:
            assert {field["path"]: field["code"] for field in error["details"]["fields"]} == fields
    assert answer["results"][-2]["error"]["details"]["reason"] == "section_not_entitled"
    assert count(db, organization) == 6


def test_in_atomic_mode_one_fault_undoes_all_and_every_fault_is_told(
    db: Connection, database: str, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    insert_booking(db, organization, organization.assets["residences"], at(2), at(3))
    with as_user(database, organization.admin) as admin, refused("VALIDATION_ERROR", 400) as failures:
        bulk(
            admin,
            organization,
            "atomic",
            create("Fine"),
            create(""),
            {"op": "update", "id": plane, "asset": {"name": "Renamed"}},
            {"op": "update", "id": plane, "version": 1, "asset": {"name": "Stale"}},
            {"op": "archive", "id": organization.assets["residences"]},
            {"op": "archive", "id": str(uuid.uuid4())},
        )
    fields = {field["path"]: field["code"] for field in failures[0].details["fields"]}
    assert fields == {
        "operations.1.asset.name": "string_too_short",
        "operations.3": "precondition_failed",
        "operations.4": "invalid_state",
        "operations.5": "not_found",
    }
    errors = failures[0].details["errors"]
    assert [error["index"] for error in errors] == [1, 3, 4, 5]
    assert errors[1]["error"]["details"]["current"]["name"] == "Renamed"
    assert errors[2]["error"]["details"]["reason"] == "future_bookings"
    assert count(db, organization) == 4
    row = db.execute("select name, version from public.assets where id = %s", [plane]).fetchone()
    assert row == {"name": "planes one", "version": 1}


def test_another_organisations_assets_do_not_exist(db: Connection, database: str) -> None:
    mine, theirs = make_organization(db), make_organization(db)
    foreign = theirs.assets["planes"]
    with as_user(database, mine.owner) as owner:
        answer = bulk(
            owner,
            mine,
            "partial",
            {"op": "update", "id": foreign, "asset": {"name": "Mine"}},
            {"op": "archive", "id": foreign},
            {"op": "restore", "id": foreign},
            create("x", organization_id=theirs.id),
        )
        with refused("NOT_FOUND", 404):
            bulk(owner, theirs, "partial", create("x"))
    codes = [result["error"]["code"] for result in answer["results"]]
    assert codes == ["NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "VALIDATION_ERROR"]
    row = db.execute(
        "select name, version, deleted_at from public.assets where id = %s", [foreign]
    ).fetchone()
    assert row == {"name": "planes one", "version": 1, "deleted_at": None}


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
def test_bulk_is_for_admins_and_owners(database: str, organization: Organization, role: str) -> None:
    with as_user(database, organization.actor(role)) as connection, refused("FORBIDDEN", 403):
        bulk(connection, organization, "partial", create("x"))


def test_bulk_wants_the_second_factor_that_is_demanded(
    db: Connection, database: str, organization: Organization
) -> None:
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    with as_user(database, organization.owner) as owner, refused("MFA_REQUIRED", 403):
        bulk(owner, organization, "partial", create("x"))
    with as_user(database, organization.owner, aal="aal2") as owner:
        assert bulk(owner, organization, "partial", create("x"))["succeeded"] == 1


def test_a_hundred_operations_at_most(database: str, organization: Organization) -> None:
    with as_user(database, organization.owner) as owner:
        for operations in ([create(f"n {n}") for n in range(101)], []):
            with refused("VALIDATION_ERROR", 400) as failures:
                bulk(owner, organization, "partial", *operations)
            assert failures[0].details["fields"][0]["path"] == "operations"
        many = bulk(owner, organization, "atomic", *(create(f"n {n}") for n in range(100)))
        assert many["succeeded"] == 100
        for mode in ("both", None):
            with refused("VALIDATION_ERROR", 400) as failures:
                rpc(owner, "bulk_assets", p_organization_id=organization.id, p_mode=mode, p_operations="[]")
            assert failures[0].details["fields"][0]["path"] == "mode"


def test_a_bulk_that_is_sent_twice_is_done_once(
    db: Connection, database: str, organization: Organization
) -> None:
    with as_user(database, organization.admin) as admin:
        first = bulk(admin, organization, "partial", create("Once"), create(""), key="k1")
        assert bulk(admin, organization, "partial", create("Once"), create(""), key="k1") == first
        with refused("IDEMPOTENCY_KEY_REUSED", 422):
            bulk(admin, organization, "atomic", create("Once"), create(""), key="k1")
        # What failed as a whole has kept no answer.
        with refused("VALIDATION_ERROR"):
            bulk(admin, organization, "atomic", create(""), key="k2")
        assert bulk(admin, organization, "atomic", create("Better"), key="k2")["succeeded"] == 1
    assert count(db, organization) == 6


def test_two_bulks_in_opposite_orders_wait_for_each_other(
    db: Connection, database: str, organization: Organization
) -> None:
    ids = list(organization.assets.values())

    def renames(order: list[str], name: str) -> list[Json]:
        return [{"op": "update", "id": each, "asset": {"name": name}} for each in order]

    answers: list[Json] = []

    def second(connection: Connection) -> None:
        answers.append(bulk(connection, organization, "atomic", *renames(ids[::-1], "Second")))

    with (
        as_user(database, organization.admin) as one,
        as_user(database, organization.owner) as two,
        connect(database) as watching,
    ):
        with one.transaction():
            bulk(one, organization, "atomic", *renames(ids, "First"))
            thread = threading.Thread(target=second, args=(two,))
            thread.start()
            wait_until(
                lambda: (
                    watching.execute(
                        "select pg_blocking_pids(%s) <> '{}' as waits", [two.info.backend_pid]
                    ).fetchone()
                    == {"waits": True}
                ),
                what="the second one waits",
            )
        thread.join(timeout=20)
    assert answers[0]["succeeded"] == 4
    named = db.execute(
        "select distinct name from public.assets where organization_id = %s", [organization.id]
    )
    assert named.fetchall() == [{"name": "Second"}]


def test_whoever_names_others_assets_does_not_hold_them_up(
    db: Connection, database: str, organization: Organization
) -> None:
    foreign = make_organization(db).assets["planes"]
    # Somebody books it.
    with db.transaction():
        db.execute("select app.lock_assets(array[%s]::uuid[])", [foreign])
        with as_user(database, organization.admin) as admin:
            answer = bulk(admin, organization, "partial", {"op": "archive", "id": foreign})
    assert answer["results"][0]["error"]["code"] == "NOT_FOUND"
