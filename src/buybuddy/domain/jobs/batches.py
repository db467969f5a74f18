"""Work on many rows that needs the database, and so is no stage: done in the worker, batch by batch.

A batch is one transaction. It locks the row of its attempt, which refuses the write of an older one, works on the next
rows, and writes how far it has come into the job's row. Whenever the worker dies, the next attempt goes on after the
last batch that was committed: each row is worked on exactly once. A worker may have one place only: what takes long
gives it to those that wait now and then, and goes on behind them. docs/decisions/0016-batch-work.md has the reasons.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from buybuddy.domain.jobs import repository, service
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.rules import priority_of
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import GaveWay, StageCancelled
from buybuddy.infra.db import Database, Session
from buybuddy.stages.specs import BatchResult, ItemFailure, Payload

FAILURES_SHOWN = 100
GIVES_WAY_AFTER_S = 30.0
FROZEN_AFTER_S = 60  # a worker that is stopped inside a batch keeps its locks; the server then ends its connection


class Checkpoint(Payload):
    """How far the batches have come.

    Args:
        cursor: where the next batch begins, as its step understands it; None at the very beginning.
        failures: the first FAILURES_SHOWN of `n_failed`.
        n_skipped: what a step was never to work on, and so no failure.
    """

    cursor: str | None = None
    n_done: int = 0
    n_failed: int = 0
    failures: tuple[ItemFailure, ...] = ()
    n_skipped: int = 0
    is_finished: bool = False

    def after(
        self, cursor: str | None, n_done: int, failures: Sequence[ItemFailure], n_skipped: int = 0
    ) -> "Checkpoint":
        """Return the checkpoint after a batch; without a cursor that was the last one."""
        return Checkpoint(
            cursor=cursor if cursor is not None else self.cursor,
            n_done=self.n_done + n_done,
            n_failed=self.n_failed + len(failures),
            failures=(*self.failures, *failures)[:FAILURES_SHOWN],
            n_skipped=self.n_skipped + n_skipped,
            is_finished=cursor is None,
        )

    def result(self) -> BatchResult:
        return BatchResult(n_done=self.n_done, n_failed=self.n_failed, failures=self.failures, n_skipped=self.n_skipped)


@dataclass(frozen=True)
class BatchProgress:
    """What a step answers: the checkpoint after its batch, and what a page shows."""

    checkpoint: Checkpoint
    fraction: float
    step: str


BatchStep = Callable[[Session, Job, Checkpoint], Awaitable[BatchProgress]]


async def run_batches(
    db: Database,
    board: JobBoard,
    job_id: uuid.UUID,
    attempt: int,
    step: BatchStep,
    cancel: asyncio.Event,
    *,
    gives_way_after_s: float = GIVES_WAY_AFTER_S,
) -> BatchResult:
    """Call a step until its work is done, each time in a transaction of its own.

    Args:
        gives_way_after_s: from when on jobs that are as urgent and wait for a place of a worker go first.
    Raises: StaleAttempt, StageCancelled and GaveWay between two batches, Unavailable; what was committed stays.
    """
    started_s = time.monotonic()
    while True:
        async with db.transaction() as session:
            await session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_AFTER_S}s'"))
            job = await service.lock_attempt_row(session, job_id, attempt)
            checkpoint = Checkpoint.model_validate(job.checkpoint or {})
            if checkpoint.is_finished:
                return checkpoint.result()
            if cancel.is_set() or job.cancel_requested_at is not None:
                raise StageCancelled("It was stopped between two batches; what was done before stays done.")
            if time.monotonic() - started_s >= gives_way_after_s and await _is_in_the_way(session, job):
                raise GaveWay("Others that wait go first; it goes on after them.")
            progress = await step(session, job, checkpoint)
            kept = progress.checkpoint.model_dump(mode="json")
            await service.report_progress(
                session, board, job_id, attempt, progress.fraction, progress.step, checkpoint=kept
            )


async def _is_in_the_way(session: Session, job: Job) -> bool:
    waiting = await repository.waiting_types(session, job.id)
    return any(priority_of(job_type) >= priority_of(job.type) for job_type in waiting)
