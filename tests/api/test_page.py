"""The calendar's page: there where a folder is set, and never more than its few files."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from bff.app import create_app
from bff.routes.page import FILES
from bff.settings import SettingsError
from tests.api.shape import assert_error
from tests.api.test_settings import NEEDED
from tests.api.upstream import app_before

SUPABASE = "https://project.supabase.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("not for you")
    built = tmp_path / "dist"
    built.mkdir()
    for name in (*FILES, "app.js.map"):
        (built / name).write_text(f"this is {name}")
    return built


@pytest_asyncio.fixture
async def app(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with app_before(SUPABASE, calendar_page_dir=folder) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "media_type", "text"),
    [
        ("/calendar", "text/html; charset=utf-8", "this is index.html"),
        ("/calendar/app.js", "text/javascript; charset=utf-8", "this is app.js"),
        ("/calendar/app.css", "text/css; charset=utf-8", "this is app.css"),
    ],
)
async def test_the_page_and_its_files_are_served(
    app: httpx.AsyncClient, path: str, media_type: str, text: str
) -> None:
    response = await app.get(path)
    assert (response.status_code, response.text) == (200, text)
    assert response.headers["content-type"] == media_type
    assert (await app.head(path)).status_code == 200


async def test_the_page_is_told_where_to_sign_in_and_no_secret(app: httpx.AsyncClient) -> None:
    response = await app.get("/calendar/config.json")
    assert response.json() == {"supabaseUrl": SUPABASE, "supabasePublishableKey": "sb_publishable_x"}


async def test_the_page_runs_its_own_script_only_and_calls_nobody_but_us_and_supabase(
    app: httpx.AsyncClient,
) -> None:
    directives = (await app.get("/calendar")).headers["content-security-policy"].split("; ")
    policy = dict(directive.split(" ", 1) for directive in directives)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {SUPABASE}"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"


async def test_who_has_a_file_already_is_told_so(app: httpx.AsyncClient) -> None:
    first = await app.get("/calendar/app.js")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for sent in (tag, f'"older", W/{tag}'):
        again = await app.get("/calendar/app.js", headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = await app.get("/calendar/app.js", headers={"If-None-Match": '"older"'})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/calendar/",
        "/calendar/index.html",
        "/calendar/app.js.map",
        "/calendar/../secret.txt",
        "/calendar/%2e%2e/secret.txt",
        "/calendar/..%2fsecret.txt",
        "/calendar//app.js",
    ],
)
async def test_nothing_else_is_served(app: httpx.AsyncClient, path: str) -> None:
    assert_error(await app.get(path), "NOT_FOUND")


async def test_without_a_folder_there_is_no_page() -> None:
    async with app_before(SUPABASE) as client:
        for path in ("/calendar", "/calendar/app.js", "/calendar/config.json"):
            assert_error(await client.get(path), "NOT_FOUND")


async def test_the_page_is_no_part_of_the_document(app: httpx.AsyncClient) -> None:
    paths = (await app.get("/api/openapi.json")).json()["paths"]
    assert not [path for path in paths if not path.startswith("/api/")]


def test_a_folder_without_the_page_is_said_at_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {**NEEDED, "CALENDAR_PAGE_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=r"^CALENDAR_PAGE_DIR: No such file or directory"):
        create_app()
