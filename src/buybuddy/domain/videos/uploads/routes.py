"""HTTP of uploads that go on where they broke off: tus 1.0.0 (https://tus.io/protocols/resumable-upload)."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from buybuddy.domain.accounts.access import Operator, Principal
from buybuddy.domain.accounts.rules import allows
from buybuddy.domain.videos.tables import VideoUpload
from buybuddy.domain.videos.uploads import receiving as upload_receiving
from buybuddy.domain.videos.uploads import service as uploads
from buybuddy.domain.videos.uploads.schemas import ResumableUploadOut
from buybuddy.errors import (
    BuybuddyError,
    Conflict,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    ResourceLocked,
    StorageFull,
    UnreadableMedia,
)
from buybuddy.infra.http import PlatformDep, SessionDep, refusals

TUS_VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
BODY_TYPE = "application/offset+octet-stream"
PATIENCE_S = 20.0  # without a byte; a client that is gone without a word must not keep its upload locked
LARGEST_NUMBER = 2**63 - 1


class TusRoute(APIRoute):
    """Says in every answer, problems included, which version of the protocol is spoken."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({"Tus-Resumable": TUS_VERSION, "Tus-Version": TUS_VERSION})
            await send(message)

        await super().handle(scope, receive, send_with_version)


class UnsupportedTusVersion(BuybuddyError):
    """A request says no version of tus, or another one."""

    code = "UNSUPPORTED_TUS_VERSION"
    http_status = 412


class WrongContentType(InvalidInput):
    """The body is of another type than the protocol says."""

    code = "WRONG_CONTENT_TYPE"
    http_status = 415


async def check_tus_version(
    _: Operator,  # who is asking goes before how
    tus_resumable: Annotated[str, Header(max_length=20, examples=[TUS_VERSION], description="Always 1.0.0.")] = "",
) -> None:
    """Raises: UnsupportedTusVersion."""
    if tus_resumable != TUS_VERSION:
        raise UnsupportedTusVersion(f"Say 'Tus-Resumable: {TUS_VERSION}'.")


SpeaksTus = Depends(check_tus_version)
router = APIRouter(prefix="/videos/uploads", tags=["videos"], route_class=TusRoute)

_PIECE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {BODY_TYPE: {"schema": {"type": "string", "format": "binary"}, "example": "(bytes)"}},
    }
}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"schema": {"type": "string"}} for name in names}


