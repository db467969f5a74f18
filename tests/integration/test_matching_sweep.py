"""What the worker's sweep does for matching, on a real PostgreSQL: beside others, after faults, to the end."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.matching.queue import service
from buybuddy.worker import sweep_forever
from tests.integration.conftest import happens
from tests.integration.matching_ground import Ground
from tests.integration.test_matching_queue import ground, runner

__all__ = ["ground", "runner"]  # the fixtures

WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
ROWS = "SELECT product_id FROM matching_queue ORDER BY product_id"


async def count_once(ground: Ground) -> None:
    async with ground.jobs.db.transaction() as session:
        await service.count_changes(session)


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
