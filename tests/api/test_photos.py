"""Photos from the signed upload to the signed read, through the stack's own Storage."""

import uuid

import httpx
import pytest

from tests.actors import Connection, Organization, make_asset, make_organization
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client
from tests.harness import RunningStack

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def photos(asset: str) -> str:
    return f"/api/v1/assets/{asset}/photos"


async def upload(client: httpx.AsyncClient, asset: str, content: bytes = PNG) -> str:
    """Asks for a URL, puts the bytes there, and answers the path."""
    body = {"content_type": "image/png", "size": len(content)}
    response = await client.post(f"{photos(asset)}/upload-url", json=body)
    target = data(response)
    assert response.headers["cache-control"] == "no-store"
    async with httpx.AsyncClient() as anybody:
        put = await anybody.request(
            target["method"],
            target["url"],
            content=content,
            headers={"Content-Type": target["content_type"]},
        )
    assert put.status_code == 200, put.text
    return str(target["path"])


async def test_a_photo_lives_from_upload_to_delete(client: Client, office: Organization) -> None:
    asset, admin, viewer = office.assets["planes"], client(office.admin), client(office.viewer)
    path = await upload(admin, asset)
    assert path.startswith(f"{office.id}/{asset}/")
    assert path.endswith(".png")
    registered = await admin.post(photos(asset), json={"path": path, "caption": "Cabin", "display_order": 2})
    photo = data(registered, 201)
    assert (photo["path"], photo["caption"], photo["display_order"]) == (path, "Cabin", 2)
    assert registered.headers["location"] == f"/api/v1/photos/{photo['id']}"
    first = data(await admin.post(photos(asset), json={"path": await upload(admin, asset, PNG + b"2")}), 201)

    listed = await viewer.get(photos(asset))
    assert [row["id"] for row in data(listed)] == [first["id"], photo["id"]]
    assert pagination(listed).totalItems == 2
    async with httpx.AsyncClient() as anybody:
        read = await anybody.get(data(listed)[1]["url"])
        assert (read.status_code, read.content) == (200, PNG)
        assert read.headers["content-type"] == "image/png"
        forged = await anybody.get(data(listed)[1]["url"][:-4] + "AAAA")
        assert forged.status_code == 400

    target = registered.headers["location"]
    changed = await admin.patch(
        target, json={"caption": None, "display_order": 0}, headers={"If-Match": '"1"'}
    )
    assert (data(changed)["caption"], changed.headers["etag"]) == (None, '"2"')
    assert_error(
        await admin.patch(target, json={"caption": "x"}, headers={"If-Match": '"1"'}), "PRECONDITION_FAILED"
    )
    assert (await admin.delete(target, headers={"If-Match": '"2"'})).status_code == 204
    assert_error(await admin.delete(target), "NOT_FOUND")
    assert [row["id"] for row in data(await viewer.get(photos(asset)))] == [first["id"]]
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(data(listed)[1]["url"])).status_code == 400


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
async def test_only_admins_and_owners_keep_photos(client: Client, office: Organization, role: str) -> None:
    asset, someone = office.assets["planes"], client(office.actor(role))
    path = await upload(client(office.admin), asset)
    body = {"content_type": "image/png", "size": 10}
    assert_error(await someone.post(f"{photos(asset)}/upload-url", json=body), "FORBIDDEN")
    assert_error(await someone.post(photos(asset), json={"path": path}), "FORBIDDEN")
    photo = data(await client(office.owner).post(photos(asset), json={"path": path}), 201)
    assert_error(await someone.patch(f"/api/v1/photos/{photo['id']}", json={"caption": "x"}), "FORBIDDEN")
    assert_error(await someone.delete(f"/api/v1/photos/{photo['id']}"), "FORBIDDEN")
    assert len(data(await someone.get(photos(asset)))) == 1


