"""The live event stream, as Server-Sent Events."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.activity.streams import EventStream, hub_of
from buybuddy.infra.db.outbox import Topic
from buybuddy.infra.http import PlatformDep, refusals
from buybuddy.infra.http.streaming import TooManyStreams

router = APIRouter(tags=["events"])


@router.get(
    "/events",
    operation_id="streamEvents",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "An event's name is its topic, or resync when what was missed is no longer kept.",
        },
        **refusals(TooManyStreams),
    },
)
async def stream_events(
    request: Request,
    principal: Viewer,
    platform: PlatformDep,
    topics: Annotated[
        list[Topic] | None, Query(max_length=20, description="Only these; may be given many times.")
    ] = None,
    after: Annotated[
        int | None,
        Query(ge=0, lt=2**63, description="Like Last-Event-ID, for a new EventSource; the header goes before it."),
    ] = None,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**63)] = None,
) -> EventStream:
    """Follow changes as they are committed; `Last-Event-ID` replays what was missed."""
    hub = hub_of(request, platform)
    hub.refuse_too_many(principal.user.id)
    after_id = after if last_event_id is None else last_event_id
    return EventStream(hub, principal, after_id, frozenset(topics or ()))
