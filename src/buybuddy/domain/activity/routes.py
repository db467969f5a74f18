"""The live event stream, as Server-Sent Events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from buybuddy.domain.accounts.access import Principal, Viewer, authenticate
from buybuddy.errors import BuybuddyError, Unavailable
from buybuddy.infra.db.event_feed import Event, newest_event_id
from buybuddy.infra.http import Platform, PlatformDep

router = APIRouter(tags=["events"])

SILENCE_S = 15.0
ACCESS_CHECK_S = 30.0


@router.get(
    "/events",
    operation_id="streamEvents",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "job, video, product, activity and resync events"}
    },
)
async def stream_events(
    request: Request, principal: Viewer, platform: PlatformDep, last_event_id: Annotated[int | None, Header()] = None
) -> StreamingResponse:
    """Follow changes as they are committed; `Last-Event-ID` replays what was missed."""
    return StreamingResponse(
        _stream(request, principal, platform, last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(
    request: Request, principal: Principal, platform: Platform, after_id: int | None
) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    checked_s = time.monotonic()
    try:
        async for event in platform.events.follow(after_id, SILENCE_S):
            if time.monotonic() - checked_s > ACCESS_CHECK_S:
                checked_s = time.monotonic()
                if not await _is_still_signed_in(request, principal, platform):
                    return
            yield b": quiet\n\n" if event is None else _frame(event)
    except LookupError:
        newest_id = await _newest_event_id(platform)  # else the browser would ask from the same old id again
        yield f"id: {newest_id}\nevent: resync\ndata: {{}}\n\n".encode()
    except (Unavailable, asyncio.CancelledError):
        return


async def _newest_event_id(platform: Platform) -> int:
    async with platform.db.transaction() as session:
        return await newest_event_id(session)


async def _is_still_signed_in(request: Request, principal: Principal, platform: Platform) -> bool:
    """A revoked session ends its open streams too."""
    try:
        async with platform.db.transaction() as session:
            return (await authenticate(request, session)).user.id == principal.user.id
    except Unavailable:
        return True
    except BuybuddyError:
        return False


def _frame(event: Event) -> bytes:
    data = json.dumps(event.payload, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.topic}\ndata: {data}\n\n".encode()
