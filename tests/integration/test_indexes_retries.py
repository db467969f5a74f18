"""Doing the jobs of a published index again: what is built stays, and nothing is built of parts that are missing."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from buybuddy.domain.embeddings import service
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.jobs.batches import BatchProgress, Checkpoint
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import Conflict, StageCancelled
from buybuddy.infra.db import Session
from buybuddy.infra.vectors import IndexFacts
from buybuddy.stages.specs import BuildIndexResult
from tests.integration.conftest import SOMEBODY, Jobs
from tests.integration.index_shop import PER_PART, Shop, open_shop

N_IMAGES = 20  # three parts


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(jobs, tmp_path) as shop:
        for seed in range(4):
            await shop.product(N_IMAGES // 4, seed=seed)
        await shop.freeze()
        yield shop


async def begin_and_cancel(shop: Shop, *, after_parts: int) -> tuple[uuid.UUID, uuid.UUID]:
    """Begin an index whose gathering is cancelled after so many parts, and return it and that job."""
    gather = shop.steps["gather_index"]

    async def stop(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        if int(checkpoint.cursor or 0) == after_parts * PER_PART:
            raise StageCancelled("Stopped by the test.")
        return await gather(session, job, checkpoint)

    shop.steps["gather_index"] = stop
    index_id = await shop.begin("May")
    await shop.work()
    shop.steps["gather_index"] = gather
    [job_id] = await shop.jobs.sql("SELECT id FROM jobs WHERE status = 'cancelled'")
    return index_id, uuid.UUID(str(job_id))


async def retry(shop: Shop, job_id: uuid.UUID, board: JobBoard | None = None) -> Job:
    async with shop.jobs.db.transaction() as session:
        return await jobs_service.retry_job(session, board or shop.jobs.board, job_id, SOMEBODY)


def what_was_built(index: EmbeddingIndex) -> tuple[object, ...]:
    return index.status, index.error, index.vector_count, index.facts, index.storage_prefix, index.left_out


async def test_an_old_job_of_a_built_index_is_not_done_again(shop: Shop) -> None:
    index_id, cancelled = await begin_and_cancel(shop, after_parts=2)
    await retry(shop, cancelled)
    await shop.work()
    built = await shop.look(index_id)
    assert (built.status, built.vector_count) == ("ready", N_IMAGES)
    shelf = shop.shelf()
    await shop.activate(shelf, index_id)
    with pytest.raises(Conflict, match="built already"):
        await retry(shop, cancelled)
    assert await shop.jobs.sql("SELECT id FROM jobs WHERE status = 'queued'") == []
    assert what_was_built(await shop.look(index_id)) == what_was_built(built)
    await shelf.stop()


async def test_a_job_that_was_retried_before_the_index_was_built_leaves_it_as_it_is(shop: Shop) -> None:
    async def allow(session: Session, job: Job) -> dict[str, object] | None:
        """As it was until retries were refused."""
        return job.checkpoint

    index_id, cancelled = await begin_and_cancel(shop, after_parts=2)
    await retry(shop, cancelled)
    await shop.work()
    built = await shop.look(index_id)
    shop.storage.delete_prefix(service.parts_prefix(index_id))
    late = await retry(shop, cancelled, replace(shop.jobs.board, on_retry=allow))
    await shop.work()
    ended = await shop.jobs.look(late.id)
    assert (ended.status, ended.error_code) == ("failed", "CONFLICT")
    assert "built already" in str(ended.error_message)
    assert shop.storage.list_keys(service.parts_prefix(index_id)) == []  # it has not even begun
    assert what_was_built(await shop.look(index_id)) == what_was_built(built)


async def test_a_second_result_of_an_index_is_thrown_away(shop: Shop) -> None:
    built = await shop.build("May")
    [job_id] = await shop.jobs.sql("SELECT id FROM jobs WHERE config->>'stage' = 'build_index'")
    job = await shop.jobs.look(uuid.UUID(str(job_id)))
    facts = IndexFacts.model_validate(built.facts).model_copy(update={"n_vectors": 6})
    async with shop.jobs.db.transaction() as session:
        await service.keep_result(session, job, BuildIndexResult(index_prefix="embeddings/late/1/", facts=facts))
    assert what_was_built(await shop.look(built.id)) == what_was_built(built)
    assert await shop.jobs.sql("SELECT key_or_prefix FROM object_trash WHERE key_or_prefix LIKE '%late%'") == [
        "embeddings/late/1/"
    ]


async def test_nothing_is_built_of_what_a_late_gathering_has_found(shop: Shop) -> None:
    await shop.build("May")
    [job_id] = await shop.jobs.sql("SELECT id FROM jobs WHERE config->>'stage' = 'gather_index'")
    gathering = await shop.jobs.look(uuid.UUID(str(job_id)))
    with pytest.raises(Conflict, match="built already"):
        async with shop.jobs.db.transaction() as session:
            await service.build(session, shop.jobs.board, shop.storage, gathering)


async def lose_parts(shop: Shop, index_id: uuid.UUID) -> None:
    """Have the days be over for which parts are kept."""
    await shop.jobs.sql("DELETE FROM object_trash WHERE key_or_prefix = :it", it=service.parts_prefix(index_id))
    shop.storage.delete_prefix(service.parts_prefix(index_id))


async def test_nothing_is_built_when_a_part_is_missing(shop: Shop) -> None:
    gather = shop.steps["gather_index"]

    async def lose_the_first(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        progress = await gather(session, job, checkpoint)
        if progress.checkpoint.is_finished:
            shop.storage.delete_one(f"{service.parts_prefix(uuid.UUID(str(job.subject_id)))}{0:012d}.npz")
        return progress

    shop.steps["gather_index"] = lose_the_first
    index = await shop.build("May")
    assert (index.status, index.is_serving) == ("failed", False)
    assert f"{N_IMAGES} vectors were gathered and {N_IMAGES - PER_PART} are left" in str(index.error)


async def test_a_retry_keeps_the_parts_for_as_long_again(shop: Shop) -> None:
    index_id, cancelled = await begin_and_cancel(shop, after_parts=1)
    due = "UPDATE object_trash SET due_at = clock_timestamp() WHERE key_or_prefix = :it"
    await shop.jobs.sql(due, it=service.parts_prefix(index_id))
    await retry(shop, cancelled)
    left = "SELECT due_at > clock_timestamp() + interval '6 days' FROM object_trash WHERE key_or_prefix = :it"
    assert await shop.jobs.sql(left, it=service.parts_prefix(index_id)) == [True]
    await shop.work()
    assert (await shop.look(index_id)).vector_count == N_IMAGES


async def test_what_is_gathered_begins_anew_when_the_parts_are_gone(shop: Shop) -> None:
    index_id, cancelled = await begin_and_cancel(shop, after_parts=2)
    await lose_parts(shop, index_id)
    again = await retry(shop, cancelled)
    assert again.checkpoint is None
    await shop.work()
    index = await shop.look(index_id)
    assert (index.status, index.vector_count, index.n_left_out) == ("ready", N_IMAGES, 0)


async def test_a_building_without_its_parts_is_not_done_again(shop: Shop) -> None:
    index_id = await shop.begin("May")
    [gathering] = await shop.jobs.sql("SELECT id FROM jobs")
    await shop.runner.run(uuid.UUID(str(gathering)))
    [building] = [uuid.UUID(str(one)) for one in await shop.jobs.sql("SELECT id FROM jobs WHERE status = 'queued'")]
    async with shop.jobs.db.transaction() as session:
        await jobs_service.request_cancel(session, shop.jobs.board, building, SOMEBODY)
    await lose_parts(shop, index_id)
    with pytest.raises(Conflict, match="delete it and build it anew"):
        await retry(shop, building)


async def test_vectors_that_were_made_since_are_found_by_a_retry(shop: Shop) -> None:
    await shop.jobs.sql("DELETE FROM image_embeddings")
    index = await shop.build("May")
    assert "extract them first" in str(index.error)
    await shop.embed(shop.vectors)
    [failed] = await shop.jobs.sql("SELECT id FROM jobs WHERE status = 'failed'")
    await retry(shop, uuid.UUID(str(failed)))
    await shop.work()
    index = await shop.look(index.id)
    assert (index.status, index.vector_count, index.n_left_out) == ("ready", N_IMAGES, 0)
