"""Long batch work beside others that wait, on a real PostgreSQL: it goes on behind them, and loses nothing."""

import pytest

from buybuddy.domain.jobs.batches import BatchProgress, Checkpoint, run_batches
from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.bulk import service as bulk
from buybuddy.errors import GaveWay
from buybuddy.infra.db import Session
from tests.integration.conftest import Jobs
from tests.integration.test_bulk import EDITS, NEVER, all_of, edit, job_of, runner, shop, stock

__all__ = ["runner", "shop"]  # the fixtures


async def long_edit(shop: Jobs) -> Job:
    """Ask for an edit of three batches."""
    await stock(shop, 1_200)
    return job_of(await edit(shop, all_of(1_200), {"category": "Tea"}))


async def test_only_those_that_are_as_urgent_go_first(shop: Jobs) -> None:
    job = await shop.start(await long_edit(shop))
    work = (shop.db, shop.board, job.id, job.attempt, bulk.do_batch, NEVER)
    urgent = (await shop.create(job_type="catalogue_change"))[0]
    with pytest.raises(GaveWay):
        await run_batches(*work, gives_way_after_s=0)
    await shop.sql("UPDATE jobs SET run_after = clock_timestamp() + interval '1 hour' WHERE id = :id", id=urgent.id)
    await shop.create(job_type="matching")
    result = await run_batches(*work, gives_way_after_s=0)
    assert (result.n_done, await shop.sql(EDITS)) == (1_200, [1_200])


async def test_it_is_queued_again_behind_them_and_goes_on_where_it_was(shop: Jobs, runner: JobRunner) -> None:
    job = await long_edit(shop)
    waiting = (await shop.create(job_type="catalogue_change"))[0]
    calls = 0

    async def step(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        nonlocal calls
        calls += 1
        if calls == 2:  # as run_batches does after its time
            raise GaveWay("Others that wait go first.")
        return await bulk.do_batch(session, job, checkpoint)

    runner._batch_steps = {"bulk_edit": step}
    await runner.run(job.id)
    handed_back = await shop.look(job.id)
    assert (handed_back.status, handed_back.n_crashes, handed_back.error_code) == ("queued", 0, None)
    assert await shop.sql(EDITS) == [500]
    order = "SELECT args->>'job_id' FROM procrastinate_jobs ORDER BY priority DESC, id"
    assert await shop.sql(order) == [str(job.id), str(waiting.id), str(job.id)]  # the first is the one it ran by
    await runner.run(job.id)
    ended = await shop.look(job.id)
    assert (ended.status, ended.metrics["n_done"], await shop.sql(EDITS)) == ("completed", 1_200, [1_200])
