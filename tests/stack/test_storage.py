"""Storage through the gateway: the official clients do with it what they do with hosted Supabase's."""

import asyncio
import json
import os
from collections.abc import AsyncIterator

import httpx
import pytest
from storage3.exceptions import StorageApiError

from supabase import AsyncClient, AsyncClientOptions, acreate_client
from tests.actors import Actor, Connection, Organization
from tests.harness import ROOT, RunningStack

BYTES = bytes(range(256)) * 8
PNG = {"content-type": "image/png"}


@pytest.fixture
async def connections() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20) as client:
        yield client


async def client_of(stack: RunningStack, connections: httpx.AsyncClient, actor: Actor) -> AsyncClient:
    """The official client with somebody's token."""
    headers = {"Authorization": f"Bearer {actor.token}"}
    options = AsyncClientOptions(httpx_client=connections, headers=headers)
    return await acreate_client(stack.url, stack.publishable_key, options)


def folder(office: Organization) -> str:
    return f"{office.id}/{office.assets['planes']}"


def refusal(told: pytest.ExceptionInfo[StorageApiError]) -> str:
    return str(told.value.status)


async def test_supabase_py_uploads_by_a_signed_url_and_reads_by_another(
    stack: RunningStack, office: Organization, connections: httpx.AsyncClient
) -> None:
    admin = (await client_of(stack, connections, office.admin)).storage.from_("asset-photos")
    path = f"{folder(office)}/cabin.png"
    signed = await admin.create_signed_upload_url(path)
    with pytest.raises(StorageApiError) as wrong_type:
        await admin.upload_to_signed_url(path, signed["token"], BYTES, {"content-type": "text/html"})
    assert refusal(wrong_type) == "415"
    with pytest.raises(StorageApiError) as wrong_path:
        await admin.upload_to_signed_url(f"{path}2", signed["token"], BYTES, {"content-type": "image/png"})
    assert refusal(wrong_path) in ("400", "403")
    done = await admin.upload_to_signed_url(path, signed["token"], BYTES, {"content-type": "image/png"})
    assert (done.path, done.full_path) == (path, f"asset-photos/{path}")
    with pytest.raises(StorageApiError) as twice:
        await admin.upload_to_signed_url(path, signed["token"], BYTES, {"content-type": "image/png"})
    assert refusal(twice) == "409"

    member = (await client_of(stack, connections, office.member)).storage.from_("asset-photos")
    with pytest.raises(StorageApiError) as refused:
        await member.create_signed_upload_url(f"{folder(office)}/mine.png")
    assert refusal(refused) == "403"
    urls = await member.create_signed_urls([path, f"{path}.absent"], 60)
    assert [bool(each["signedURL"]) for each in urls] == [True, False]
    read = await connections.get(str(urls[0]["signedURL"]))
    assert (read.content, read.headers["content-type"]) == (BYTES, "image/png")
    assert await member.download(path) == BYTES
    assert await member.remove([path]) == []
    assert len(await admin.remove([path])) == 1
    with pytest.raises(StorageApiError):
        await member.download(path)


async def test_supabase_js_uploads_by_a_signed_url_and_reads_by_another(
    stack: RunningStack, office: Organization
) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(ROOT / "tests/stack/clients/storage_js.mjs"),
        env={
            **os.environ,
            **stack.env,
            "ADMIN_TOKEN": office.admin.token,
            "MEMBER_TOKEN": office.viewer.token,
            "FOLDER": folder(office),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, errors = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, errors.decode()
    assert json.loads(told) == {
        "refused": "403",
        "uploaded": [f"asset-photos/{folder(office)}/{name}.png" for name in ("raw", "form")],
        "same": [True, True],
        "signed": [True, True, False],
        "one": 200,
        "listed": 2,
        "kept": 0,
        "removed": 1,
        "gone": "Object not found",
    }


async def test_storage_words_its_refusals_as_the_hosted_one(
    stack: RunningStack, office: Organization, connections: httpx.AsyncClient
) -> None:
    objects = f"{stack.url}/storage/v1/object"
    user = {"apikey": stack.publishable_key, "Authorization": f"Bearer {office.admin.token}"}
    path = f"asset-photos/{folder(office)}/large.png"
    target = (await connections.post(f"{objects}/upload/sign/{path}", headers=user)).json()
    assert set(target) == {"url", "token"}
    url = f"{stack.url}/storage/v1{target['url']}"
    large = await connections.put(url, content=bytes(10 * 1024 * 1024 + 1), headers=PNG)
    assert (large.status_code, large.json()["statusCode"]) == (400, "413")
    forged = await connections.put(url[:-4] + "AAAA", content=BYTES, headers=PNG)
    assert (forged.status_code, forged.json()["error"]) == (400, "InvalidJWT")
    assert (await connections.post(f"{objects}/sign/{path}", json={"expiresIn": 5})).status_code == 401
    bad = {**user, "Authorization": "Bearer a.b.c"}
    token = await connections.post(f"{objects}/sign/{path}", json={"expiresIn": 5}, headers=bad)
    assert (token.status_code, token.json()["statusCode"]) == (400, "403")
    nothing = await connections.post(f"{objects}/sign/asset-photos", json={}, headers=user)
    assert nothing.status_code == 400
    escape = f"asset-photos/{folder(office)}/..%2f..%2fx.png"
    escaped = await connections.post(f"{objects}/upload/sign/{escape}", headers=user)
    assert (escaped.status_code, escaped.json()["statusCode"]) == (400, "403")


async def test_an_upload_without_the_second_factor_that_is_demanded_is_forbidden(
    stack: RunningStack, office: Organization, live_db: Connection, connections: httpx.AsyncClient
) -> None:
    live_db.execute("update public.organizations set require_mfa = true where id = %s", [office.id])
    user = {"apikey": stack.publishable_key, "Authorization": f"Bearer {office.admin.token}"}
    url = f"{stack.url}/storage/v1/object/asset-photos/{folder(office)}/new.png"
    refused = await connections.post(url, content=BYTES, headers={**user, **PNG})
    assert (refused.status_code, refused.json()["statusCode"]) == (400, "403")
