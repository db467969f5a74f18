"""How long an accepted job waits until it runs: one after another, and at a steady rate."""

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from sqlalchemy import func, select

from buybuddy.benchmarks.http_load import percentile
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.domain.jobs import repository, service
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_jobs
from buybuddy.domain.jobs.rules import ACTIVE, JobType
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import QueueFull
from buybuddy.flow import build_board
from buybuddy.infra.db import Actor, Database, Subject, new_id
from buybuddy.infra.db.migrate import upgrade_schema
from buybuddy.infra.embedded_postgres import EmbeddedPostgres
from buybuddy.infra.queue import JobQueue
from buybuddy.stages.specs import EmbedImagesSpec

CONCURRENCY = 8
JOB_TYPE: JobType = "embedding_extraction"


def run(folder: Path, *, n_jobs: int = 200) -> list[BenchmarkReport]:
    """Enqueue jobs one after another and take the time from commit to claim, both by the database's clock.

    Args:
        folder: an empty folder for a database of its own.
    """
    with EmbeddedPostgres(folder) as postgres:
        dsn = postgres.start().url
        upgrade_schema(dsn)
        waits_ms = uvloop.run(_measure_one_by_one(dsn, n_jobs))
    return [_report("jobs.enqueue_to_running_p95", waits_ms)]


def run_at_rate(folder: Path, *, per_second: float = 100.0, seconds: float = 60.0) -> list[BenchmarkReport]:
    """Enqueue jobs at a steady rate, whether or not earlier ones have started.

    Args:
        folder: an empty folder for a database of its own.
    """
    with EmbeddedPostgres(folder) as postgres:
        dsn = postgres.start().url
        upgrade_schema(dsn)
        return uvloop.run(_measure_at_rate(dsn, per_second, int(per_second * seconds)))


def _report(name: str, waits_ms: list[float]) -> BenchmarkReport:
    details = {f"p{percent}_ms": round(percentile(waits_ms, percent), 1) for percent in (50, 99, 100)}
    return BenchmarkReport(name, round(percentile(waits_ms, 95), 1), "ms", details={"jobs": len(waits_ms), **details})


@dataclass(frozen=True)
class Bench:
    """The side that asks for jobs, as the API does; a worker in a process of its own ends each at once."""

    db: Database
    board: JobBoard

    async def create(self, index: int) -> None:
        new = NewJob(
            type=JOB_TYPE,
            subject=Subject("product", None, f"job {index}"),
            spec=EmbedImagesSpec(images=(), output_prefix="embeddings/benchmark/"),
            id=new_id(),
        )
        async with self.db.transaction() as session:
            await create_jobs(session, self.board, [new], Actor.platform())

    async def until_all_ended(self, n_jobs: int) -> None:
        unfinished = select(func.count()).where(Job.type == JOB_TYPE, Job.status.in_(ACTIVE))
        deadline_s = time.perf_counter() + 60
        while time.perf_counter() < deadline_s:
            async with self.db.transaction() as session:
                if await session.scalar(unfinished) == 0:
                    return
            await asyncio.sleep(0.005)
        raise TimeoutError(f"not all of {n_jobs} jobs ended")

    async def waits_ms(self, n_first_left_out: int) -> list[float]:
        async with self.db.transaction() as session:
            jobs = (await session.scalars(select(Job).order_by(Job.created_at).offset(n_first_left_out))).all()
        return [
            (job.started_at - job.queued_at).total_seconds() * 1000 for job in jobs if job.started_at and job.queued_at
        ]


@asynccontextmanager
async def _worked(dsn: str) -> AsyncIterator[Bench]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "buybuddy.benchmarks.jobs", dsn)
    db, queue = Database(dsn, pool_size=10), JobQueue(dsn)
    bench = Bench(db, build_board(queue))
    try:
        await bench.create(-1)
        await bench.until_all_ended(1)  # the worker is there
        yield bench
    finally:
        process.terminate()
        await process.wait()
        await db.close()


async def _measure_one_by_one(dsn: str, n_jobs: int) -> list[float]:
    async with _worked(dsn) as bench:
        for index in range(n_jobs):
            await bench.create(index)
            await bench.until_all_ended(1)
            await asyncio.sleep(0.02 * (index % 5))
        return await bench.waits_ms(min(5, n_jobs // 10))


async def _measure_at_rate(dsn: str, per_second: float, n_jobs: int) -> list[BenchmarkReport]:
    n_refused = 0

    async def create(index: int) -> None:
        nonlocal n_refused
        try:
            await bench.create(index)
        except QueueFull:
            n_refused += 1

    async with _worked(dsn) as bench:
        async with bench.db.transaction() as session:
            await repository.set_limit(session, JOB_TYPE, 1000)
        begun_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for index in range(n_jobs):
                await asyncio.sleep(max(0.0, begun_s + index / per_second - time.perf_counter()))
                group.create_task(create(index))
        seconds = time.perf_counter() - begun_s
        await bench.until_all_ended(n_jobs)
        waits_ms = await bench.waits_ms(min(100, n_jobs // 10))
    report = _report("queue.start_p95_at_100_per_s", waits_ms)
    accepted = {"asked a second": per_second, "accepted a second": round((n_jobs - n_refused) / seconds, 1)}
    return [BenchmarkReport(report.name, report.value, report.unit, details={**accepted, **report.details})]


async def work(dsn: str) -> None:
    """Claim each job and end it at once, until the process is ended."""
    db, queue = Database(dsn, pool_size=CONCURRENCY), JobQueue(dsn)
    board = build_board(queue)

    async def claim_and_end(job_id: uuid.UUID) -> None:
        async with db.transaction() as session:
            job = await service.claim(session, board, job_id)
        if job is not None:
            async with db.transaction() as session:
                await service.end_cancelled(session, board, job.id, job.attempt)

    await queue.run_worker(claim_and_end, concurrency=CONCURRENCY)


if __name__ == "__main__":
    uvloop.run(work(sys.argv[1]))
