"""Jobs on a real PostgreSQL: accepted in one transaction, limited, swept, never changed once they have ended."""

import asyncio
import contextlib
import random
import uuid

import pytest
from sqlalchemy import text

from buybuddy.domain.jobs import repository, service
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.domain.jobs.sweeping import sweep
from buybuddy.errors import BuybuddyError, Conflict, QueueFull, StageCrashed, StageFailed, StaleAttempt
from buybuddy.infra.db import Session, keep, take_trash, throw_away
from buybuddy.infra.db.sign_of_life import SignOfLife
from tests.integration.conftest import RESULT, SOMEBODY, Jobs, change, happens

HELD = "SELECT count(*) FROM jobs WHERE type = 'matching' AND status IN ('queued', 'processing')"


class ChangeOfMind(Exception):
    """Rolls a test's transaction back."""


async def test_a_rollback_leaves_neither_job_nor_entry(jobs: Jobs) -> None:
    with pytest.raises(ChangeOfMind):
        async with jobs.db.transaction() as session:
            await jobs.create_in(session)
            raise ChangeOfMind
    assert await jobs.sql("SELECT id FROM jobs") == [] == await jobs.entries()
    [kept] = await jobs.create()
    assert await jobs.entries() == [str(kept.id)]
    assert await jobs.sql("SELECT payload->>'status' FROM events WHERE topic = 'job'") == ["queued"]


async def test_a_full_type_refuses_the_next_job_and_says_why(jobs: Jobs) -> None:
    await jobs.create(3)
    with pytest.raises(QueueFull) as refusal:
        await jobs.create()
    expected = {"error": "QUEUE_FULL", "job_type": "matching", "max_concurrent": 3, "current_count": 3}
    assert refusal.value.fields == expected
    assert refusal.value.http_status == 429
    await jobs.create(job_type="training")  # other types have slots of their own


async def test_a_batch_beyond_the_free_slots_waits_and_moves_up_in_order(jobs: Jobs) -> None:
    batch = await jobs.create(6)
    assert await jobs.statuses(batch) == ["queued"] * 3 + ["pending"] * 3
    assert set(await jobs.entries()) == {str(job.id) for job in batch[:3]}
    for n_ended, job in enumerate(batch, start=1):
        running = await jobs.start(job)
        async with jobs.db.transaction() as session:
            await service.complete(session, jobs.board, job.id, running.attempt, RESULT, 1.0)
        held = await jobs.sql("SELECT count(*) FROM jobs WHERE status IN ('queued', 'processing')")
        assert held == [min(3, 6 - n_ended)]
    assert await jobs.statuses(batch) == ["completed"] * 6
    waited = await jobs.sql("SELECT id FROM jobs ORDER BY queued_at, created_at, id")
    assert set(waited[:3]) == {job.id for job in batch[:3]}


async def test_twenty_concurrent_creators_never_exceed_the_limit(jobs: Jobs) -> None:
    async def create() -> int:
        try:
            return len(await jobs.create())
        except QueueFull as full:
            assert full.fields["current_count"] == 3
            return 0

    accepted = await asyncio.gather(*(create() for _ in range(20)))
    assert sum(accepted) == 3
    assert await jobs.sql("SELECT count(*) FROM jobs") == [3]


async def test_cancel_ends_what_waits_at_once_and_asks_what_runs_to_stop(jobs: Jobs) -> None:
    processing, queued, other, pending = await jobs.create(4)
    running = await jobs.start(processing)
    for job in (pending, queued, processing):
        async with jobs.db.transaction() as session:
            await service.request_cancel(session, jobs.board, job.id, SOMEBODY)
    assert await jobs.statuses([processing, queued, other, pending]) == [
        "processing",
        "cancelled",
        "queued",
        "cancelled",
    ]
    async with jobs.db.transaction() as session:
        assert await service.beat(session, processing.id, running.attempt) is True
        await service.end_cancelled(session, jobs.board, processing.id, running.attempt)
    assert (await jobs.look(processing.id)).status == "cancelled"
    async with jobs.db.transaction() as session:
        assert await service.claim(session, jobs.board, queued.id) is None


async def test_a_job_cancelled_while_its_worker_is_stopped_is_not_run_again(jobs: Jobs) -> None:
    [job] = await jobs.create()
    running = await jobs.start(job)
    async with jobs.db.transaction() as session:
        await service.request_cancel(session, jobs.board, job.id, SOMEBODY)
    async with jobs.db.transaction() as session:
        await service.hand_back(session, jobs.board, job.id, running.attempt)
    assert (await jobs.look(job.id)).status == "cancelled"


