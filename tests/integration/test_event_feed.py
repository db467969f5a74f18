"""The event feed: whoever follows, falls away and comes back has seen every event once, in order."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from buybuddy.domain.activity import repository as activity
from buybuddy.errors import Unavailable
from buybuddy.infra.db import Database, emit
from buybuddy.infra.db.event_feed import BATCH, WINDOW, Event, EventFeed
from buybuddy.infra.db.outbox import flush_events
from tests.integration.conftest import Jobs, happens

N_WRITERS, N_EACH = 50, 4
SILENCE_S = 0.2


@pytest.fixture
async def feed(jobs: Jobs) -> AsyncIterator[EventFeed]:
    feed = EventFeed(jobs.db)
    await feed.start()
    yield feed
    await feed.stop()


async def write(db: Database, number: int) -> None:
    """Commit small transactions that overlap with everybody else's."""
    dice = random.Random(number)
    for index in range(N_EACH):
        async with db.transaction() as session:
            emit(session, "job", {"writer": number, "index": index})
            await session.execute(text("SELECT pg_sleep(:s)"), {"s": dice.uniform(0, 0.01)})
            emit(session, "job", {"writer": number, "index": index, "is_second": True})
            if dice.random() < 0.2:
                await session.execute(text("SELECT nextval('events_id_seq')"))  # ids are lost now and then


async def follow_with_cuts(feed: EventFeed, after_id: int, n_wanted: int, seed: int) -> list[Event]:
    """Follow until so many events were seen, falling away every few of them and replaying from the last."""
    dice = random.Random(seed)
    seen: list[Event] = []
    while len(seen) < n_wanted:
        n_until_cut = dice.randint(1, 40)
        follower = feed.follow(after_id, SILENCE_S)
        async for events in follower:
            for event in events[:n_until_cut]:
                seen.append(event)
                after_id, n_until_cut = event.id, n_until_cut - 1
            if n_until_cut == 0 or len(seen) >= n_wanted:
                break
        await follower.aclose()
    return seen


async def newest(jobs: Jobs) -> int:
    [value] = await jobs.sql("SELECT coalesce(max(id), 0) FROM events")
    return int(str(value))


async def test_nothing_is_missed_or_told_twice_while_fifty_write(jobs: Jobs, feed: EventFeed) -> None:
    await jobs.create()  # an event that is there before
    start_id, n_events = await newest(jobs), 2 * N_WRITERS * N_EACH
    async with asyncio.timeout(60):
        followers = [asyncio.create_task(follow_with_cuts(feed, start_id, n_events, seed)) for seed in range(4)]
        await asyncio.gather(*(write(jobs.db, number) for number in range(N_WRITERS)))
        followed = await asyncio.gather(*followers)
    kept = await jobs.sql("SELECT id FROM events WHERE id > :start ORDER BY id", start=start_id)
    assert len(kept) == n_events
    for seen in followed:
        assert [event.id for event in seen] == kept
        for number in range(N_WRITERS):
            mine = [event.payload["index"] for event in seen if event.payload["writer"] == number]
            assert mine == sorted(mine, key=str)


@pytest.mark.parametrize("what", ["too old", "not ours"])
async def test_a_gap_that_cannot_be_replayed_is_said_to_be_one(jobs: Jobs, what: str) -> None:
    await jobs.create(3)
    last_id = await newest(jobs)
    await jobs.sql("UPDATE events SET created_at = created_at - interval '2 days'")
    async with jobs.db.transaction() as session:
        await activity.forget_old_events(session)
    feed = EventFeed(jobs.db)  # it remembers nothing of what is gone
    await feed.start()
    asked = last_id - 2 if what == "too old" else last_id + 1_000_000
    with pytest.raises(LookupError):
        await anext(aiter(feed.follow(asked, SILENCE_S)))
    assert await anext(aiter(feed.follow(last_id, SILENCE_S))) == (), "whoever is up to date goes on"
    await feed.stop()


async def test_a_follower_that_does_not_read_is_let_go_and_holds_nobody_up(jobs: Jobs, feed: EventFeed) -> None:
    n_events = 2 * WINDOW + BATCH
    idle = feed.follow(None, SILENCE_S)
    assert await anext(aiter(idle)) == ()
    async with jobs.db.transaction() as session:
        for index in range(n_events):
            emit(session, "job", {"index": index})
    async with asyncio.timeout(20):
        seen = await follow_with_cuts(feed, await newest(jobs) - n_events, n_events, seed=1)
        assert [event.payload["index"] for event in seen] == list(range(n_events))
        assert feed.n_kept <= 2 * WINDOW
        assert [event async for batch in idle for event in batch] == [], "it would have a gap, so it is let go"


async def test_a_feed_that_was_away_replays_from_before_it_began(jobs: Jobs) -> None:
    async with jobs.db.transaction() as session:
        emit(session, "job", {"index": 0})
        emit(session, "notification", {"index": 1, "audience_user_id": "somebody"})
    first_id = await newest(jobs) - 1
    late = EventFeed(jobs.db)
    await late.start()
    [batch] = [await anext(aiter(late.follow(first_id - 1, SILENCE_S)))]
    assert [(event.audience, event.payload) for event in batch] == [(None, {"index": 0}), ("somebody", {"index": 1})]
    assert b"somebody" not in b"".join(event.frame for event in batch)
    await late.stop()


async def test_a_database_that_is_another_one_now_ends_the_lines(jobs: Jobs, feed: EventFeed) -> None:
    await jobs.create()
    line = feed.follow(None, SILENCE_S)
    while await anext(line) != ():
        pass
    last_id = await newest(jobs)
    await jobs.sql("DELETE FROM events")  # an older backup has been put back
    async with await jobs.db.open_listener() as connection:
        listening = "query LIKE 'LISTEN buybuddy_events%' AND pid <> pg_backend_pid()"
        await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}".encode())
    async with asyncio.timeout(20):
        assert [batch async for batch in line if batch] == [], "it ends"
    with pytest.raises(LookupError):
        await anext(feed.follow(last_id, SILENCE_S))


async def test_a_later_id_never_becomes_visible_before_an_earlier_one(jobs: Jobs) -> None:
    async def write_another() -> None:
        async with jobs.db.transaction() as session:
            emit(session, "job", {"name": "second"})

    async with jobs.db.transaction() as session:
        emit(session, "job", {"name": "first"})
        await flush_events(session)  # its id is given; its commit takes its time
        second = asyncio.create_task(write_another())
        await happens(jobs, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        assert await jobs.sql("SELECT id FROM events") == []
    await second
    assert await jobs.sql("SELECT payload->>'name' FROM events ORDER BY id") == ["first", "second"]


async def test_the_feed_outlives_a_time_in_which_every_connection_is_taken(jobs: Jobs) -> None:
    small = Database(jobs.db.dsn, pool_size=1, pool_patience_s=0.05)
    feed = EventFeed(small)
    await feed.start()
    async with small.transaction() as first, small.transaction() as second:
        for session in (first, second):
            await session.execute(text("SELECT 1"))
        with pytest.raises(Unavailable, match="taken"):
            await small.ping()
        await jobs.create()  # tells the feed, which finds no connection to read with
        with capture_logs() as logs:
            async with asyncio.timeout(20):
                while not any(entry["event"] == "event_feed.reconnecting" for entry in logs):  # noqa: ASYNC110 - its own task
                    await asyncio.sleep(0.02)
    async with asyncio.timeout(20):
        wanted, line = await newest(jobs), feed.follow(0, SILENCE_S)
        while not any(event.id == wanted for event in await anext(line)):
            pass
    await feed.stop()
    await small.close()
