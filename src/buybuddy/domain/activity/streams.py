"""Open event streams: what each is sent, and when it is ended.

A client that does not keep up costs at most what one write holds: while it takes nothing, nothing more is written.
"""

import asyncio
import contextlib
import gc
import uuid
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from fastapi import Request
from fastapi.responses import StreamingResponse
from prometheus_client import Counter, Gauge
from starlette.types import Receive, Scope, Send

from buybuddy.domain.accounts.access import Principal
from buybuddy.domain.activity.stream_repository import find_live
from buybuddy.errors import Unavailable
from buybuddy.infra.db.event_feed import Event, EventFeed, Listener
from buybuddy.infra.db.reader import Reader
from buybuddy.infra.http import Platform
from buybuddy.infra.http.streaming import TooManyStreams

MOST_STREAMS = 2000
MOST_OF_ONE_USER = 1000
SILENCE_S = 15.0
ACCESS_CHECK_S = 5.0
PATIENCE_S = 30.0  # for one write
WRITE_BYTES = 32 * 1024

_OPEN = Gauge("buybuddy_event_streams_open", "Open event streams")
_CUT = Counter("buybuddy_event_streams_cut_total", "Event streams ended because their client did not keep up")


class StreamHub:
    """The open streams of this process; ends those whose session has ended or whose client does not take what is sent.

    One query for all of them every few seconds, and at once when somebody's account changes.

    Args:
        most_of_one: streams that one user may have open.
    """

    def __init__(self, feed: EventFeed, reader: Reader, *, most_of_one: int = MOST_OF_ONE_USER) -> None:
        self.feed = feed
        self._most_of_one = most_of_one
        self._n_of: Tally[uuid.UUID] = Tally()
        self._reader = reader
        self._streams: set[EventStream] = set()
        self._is_due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watching(self, stream: "EventStream") -> Iterator[None]:
        """Watch a stream while the block runs."""
        user_id = stream.principal.user.id
        self._streams.add(stream)
        self._n_of[user_id] += 1
        _OPEN.inc()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="event-streams")
        try:
            yield
        finally:
            _OPEN.dec()
            self._streams.discard(stream)
            self._n_of[user_id] -= 1
            if not self._n_of[user_id]:
                del self._n_of[user_id]
            if not self._streams:
                self.check_soon()

    def refuse_too_many(self, user_id: uuid.UUID) -> None:
        """Raises: TooManyStreams."""
        if self._n_of[user_id] >= self._most_of_one:
            raise TooManyStreams(f"You have {self._most_of_one} event streams open; close some of them.")
        if len(self._streams) >= MOST_STREAMS:
            raise TooManyStreams(f"{MOST_STREAMS} event streams are open; try again later.")

    def check_soon(self) -> None:
        """Look now who may still listen."""
        self._is_due.set()

    async def _watch(self) -> None:
        while self._streams:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ACCESS_CHECK_S):
                    await self._is_due.wait()
            self._is_due.clear()
            for stream in [stream for stream in self._streams if stream.is_stuck()]:
                _CUT.inc()
                stream.end()
            with contextlib.suppress(Unavailable):  # the database is away: nothing new is told either
                await self._end_revoked()

    async def _end_revoked(self) -> None:
        asked = list(self._streams)
        session_ids = {who.session_id for who in (stream.principal for stream in asked) if who.session_id is not None}
        key_ids = {who.key_id for who in (stream.principal for stream in asked) if who.key_id is not None}
        live = await find_live(self._reader, session_ids, key_ids)
        for stream in asked:
            if (stream.principal.session_id or stream.principal.key_id) not in live:
                stream.end()


def hub_of(request: Request, platform: Platform) -> StreamHub:
    """Return the hub of this process; the first stream makes it."""
    hub: StreamHub | None = getattr(request.app.state, "stream_hub", None)
    if hub is None:
        hub = request.app.state.stream_hub = StreamHub(platform.events, platform.reader)
        # What is there now stays. Without this every full collection walks all of it and holds every stream for 0.2 s,
        # every few seconds, as hundreds of waiting streams make many objects that live just long enough.
        gc.collect()
        gc.freeze()
    return hub


