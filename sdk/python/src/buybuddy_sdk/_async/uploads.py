"""Large files, sent in pieces that need not be sent again when the connection breaks off (tus 1.0.0)."""

import base64
from pathlib import Path

from buybuddy_sdk._async.transport import AsyncTransport, Call
from buybuddy_sdk._files import read_piece, size_of
from buybuddy_sdk._page import in_path
from buybuddy_sdk._pauses import async_in_thread, async_sleep
from buybuddy_sdk._progress import open_bars
from buybuddy_sdk.errors import (
    BuybuddyError,
    Conflict,
    InvalidInput,
    ResourceLocked,
    ServerError,
    StorageFull,
    Unavailable,
)
from buybuddy_sdk.models import ResumableUploadOut

PIECE_BYTES = 8 * 1024 * 1024
PIECE_SILENCE_S = 120.0
TUS = {"Tus-Resumable": "1.0.0"}
# The piece whose connection broke off may keep its upload for so long.
TRIES_A_PIECE, LOCKED_S = 30, 1.0


async def send_in_pieces(
    transport: AsyncTransport, file: Path, barcode: str | None, *, progress: bool | None = None
) -> ResumableUploadOut:
    """Send a file and return what has become of it. Raises: InvalidInput when it is no video."""
    size = await async_in_thread(size_of, file)
    path = await _begin(transport, file.name, size, barcode)
    upload = await transport.get(ResumableUploadOut, path)
    n_failed = 0
    with open_bars(progress) as bars:
        while upload.video_id is None and upload.rejected_reason is None:
            before = upload.offset
            failure = await _send_piece(transport, path, file, before) if before < size else None
            upload = await transport.get(ResumableUploadOut, path)
            bars.show("upload", file.name, upload.offset, size, f"{upload.offset / 1e6:,.1f} MB")
            if upload.offset > before:
                n_failed = 0
                continue
            n_failed += 1
            if failure is not None and (n_failed >= TRIES_A_PIECE or isinstance(failure, (InvalidInput, StorageFull))):
                raise failure
            if n_failed >= TRIES_A_PIECE:
                raise ServerError(f"{file.name} was sent, and nothing has become of it.")
            await async_sleep(LOCKED_S)
    if upload.rejected_reason is not None:
        raise InvalidInput(upload.rejected_reason, code="UNREADABLE_MEDIA", http_status=422)
    return upload


async def _begin(transport: AsyncTransport, name: str, size: int, barcode: str | None) -> str:
    said = {"filename": name} | ({"barcode": barcode} if barcode else {})
    pairs = [f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items()]
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": ",".join(pairs)}
    answer = await transport.send(Call("POST", "/videos/uploads", headers=headers))
    upload_id = answer.headers.get("location", "").rpartition("/")[2]
    if not upload_id:
        raise ServerError(f"{transport.origin} took {name} and did not say where its pieces go.")
    return f"/videos/uploads/{in_path(upload_id)}"


async def _send_piece(transport: AsyncTransport, path: str, file: Path, offset: int) -> BuybuddyError | None:
    """Send the bytes from an offset on; return what went wrong where it may go better from where the upload is then."""
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    content = await async_in_thread(read_piece, file, offset, PIECE_BYTES)
    try:
        await transport.send(Call("PATCH", path, content=content, headers=headers, silence_s=PIECE_SILENCE_S))
    except (Unavailable, ResourceLocked, Conflict, InvalidInput) as error:
        return error
    return None
