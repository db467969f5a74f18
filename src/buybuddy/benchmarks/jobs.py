"""How long an accepted job waits until it runs, on an idle platform."""

import asyncio
import contextlib
import statistics
import uuid
from pathlib import Path

from sqlalchemy import select

from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.domain.jobs import service
from buybuddy.domain.jobs.service import NewJob
from buybuddy.domain.jobs.tables import Job
from buybuddy.flow import build_board
from buybuddy.infra.db import Actor, Database, Subject, new_id
from buybuddy.infra.db.migrate import upgrade_schema
from buybuddy.infra.embedded_postgres import EmbeddedPostgres
from buybuddy.infra.queue import JobQueue
from buybuddy.stages.specs import EmbedImagesSpec


def run(folder: Path, *, n_jobs: int = 200) -> list[BenchmarkReport]:
    """Enqueue jobs one after another and take the time from commit to claim, both by the database's clock.

    Args:
        folder: an empty folder for a database of its own.
    """
    with EmbeddedPostgres(folder) as postgres:
        dsn = postgres.start().url
        upgrade_schema(dsn)
        waits_ms = asyncio.run(_measure(dsn, n_jobs))
    p95_ms = statistics.quantiles(waits_ms, n=20)[-1]
    details = {"jobs": n_jobs, "median_ms": round(statistics.median(waits_ms), 1), "max_ms": round(max(waits_ms), 1)}
    return [BenchmarkReport("jobs.enqueue_to_running_p95", round(p95_ms, 1), "ms", details=details)]


async def _measure(dsn: str, n_jobs: int) -> list[float]:
    db, queue = Database(dsn), JobQueue(dsn)
    board = build_board(queue)
    claimed: asyncio.Queue[uuid.UUID] = asyncio.Queue()

    async def claim_and_end(job_id: uuid.UUID) -> None:
        async with db.transaction() as session:
            job = await service.claim(session, board, job_id)
        if job is not None:
            async with db.transaction() as session:
                await service.end_cancelled(session, board, job.id, job.attempt)
            claimed.put_nowait(job_id)

    worker = asyncio.create_task(queue.run_worker(claim_and_end, concurrency=1))
    try:
        for index in range(n_jobs):
            new = NewJob(
                type="embedding_extraction",
                subject=Subject("product", None, f"job {index}"),
                spec=EmbedImagesSpec(images=(), output_prefix="embeddings/benchmark/"),
                id=new_id(),
            )
            async with db.transaction() as session:
                await service.create_jobs(session, board, [new], Actor.platform())
            await asyncio.wait_for(claimed.get(), 30)
            await asyncio.sleep(0.02 * (index % 5))
        async with db.transaction() as session:
            jobs = (await session.scalars(select(Job).order_by(Job.created_at).offset(min(5, n_jobs // 10)))).all()
        return [
            (job.started_at - job.queued_at).total_seconds() * 1000 for job in jobs if job.started_at and job.queued_at
        ]
    finally:
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
        await db.close()
