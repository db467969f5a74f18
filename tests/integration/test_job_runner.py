"""The runner on a real database with a real stage process: late writes are refused, nothing is kept or lost twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.jobs.sweeping import sweep
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.jobs.trash_collector import TrashCollector
from buybuddy.errors import StaleAttempt, Unavailable
from buybuddy.infra.db import Actor, Database, Session, Subject, record_audit
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.messages import Setup
from buybuddy.stages.specs import Result
from tests.integration.conftest import Jobs, change, happens

APPLIED = "SELECT count(*) FROM audit_events WHERE action = 'test.applied' AND subject_id = :id"


class Worker:
    """A worker with its own executor; what it applies shows in the audit. It can be held before it completes."""

    def __init__(self, jobs: Jobs, folder: Path, db: Database | None = None) -> None:
        self.storage = ObjectStorage(f"file://{folder / 'storage'}")
        setup = Setup(
            storage_url=self.storage.url,
            models_dir=folder,
            scratch_dir=folder / "scratch",
            n_threads=1,
            extra_stages={"embed_query": "tests.contract.executor_stages:behave"},
        )
        self.executor = LocalExecutor(setup)
        self.runner = JobRunner(db or jobs.db, jobs.board, self.executor, self._apply)
        self.collector = TrashCollector(jobs.db, self.storage)
        self.is_broken = False

    async def _apply(self, session: Session, job: Job, result: Result) -> None:
        if self.is_broken:
            raise ZeroDivisionError("a bug")
        record_audit(session, Actor.platform(), "test.applied", Subject("job", job.id, "a test"))
        session.info["is_completing"] = True


class LosesAnswers(Database):
    """A connection that breaks after the server has committed a result and before it could say so."""

    n_to_lose = 1

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with super().transaction() as session:
            yield session
            is_completing = session.info.pop("is_completing", False)
        if is_completing and self.n_to_lose:
            self.n_to_lose -= 1
            raise Unavailable("The database connection was lost.")


@pytest.fixture
async def worker(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    worker = Worker(jobs, tmp_path)
    yield worker
    await worker.executor.close()


async def make_job(jobs: Jobs, wish: str) -> Job:
    async with jobs.db.transaction() as session:
        return (await jobs.create_in(session, wish=wish))[0]


async def test_a_job_is_run_and_its_result_applied_once_however_often_it_is_woken(jobs: Jobs, worker: Worker) -> None:
    job = await make_job(jobs, "write")
    await asyncio.gather(*(worker.runner.run(job.id) for _ in range(3)))
    assert (await jobs.look(job.id)).status == "completed"
    assert await jobs.sql(APPLIED, id=job.id) == [1]
    assert worker.storage.list_keys(f"exports/{job.id}/") == [f"exports/{job.id}/1/x.png"]


async def take_over(jobs: Jobs, job: Job) -> None:
    """Do what a sweep does once a worker has been silent; nobody can beat between the two steps."""
    async with jobs.db.transaction() as session:
        await session.execute(text("UPDATE jobs SET heartbeat_at = heartbeat_at - interval '60 s'"))
        assert [stalled.id for stalled in await sweep(session, jobs.board)] == [job.id]


async def test_a_worker_that_was_stopped_past_its_lease_leaves_no_trace(
    jobs: Jobs, worker: Worker, tmp_path: Path
) -> None:
    """SIGSTOP past the lease, SIGCONT later: its attempt has been given to another worker, nothing of it may count."""
    job = await make_job(jobs, "work")
    late = asyncio.create_task(worker.runner.run(job.id))
    await happens(jobs, "SELECT progress > 0 FROM jobs WHERE id = :id", id=job.id)
    worker.storage.put(f"exports/{job.id}/1/half.png", b"half")
    await take_over(jobs, job)
    other = Worker(jobs, tmp_path)
    try:
        await other.runner.run(job.id)
    finally:
        await other.executor.close()
    ended = await jobs.look(job.id)
    assert (ended.status, ended.attempt, ended.n_crashes) == ("completed", 2, 1)
    worker.storage.put(f"exports/{job.id}/2/kept.png", b"whole")
    await late
    await worker.collector.empty()
    assert await jobs.sql(APPLIED, id=job.id) == [1]
    assert (await jobs.look(job.id)).version == ended.version
    assert worker.storage.list_keys(f"exports/{job.id}/") == [f"exports/{job.id}/2/kept.png"]


@pytest.mark.parametrize("what", ["complete", "fail_attempt", "hand_back", "end_cancelled", "progress", "beat"])
async def test_an_older_attempt_cannot_write_while_a_newer_one_runs(jobs: Jobs, what: str) -> None:
    [job] = await jobs.create()
    await jobs.start(job)
    await take_over(jobs, job)
    assert (await jobs.start(job)).attempt == 2
    before = await jobs.sql("SELECT to_jsonb(j) FROM jobs j")
    with pytest.raises(StaleAttempt):
        async with jobs.db.transaction() as session:
            await change(jobs, session, job.id, 1, what)
    assert await jobs.sql("SELECT to_jsonb(j) FROM jobs j") == before


async def test_a_result_whose_commit_was_not_answered_is_kept_with_its_files(
    jobs: Jobs, worker: Worker, tmp_path: Path
) -> None:
    job = await make_job(jobs, "write")
    db = LosesAnswers(jobs.db.dsn)
    forgetful = Worker(jobs, tmp_path, db)
    try:
        await forgetful.runner.run(job.id)
        await forgetful.runner.sweep()
    finally:
        await forgetful.executor.close()
        await db.close()
    assert db.n_to_lose == 0
    await worker.collector.empty()
    assert (await jobs.look(job.id)).status == "completed"
    assert await jobs.sql(APPLIED, id=job.id) == [1]
    assert worker.storage.list_keys(f"exports/{job.id}/") == [f"exports/{job.id}/1/x.png"]


async def test_a_stage_that_dies_costs_one_attempt_and_leaves_nothing_behind(jobs: Jobs, worker: Worker) -> None:
    job = await make_job(jobs, "die")
    half_written = Path(worker.storage.url.removeprefix("file://")) / f"exports/{job.id}/1/x.png#1"
    half_written.parent.mkdir(parents=True)
    half_written.write_bytes(b"half")
    await worker.runner.run(job.id)
    ended = await jobs.look(job.id)
    assert (ended.status, ended.n_crashes, ended.error_code) == ("queued", 1, "STAGE_CRASHED")
    await worker.collector.empty()
    assert not half_written.exists()


async def test_our_own_bug_fails_the_job_at_once_with_a_reason(jobs: Jobs, worker: Worker) -> None:
    job = await make_job(jobs, "write")
    worker.is_broken = True
    await worker.runner.run(job.id)
    ended = await jobs.look(job.id)
    assert (ended.status, ended.error_message) == ("failed", "The platform failed: ZeroDivisionError.")
    await worker.collector.empty()
    assert worker.storage.list_keys(f"exports/{job.id}/") == []


async def test_progress_reaches_the_events_in_order_and_at_most_twice_a_second(jobs: Jobs, worker: Worker) -> None:
    job = await make_job(jobs, "work")
    await worker.runner.run(job.id)
    of_job = "FROM events WHERE topic = 'job' AND payload->>'id' = :id"
    shown = await jobs.sql(f"SELECT (payload->>'progress')::float {of_job} ORDER BY id", id=str(job.id))
    assert shown == sorted(shown, key=float) and shown[-1] == 100  # type: ignore[arg-type]
    assert len(shown) >= 4, "queued, started, some progress, completed"
    gaps = await jobs.sql(
        f"SELECT extract(epoch FROM created_at - lag(created_at) OVER (ORDER BY id)) {of_job}"
        " AND payload->>'status' = 'processing' AND (payload->>'progress')::float > 0",
        id=str(job.id),
    )
    assert all(float(str(gap)) > 0.4 for gap in gaps[1:]), gaps


async def test_a_worker_that_is_asked_to_stop_hands_its_job_back(jobs: Jobs, worker: Worker) -> None:
    job = await make_job(jobs, "work")
    running = asyncio.create_task(worker.runner.run(job.id))
    await happens(jobs, "SELECT progress > 0 FROM jobs WHERE id = :id", id=job.id)
    await worker.runner.stop()
    await running
    ended = await jobs.look(job.id)
    assert (ended.status, ended.n_crashes, ended.error_code) == ("queued", 0, None)
    assert len(await jobs.entries()) == 2  # the one that made it, which nobody has taken here, and the new one
