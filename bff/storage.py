"""Supabase Storage, as the caller sees it: signed URLs for files that never pass through the BFF."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from pydantic import BaseModel, RootModel

from bff.repository import Session, parse

READ_SECONDS: Final = 3600  # a page with photos may stay open that long


class SignedUpload(BaseModel):
    """Where to PUT a file, once; relative to Storage's address."""

    url: str
    token: str


class _SignedRead(BaseModel):
    path: str
    signedURL: str | None = None  # noqa: N815 (the wire's name)


class _SignedReads(RootModel[list[_SignedRead]]):
    pass


class Bucket:
    """One bucket.

    Args:
        session: The caller's session; the policies on `storage.objects` decide.
        base_url: The project's address as its clients know it.
        name: The bucket's.

    """

    def __init__(self, session: Session, base_url: str, name: str) -> None:
        self._session = session
        self._url = f"{base_url.rstrip('/')}/storage/v1"
        self._name = name

    async def sign_upload(self, path: str) -> SignedUpload:
        """A URL for one upload; it is good for two hours, as Storage has it.

        Raises:
            ApiError: CONFLICT where something lies there, FORBIDDEN where the policies refuse it.

        """
        target = f"/object/upload/sign/{self._name}/{quote(path)}"
        answer = await self._session.storage("POST", target, {}, safe=True)
        signed = parse(SignedUpload, answer.content)
        return SignedUpload(url=self._url + signed.url, token=signed.token)

    async def sign_reads(self, paths: Sequence[str]) -> dict[str, str]:
        """URLs to read files from, by path, good for `READ_SECONDS`; what cannot be read has none."""
        if not paths:
            return {}
        body = {"expiresIn": READ_SECONDS, "paths": list(paths)}
        answer = await self._session.storage("POST", f"/object/sign/{self._name}", body, safe=True)
        signed = parse(_SignedReads, answer.content).root
        return {each.path: self._url + each.signedURL for each in signed if each.signedURL}

    async def remove(self, path: str) -> None:
        """Deletes a file, if it is there."""
        await self._session.storage("DELETE", f"/object/{self._name}", {"prefixes": [path]}, safe=True)
