"""Work on many products on a real PostgreSQL: each exactly once, whatever dies; the failures of some stop no others."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.jobs.batches import BatchProgress, BatchStep, Checkpoint, run_batches
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.jobs.sweeping import sweep
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.bulk import service as bulk
from buybuddy.domain.products.bulk.rules import CHANGED
from buybuddy.domain.products.bulk.schemas import Selection
from buybuddy.domain.products.bulk.service import BulkOutcome
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.errors import Conflict, StaleAttempt, Unavailable
from buybuddy.flow import BATCH_STEPS, build_apply_result
from buybuddy.infra.db import Actor, Session, new_id
from buybuddy.infra.db.pages import Window
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.messages import Setup
from tests.conftest import RunningPlatform
from tests.integration.conftest import SOMEBODY, Jobs, happens

NOTED = "SELECT count(*) FROM audit_events WHERE subject_id IN (SELECT product_id FROM bulk_items) AND action = "
EDITS = f"{NOTED} 'product.edit'"
NEVER = asyncio.Event()


class Dies(BaseException):
    """Ends a worker in the middle of a batch, as SIGKILL does: nothing of its transaction is committed."""


@pytest.fixture
async def shop(jobs: Jobs) -> AsyncIterator[Jobs]:
    """The job service over an empty catalogue."""
    await jobs.sql("TRUNCATE products, videos, bulk_operations, product_imports, tallies CASCADE")
    yield jobs


@pytest.fixture
async def runner(shop: Jobs, tmp_path: Path) -> AsyncIterator[JobRunner]:
    storage = ObjectStorage(f"file://{tmp_path / 'storage'}")
    executor = LocalExecutor(
        Setup(storage_url=storage.url, models_dir=tmp_path, scratch_dir=tmp_path / "scratch", n_threads=1)
    )
    apply_result = build_apply_result(shop.board, storage)
    yield JobRunner(shop.db, shop.board, executor, apply_result, batch_steps=BATCH_STEPS)
    await executor.close()


async def stock(shop: Jobs, n: int, status: str = "ready") -> list[uuid.UUID]:
    """Put products on the shelf and return their ids in order."""
    made = await shop.sql(
        "INSERT INTO products (id, brand_name, product_name, status)"
        " SELECT gen_random_uuid(), 'Brand', 'Product ' || i, :status FROM generate_series(1, :n) i RETURNING id",
        status=status,
        n=n,
    )
    return sorted(uuid.UUID(str(product_id)) for product_id in made)


async def edit(shop: Jobs, selection: Selection, changes: dict[str, object], *, key: str | None = None) -> BulkOutcome:
    async with shop.db.transaction() as session:
        return await bulk.edit_products(session, shop.board, selection, changes, SOMEBODY, key)


async def delete(shop: Jobs, selection: Selection) -> BulkOutcome:
    async with shop.db.transaction() as session:
        return await bulk.delete_products(session, shop.board, selection, SOMEBODY, None)


def all_of(n: int) -> Selection:
    """Choose the whole catalogue, which is so many products."""
    return Selection(filters=ProductFilters(), confirm_count=n)


def job_of(outcome: BulkOutcome) -> Job:
    assert outcome.job is not None
    return outcome.job


def dying_at(n: int) -> BatchStep:
    """Return the real step, but for its n-th batch: that one ends after its work and before its commit."""
    calls = 0

    async def step(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        nonlocal calls
        calls += 1
        progress = await bulk.do_batch(session, job, checkpoint)
        if calls == n:
            raise Dies
        return progress

    return step


async def take_over(shop: Jobs, job: Job) -> Job:
    await shop.silence(job.id)
    async with shop.db.transaction() as session:
        assert [stalled.id for stalled in await sweep(session, shop.board)] == [job.id]
    return await shop.start(job)


async def test_a_worker_killed_in_any_batch_leaves_work_that_is_done_exactly_once(
    shop: Jobs, runner: JobRunner
) -> None:
    await stock(shop, 1_700)
    job = job_of(await edit(shop, Selection(filters=ProductFilters(status="ready")), {"status": "needs_matching"}))
    running = await shop.start(job)
    for n_done in (500, 1_000):
        with pytest.raises(Dies):
            await run_batches(shop.db, shop.board, job.id, running.attempt, dying_at(2), NEVER)
        assert await shop.sql(EDITS) == [n_done]
        running = await take_over(shop, job)
    assert (running.attempt, (await shop.look(job.id)).checkpoint is not None) == (3, True)
    result = await run_batches(shop.db, shop.board, job.id, running.attempt, bulk.do_batch, NEVER)
    assert (result.n_done, result.n_failed) == (1_700, 0)
    again = await run_batches(shop.db, shop.board, job.id, running.attempt, bulk.do_batch, NEVER)
    assert again == result, "died between the last batch and its completion"
    assert await shop.sql(EDITS) == [1_700]
    assert await shop.sql("SELECT DISTINCT version FROM products") == [2]


async def test_a_task_cancelled_in_a_batch_is_resumed_by_the_runner(shop: Jobs, runner: JobRunner) -> None:
    await stock(shop, 1_200)
    job = job_of(await edit(shop, all_of(1_200), {"category": "Tea"}))
    running = await shop.start(job)
    late = asyncio.create_task(run_batches(shop.db, shop.board, job.id, running.attempt, bulk.do_batch, NEVER))
    await happens(shop, "SELECT checkpoint IS NOT NULL FROM jobs WHERE id = :id", id=job.id)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    await shop.silence(job.id)
    async with shop.db.transaction() as session:
        await sweep(session, shop.board)
    await runner.run(job.id)
    ended = await shop.look(job.id)
    assert (ended.status, ended.attempt, ended.metrics["n_done"]) == ("completed", 2, 1_200)
    assert await shop.sql(EDITS) == [1_200]


async def test_a_stale_attempt_writes_nothing(shop: Jobs) -> None:
    await stock(shop, 600)
    job = job_of(await edit(shop, all_of(600), {"category": "Tea"}))
    first = await shop.start(job)
    await take_over(shop, job)
    with pytest.raises(StaleAttempt):
        await run_batches(shop.db, shop.board, job.id, first.attempt, bulk.do_batch, NEVER)
    assert await shop.sql(EDITS) == [0]


async def test_an_outage_is_retried_and_a_cancel_is_honoured_between_batches_and_continued(
    shop: Jobs, runner: JobRunner
) -> None:
    await stock(shop, 1_600)
    job = job_of(await edit(shop, all_of(1_600), {"category": "Tea"}))
    runner._batch_steps = {"bulk_edit": failing_once(cancel_after=shop)}
    await runner.run(job.id)
    assert ((await shop.look(job.id)).status, await shop.sql(EDITS)) == ("queued", [500])
    await shop.sql("UPDATE jobs SET run_after = NULL")
    await runner.run(job.id)
    ended = await shop.look(job.id)
    assert (ended.status, await shop.sql(EDITS)) == ("cancelled", [1_000])
    async with shop.db.transaction() as session:
        again = await jobs_service.retry_job(session, shop.board, job.id, SOMEBODY)
    await runner.run(again.id)
    ended = await shop.look(again.id)
    assert (ended.status, ended.metrics["n_done"], await shop.sql(EDITS)) == ("completed", 1_600, [1_600])


def failing_once(*, cancel_after: Jobs) -> BatchStep:
    """Return a step whose second call meets an outage, and in whose third the job is being cancelled."""
    calls = 0

    async def step(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Unavailable("The database connection was lost.")
        progress = await bulk.do_batch(session, job, checkpoint)
        if calls == 3:
            job.cancel_requested_at = job.started_at
        return progress

    return step


async def test_what_an_edit_by_filters_works_on_is_what_fitted_when_it_was_asked_for(
    shop: Jobs, runner: JobRunner
) -> None:
    """The edit makes products leave their own filter, others enter it meanwhile, one is changed by somebody."""
    await stock(shop, 1_100, "pending")
    others = await stock(shop, 50, "rejected")
    job = job_of(await edit(shop, Selection(filters=ProductFilters(status="pending")), {"status": "rejected"}))
    late = await stock(shop, 40, "pending")
    touched = await shop.sql(
        "UPDATE products SET brand_name = 'Mine' WHERE id ="
        " (SELECT product_id FROM bulk_items ORDER BY product_id DESC LIMIT 1) RETURNING id"
    )
    await runner.run(job.id)
    ended = await shop.look(job.id)
    assert (ended.metrics["n_done"], ended.metrics["n_failed"]) == (1_099, 1)
    assert ended.metrics["failures"] == [
        {"item": str(touched[0]), "label": "Mine " + str(await _name(shop, touched[0])), "reason": CHANGED}
    ]
    assert await shop.sql("SELECT count(*) FROM products WHERE status = 'pending'") == [len(late) + 1]
    assert await shop.sql("SELECT count(*) FROM products WHERE version = 1 AND status = 'rejected'") == [len(others)]


async def _name(shop: Jobs, product_id: object) -> object:
    return (await shop.sql("SELECT product_name FROM products WHERE id = :id", id=product_id))[0]


async def test_deleting_1000_products_leaves_the_one_whose_video_is_in_work(shop: Jobs, runner: JobRunner) -> None:
    ids = await stock(shop, 1_000)
    await shop.sql(
        "INSERT INTO videos (id, source, filename, storage_key, status, size_bytes, sha256, product_id)"
        " SELECT id, 'upload', 'v.mp4', 'videos/' || id || '/source.mp4', 'completed', 1, id, id FROM products"
    )
    await shop.sql(
        "INSERT INTO product_images (id, product_id, image_type, source, storage_key, matte_key, width_px, height_px,"
        " size_bytes, sha256) SELECT gen_random_uuid(), id, 'synthetic', 'video_frame', 'frames/' || id || '/1.png',"
        " 'frames/' || id || '/m.png', 1, 1, 1, '' FROM products"
    )
    await shop.sql(
        "INSERT INTO jobs (id, type, status, config, subject_kind, subject_id, subject_label, trace_id)"
        " VALUES (gen_random_uuid(), 'video_processing', 'pending', '{}', 'video', :id, 'v.mp4', '')",
        id=ids[700],
    )
    gone = ids[3]
    await shop.sql("DELETE FROM products WHERE id = :id", id=gone)
    job = job_of(await delete(shop, Selection(product_ids=ids)))
    await runner.run(job.id)
    ended = await shop.look(job.id)
    assert (ended.status, ended.metrics["n_done"], ended.metrics["n_failed"]) == ("completed", 998, 2)
    assert await shop.sql("SELECT id FROM products") == [ids[700]]
    assert await shop.sql("SELECT count(*) FROM videos WHERE product_id IS NULL AND status = 'pending'") == [998]
    assert await shop.sql("SELECT storage_key FROM product_images") == [f"frames/{ids[700]}/1.png"]
    assert await shop.sql(f"{NOTED} 'product.delete'") == [998]
    async with shop.db.transaction() as session:
        failed = await bulk.list_failures(session, job.id, Window())
    assert {item.product_id: item.failure for item in failed.rows} == {
        ids[700]: "A video of this product is being processed; cancel its job first.",
        gone: "There is no such product, or no longer.",
    }


async def test_an_edit_is_undone_where_nobody_has_been_since(shop: Jobs, runner: JobRunner) -> None:
    ids = await stock(shop, 300)
    await shop.sql("UPDATE products SET category = 'Own' WHERE id = :id", id=ids[0])
    job = job_of(await edit(shop, Selection(product_ids=ids), {"category": "Tea", "brand_name": None}))
    await runner.run(job.id)
    assert await shop.sql("SELECT DISTINCT edited_fields FROM products") == [["brand_name", "category"]]
    await shop.sql("UPDATE products SET category = 'Coffee' WHERE id = :id", id=ids[1])
    undone = await undo(shop, job.id)
    await runner.run(job_of(undone).id)
    assert (await shop.look(undone.operation.id)).metrics["n_failed"] == 1
    assert await _categories(shop) == {"": 298, "Own": 1, "Coffee": 1}
    assert await shop.sql("SELECT count(*) FROM products WHERE brand_name = 'Brand' AND edited_fields = '{}'") == [299]
    redone = await undo(shop, undone.operation.id)
    await runner.run(job_of(redone).id)
    assert await _categories(shop) == {"Tea": 299, "Coffee": 1}


async def undo(shop: Jobs, bulk_id: uuid.UUID) -> BulkOutcome:
    async with shop.db.transaction() as session:
        return await bulk.undo(session, shop.board, bulk_id, SOMEBODY, None)


async def _categories(shop: Jobs) -> dict[object, object]:
    names = await shop.sql("SELECT coalesce(category, '') FROM products GROUP BY category ORDER BY 1")
    counts = await shop.sql("SELECT count(*) FROM products GROUP BY category ORDER BY coalesce(category, '')")
    return dict(zip(names, counts, strict=True))


async def test_few_are_done_at_once_and_the_same_key_is_answered_the_same(shop: Jobs) -> None:
    ids = await stock(shop, 3)
    chosen = Selection.model_validate({"items": [{"id": str(ids[0]), "version": 1}, {"id": str(ids[1]), "version": 7}]})
    answers = await asyncio.gather(*(edit(shop, chosen, {"category": "Tea"}, key="one request") for _ in range(4)))
    assert {answer.operation.id for answer in answers} == {answers[0].operation.id}
    assert [[(f.item, f.reason) for f in answer.failures] for answer in answers] == [[(str(ids[1]), CHANGED)]] * 4
    assert await shop.sql(EDITS) == [1]
    with pytest.raises(Conflict) as refusal:
        await edit(shop, Selection(filters=ProductFilters(), confirm_count=2), {"category": "Tea"})
    assert refusal.value.fields == {"current_count": 3}
    assert await shop.sql("SELECT count(*) FROM bulk_operations") == [1]


async def test_a_key_counts_for_one_person_and_one_operation_and_for_one_request(shop: Jobs) -> None:
    ids = await stock(shop, 3)
    chosen = Selection(product_ids=ids[:1])
    tea: dict[str, object] = {"category": "Tea"}
    mine = await edit(shop, chosen, tea, key="k")
    with pytest.raises(KeyReused, match="Idempotency-Key"):
        await edit(shop, chosen, {"category": "Coffee"}, key="k")
    with pytest.raises(KeyReused):
        await edit(shop, Selection(product_ids=ids[:2]), tea, key="k")
    assert await shop.sql("SELECT count(*) FROM bulk_operations") == [1]
    somebody_else = Actor(new_id(), "somebody else")
    await shop.sql("INSERT INTO users (id, username, role) VALUES (:id, 'else', 'operator')", id=somebody_else.id)
    async with shop.db.transaction() as session:
        theirs = await bulk.edit_products(session, shop.board, Selection(product_ids=ids[1:]), tea, somebody_else, "k")
        deleted = await bulk.delete_products(session, shop.board, chosen, SOMEBODY, "k")
        undone = await bulk.undo(session, shop.board, theirs.operation.id, SOMEBODY, "k")
    assert len({outcome.operation.id for outcome in (mine, theirs, deleted, undone)}) == 4
    assert await shop.sql("SELECT id FROM products ORDER BY id") == ids[1:]
    assert (await edit(shop, chosen, tea, key="k")).operation.id == mine.operation.id


async def test_random_hands_on_the_same_products_never_deadlock(shop: Jobs, runner: JobRunner) -> None:
    ids = await stock(shop, 150)
    n_deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await shop.sql(n_deadlocks)

    async def work(chosen: Sequence[uuid.UUID], name: str) -> None:
        for turn in range(3):
            await edit(shop, Selection(product_ids=list(chosen)), {"category": f"{name} {turn}"})

    await asyncio.gather(work(ids, "a"), work(ids[::-1], "b"), work(ids[50:] + ids[:50], "c"))
    assert await shop.sql("SELECT pg_stat_force_next_flush()") is not None
    assert await shop.sql(n_deadlocks) == before
    assert len(await shop.sql("SELECT DISTINCT category FROM products")) == 1


def test_over_http_bad_wishes_are_refused_and_good_ones_done(platform: RunningPlatform) -> None:
    headers = {"Authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url + "/api/v1/products", headers=headers, timeout=30) as client:
        nobody = str(uuid.uuid4())
        bodies: tuple[dict[str, object], ...] = (
            {},
            {"product_ids": []},
            {"product_ids": [nobody], "filters": {}},
            {"product_ids": [nobody], "unknown": 1},
            {"filters": {"status": None}},
            {"items": [{"id": nobody, "version": 2**31}]},
        )
        for body in bodies:
            assert client.post("/bulk-delete", json=body).status_code == 422
        for path, more in (("/bulk-delete", {}), ("/bulk-edit", {"changes": {"status": "ready"}})):
            everything: dict[str, object] = {"filters": {}, **more}
            answer = client.post(path, json=everything)
            assert (answer.status_code, "confirm_count" in answer.json()["detail"]) == (422, True)
            answer = client.post(path, json={**everything, "confirm_count": 2**31 - 1})
            assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
        for changes in ({}, {"status": None}, {"status": "sold"}, {"version": 3}, {"category": "x" * 301}):
            answer = client.post("/bulk-edit", json={"product_ids": [nobody], "changes": changes})
            assert answer.status_code == 422
        answer = client.post("/bulk-delete", json={"product_ids": [nobody]})
        assert answer.status_code == 200
        assert (answer.json()["done"], answer.json()["job"]) == (0, None)
        assert answer.json()["failed"][0]["reason"] == "There is no such product, or no longer."
        failures = client.get(f"/bulk/{answer.json()['bulk_id']}/failures").json()
        assert [item["product_id"] for item in failures["items"]] == [nobody]
        assert client.post(f"/bulk-edit/{nobody}/undo").status_code == 404
