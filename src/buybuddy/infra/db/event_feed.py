"""Events from the database to whoever listens in this process: one LISTEN connection, bounded queues."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import psycopg
import structlog
from sqlalchemy import func, select

from buybuddy.errors import Unavailable
from buybuddy.infra.db.database import Database, Session
from buybuddy.infra.db.outbox import EVENT_CHANNEL, EventRow

QUEUE_LIMIT = 1000
BATCH = 1000
QUIET_CHECK_S = 5.0
RECONNECT_PAUSE_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Event:
    id: int
    topic: str
    payload: dict[str, object]


class Subscription:
    """A listener's queue. One that is too slow is closed: it reconnects and replays what it missed."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE_LIMIT + 1)

    def put(self, event: Event) -> bool:
        """Return whether there was room."""
        if self._events.qsize() >= QUEUE_LIMIT:
            return False
        self._events.put_nowait(event)
        return True

    def close(self) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._events.put_nowait(None)

    async def next(self, timeout_s: float) -> Event | None:
        """Return the next event, None when the line is closed. Raises: TimeoutError."""
        return await asyncio.wait_for(self._events.get(), timeout_s)


class EventFeed:
    """Reads the events table in id order and hands every row to every subscription."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._last_id = 0
        self._subscriptions: set[Subscription] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        async with self._db.transaction() as session:
            self._last_id = await newest_event_id(session)
        self._task = asyncio.create_task(self._run(), name="event-feed")

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def _registered(self, subscription: Subscription) -> Iterator[None]:
        self._subscriptions.add(subscription)
        try:
            yield
        finally:
            self._subscriptions.discard(subscription)

    async def follow(self, after_id: int | None, silence_s: float) -> AsyncIterator[Event | None]:
        """Yield every event after `after_id` (None: from now on), and None after each `silence_s` without one.

        Raises: LookupError when replaying would leave a gap: `after_id` is older than what is kept, or from another
            database, such as the one that a backup has replaced.
        """
        subscription = Subscription()
        with self._registered(subscription):
            async with self._db.transaction() as session:
                newest = await newest_event_id(session)
                oldest = await session.scalar(select(func.min(EventRow.id)))
            sent_id = newest if after_id is None else after_id
            if sent_id > newest or (oldest is not None and sent_id + 1 < oldest):
                raise LookupError("events after this one are no longer kept, or were never ours")
            while missed := await self._read(sent_id):
                for event in missed:
                    yield event
                sent_id = missed[-1].id
            while True:
                try:
                    event_or_end = await subscription.next(silence_s)
                except TimeoutError:
                    yield None
                    continue
                if event_or_end is None:
                    return
                if event_or_end.id > sent_id:
                    sent_id = event_or_end.id
                    yield event_or_end

    async def _run(self) -> None:
        while True:
            try:
                async with await self._db.open_listener() as connection:
                    await connection.execute(f"LISTEN {EVENT_CHANNEL}")
                    while True:
                        await self._hand_out()
                        async for _ in connection.notifies(timeout=QUIET_CHECK_S, stop_after=1):
                            pass
            except (psycopg.Error, OSError, Unavailable) as error:
                log.warning("event_feed.reconnecting", error=str(error))
                await asyncio.sleep(RECONNECT_PAUSE_S)

    async def _hand_out(self) -> None:
        while events := await self._read(self._last_id):
            self._last_id = events[-1].id
            for subscription in list(self._subscriptions):
                if not all(subscription.put(event) for event in events):
                    self._subscriptions.discard(subscription)
                    subscription.close()

    async def _read(self, after_id: int) -> list[Event]:
        async with self._db.transaction() as session:
            rows = await session.scalars(
                select(EventRow).where(EventRow.id > after_id).order_by(EventRow.id).limit(BATCH)
            )
            return [Event(row.id, row.topic, row.payload) for row in rows]


async def newest_event_id(session: Session) -> int:
    """Return the id of the newest event; 0 when there is none."""
    return await session.scalar(select(func.max(EventRow.id))) or 0
