"""What the database refuses is told apart from a database that is away, and can be tried again all the same."""

import asyncio

import pytest
from sqlalchemy import text

from buybuddy.errors import BuybuddyError, InvalidInput, StorageFull, Unavailable
from buybuddy.infra.db import Database


async def test_a_statement_that_takes_too_long_says_so(db: Database) -> None:
    with pytest.raises(Unavailable, match="too long"):
        async with db.transaction() as session:
            await session.execute(text("SET LOCAL statement_timeout = 20"))
            await session.execute(text("SELECT pg_sleep(10)"))
    await db.ping()


async def test_of_two_that_wait_for_each_other_one_is_told_so(db: Database) -> None:
    first_has, second_has = asyncio.Event(), asyncio.Event()

    async def take(mine: int, theirs: int, has: asyncio.Event, others_have: asyncio.Event) -> None:
        lock = text("SELECT pg_advisory_xact_lock(77, :key)")
        async with db.transaction() as session:
            await session.execute(lock, {"key": mine})
            has.set()
            await others_have.wait()
            await session.execute(lock, {"key": theirs})

    circle = (take(1, 2, first_has, second_has), take(2, 1, second_has, first_has))
    ended = await asyncio.gather(*circle, return_exceptions=True)
    [refused] = [error for error in ended if error is not None]
    assert isinstance(refused, Unavailable) and "waited for each other" in refused.detail


@pytest.mark.parametrize(
    ("sqlstate", "kind", "words"),
    [
        ("53100", StorageFull, "no room left"),
        ("55P03", Unavailable, "Somebody else"),
        ("57P01", Unavailable, "reached"),
    ],
)
async def test_each_refusal_has_its_words(db: Database, sqlstate: str, kind: type[BuybuddyError], words: str) -> None:
    with pytest.raises(kind, match=words):
        async with db.transaction() as session:
            await session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$"))


async def test_what_can_never_be_stored_is_not_tried_again(db: Database) -> None:
    with pytest.raises(InvalidInput, match="longer than") as refused:
        async with db.transaction() as session:
            await session.execute(text("SELECT array_to_tsvector(ARRAY[repeat('x', 5000)])"))
    assert not refused.value.is_retryable
