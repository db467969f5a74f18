"""Events from the database to whoever listens in this process.

One LISTEN connection, one reading of each event, one frame of bytes that all streams share, and one window of recent
events that every listener reads at its own pace: what a slow one has not taken costs nothing, and one that has fallen
out of the window is let go.
"""

import asyncio
import contextlib
import json
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

import psycopg
import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from buybuddy.errors import Unavailable
from buybuddy.infra.db.database import Database, Session
from buybuddy.infra.db.outbox import AUDIENCE, EVENT_CHANNEL, EventRow

WINDOW = 1000  # events that a listener may be behind
BATCH = 200
REPLAYS_AT_ONCE = 4
QUIET_CHECK_S = 5.0
RECONNECT_PAUSE_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Event:
    """A committed event.

    Args:
        audience: the id of the only user who may see it; None for everybody.
        frame: what goes over the line, as Server-Sent Events.
    """

    id: int
    topic: str
    payload: dict[str, object]
    audience: str | None = None
    frame: bytes = field(default=b"", repr=False, compare=False)

    @classmethod
    def of(cls, event_id: int, topic: str, payload: dict[str, object]) -> "Event":
        audience = payload.pop(AUDIENCE, None)
        data = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        frame = f"id: {event_id}\nevent: {topic}\ndata: {data}\n\n".encode()
        return cls(event_id, topic, payload, None if audience is None else str(audience), frame)


class Listener:
    """Somebody who follows; `close` ends the following from outside, at once."""

    def __init__(self) -> None:
        self.seen_id = 0
        self.is_closed = False
        self._waiting: asyncio.Future[None] | None = None

    def close(self) -> None:
        self.is_closed = True
        self.wake()

    def wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Return at the next wake-up, or after so long."""
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_later(seconds, self.wake)  # cheaper than wait_for, which makes a task each time
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting = None


class EventFeed:
    """Reads the events table in id order, once for all listeners."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._floor_id = 0  # the window holds every event after this one
        self._ids: list[int] = []
        self._events: list[Event] = []
        self._listeners: set[Listener] = set()
        self._replays = asyncio.Semaphore(REPLAYS_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    @property
    def newest_id(self) -> int:
        """The newest event that this process has heard of."""
        return self._ids[-1] if self._ids else self._floor_id

    @property
    def n_kept(self) -> int:
        """How many events the window holds."""
        return len(self._ids)

    async def start(self) -> None:
        async with self._db.transaction() as session:
            self._floor_id = await newest_event_id(session)
        self._task = asyncio.create_task(self._run(), name="event-feed")

    async def stop(self) -> None:
        for listener in self._listeners:
            listener.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def follow(
        self, after_id: int | None, silence_s: float, listener: Listener | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Yield every event after `after_id` (None: from now on) in batches, and an empty one after each `silence_s`.

        It ends when the listener is closed, or has fallen behind by more than the window.

        Raises: LookupError when replaying would leave a gap: `after_id` is older than what is kept, or from another
            database, such as the one that a backup has replaced.
        """
        listener = listener or Listener()
        listener.seen_id = self.newest_id if after_id is None else after_id
        self._listeners.add(listener)
        try:
            if after_id is not None and not self._floor_id <= after_id <= self.newest_id:
                await self._refuse_gap(after_id)
                async for batch in self._replay(listener):
                    yield batch
            while not listener.is_closed:
                if self.has_lost(listener):
                    return
                batch = self._after(listener.seen_id)
                if batch:
                    listener.seen_id = batch[-1].id
                    yield batch
                    continue
                before = self.newest_id
                await listener.wait(silence_s)
                if self.newest_id == before and not listener.is_closed:
                    yield ()
        finally:
            self._listeners.discard(listener)

    def has_lost(self, listener: Listener) -> bool:
        """Tell whether a listener has fallen out of the window."""
        return listener.seen_id < self._floor_id

    async def read_newest_id(self) -> int:
        """Return the id of the newest event. Raises: Unavailable."""
        async with self._db.transaction() as session:
            return await newest_event_id(session)

    def _after(self, seen_id: int) -> Sequence[Event]:
        start = bisect_right(self._ids, seen_id)
        return self._events[start : start + BATCH]

    async def _refuse_gap(self, after_id: int) -> None:
        """Raises: LookupError."""
        async with self._replays, self._db.transaction() as session:
            newest = await newest_event_id(session)
            oldest = await session.scalar(select(func.min(EventRow.id)))
        if after_id > newest or (oldest is not None and after_id + 1 < oldest):
            raise LookupError("events after this one are no longer kept, or were never ours")

    async def _replay(self, listener: Listener) -> AsyncIterator[Sequence[Event]]:
        """Read what is older than the window from the database; few at a time, so that others get connections too."""
        while listener.seen_id < self._floor_id and not listener.is_closed:
            async with self._replays:
                batch = await self._read(listener.seen_id)
            if not batch:
                return
            listener.seen_id = batch[-1].id
            yield batch

    async def _run(self) -> None:
        while True:
            try:
                async with await self._db.open_listener() as connection:
                    await connection.execute(f"LISTEN {EVENT_CHANNEL}")
                    await self._begin_anew_if_replaced()
                    while True:
                        await self._take_in()
                        async for _ in connection.notifies(timeout=QUIET_CHECK_S, stop_after=1):
                            pass
            # Whatever the database says, open pages still wait for what comes next.
            except (psycopg.Error, SQLAlchemyError, OSError, Unavailable) as error:
                log.warning("event_feed.reconnecting", error=str(error))
                await asyncio.sleep(RECONNECT_PAUSE_S)

    async def _begin_anew_if_replaced(self) -> None:
        """Forget everything when the database is another one now, such as a backup: its ids say something else."""
        newest_id = await self.read_newest_id()
        if newest_id >= self.newest_id:
            return
        self._floor_id, self._ids, self._events = newest_id, [], []
        for listener in list(self._listeners):
            listener.close()

    async def _take_in(self) -> None:
        """Read what is new into the window and wake everybody."""
        while events := await self._read(self.newest_id):
            self._events += events
            self._ids += [event.id for event in events]
            if len(self._ids) > 2 * WINDOW:
                self._floor_id = self._ids[-WINDOW - 1]
                del self._ids[:-WINDOW], self._events[:-WINDOW]
            for listener in list(self._listeners):
                listener.wake()
            if len(events) < BATCH:
                return

    async def _read(self, after_id: int) -> list[Event]:
        columns = select(EventRow.id, EventRow.topic, EventRow.payload)
        async with self._db.transaction() as session:
            rows = await session.execute(columns.where(EventRow.id > after_id).order_by(EventRow.id).limit(BATCH))
            return [Event.of(event_id, topic, payload) for event_id, topic, payload in rows]


async def newest_event_id(session: Session) -> int:
    """Return the id of the newest event; 0 when there is none."""
    return await session.scalar(select(func.max(EventRow.id))) or 0
