"""What the worker's sweep does for matching, on a real PostgreSQL: beside others, after faults, to the end."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.matching.confidence import repository as confidence
from buybuddy.domain.matching.confidence import service as confidence_service
from buybuddy.domain.matching.confidence.rules import Curve
from buybuddy.domain.matching.queue.counting import COUNTED_AT_ONCE, QueueCounter, count_batch
from buybuddy.errors import Unavailable
from buybuddy.worker import sweep_forever
from tests.integration.conftest import happens
from tests.integration.matching_ground import Ground
from tests.integration.test_matching_queue import ground, runner

__all__ = ["ground", "runner"]  # the fixtures

WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
ROWS = "SELECT product_id FROM matching_queue ORDER BY product_id"


async def count_once(ground: Ground) -> None:
    async with ground.jobs.db.transaction() as session:
        await count_batch(session, COUNTED_AT_ONCE)


async def rows(ground: Ground) -> list[uuid.UUID]:
    return [uuid.UUID(str(product_id)) for product_id in await ground.jobs.sql(ROWS)]


async def test_products_that_are_being_removed_end_no_count(ground: Ground, runner: JobRunner) -> None:
    products = sorted([await ground.product() for _ in range(3)])
    await ground.suggest(runner, [await ground.photo(product) for product in products])
    async with ground.jobs.db.transaction() as session:
        await session.execute(text("DELETE FROM products WHERE id = :id"), {"id": products[1]})
        counting = asyncio.create_task(count_once(ground))
        await happens(ground.jobs, WAITS)
    await counting
    assert await rows(ground) == [products[0], products[2]]


@pytest.fixture
async def sweeping(ground: Ground, runner: JobRunner) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(sweep_forever(ground.jobs.db, ground.jobs.board, runner, interval_s=0.05))
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_fault_of_one_sweep_does_not_end_the_next(ground: Ground, sweeping: asyncio.Task[None]) -> None:
    with capture_logs() as logs:
        await ground.jobs.sql(
            "INSERT INTO matching_calibrations (encoder_id, curve, n_decisions)"
            " VALUES (:encoder, '{\"weights\": []}', 1)",
            encoder=ground.encoder_id,
        )
        async with asyncio.timeout(20):
            while not any(line["event"] == "sweep.broken" for line in logs):  # noqa: ASYNC110 - another task logs it
                await asyncio.sleep(0.02)
    product = await ground.product()
    await ground.jobs.sql("DELETE FROM matching_calibrations")
    await happens(ground.jobs, "SELECT EXISTS (SELECT FROM matching_queue WHERE product_id = :id)", id=product)
    assert not sweeping.done()


CHANGES = "SELECT product_id FROM matching_changes"
OLDEST = "SELECT min(counted_at) > (SELECT fitted_at FROM matching_calibrations) FROM matching_queue"


async def test_a_new_curve_is_counted_by_when_nothing_else_is_to_be_counted(ground: Ground, runner: JobRunner) -> None:
    products = [await ground.product() for _ in range(5)]
    await ground.suggest(runner, [await ground.photo(product) for product in products])
    await ground.count()
    async with ground.jobs.db.transaction() as session:
        await confidence.keep_curve(session, ground.encoder_id, Curve(weights=(-3.0, 1.0, 1.0, 1.0)))
    assert await ground.jobs.sql(CHANGES) == []
    before = await ground.jobs.sql("SELECT sum(expected_matches) FROM matching_queue")
    late = await ground.product()
    async with ground.jobs.db.transaction() as session:
        assert await count_batch(session, 2)
    assert late in await rows(ground)  # what has changed goes first
    assert await ground.jobs.sql("SELECT sum(expected_matches) FROM matching_queue") == before
    for _ in range(3):
        async with ground.jobs.db.transaction() as session:
            assert await count_batch(session, 2)
    async with ground.jobs.db.transaction() as session:
        assert not await count_batch(session, 2)
    assert await ground.jobs.sql(OLDEST + " WHERE expected_matches > 0") == [True]
    assert await ground.jobs.sql("SELECT sum(expected_matches) FROM matching_queue") != before


async def test_nobody_learns_while_another_counts(ground: Ground, runner: JobRunner) -> None:
    product = await ground.product()
    await ground.suggest(runner, [await ground.photo(product)])
    async with ground.jobs.db.transaction() as counting, ground.jobs.db.transaction() as learning:
        assert await count_batch(counting, COUNTED_AT_ONCE)
        assert not await confidence_service.learn(learning)
    async with ground.jobs.db.transaction() as session:
        assert await confidence_service.learn(session)


async def test_what_takes_too_long_is_counted_after_the_others(ground: Ground) -> None:
    products = [await ground.product() for _ in range(4)]
    first = next(iter(await ground.jobs.sql(f"{CHANGES} ORDER BY id")))
    counter = QueueCounter(ground.jobs.db, patience_s=0.2)
    async with ground.jobs.db.transaction() as session:  # somebody is at it for long
        await session.execute(text("SELECT FROM products WHERE id = :id FOR UPDATE"), {"id": first})
        sizes = []
        while len(await rows(ground)) < 3:
            with contextlib.suppress(Unavailable):
                await counter.count()
            sizes.append(counter.n_at_once)
    assert sizes[:11] == [500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 2]
    assert uuid.UUID(str(first)) not in await rows(ground)
    await counter.count()
    assert await rows(ground) == sorted(products)