def _empty(status: int, what: str, *names: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is nothing but headers."""
    return {status: {"description": what, "headers": _headers("Tus-Resumable", *names)}}


@router.options(
    "",
    operation_id="getUploadCapabilities",
    status_code=204,
    response_class=Response,
    responses=_empty(204, "What is spoken here.", "Tus-Version", "Tus-Extension", "Tus-Max-Size"),
)
async def get_capabilities(_: Operator, platform: PlatformDep) -> Response:
    """Say which version of tus is spoken, with what extensions, and how large a file may be."""
    limits = {"Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(platform.settings.upload_max_bytes)}
    return Response(status_code=204, headers=limits)


@router.post(
    "",
    operation_id="createUpload",
    status_code=201,
    response_class=Response,
    dependencies=[SpeaksTus],
    responses=_empty(201, "Begun; the bytes go to Location.", "Location", "Upload-Expires")
    | refusals(InvalidInput, UnreadableMedia, PayloadTooLarge, uploads.TooManyUploads, UnsupportedTusVersion),
)
async def create_upload(
    request: Request,
    principal: Operator,
    platform: PlatformDep,
    session: SessionDep,
    upload_length: Annotated[int, Header(ge=0, le=LARGEST_NUMBER, description="The file's size in bytes.")],
    upload_metadata: Annotated[
        str,
        Header(
            max_length=4000,
            description="`filename` and `barcode`, both optional: pairs of a key and a base64 value, parted by commas.",
            examples=["filename ODY5MDUwNDAxMjM0NS5tcDQ="],
        ),
    ] = "",
) -> Response:
    """Begin an upload of one video (tus creation); at most 20 of a user's are unfinished. Kept for 24 idle hours."""
    wish = uploads.read_wish(upload_length, upload_metadata, platform.settings.upload_max_bytes)
    upload = await uploads.begin(session, wish, principal.user.id)
    headers = {"Location": f"{request.url.path.rstrip('/')}/{upload.id}", "Upload-Expires": _expiry(upload)}
    return Response(status_code=201, headers=headers)


@router.head(
    "/{upload_id}",
    operation_id="getUploadOffset",
    response_class=Response,
    dependencies=[SpeaksTus],
    responses=_empty(200, "How far it is.", "Upload-Offset", "Upload-Length", "Upload-Expires", "Upload-Metadata")
    | refusals(NotFound, UnsupportedTusVersion),
)
async def get_upload_offset(upload_id: uuid.UUID, principal: Operator, session: SessionDep) -> Response:
    """Say where the next byte goes (tus core)."""
    upload = await uploads.get_upload(session, upload_id, _owner(principal))
    headers = {**_position(upload), "Upload-Length": str(upload.size_bytes), "Cache-Control": "no-store"}
    if upload.upload_metadata:
        headers["Upload-Metadata"] = upload.upload_metadata
    return Response(headers=headers)


@router.get("/{upload_id}", operation_id="getUpload", responses=refusals(NotFound))
async def get_upload(upload_id: uuid.UUID, principal: Operator, session: SessionDep) -> ResumableUploadOut:
    """Say how far an upload is, and which video it has become, or why none; for 24 hours after its last byte."""
    return ResumableUploadOut.from_row(await uploads.get_upload(session, upload_id, _owner(principal)))


@router.patch(
    "/{upload_id}",
    operation_id="appendToUpload",
    status_code=204,
    response_class=Response,
    dependencies=[SpeaksTus],
    openapi_extra=_PIECE,
    responses=_empty(204, "Kept up to Upload-Offset.", "Upload-Offset", "Upload-Expires")
    | refusals(
        NotFound,
        Conflict,
        PayloadTooLarge,
        ResourceLocked,
        WrongContentType,
        UnreadableMedia,
        UnsupportedTusVersion,
        StorageFull,
    ),
)
async def append_to_upload(
    upload_id: uuid.UUID,
    request: Request,
    principal: Operator,
    platform: PlatformDep,
    upload_offset: Annotated[int, Header(ge=0, le=LARGEST_NUMBER, description="Must be where the upload is.")],
    content_length: Annotated[int | None, Header(ge=0, le=LARGEST_NUMBER, include_in_schema=False)] = None,
) -> Response:
    """Add bytes (tus core); what came before a cut is kept. With the last one the upload becomes a video, or 422."""
    if request.headers.get("content-type") != BODY_TYPE:
        raise WrongContentType(f"The Content-Type must be {BODY_TYPE}.")
    piece = upload_receiving.Piece(upload_id, _owner(principal), upload_offset, content_length, principal.actor)
    upload = await upload_receiving.append(platform.db, platform.storage, piece, _what_comes(request))
    return Response(status_code=204, headers=_position(upload))


@router.delete(
    "/{upload_id}",
    operation_id="deleteUpload",
    status_code=204,
    response_class=Response,
    dependencies=[SpeaksTus],
    responses=_empty(204, "Gone.") | refusals(NotFound, UnsupportedTusVersion),
)
async def delete_upload(upload_id: uuid.UUID, principal: Operator, session: SessionDep) -> Response:
    """Forget an upload (tus termination); a video that it has become stays."""
    await uploads.remove(session, upload_id, _owner(principal))
    return Response(status_code=204)


def _owner(principal: Principal) -> uuid.UUID | None:
    return None if allows(principal.role, "admin") else principal.user.id


def _position(upload: VideoUpload) -> dict[str, str]:
    return {"Upload-Offset": str(upload.offset_bytes), "Upload-Expires": _expiry(upload)}


def _expiry(upload: VideoUpload) -> str:
    return format_datetime(upload.expires_at, usegmt=True)


async def _what_comes(request: Request) -> AsyncIterator[bytes]:
    """Yield the body up to its end, or to where the client left or fell silent: the answer says how far that was."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S):
                chunk = await anext(stream, None)
        except (ClientDisconnect, TimeoutError):
            return
        if chunk is None:
            return
        yield chunk
