"""`/storage/v1`: lite's Storage, with the keys and tokens of hosted Supabase and in the words of its Storage.

Where the two differ, this evens them out: uploads as forms, which the official clients send, and the names
and paths of signed URLs.
"""

import json
import re
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from stack.gateway.errors import storage_refusal
from stack.gateway.upstream import StreamedAnswer, body_of

if TYPE_CHECKING:
    from stack.gateway.app import GatewayRequest

PREFIX = "/storage/v1"
# What whoever holds the URL may do: the token in the query decides, no key and no user.
_BY_URL = re.compile(r"(GET|HEAD) /object/(sign|public)/.+|PUT /object/upload/sign/.+")
_SIGNING = re.compile(r"POST /object/(upload/)?sign/.+")
_SIGNING_MANY = re.compile(r"POST /object/sign/[^/]+")
_SIGNED_UPLOAD = "PUT /object/upload/sign/"
_UPLOAD = re.compile(r"(POST|PUT) /object/(?!sign/|upload/sign/$|list/|move$|copy$).+")
_NOT_SEEN = "Either the object does not exist or you do not have access to it"


async def storage(request: "GatewayRequest") -> Response:
    """Pass a request on to lite, as the role of its key, as its user, or as the holder of a signed URL."""
    upstream = request.state["rest"]
    what = f"{request.method} {request.url.path.removeprefix(PREFIX)}"
    headers: dict[str, str | None] = {"authorization": None, "apikey": None}
    body: bytes | None = None
    by_url = _BY_URL.fullmatch(what) is not None
    if not by_url and request.method != "OPTIONS":
        caller = request.state["credentials"].caller(request)
        token = caller.inner_token
        headers = {"apikey": caller.key, "authorization": f"Bearer {token}" if token else None}
    if _UPLOAD.fullmatch(what):
        body = await _unpack(request, headers)
    elif _SIGNING.fullmatch(what):
        body = _with_numbers(await body_of(request))
        if _SIGNING_MANY.fullmatch(what):
            return await _sign_many(request, headers, body)
    answer = await upstream.forward(request, headers, body)
    if by_url and answer.status_code == 500:
        # lite takes a token that does not hold for a failure of its own.
        await answer.whole()
        return storage_refusal("400", "InvalidJWT", "The token of this URL is not valid.")
    if answer.status_code == 200 and (_SIGNING.fullmatch(what) or what.startswith(_SIGNED_UPLOAD)):
        return await _hosted(what, answer)
    return answer


async def _unpack(request: "GatewayRequest", headers: dict[str, str | None]) -> bytes:
    """The file of an upload, out of the form that it may have come in; its type goes into the headers."""
    body = await body_of(request)
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return body
    form = BytesParser().parsebytes(b"content-type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
    parts: Any = form.get_payload() if form.is_multipart() else ()
    for part in parts:
        name = part.get_param("name", "", "content-disposition")
        content = part.get_payload(decode=True)
        if name == "cacheControl":
            headers["cache-control"] = f"max-age={content.decode('latin-1')}"
        elif part.get_filename() is not None or name in ("", "file"):
            headers["content-type"] = part.get_content_type()
            body = content
    return body


def _with_numbers(body: bytes) -> bytes:
    """The order for a signed URL, with the seconds as a number: supabase-py sends them as text."""
    try:
        order = json.loads(body or b"{}")
    except ValueError:
        return body
    if isinstance(order, dict) and isinstance(order.get("expiresIn"), str) and order["expiresIn"].isdecimal():
        order["expiresIn"] = int(order["expiresIn"])
    return json.dumps(order).encode()


async def _sign_many(request: "GatewayRequest", headers: dict[str, str | None], body: bytes) -> Response:
    """A signed URL for each path, one after the other: lite takes the order for one of an empty path."""
    try:
        order = json.loads(body)
        paths, seconds = [str(path) for path in order["paths"]], order["expiresIn"]
    except (ValueError, KeyError, TypeError):
        return storage_refusal("400", "Error", "body must have required properties 'paths' and 'expiresIn'")
    sent = {name: value for name, value in headers.items() if value is not None}
    sent["content-type"] = "application/json"
    one = json.dumps({"expiresIn": seconds}).encode()
    signed = []
    for path in paths:
        target = f"{request.url.path}/{quote(path)}"
        answer = await request.state["rest"].ask("POST", target, sent, one)
        url = json.loads(answer.content)["signedUrl"].removeprefix(PREFIX) if answer.is_success else None
        signed.append({"error": None if url else _NOT_SEEN, "path": path, "signedURL": url})
    return JSONResponse(signed)


async def _hosted(what: str, answer: StreamedAnswer) -> Response:
    """lite's answer with the names that Storage gives its parts, and paths from where a client's URL ends."""
    content: Any = json.loads(await answer.whole())
    if what.startswith("PUT "):
        bucket = what.split("/")[4]
        return JSONResponse({"Key": f"{bucket}/{content['Key']}"})
    signed = content["signedUrl"].removeprefix(PREFIX)
    if what.startswith("POST /object/upload/"):
        return JSONResponse({"url": signed, "token": content["token"]})
    return JSONResponse({"signedURL": signed})