async def test_retry_makes_one_new_job_with_a_folder_of_its_own(jobs: Jobs) -> None:
    [job] = await jobs.create()
    running = await jobs.start(job)
    async with jobs.db.transaction() as session:
        await service.fail_attempt(session, jobs.board, job.id, running.attempt, StageFailed("No product."))
    async with jobs.db.transaction() as session:
        again = await service.retry_job(session, jobs.board, job.id, SOMEBODY)
    assert again.id != job.id
    assert again.config["output_prefix"] == f"exports/{again.id}/"
    assert again.subject_id == job.subject_id
    with pytest.raises(Conflict):  # its subject is being worked on already
        async with jobs.db.transaction() as session:
            await service.retry_job(session, jobs.board, job.id, SOMEBODY)
    with pytest.raises(Conflict):
        async with jobs.db.transaction() as session:
            await service.retry_job(session, jobs.board, again.id, SOMEBODY)


async def test_crashes_are_retried_a_bounded_number_of_times_with_growing_pauses(jobs: Jobs) -> None:
    [job] = await jobs.create()
    pauses = []
    for _ in range(job.max_attempts):
        running = await jobs.start(job)
        async with jobs.db.transaction() as session:
            ended = await service.fail_attempt(
                session, jobs.board, job.id, running.attempt, StageCrashed("The stage process ended by SIGKILL.")
            )
        if ended.status == "queued":
            assert ended.run_after is not None and ended.queued_at is not None
            pauses.append((ended.run_after - ended.queued_at).total_seconds())
            await jobs.sql("UPDATE jobs SET run_after = NULL")  # rather than wait for it
    assert (ended.status, ended.error_code, ended.attempt) == ("failed", "STAGE_CRASHED", 3)
    assert ended.error_message == "The stage process ended by SIGKILL. Given up after 3 attempts."
    assert pauses == pytest.approx([1.0, 4.0], abs=0.1)  # the clock goes on within a statement


async def test_the_sweep_requeues_the_stalled_and_wakes_the_unwoken(jobs: Jobs) -> None:
    stalled, fresh, unwoken = await jobs.create(3)
    await jobs.start(stalled)
    await jobs.start(fresh)
    await jobs.silence(stalled.id)
    await jobs.sql("DELETE FROM procrastinate_jobs")
    await jobs.sql("UPDATE jobs SET queued_at = queued_at - interval '1 minute' WHERE id = :id", id=unwoken.id)
    async with jobs.db.transaction() as session:
        touched = await sweep(session, jobs.board)
    assert [job.id for job in touched] == [stalled.id]
    assert await jobs.statuses([stalled, fresh, unwoken]) == ["queued", "processing", "queued"]
    assert sorted(await jobs.entries()) == sorted([str(stalled.id), str(unwoken.id)])
    async with jobs.db.transaction() as session:  # a second sweep finds nothing more to do
        assert await sweep(session, jobs.board) == []
    assert len(await jobs.entries()) == 2


