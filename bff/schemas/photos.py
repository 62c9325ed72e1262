"""Photos of assets, and how they are uploaded."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bff.schemas.base import Changes, Id, Input, NoNul, NotNull, Output, UtcTime

Caption = Annotated[str, StringConstraints(max_length=500), NoNul]
DisplayOrder = Annotated[int, Field(strict=True, ge=0, le=1_000_000, description="The smallest comes first.")]
PhotoPath = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f-]{36}/[0-9a-f-]{36}/[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=300),
]
MAX_BYTES = 10_485_760  # the bucket's limit


class PhotoUpload(Input):
    """The photo that is to be uploaded: its type, and its size in bytes."""

    content_type: Literal["image/jpeg", "image/png", "image/webp", "image/avif"]
    size: Annotated[int, Field(strict=True, ge=1, le=MAX_BYTES)]


class PlannedUpload(Output):
    """What `plan_photo_upload` answers."""

    bucket: str
    path: str
    content_type: str


class PhotoUploadUrl(Output):
    """PUT the bytes to `url` with this `content_type`, then register the photo by its `path`."""

    url: str
    token: Annotated[
        str, Field(description="For `uploadToSignedUrl(path, token, file)` of Supabase's clients.")
    ]
    method: Literal["PUT"] = "PUT"
    bucket: str
    path: str
    content_type: str


class PhotoCreate(Input):
    """An uploaded photo."""

    path: PhotoPath
    caption: Caption | None = None
    display_order: Annotated[DisplayOrder | None, NotNull] = None


class PhotoChanges(Changes):
    """What admins may change of a photo."""

    caption: Caption | None = None
    display_order: Annotated[DisplayOrder | None, NotNull] = None


class Photo(Output):
    """A photo. `url` is good for an hour where the photo lies in Storage; null if it cannot be read there."""

    id: Id
    organization_id: Id
    asset_id: Id
    path: str | None
    url: str | None
    caption: str | None
    display_order: int
    version: int
    created_at: UtcTime
    updated_at: UtcTime
