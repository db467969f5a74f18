"""Runs one attempt of a job: claims it, keeps its lease, shows its progress, applies its result once."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from buybuddy.domain.jobs import repository, service
from buybuddy.domain.jobs.batches import BatchStep, run_batches
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.rules import HEARTBEAT_S, PULSE_S
from buybuddy.domain.jobs.sweeping import sweep
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import BuybuddyError, GaveWay, StageCancelled, StageFailed, StaleAttempt, Unavailable
from buybuddy.infra.db import Database, Session, throw_away
from buybuddy.infra.executors import Executor
from buybuddy.stages.registry import SPEC
from buybuddy.stages.specs import Result, Spec

DATABASE_PATIENCE_S = 600.0
ApplyResult = Callable[[Session, Job, Result], Awaitable[None]]

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Attempt:
    """A running attempt, and what it has said since the last pulse."""

    job_id: uuid.UUID
    number: int
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    is_cancel_requested: bool = False
    progress: tuple[float, str] | None = None
    logs: list[dict[str, object]] = field(default_factory=list)

    def on_progress(self, fraction: float, step: str) -> None:
        self.progress = (fraction, step)

    def on_log(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.logs.append(
            {"job_id": self.job_id, "attempt": self.number, "level": level, "event": event, "fields": fields}
        )


class JobRunner:
    """Everything a worker does with one wake-up call.

    Args:
        apply_result: writes what a result means, in the transaction that completes the job (flow.py).
        worker_no: the number of this worker's sign of life, by which its death is noticed at once.
        batch_steps: the work that is done here, batch by batch, instead of by a stage; by its Spec's name (flow.py).
    """

    def __init__(
        self,
        db: Database,
        board: JobBoard,
        executor: Executor,
        apply_result: ApplyResult,
        worker_no: int | None = None,
        batch_steps: Mapping[str, BatchStep] | None = None,
    ) -> None:
        self._worker_no = worker_no
        self._batch_steps = batch_steps or {}
        self._db, self._board = db, board
        self._executor, self._apply_result = executor, apply_result
        self._running: set[Attempt] = set()
        self._is_stopping = False

    async def run(self, job_id: uuid.UUID) -> None:
        """Run the job's next attempt, if there is one to run."""
        if self._is_stopping:
            return
        async with self._db.transaction() as session:
            job = await service.claim(session, self._board, job_id, self._worker_no)
        if job is None:
            return
        spec = attempt_spec(job)
        attempt = Attempt(job.id, job.attempt)
        with structlog.contextvars.bound_contextvars(job_id=str(job.id), attempt=job.attempt, trace_id=job.trace_id):
            await self._run_attempt(job, spec, attempt)

    async def stop(self) -> None:
        """Stop what runs and queue it again; called when the worker is asked to end."""
        self._is_stopping = True
        for attempt in self._running:
            attempt.cancel.set()

    async def sweep(self) -> None:
        """Set going again what a crash left behind, and throw away what it left in storage."""
        async with self._db.transaction() as session:
            for job in await sweep(session, self._board):
                log.warning("job.stalled", job_id=str(job.id), attempt=job.attempt, now=job.status)
                throw_away_attempt(session, attempt_spec(job))

    async def _run_attempt(self, job: Job, spec: Spec, attempt: Attempt) -> None:
        log.info("attempt.started", type=job.type, stage=spec.stage)
        started_s = time.monotonic()
        self._running.add(attempt)
        if self._is_stopping:  # asked to while the job was being claimed
            attempt.cancel.set()
        pulse = asyncio.create_task(self._pulse(attempt))
        try:
            try:
                result = await self._work(job, spec, attempt)
            finally:
                attempt.ended.set()
                await pulse  # not cancelled: nobody could tell whether its last write was made
                await self._until_database_answers(lambda: self._flush_logs(attempt))
            await self._until_database_answers(
                lambda: self._complete(job, spec, attempt, result, time.monotonic() - started_s)
            )
            log.info("attempt.completed", seconds=round(time.monotonic() - started_s, 3))
        except StaleAttempt:
            log.warning("attempt.lost")
            await self._until_database_answers(lambda: self._throw_away(attempt, spec))
        except GaveWay:
            log.info("attempt.gave_way", seconds=round(time.monotonic() - started_s, 3))
            await self._until_database_answers(lambda: self._give_way(attempt))
        except BuybuddyError as error:
            await self._settle_failure(attempt, spec, error)
        except Exception as error:
            log.error("attempt.broken", exc_info=error)
            await self._settle_failure(attempt, spec, StageFailed(f"The platform failed: {type(error).__name__}."))
        finally:
            self._running.discard(attempt)

    async def _work(self, job: Job, spec: Spec, attempt: Attempt) -> Result:
        step = self._batch_steps.get(spec.stage)
        if step is not None:
            return await run_batches(self._db, self._board, attempt.job_id, attempt.number, step, attempt.cancel)
        name = f"{job.id}/{job.attempt}"
        return await self._executor.run(spec, attempt_id=name, listener=attempt, cancel=attempt.cancel)

    async def _complete(self, job: Job, spec: Spec, attempt: Attempt, result: Result, seconds: float) -> None:
        async with self._db.transaction() as session:
            done = await service.complete(
                session, self._board, job.id, attempt.number, result, seconds, has_successor=spec.has_successor
            )
            await self._apply_result(session, done, result)

    async def _give_way(self, attempt: Attempt) -> None:
        """Queue batch work again behind those that wait; each batch has kept what it made."""
        with contextlib.suppress(StaleAttempt):
            async with self._db.transaction() as session:
                await service.hand_back(session, self._board, attempt.job_id, attempt.number)

    async def _settle_failure(self, attempt: Attempt, spec: Spec, error: BuybuddyError) -> None:
        async def settle() -> None:
            async with self._db.transaction() as session:
                throw_away_attempt(session, spec)
                if isinstance(error, StageCancelled) and self._is_stopping and not attempt.is_cancel_requested:
                    await service.hand_back(session, self._board, attempt.job_id, attempt.number)
                elif isinstance(error, StageCancelled):
                    await service.end_cancelled(session, self._board, attempt.job_id, attempt.number)
                else:
                    await service.fail_attempt(session, self._board, attempt.job_id, attempt.number, error)

        log.warning("attempt.ended", code=error.code, detail=error.detail)
        try:
            await self._until_database_answers(settle)
        except StaleAttempt:
            await self._until_database_answers(lambda: self._throw_away(attempt, spec))

    async def _pulse(self, attempt: Attempt) -> None:
        """Twice a second: show progress, keep the lease, hear of a cancel. A lost lease stops the stage."""
        last_beat_s = time.monotonic()
        while not await _happens(attempt.ended, within_s=PULSE_S):
            try:
                if attempt.logs:
                    await self._flush_logs(attempt)
                if attempt.progress is not None:
                    progress, attempt.progress = attempt.progress, None
                    async with self._db.transaction() as session:
                        await service.report_progress(session, self._board, attempt.job_id, attempt.number, *progress)
                if time.monotonic() - last_beat_s >= HEARTBEAT_S:
                    async with self._db.transaction() as session:
                        attempt.is_cancel_requested = await service.beat(session, attempt.job_id, attempt.number)
                    last_beat_s = time.monotonic()
                if attempt.is_cancel_requested:
                    attempt.cancel.set()
            except StaleAttempt:
                attempt.cancel.set()
                return
            except Unavailable as error:
                log.warning("pulse.skipped", detail=error.detail)

    async def _flush_logs(self, attempt: Attempt) -> None:
        lines, attempt.logs = attempt.logs, []
        if not lines:
            return
        try:
            async with self._db.transaction() as session:
                await repository.add_logs(session, lines)
        except Unavailable:
            attempt.logs = lines + attempt.logs
            raise

    async def _throw_away(self, attempt: Attempt, spec: Spec) -> None:
        """Remove what a stale attempt made, unless it is stale because its own result was kept.

        A commit whose answer is lost with the connection is repeated, and is then refused like any late write.
        """
        async with self._db.transaction() as session:
            job = await repository.lock_job(session, attempt.job_id)
            if job is not None and job.status == "completed" and job.attempt == attempt.number:
                log.info("attempt.was_kept")
                return
            throw_away_attempt(session, spec)

    @staticmethod
    async def _until_database_answers(write: Callable[[], Awaitable[None]]) -> None:
        """Repeat a write while the database is away: finished work is worth waiting for. Raises: Unavailable."""
        deadline_s = time.monotonic() + DATABASE_PATIENCE_S
        pause_s = 0.2
        while True:
            try:
                return await write()
            except Unavailable:
                if time.monotonic() > deadline_s:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 5.0)


async def _happens(event: asyncio.Event, *, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_s)
    return event.is_set()


def attempt_spec(job: Job) -> Spec:
    """Return the job's Spec with an output folder of this attempt's own, so that attempts never share an object.

    Attempts of a resumable stage share one, and each goes on with what the one before it has left.
    """
    spec = SPEC.validate_python(job.config)
    if spec.is_resumable:
        return spec
    return spec.model_copy(update={"output_prefix": f"{spec.output_prefix}{job.attempt}/"})


def throw_away_attempt(session: Session, spec: Spec) -> None:
    """Remove what an attempt has made; that of a resumable stage goes when its job ends (service.end_job)."""
    if not spec.is_resumable:
        throw_away(session, spec.output_prefix)
