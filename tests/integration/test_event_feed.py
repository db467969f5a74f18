"""The event feed: whoever follows, falls away and comes back has seen every event once, in order."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from buybuddy.domain.activity import repository as activity
from buybuddy.infra.db import Database, emit
from buybuddy.infra.db.event_feed import Event, EventFeed
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
        async for event in follower:
            if event is not None:
                seen.append(event)
                after_id, n_until_cut = event.id, n_until_cut - 1
            if n_until_cut == 0 or len(seen) >= n_wanted:
                break
        await follower.aclose()  # type: ignore[attr-defined]
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
async def test_a_gap_that_cannot_be_replayed_is_said_to_be_one(jobs: Jobs, feed: EventFeed, what: str) -> None:
    await jobs.create(3)
    last_id = await newest(jobs)
    await jobs.sql("UPDATE events SET created_at = created_at - interval '2 days'")
    async with jobs.db.transaction() as session:
        await activity.forget_old_events(session)
    asked = last_id - 2 if what == "too old" else last_id + 1_000_000
    with pytest.raises(LookupError):
        await anext(aiter(feed.follow(asked, SILENCE_S)))
    assert await anext(aiter(feed.follow(last_id, SILENCE_S))) is None, "whoever is up to date goes on"


async def test_a_follower_that_does_not_read_is_let_go_and_holds_nobody_up(jobs: Jobs, feed: EventFeed) -> None:
    idle = feed.follow(None, SILENCE_S)
    assert await anext(aiter(idle)) is None
    async with jobs.db.transaction() as session:
        for index in range(1500):
            emit(session, "job", {"index": index})
    async with asyncio.timeout(20):
        seen = await follow_with_cuts(feed, await newest(jobs) - 1500, 1500, seed=1)
        assert len(seen) == 1500
        n_read = [event async for event in idle if event is not None]
    assert len(n_read) < 1500


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