async def test_another_organisations_photos_do_not_exist(
    client: Client, office: Organization, live_db: Connection
) -> None:
    rival = make_organization(live_db)
    asset, stranger = rival.assets["planes"], client(office.owner)
    row = live_db.execute(
        "insert into public.asset_photos (organization_id, asset_id, url)"
        " values (%s, %s, 'https://x.test/1.jpg') returning id",
        [rival.id, asset],
    ).fetchone()
    assert row is not None
    body = {"content_type": "image/png", "size": 10}
    assert_error(await stranger.post(f"{photos(asset)}/upload-url", json=body), "NOT_FOUND")
    assert_error(await stranger.get(photos(asset)), "NOT_FOUND")
    file = f"{uuid.uuid4()}.png"
    foreign = await stranger.post(photos(asset), json={"path": f"{rival.id}/{asset}/{file}"})
    assert_error(foreign, "NOT_FOUND")
    # The other's folder, a folder of one's own that is of no asset, and a folder with nothing in it.
    own = office.assets["planes"]
    for target, path, code in [
        (own, f"{rival.id}/{asset}/{file}", "not_of_asset"),
        (own, f"{office.id}/{asset}/{file}", "not_of_asset"),
        (own, f"{office.id}/{own}/{file}", "not_found"),
    ]:
        assert_fields(await stranger.post(photos(target), json={"path": path}), path=code)
    assert_error(await stranger.delete(f"/api/v1/photos/{row['id']}"), "NOT_FOUND")
    assert_error(await stranger.patch(f"/api/v1/photos/{row['id']}", json={"caption": "x"}), "NOT_FOUND")


async def test_photos_of_a_hidden_section_are_not_there(
    client: Client, office: Organization, live_db: Connection, stack: RunningStack
) -> None:
    asset, admin = office.assets["watercraft"], client(office.admin)
    path = await upload(admin, asset)
    data(await admin.post(photos(asset), json={"path": path}), 201)
    assert len(data(await client(office.member).get(photos(asset)))) == 1
    live_db.execute("update public.tiers set sections = '{planes}' where id = %s", [office.tier])
    assert_error(await client(office.member).get(photos(asset)), "NOT_FOUND")
    async with httpx.AsyncClient(base_url=stack.url) as direct:
        signed = await direct.post(
            f"/storage/v1/object/sign/asset-photos/{path}",
            json={"expiresIn": 60},
            headers={"apikey": stack.publishable_key, "Authorization": f"Bearer {office.member.token}"},
        )
    assert signed.json()["statusCode"] == "404"


async def test_what_is_no_photo_is_refused(client: Client, office: Organization) -> None:
    asset, admin = office.assets["planes"], client(office.admin)
    upload_url = f"{photos(asset)}/upload-url"
    for body, fields in [
        ({"content_type": "image/svg+xml", "size": 10}, {"content_type": "literal_error"}),
        ({"content_type": "image/png", "size": 0}, {"size": "greater_than_equal"}),
        ({"content_type": "image/png", "size": 10_485_761}, {"size": "less_than_equal"}),
        ({}, {"content_type": "missing", "size": "missing"}),
    ]:
        assert_fields(await admin.post(upload_url, json=body), **fields)
    for path in ("../x.png", f"{office.id}/{asset}/a/b.png", f"{office.id}/{asset}/.hidden", "x" * 301):
        error = assert_error(await admin.post(photos(asset), json={"path": path}), "VALIDATION_ERROR")
        assert error["details"]["fields"][0]["path"] == "path"
    path = await upload(admin, asset)
    data(await admin.post(photos(asset), json={"path": path}), 201)
    assert_fields(await admin.post(photos(asset), json={"path": path}), path="repeated")


async def test_an_asset_has_twenty_photos_at_most(
    client: Client, office: Organization, live_db: Connection
) -> None:
    asset = make_asset(live_db, office.id, "planes", "Photogenic")
    live_db.execute(
        "insert into public.asset_photos (organization_id, asset_id, url)"
        " select %s, %s, 'https://x.test/' || n from generate_series(1, 19) n",
        [office.id, asset],
    )
    admin, body = client(office.admin), {"content_type": "image/png", "size": 10}
    path = await upload(admin, asset)
    data(await admin.post(photos(asset), json={"path": path}), 201)
    assert_fields(await admin.post(f"{photos(asset)}/upload-url", json=body), photos="too_long")
    listed = data(await admin.get(photos(asset)))
    assert len(listed) == 20
    assert all(photo["url"] for photo in listed)


async def test_photos_want_the_second_factor_that_is_demanded(
    client: Client, office: Organization, live_db: Connection
) -> None:
    asset, admin = office.assets["planes"], client(office.admin)
    path = await upload(admin, asset)
    live_db.execute("update public.organizations set require_mfa = true where id = %s", [office.id])
    body = {"content_type": "image/png", "size": 10}
    assert_error(await admin.post(f"{photos(asset)}/upload-url", json=body), "MFA_REQUIRED")
    assert_error(await admin.post(photos(asset), json={"path": path}), "MFA_REQUIRED")
