"""Files that are made while they are sent, and stop being made when nobody takes them any more."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from weakref import WeakSet

from fastapi.responses import StreamingResponse
from prometheus_client import Gauge
from starlette.types import Send

from buybuddy.errors import Unavailable

MOST_AT_ONCE = 8  # each may hold a connection of the pool for as long as its client takes
PATIENCE_S = 60.0

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class TooManyStreams(Unavailable):
    """Enough files are being sent at the moment."""

    code = "TOO_MANY_STREAMS"


class StreamedFile(StreamingResponse):
    """A download; cut off when its client takes nothing for PATIENCE_S."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], first: bytes, *, filename: str, media_type: str) -> None:
        headers = {
            "Content-Disposition": f'attachment; filename="{_UNSAFE.sub("-", filename)}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        super().__init__(chunks, media_type=media_type, headers=headers)
        self._chunks, self._first = chunks, first

    async def stream_response(self, send: Send) -> None:
        """Send everything; however it ends, what makes the file ends with it."""

        async def send_body(body: bytes, *, is_last: bool = False) -> None:
            async with asyncio.timeout(PATIENCE_S):
                await send({"type": "http.response.body", "body": body, "more_body": not is_last})

        try:
            async with aclosing(self._chunks):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send_body(self._first)
                async for chunk in self._chunks:
                    await send_body(chunk)
                await send_body(b"", is_last=True)
        finally:
            _OPEN.discard(self._chunks)


# What makes the files; weak, so that an answer that is never sent does not count for ever.
_OPEN: WeakSet[AsyncGenerator[bytes, None]] = WeakSet()
Gauge("buybuddy_streams_open", "Files being made and sent").set_function(lambda: len(_OPEN))


async def stream_file(chunks: AsyncGenerator[bytes, None], *, filename: str, media_type: str) -> StreamedFile:
    """Begin a download; what goes wrong before its first chunk is still answered as a problem document.

    Args:
        chunks: closed at the end, however it comes.
        filename: anything but letters, digits, dots, lines and underscores becomes a line.
    Raises: TooManyStreams, and what making the first chunk raises.
    """
    if len(_OPEN) >= MOST_AT_ONCE:
        await chunks.aclose()
        raise TooManyStreams(f"{MOST_AT_ONCE} downloads are under way; try again when one has ended.")
    _OPEN.add(chunks)  # from now on: the first chunk may take minutes
    try:
        first = await anext(chunks, b"")
    except BaseException:
        _OPEN.discard(chunks)
        raise
    return StreamedFile(chunks, first, filename=filename, media_type=media_type)