async def test_a_dead_worker_is_noticed_at_once_and_a_slow_one_is_not(jobs: Jobs) -> None:
    [job] = await jobs.create()
    life = SignOfLife(jobs.db)
    holding = asyncio.create_task(life.hold())
    await happens(jobs, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = :no", no=life.number)
    async with jobs.db.transaction() as session:
        assert await service.claim(session, jobs.board, job.id, life.number) is not None
    await jobs.silence(job.id, seconds=20)

    async def sweep_now() -> list[uuid.UUID]:
        async with jobs.db.transaction() as session:
            return [touched.id for touched in await sweep(session, jobs.board)]

    await happens(jobs, "SELECT pg_postmaster_start_time() < clock_timestamp() - interval '7 s'")
    assert await sweep_now() == []
    holding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await holding
    assert await sweep_now() == [job.id]


async def test_what_is_thrown_away_in_advance_goes_unless_it_is_kept(jobs: Jobs) -> None:
    async def due() -> list[str]:
        async with jobs.db.transaction() as session:
            return list(await take_trash(session))

    async with jobs.db.transaction() as session:
        throw_away(session, "videos/left/", after_s=60)
        throw_away(session, "videos/kept/", after_s=60)
    assert await due() == []
    async with jobs.db.transaction() as session:
        assert await keep(session, "videos/kept/") is True
    await jobs.sql("UPDATE object_trash SET due_at = due_at - interval '1 minute'")
    assert await due() == ["videos/left/"]
    async with jobs.db.transaction() as session:
        assert await keep(session, "videos/left/") is False


async def test_a_job_whose_workers_are_lost_again_and_again_is_given_up(jobs: Jobs) -> None:
    [job] = await jobs.create()
    for _ in range(job.max_attempts):
        await jobs.start(job)
        await jobs.silence(job.id)
        async with jobs.db.transaction() as session:
            await sweep(session, jobs.board)
    given_up = await jobs.look(job.id)
    assert (given_up.status, given_up.error_code) == ("failed", "WORKER_LOST")
    assert given_up.error_message == "The worker stopped answering 3 times; the job was given up."


@pytest.mark.parametrize("ending", ["completed", "failed", "cancelled"])
async def test_an_ended_job_never_changes(jobs: Jobs, ending: str) -> None:
    [job] = await jobs.create()
    attempt = (await jobs.start(job)).attempt
    async with jobs.db.transaction() as session:
        if ending == "completed":
            await service.complete(session, jobs.board, job.id, attempt, RESULT, 1.0)
        elif ending == "failed":
            await service.fail_attempt(session, jobs.board, job.id, attempt, StageFailed("No product."))
        else:
            await service.end_cancelled(session, jobs.board, job.id, attempt)
    content = "SELECT to_jsonb(j) - 'heartbeat_at' - 'updated_at' - 'version' FROM jobs j"
    before = await jobs.sql(content)
    assert (await jobs.look(job.id)).status == ending
    for write in ("complete", "fail_attempt", "hand_back", "end_cancelled", "progress", "beat", "cancel", "claim"):
        try:
            async with jobs.db.transaction() as session:
                await change(jobs, session, job.id, attempt, write)
            assert write == "claim", f"{write} was let through"
        except BuybuddyError as refusal:
            assert isinstance(refusal, StaleAttempt if write != "cancel" else Conflict)
    await jobs.silence(job.id)
    async with jobs.db.transaction() as session:
        assert await sweep(session, jobs.board) == []
    assert await jobs.sql(content) == before


async def test_an_idempotency_key_answers_with_the_same_jobs_even_at_the_same_moment(jobs: Jobs) -> None:
    answers = await asyncio.gather(*(jobs.create(2, key="one request") for _ in range(5)))
    assert len({tuple(job.id for job in answer) for answer in answers}) == 1
    assert await jobs.sql("SELECT count(*) FROM jobs") == [2]
    assert await jobs.create(2, key="one_request") != answers[0]  # `_` is no wildcard
    await jobs.sql("UPDATE jobs SET status = 'completed'")
    longer = await jobs.create(key="one:more")
    assert await jobs.create(key="one") != longer, "a key is not found by its beginning"
    with pytest.raises(KeyReused, match="Idempotency-Key"):
        await jobs.create(3, key="one request")
    assert await jobs.create(3, job_type="training", key="one request"), "another operation"


async def test_whatever_plan_the_database_makes_no_more_move_up_than_there_are_slots(jobs: Jobs) -> None:
    await jobs.create(12)
    await jobs.sql("UPDATE jobs SET status = 'completed' WHERE status = 'queued'")
    async with jobs.db.transaction() as session:
        for kind in ("hashagg", "hashjoin", "mergejoin", "sort", "material", "indexscan", "bitmapscan"):
            await session.execute(text(f"SET LOCAL enable_{kind} = off"))
        assert len(await repository.promote_waiting(session, "matching")) == 3


async def test_whatever_happens_to_jobs_the_limit_holds_and_none_is_lost(jobs: Jobs) -> None:
    """Random histories of creators, workers, crashes, cancels and sweeps side by side; a fixed seed each."""

    async def live(seed: int) -> int:
        dice, n_made = random.Random(seed), 0
        for _ in range(25):
            try:
                async with jobs.db.transaction() as session:
                    n_made += await _act(jobs, session, dice)
            except (QueueFull, Conflict):
                pass
            assert await jobs.sql(HELD) in ([0], [1], [2], [3])
        return n_made

    n_deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await jobs.sql(n_deadlocks)
    n_made = sum(await asyncio.gather(*(live(seed) for seed in range(6))))
    assert n_made > 10
    assert await jobs.sql("SELECT count(*) FROM jobs") == [n_made]
    assert await jobs.sql("SELECT pg_stat_force_next_flush()") is not None
    assert await jobs.sql(n_deadlocks) == before


async def _act(jobs: Jobs, session: Session, dice: random.Random) -> int:
    """Do one random thing to one random job; return how many jobs that made."""
    what = dice.choice(
        ["create", "create", "claim", "claim", "complete", "complete", "fail_attempt", "cancel", "retry", "sweep"]
    )
    if what == "create":
        return len(await jobs.create_in(session, dice.randint(1, 4)))
    if what == "sweep":
        await sweep(session, jobs.board)
        return 0
    chosen = "SELECT id, attempt FROM jobs ORDER BY completed_at IS NULL DESC, random() LIMIT 1"
    found = (await session.execute(text(chosen))).first()
    if found is None:
        return 0
    await change(jobs, session, found.id, found.attempt, what)
    return int(what == "retry")
