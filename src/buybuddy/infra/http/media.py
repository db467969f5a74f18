"""Signed links to stored objects: fixed types, no sniffing, one bounded range at a time."""

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from buybuddy.errors import InvalidInput
from buybuddy.infra.http.dependencies import PlatformDep
from buybuddy.infra.storage import content_type_of
from buybuddy.infra.storage.signing import MEDIA_ROUTE

router = APIRouter(include_in_schema=False)

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)  # no object has more bytes than that
_HEADERS = {
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, max-age=3600, immutable",
}


@router.api_route(MEDIA_ROUTE + "/{token}/{key:path}", methods=["GET", "HEAD"], operation_id="getMedia")
async def get_media(
    request: Request,
    token: str,
    key: str,
    platform: PlatformDep,
    range_header: Annotated[str | None, Header(alias="range")] = None,
) -> Response:
    """Answer with an object, or a part of it, to whoever holds a link that we signed."""
    key = platform.links.verify(token, key)
    size = await asyncio.to_thread(platform.storage.size_bytes, key)
    span = parse_range(range_header, size) if range_header else None
    start, end = span or (0, size)
    headers = {**_HEADERS, "Content-Length": str(end - start)}
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if request.method == "HEAD":  # nothing is read for an answer without a body
        return Response(status_code=206 if span else 200, media_type=content_type_of(key), headers=headers)
    return StreamingResponse(
        platform.storage.stream(key, start, end),
        status_code=206 if span else 200,
        media_type=content_type_of(key),
        headers=headers,
    )


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the half-open byte span that a Range header asks for; None when it is to be ignored.

    Raises: InvalidInput when it lies outside the object. Source: RFC 9110, 14.1-14.2.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise RangeNotSatisfiable(f"The object has {size} bytes.")
    return start, end


class RangeNotSatisfiable(InvalidInput):
    code = "RANGE_NOT_SATISFIABLE"
    http_status = 416