class EventStream(StreamingResponse):
    """One client's stream.

    Args:
        after_id: the last event that the client has seen; None for none.
        topics: what it wants to hear of; empty for everything.
    """

    def __init__(
        self,
        hub: StreamHub,
        principal: Principal,
        after_id: int | None,
        topics: frozenset[str],
        *,
        silence_s: float = SILENCE_S,
    ) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(iter(()), media_type="text/event-stream", headers=headers)
        self.principal = principal
        self._user_id = str(principal.user.id)
        self._hub, self._after_id, self._topics = hub, after_id, topics
        self._silence_s = silence_s
        self._written_at_s = 0.0
        self._listener = Listener()
        self._writing: asyncio.Task[None] | None = None
        self._writing_since_s: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the client leaves, or is made to."""
        with self._hub.watching(self):
            self._writing = asyncio.create_task(self._write_all(send))
            leaving = asyncio.create_task(_until_left(receive))
            try:
                await asyncio.wait({self._writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                pass  # the process is being stopped
            finally:
                has_ended = self._writing.done() and not self._writing.cancelled()
                for task in (self._writing, leaving):
                    task.cancel()
                await asyncio.wait({self._writing, leaving})
            if not has_ended:
                _abort(receive)
            elif (error := self._writing.exception()) is not None:
                raise error

    def is_stuck(self) -> bool:
        """Tell whether the client has not taken one write for long, or has fallen behind while it did not."""
        if self._writing_since_s is None:
            return False
        waited_s = asyncio.get_running_loop().time() - self._writing_since_s
        return waited_s > PATIENCE_S or (waited_s > 1.0 and self._hub.feed.has_lost(self._listener))

    def end(self) -> None:
        """End the stream; at once when its client does not take what is being written."""
        self._listener.close()
        if self._writing_since_s is not None and self._writing is not None:
            self._writing.cancel()

    async def _write_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._write(send, b"retry: 1000\n\n")
        with contextlib.suppress(Unavailable):  # the client comes back
            try:
                async with aclosing(self._hub.feed.follow(self._after_id, self._silence_s, self._listener)) as batches:
                    async for batch in batches:
                        for chunk in self._chunks(batch):
                            await self._write(send, chunk)
            except LookupError:  # with an id, else the browser would ask from the same old one again
                newest_id = await self._hub.feed.read_newest_id()
                await self._write(send, f"id: {newest_id}\nevent: resync\ndata: {{}}\n\n".encode())
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._writing_since_s = loop.time()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._writing_since_s, self._written_at_s = None, loop.time()

    def _chunks(self, batch: Sequence[Event]) -> Iterator[bytes]:
        """Join the frames of what this client wants and may hear; a quiet line when that has been nothing for long.

        The quiet line carries the id that the client is at: one that hears little can still come back a day later.
        """
        frames, n_bytes, is_quiet = [], 0, True
        for event in batch:
            if event.topic == "account" and event.payload.get("id") == self._user_id:
                self._hub.check_soon()
            if event.audience not in (None, self._user_id) or (self._topics and event.topic not in self._topics):
                continue
            frames.append(event.frame)
            n_bytes, is_quiet = n_bytes + len(event.frame), False
            if n_bytes >= WRITE_BYTES:
                yield b"".join(frames)
                frames, n_bytes = [], 0
        if frames:
            yield b"".join(frames)
        waited_s = asyncio.get_running_loop().time() - self._written_at_s
        if is_quiet and (not batch or waited_s >= self._silence_s):  # others may hear a lot meanwhile
            yield b": quiet\nid: %d\n\n" % self._listener.seen_id


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _abort(receive: Receive) -> None:
    """Drop the connection with what it has not taken: a polite end would keep both until the client has read it all.

    ASGI has no word for this, so it is asked of uvicorn's connection; another server closes politely.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
