"""What tests about jobs stand on: the real tables, emptied before each test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import CursorResult, text

from buybuddy.domain.jobs import repository, service
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_jobs
from buybuddy.domain.jobs.idempotency import request_key
from buybuddy.domain.jobs.rules import JobType
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import StageCrashed
from buybuddy.flow import build_board
from buybuddy.infra.db import Actor, Database, Session, Subject, new_id
from buybuddy.infra.queue import JobQueue
from buybuddy.stages.specs import EmbedQueryResult, EmbedQuerySpec, EncoderIdentity

SOMEBODY = Actor(None, "somebody")
RESULT = EmbedQueryResult(
    encoder=EncoderIdentity(name="test", weights_sha256="0" * 64, preprocessing="none/1", dim=1), vectors=((0.0,),)
)


@dataclass(frozen=True)
class Jobs:
    """The job service on a database of its own, in the words of a test."""

    db: Database
    board: JobBoard

    async def create(self, n: int = 1, *, job_type: JobType = "matching", key: str | None = None) -> list[Job]:
        async with self.db.transaction() as session:
            return await self.create_in(session, n, job_type=job_type, key=key)

    async def create_in(
        self, session: Session, n: int = 1, *, job_type: JobType = "matching", key: str | None = None, wish: str = "ok"
    ) -> list[Job]:
        new_jobs = []
        for _ in range(n):
            job_id = new_id()
            spec = EmbedQuerySpec(photo_key=wish, output_prefix=f"exports/{job_id}/")
            new_jobs.append(NewJob(job_type, Subject("test", new_id(), "a test"), spec, job_id))
        wanted = request_key(key, SOMEBODY, job_type, n)
        return await create_jobs(session, self.board, new_jobs, SOMEBODY, key=wanted)

    async def start(self, job: Job) -> Job:
        async with self.db.transaction() as session:
            claimed = await service.claim(session, self.board, job.id)
        assert claimed is not None
        return claimed

    async def look(self, job_id: uuid.UUID) -> Job:
        async with self.db.transaction() as session:
            job = await repository.find_job(session, job_id)
        assert job is not None
        return job

    async def statuses(self, jobs: Sequence[Job]) -> list[str]:
        return [(await self.look(job.id)).status for job in jobs]

    async def sql(self, statement: str, **values: object) -> list[object]:
        """Run SQL and return the first column of what it answers."""
        async with self.db.transaction() as session:
            result = await session.execute(text(statement), values)
            return [row[0] for row in result] if isinstance(result, CursorResult) and result.returns_rows else []

    async def entries(self) -> list[str]:
        """Return the ids of the jobs that have an entry in the queue, as often as they have one."""
        return [str(value) for value in await self.sql("SELECT args->>'job_id' FROM procrastinate_jobs")]

    async def silence(self, job_id: uuid.UUID, seconds: float = 60) -> None:
        """Have the worker of a job not been heard of for so long."""
        await self.sql(
            "UPDATE jobs SET heartbeat_at = clock_timestamp() - make_interval(secs => :s) WHERE id = :id",
            s=seconds,
            id=job_id,
        )


async def change(jobs: Jobs, session: Session, job_id: uuid.UUID, attempt: int, what: str) -> None:
    """Change a job as its attempt, or as somebody at a page, would."""
    board = jobs.board
    match what:
        case "complete":
            await service.complete(session, board, job_id, attempt, RESULT, 1.0)
        case "fail_attempt":
            await service.fail_attempt(session, board, job_id, attempt, StageCrashed("crashed"))
        case "hand_back":
            await service.hand_back(session, board, job_id, attempt)
        case "end_cancelled":
            await service.end_cancelled(session, board, job_id, attempt)
        case "progress":
            await service.report_progress(session, board, job_id, attempt, 0.1, "late")
        case "beat":
            await service.beat(session, job_id, attempt)
        case "cancel":
            await service.request_cancel(session, board, job_id, SOMEBODY)
        case "retry":
            await service.retry_job(session, board, job_id, SOMEBODY)
        case _:
            await service.claim(session, board, job_id)


async def happens(jobs: Jobs, statement: str, **values: object) -> None:
    """Wait until a query answers with true."""
    async with asyncio.timeout(60):
        while await jobs.sql(statement, **values) != [True]:  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.02)


@pytest.fixture
async def jobs(db: Database, dsn: str) -> AsyncIterator[Jobs]:
    helper = Jobs(db, build_board(JobQueue(dsn)))
    await helper.sql("TRUNCATE jobs, job_logs, events, object_trash, procrastinate_jobs CASCADE")
    await helper.sql("UPDATE job_limits SET max_concurrent = 3 WHERE type = 'matching'")
    yield helper
