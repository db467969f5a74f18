"""Changes as they are committed."""

from collections.abc import AsyncIterator, Collection

import httpx

from buybuddy_sdk._async.transport import AsyncTransport, Call
from buybuddy_sdk._pauses import async_sleep
from buybuddy_sdk._retry import Tries
from buybuddy_sdk._sse import RESYNC, Event, EventReader

SILENCE_S = 45.0  # the server says something every 15 s


class AsyncEventStream:
    """Every change from now on, or from an id on; goes on by itself where a connection breaks off.

    An event with `is_resync` comes when too much was missed: load again what you show. What reaches nobody for
    longer than the client's retries last raises Unavailable; `last_id` is where a new stream would go on.
    """

    def __init__(self, transport: AsyncTransport, topics: Collection[str] | None, last_id: int | None) -> None:
        self._transport = transport
        self._topics = None if topics is None else frozenset({*topics, RESYNC})
        self._reader = EventReader(last_id)

    @property
    def last_id(self) -> int | None:
        """The id of the newest event that was read."""
        return self._reader.last_id

    async def __aiter__(self) -> AsyncIterator[Event]:
        tries = Tries(self._transport.options, is_repeatable=True)
        while True:
            try:
                async for event in self._follow():
                    tries = Tries(self._transport.options, is_repeatable=True)  # it works again
                    if self._topics is None or event.topic in self._topics:
                        yield event
                pause_s = self._transport.options.first_pause_s  # the server has ended it: a restart, or access is over
            except httpx.TransportError as error:
                pause_s = tries.pause_after_failure(error, self._transport.origin)
            self._reader.forget_half()
            await async_sleep(pause_s)

    async def _follow(self) -> AsyncIterator[Event]:
        headers = {"Accept": "text/event-stream"}
        if self._reader.last_id is not None:
            headers["Last-Event-ID"] = str(self._reader.last_id)
        async with self._transport.stream(Call("GET", "/events", headers=headers, silence_s=SILENCE_S)) as response:
            async for line in response.aiter_lines():
                event = self._reader.take(line)
                if event is not None:
                    yield event
