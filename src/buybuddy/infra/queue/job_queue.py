"""Procrastinate on our own database: an entry is only a wake-up call, the truth is the job's row.

An entry may be lost, doubled or late without harm: claiming the row decides who runs it, and a sweep calls again for
rows that nobody was woken for.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text

from buybuddy.infra.db import Session
from buybuddy.infra.db.dropped import refuse_dropped

TASK_NAME = "jobs.run"
QUEUE_NAME = "jobs"
FETCH_INTERVAL_S = 2.0
RECONNECT_PAUSE_S = 1.0
SHUTDOWN_GRACE_S = 10.0

log = structlog.get_logger(__name__)


def _open_pool(**options: Any) -> AsyncConnectionPool:
    """Make procrastinate's pool: each of its calls is one statement, and a check of ours asks the server nothing."""
    return AsyncConnectionPool(**{**options, "check": refuse_dropped, "configure": _commit_each_statement})


async def _commit_each_statement(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


class JobQueue:
    """Enqueue from any process; run a worker in one that is made for it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        connector = procrastinate.PsycopgConnector(conninfo=dsn, min_size=1, max_size=4, pool_factory=_open_pool)
        self._app = procrastinate.App(connector=connector)
        # Without `connection=` an entry would escape our transaction, so no task function is ever called directly.
        self._app.configure_task(TASK_NAME, queue=QUEUE_NAME)
        self._worker: asyncio.Task[None] | None = None

    async def enqueue(self, session: Session, job_id: uuid.UUID, *, priority: int = 0, delay_s: float = 0.0) -> None:
        """Add a wake-up call for a job; it exists when, and only when, the session's transaction commits."""
        connection = await (await session.connection()).get_raw_connection()
        await self._app.configure_task(
            TASK_NAME,
            queue=QUEUE_NAME,
            priority=priority,
            schedule_in={"milliseconds": int(delay_s * 1000)} if delay_s > 0 else None,
            connection=connection.driver_connection,
        ).defer_async(job_id=str(job_id))

    async def run_worker(self, handle: Callable[[uuid.UUID], Awaitable[None]], *, concurrency: int) -> None:
        """Call `handle` for each entry until cancelled; survives a database that comes and goes.

        The queue's own worker stops with its connection and cancels what it has called. Work is worth more than the
        connection: each call is a task of ours, which only our own end stops.
        """
        calls: set[asyncio.Task[None]] = set()
        slots = asyncio.Semaphore(concurrency)

        async def call(job_id: uuid.UUID) -> None:
            async with slots:
                await handle(job_id)

        async def run_job(job_id: str) -> None:
            task = asyncio.create_task(call(uuid.UUID(job_id)), name=f"job {job_id}")
            calls.add(task)
            task.add_done_callback(calls.discard)
            await asyncio.shield(task)

        self._app.task(name=TASK_NAME, queue=QUEUE_NAME)(run_job)
        try:
            while True:
                try:
                    async with self._app.open_async():
                        await self._app.run_worker_async(
                            queues=[QUEUE_NAME],
                            concurrency=concurrency,
                            fetch_job_polling_interval=FETCH_INTERVAL_S,
                            shutdown_graceful_timeout=SHUTDOWN_GRACE_S,
                            install_signal_handlers=False,
                            delete_jobs="always",
                        )
                except (ConnectorException, OSError) as error:
                    log.warning("queue.connection_lost", error=str(error))
                await asyncio.sleep(RECONNECT_PAUSE_S)
        finally:
            for task in calls:
                task.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    async def remove_abandoned(self, session: Session) -> None:
        """Forget entries held by workers that have died; the sweep wakes somebody else for their jobs."""
        await session.execute(
            text(
                "DELETE FROM procrastinate_jobs j WHERE j.status = 'doing' AND (j.worker_id IS NULL OR NOT EXISTS ("
                " SELECT 1 FROM procrastinate_workers w WHERE w.id = j.worker_id"
                " AND w.last_heartbeat > clock_timestamp() - interval '30 seconds'))"
            )
        )

    async def list_awaited(self, session: Session) -> set[uuid.UUID]:
        """Return the jobs that have an entry, waiting or being handled."""
        rows = await session.scalars(
            text(
                "SELECT args->>'job_id' FROM procrastinate_jobs WHERE task_name = :task AND status IN ('todo','doing')"
            ),
            {"task": TASK_NAME},
        )
        return {uuid.UUID(job_id) for job_id in rows}
