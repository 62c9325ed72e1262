"""Photos of assets: uploaded straight to Supabase Storage, registered and shown here."""

from typing import Final
from uuid import UUID

from postgrest import AsyncSelectRequestBuilder
from starlette.responses import Response

from bff.errors import ForbiddenError, InvalidRequestError
from bff.http import endpoint, expected_version, path_id, session_of
from bff.repository import Repository, Session
from bff.responses import Page, no_content, success
from bff.routes.assets import assets_of
from bff.schemas.envelope import Paged
from bff.schemas.photos import (
    Photo,
    PhotoChanges,
    PhotoCreate,
    PhotoUpload,
    PhotoUploadUrl,
    PlannedUpload,
)
from bff.state import Request
from bff.storage import Bucket

BUCKET: Final = "asset-photos"
COLUMNS: Final = "id,organization_id,asset_id,path,url,caption,display_order,version,created_at,updated_at"


def photos_of(session: Session) -> Repository[Photo]:
    """The photos that the caller may see."""
    return session.table("asset_photos", Photo, COLUMNS)


def _bucket(request: Request, session: Session) -> Bucket:
    return Bucket(session, request.state["supabase"].url, BUCKET)


async def _with_urls(request: Request, session: Session, photos: list[Photo]) -> list[Photo]:
    # A second call, to another service, but one for all photos: only Storage signs, and not for long.
    paths = [photo.path for photo in photos if photo.path is not None]
    urls = await _bucket(request, session).sign_reads(paths)
    return [
        photo if photo.path is None else photo.model_copy(update={"url": urls.get(photo.path)})
        for photo in photos
    ]


@endpoint(
    "POST",
    "/api/v1/assets/{id}/photos/upload-url",
    summary="Where to upload a photo of an asset (admins and owners)",
    description="JPEG, PNG, WebP or AVIF of at most 10 MiB, and twenty photos an asset.",
    tag="photos",
    body=PhotoUpload,
    response=PhotoUploadUrl,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "CONFLICT"),
)
async def plan_upload(request: Request, upload: PhotoUpload) -> Response:
    """`plan_photo_upload` chooses the path and words a refusal; then Storage signs, which only it can."""
    session = session_of(request)
    arguments = {
        "p_asset_id": path_id(request, "id"),
        "p_content_type": upload.content_type,
        "p_size": upload.size,
    }
    planned = await session.rpc("plan_photo_upload", arguments, PlannedUpload, safe=True)
    signed = await _bucket(request, session).sign_upload(planned.path)
    answer = PhotoUploadUrl(
        url=signed.url,
        token=signed.token,
        method="PUT",
        bucket=planned.bucket,
        path=planned.path,
        content_type=planned.content_type,
    )
    response = success(request, answer)
    response.headers["Cache-Control"] = "no-store"
    return response


@endpoint(
    "POST",
    "/api/v1/assets/{id}/photos",
    summary="Register an uploaded photo (admins and owners)",
    tag="photos",
    body=PhotoCreate,
    response=Photo,
    status=201,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND"),
    response_headers=("Location", "ETag"),
)
async def register_photo(request: Request, photo: PhotoCreate) -> Response:
    """Inserts the row, if the policies let it in; its trigger looks for the file."""
    session, asset_id = session_of(request), path_id(request, "id")
    organization_id = _organization_of(photo.path)
    values = {
        **photo.model_dump(mode="json", exclude_unset=True),
        "organization_id": str(organization_id),
        "asset_id": str(asset_id),
    }
    try:
        created = await photos_of(session).create(values)
    except ForbiddenError:
        # On failure only: to a stranger the asset must not exist.
        await assets_of(session).find_by_id(asset_id)
        raise
    [shown] = await _with_urls(request, session, [created])
    return success(request, shown, status=201, version=shown.version, location=f"/api/v1/photos/{shown.id}")


def _organization_of(path: str) -> UUID:
    try:
        return UUID(path.partition("/")[0])
    except ValueError:
        raise InvalidRequestError.of(
            "path", "not_of_asset", "This is no path below the folder of the asset."
        ) from None


@endpoint(
    "GET",
    "/api/v1/assets/{id}/photos",
    summary="The photos of an asset, in their order",
    tag="photos",
    query=Paged,
    response=Photo,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_photos(request: Request, query: Paged) -> Response:
    """The rows that the caller may see, and one call that signs their URLs."""
    session, asset_id = session_of(request), path_id(request, "id")

    def narrow(rows: AsyncSelectRequestBuilder) -> AsyncSelectRequestBuilder:
        return rows.eq("asset_id", asset_id)

    found = await photos_of(session).find_all(
        narrow, order="display_order", page=query.page, page_size=query.page_size
    )
    if not found.count:
        # Only when there is nothing to show: has the asset no photos, or must the caller not know of it?
        await assets_of(session).find_by_id(asset_id)
    shown = await _with_urls(request, session, found.items)
    return success(request, shown, page=Page(query.page, query.page_size, found.count))


@endpoint(
    "PATCH",
    "/api/v1/photos/{id}",
    summary="Change a photo's caption or place (admins and owners)",
    tag="photos",
    body=PhotoChanges,
    response=Photo,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_photo(request: Request, changes: PhotoChanges) -> Response:
    """Updates the row, if the policies let it."""
    session = session_of(request)
    changed = await photos_of(session).update(
        path_id(request, "id"), changes.sent(), version=expected_version(request)
    )
    [shown] = await _with_urls(request, session, [changed])
    return success(request, shown, version=shown.version)


@endpoint(
    "DELETE",
    "/api/v1/photos/{id}",
    summary="Delete a photo and its file (admins and owners)",
    tag="photos",
    status=204,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def delete_photo(request: Request) -> Response:
    """Deletes the row and then the file: should that fail, nobody is shown a photo that is not there."""
    session = session_of(request)
    deleted = await photos_of(session).delete(path_id(request, "id"), version=expected_version(request))
    if deleted.path is not None:
        await _bucket(request, session).remove(deleted.path)
    return no_content()


ENDPOINTS = (plan_upload, register_photo, list_photos, update_photo, delete_photo)
