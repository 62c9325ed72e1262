"""Photos in the database: what a row must be, and who may touch which file in Storage."""

import uuid
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Connection,
    Organization,
    as_anonymous,
    as_user,
    connect,
    make_organization,
    refused,
    rpc,
)

OBJECT = "insert into storage.objects (bucket_id, name) values (%s, %s)"


def folder(organization: Organization, section: str = "planes") -> str:
    return f"{organization.id}/{organization.assets[section]}"


def store(db: Connection, path: str) -> str:
    """As Storage does after an upload."""
    db.execute(OBJECT, ["asset-photos", path])
    return path


def register(connection: Connection, organization: Organization, **columns: Any) -> int:
    values = {"organization_id": organization.id, "asset_id": organization.assets["planes"], **columns}
    places = ", ".join(["%s"] * len(values))
    # Nothing is returned: what comes back must be seen, and policies would speak before the trigger.
    query = f"insert into public.asset_photos ({', '.join(values)}) values ({places})"
    return connection.execute(query.encode(), list(values.values())).rowcount


def test_the_bucket_is_private_and_takes_photos_only(db: Connection) -> None:
    row = db.execute("select * from storage.buckets where id = 'asset-photos'").fetchone()
    assert row is not None
    assert row["public"] is False
    assert row["file_size_limit"] == 10 * 1024 * 1024
    assert set(row["allowed_mime_types"]) == {"image/jpeg", "image/png", "image/webp", "image/avif"}


def test_an_uploaded_photo_is_registered_once(
    db: Connection, database: str, organization: Organization
) -> None:
    path = store(db, f"{folder(organization)}/a.png")
    with as_user(database, organization.admin) as admin:
        assert register(admin, organization, path=path, caption="Cabin") == 1
        with refused("VALIDATION_ERROR", 400) as failures:
            register(admin, organization, path=path)
    assert failures[0].details["fields"][0]["code"] == "repeated"


def test_what_a_photo_cannot_be_is_told_by_its_field(
    db: Connection, database: str, organization: Organization
) -> None:
    rival = make_organization(db)
    foreign = store(db, f"{folder(rival)}/a.png")
    house = store(db, f"{folder(organization, 'residences')}/a.png")
    web = {"url": "https://x.test/a.png"}
    with as_user(database, organization.admin) as admin:
        faults: list[tuple[dict[str, Any], str, str]] = [
            ({}, "path", "missing"),
            ({"path": foreign, **web}, "path", "missing"),
            ({"path": foreign}, "path", "not_of_asset"),
            ({"path": house}, "path", "not_of_asset"),
            ({"path": f"{folder(organization)}/../a.png"}, "path", "not_of_asset"),
            ({"path": f"{folder(organization)}/absent.png"}, "path", "not_found"),
            ({"url": "javascript:alert(1)"}, "url", "value_error"),
            ({"caption": "x" * 501, **web}, "caption", "string_too_long"),
            ({"display_order": -1, **web}, "display_order", "out_of_range"),
            ({"asset_id": rival.assets["planes"], **web}, "asset_id", "not_found"),
            ({"asset_id": str(uuid.uuid4()), **web}, "asset_id", "not_found"),
        ]
        for columns, path, code in faults:
            with refused("VALIDATION_ERROR", 400) as failures:
                register(admin, organization, **columns)
            fields = [(field["path"], field["code"]) for field in failures[0].details["fields"]]
            assert fields == [(path, code)], columns


def test_the_constraints_hold_where_no_trigger_speaks(
    admin_database: str, organization: Organization
) -> None:
    with connect(admin_database) as admin:
        admin.execute("set session_replication_role = replica")
        for columns in (
            {},
            {"path": f"{folder(organization)}/a.png", "url": "https://x.test/a.png"},
            {"path": f"{folder(organization, 'residences')}/a.png"},
        ):
            with pytest.raises(psycopg.errors.CheckViolation):
                register(admin, organization, **columns)


WRITES = {"insert": OBJECT, "delete": "delete from storage.objects where bucket_id = %s and name = %s"}


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("owner", {"insert", "delete", "select"}),
        ("admin", {"insert", "delete", "select"}),
        ("manager", {"select"}),
        ("member", {"select"}),
        ("viewer", {"select"}),
        ("stranger", set()),
        ("removed", set()),
    ],
)
def test_files_are_open_to_whom_their_asset_is(
    db: Connection, database: str, organization: Organization, role: str, may: set[str]
) -> None:
    stored = store(db, f"{folder(organization)}/stored.png")
    if role == "stranger":
        actor = make_organization(db).owner
    elif role == "removed":
        actor = organization.member
        db.execute("delete from public.organization_members where user_id = %s", [actor.id])
    else:
        actor = organization.actor(role)
    with as_user(database, actor) as connection:
        seen = connection.execute("select name from storage.objects where name = %s", [stored]).fetchall()
        done = {"select"} if seen else set()
        for name, query, path in [
            ("insert", OBJECT, f"{folder(organization)}/new.png"),
            ("delete", WRITES["delete"], stored),
        ]:
            try:
                if connection.execute(query.encode(), ["asset-photos", path]).rowcount:
                    done.add(name)
            except psycopg.errors.InsufficientPrivilege:
                continue
        assert done == may
        # A photo is replaced by another one, never changed under its name.
        touched = connection.execute(
            "update storage.objects set name = name || '2' where name = %s", [stored]
        )
        assert touched.rowcount == 0


def test_files_of_a_hidden_section_are_not_seen(
    db: Connection, database: str, organization: Organization
) -> None:
    store(db, f"{folder(organization, 'watercraft')}/a.png")
    db.execute("update public.tiers set sections = '{planes}' where id = %s", [organization.tier])
    with as_user(database, organization.member) as member:
        assert member.execute("select from storage.objects").rowcount == 0
    with as_user(database, organization.manager) as manager:
        assert manager.execute("select from storage.objects").rowcount == 1


def test_files_lie_in_the_folder_of_an_asset_and_nowhere_else(
    db: Connection, database: str, organization: Organization
) -> None:
    rival = make_organization(db)
    with as_user(database, organization.owner) as owner:
        for bucket, path in [
            ("asset-photos", f"{organization.id}/{rival.assets['planes']}/a.png"),
            ("asset-photos", f"{rival.id}/{organization.assets['planes']}/a.png"),
            ("asset-photos", f"{organization.id}/{uuid.uuid4()}/a.png"),
            ("asset-photos", f"{folder(organization)}/deeper/a.png"),
            ("asset-photos", f"{folder(organization)}/"),
            ("asset-photos", f"{folder(organization)}/.."),
            ("asset-photos", f"{folder(organization).upper()}/a.png"),
            ("asset-photos", f"{organization.id}/a.png"),
            ("asset-photos", "a.png"),
        ]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(OBJECT, [bucket, path])
        # Buckets are the dashboard's.
        assert owner.execute("select from storage.buckets").rowcount == 0


def test_nobody_without_a_token_sees_a_file(
    db: Connection, database: str, organization: Organization
) -> None:
    path = store(db, f"{folder(organization)}/a.png")
    with as_anonymous(database) as nobody:
        assert nobody.execute("select from storage.objects where name = %s", [path]).rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            nobody.execute(OBJECT, ["asset-photos", f"{folder(organization)}/b.png"])


def test_files_want_the_second_factor_that_is_demanded(
    db: Connection, database: str, organization: Organization
) -> None:
    stored = store(db, f"{folder(organization)}/stored.png")
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    with as_user(database, organization.admin) as admin:
        # As Storage expects it of policies: an error that is one of rights, and nothing to delete.
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(OBJECT, ["asset-photos", f"{folder(organization)}/new.png"])
        assert admin.execute(WRITES["delete"].encode(), ["asset-photos", stored]).rowcount == 0
        with refused("MFA_REQUIRED", 403):
            rpc(
                admin,
                "plan_photo_upload",
                p_asset_id=organization.assets["planes"],
                p_content_type="image/png",
                p_size=9,
            )
    with as_user(database, organization.admin, aal="aal2") as admin:
        admin.execute(OBJECT, ["asset-photos", f"{folder(organization)}/new.png"])
        assert admin.execute(WRITES["delete"].encode(), ["asset-photos", stored]).rowcount == 1


def test_an_upload_is_planned_in_the_assets_folder(database: str, organization: Organization) -> None:
    asset = organization.assets["planes"]
    with as_user(database, organization.admin) as admin:
        for content_type, extension in [
            ("image/jpeg", "jpg"),
            ("image/png", "png"),
            ("image/webp", "webp"),
            ("image/avif", "avif"),
        ]:
            plan = rpc(
                admin,
                "plan_photo_upload",
                p_asset_id=asset,
                p_content_type=content_type,
                p_size=10 * 1024 * 1024,
            )
            assert plan["bucket"] == "asset-photos"
            assert plan["path"].startswith(f"{folder(organization)}/")
            assert plan["path"].endswith(f".{extension}")
        with refused("VALIDATION_ERROR", 400) as failures:
            rpc(
                admin,
                "plan_photo_upload",
                p_asset_id=asset,
                p_content_type="text/html",
                p_size=10 * 1024 * 1024 + 1,
            )
    assert {field["path"]: field["code"] for field in failures[0].details["fields"]} == {
        "content_type": "enum",
        "size": "out_of_range",
    }


def test_without_storage_nothing_lies_there(admin_database: str) -> None:
    with connect(admin_database) as admin, admin.transaction(force_rollback=True):
        admin.execute("alter schema storage rename to elsewhere")
        row = admin.execute("select app.photo_is_stored('a/b/c.png') as stored").fetchone()
    assert row == {"stored": False}
