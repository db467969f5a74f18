"""What can be done to jobs. A job's row, its slot and its queue entry change in one transaction.

Everybody takes locks in one order, so that nobody waits in a circle: the slots of a type (types in the order of
JOB_TYPES), then the job's row, then what it works on, and last the events' lock at the commit. A batch (batches.py)
begins with the job's row and takes no slots after it.
"""

import datetime as dt
import uuid

from buybuddy.domain.jobs import repository
from buybuddy.domain.jobs.board import JobBoard, tell
from buybuddy.domain.jobs.creation import NewJob, create_jobs
from buybuddy.domain.jobs.repository import NOW
from buybuddy.domain.jobs.rules import TERMINAL, JobType, Retry, priority_of, remaining_s, retry_after_failure
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import BuybuddyError, Conflict, NotFound, StaleAttempt
from buybuddy.infra.db import Actor, Session, Subject, new_id, record_audit, throw_away
from buybuddy.infra.db.database import database_now
from buybuddy.stages.registry import SPEC
from buybuddy.stages.specs import Result


async def claim(session: Session, board: JobBoard, job_id: uuid.UUID, worker_no: int | None = None) -> Job | None:
    """Start the next attempt, or None when there is nothing to do: somebody else has it, or it has ended."""
    job = await repository.claim(session, job_id, worker_no)
    if job is not None:
        await tell(session, board, job)
    return job


async def report_progress(
    session: Session, board: JobBoard, job_id: uuid.UUID, attempt: int, fraction: float, step: str, **more: object
) -> None:
    """Show how far an attempt is; `more` are columns to write with it. Raises: StaleAttempt."""
    job = await repository.find_job(session, job_id)
    if job is None or job.started_at is None:
        raise StaleAttempt("This attempt is no longer the running one.")
    now = await database_now(session)
    left = remaining_s(fraction=fraction, started_at=job.started_at, now=now)
    await tell(session, board,
        await _write(
            session, job_id, attempt, progress=round(100 * fraction, 1), current_step=step, remaining_s=left,
            heartbeat_at=NOW, **more,
        ),
    )  # fmt: skip


async def beat(session: Session, job_id: uuid.UUID, attempt: int) -> bool:
    """Renew the lease and return whether a cancel has been asked for. Raises: StaleAttempt."""
    row = await repository.beat(session, job_id, attempt)
    if row is None:
        raise StaleAttempt("This attempt is no longer the running one.")
    return row[0] is not None


async def complete(
    session: Session,
    board: JobBoard,
    job_id: uuid.UUID,
    attempt: int,
    result: Result,
    seconds: float,
    *,
    has_successor: bool = False,
) -> Job:
    """Mark the attempt's job as completed; what it leaves behind is written in the same transaction.

    Args:
        has_successor: whether this transaction makes a job of the same type.
    Raises: StaleAttempt, and then nothing of the transaction may be kept.
    """
    await _lock_attempt(session, job_id, attempt, is_shared=not has_successor)
    job = await _write(
        session,
        job_id,
        attempt,
        status="completed",
        progress=100,
        current_step=None,
        remaining_s=None,
        metrics={"seconds": round(seconds, 2), **result.summary()},
        result=result.model_dump(mode="json"),
        completed_at=NOW,
    )
    await tell(session, board, job)
    await promote(session, board, job.type, at_most=1)
    return job


async def fail_attempt(session: Session, board: JobBoard, job_id: uuid.UUID, attempt: int, error: BuybuddyError) -> Job:
    """Note a failed attempt: the job is tried again, or has failed with this reason. Raises: StaleAttempt."""
    job = await _lock_attempt(session, job_id, attempt)
    n_failures = job.n_crashes + 1
    retry = retry_after_failure(is_retryable=error.is_retryable, n_failures=n_failures, max_attempts=job.max_attempts)
    if job.cancel_requested_at is not None:
        await end_job(session, board, job, "cancelled", None, None)
    elif retry is not None:
        job.n_crashes += 1
        await requeue(session, board, job, retry, str(error.fields.get("code", error.code)), error.detail)
    else:
        detail = (
            error.detail if not error.is_retryable else f"{error.detail} Given up after {job.n_crashes + 1} attempts."
        )
        await end_job(session, board, job, "failed", str(error.fields.get("code", error.code)), detail)
    return job


async def hand_back(session: Session, board: JobBoard, job_id: uuid.UUID, attempt: int) -> None:
    """Queue a job again whose worker is being stopped; it does not count as a failure. Raises: StaleAttempt."""
    job = await _lock_attempt(session, job_id, attempt)
    if job.cancel_requested_at is not None:
        await end_job(session, board, job, "cancelled", None, None)
    else:
        await requeue(session, board, job, Retry(0.0), None, None)


async def end_cancelled(session: Session, board: JobBoard, job_id: uuid.UUID, attempt: int) -> None:
    """Note that the attempt has stopped as asked. Raises: StaleAttempt."""
    job = await _lock_attempt(session, job_id, attempt)
    await end_job(session, board, job, "cancelled", None, None)


async def request_cancel(session: Session, board: JobBoard, job_id: uuid.UUID, actor: Actor) -> Job:
    """Cancel a job: at once when it waits, within seconds when it runs. Raises: NotFound, Conflict."""
    job = await repository.lock_job_with_slots(session, job_id, is_shared=True)
    if job is None:
        raise NotFound("There is no such job.")
    if job.status in TERMINAL:
        raise Conflict(f"The job is already {job.status}.")
    record_audit(session, actor, "job.cancel", Subject("job", job.id, job.subject_label))
    if job.cancel_requested_at is None:
        await repository.write_locked(session, job, cancel_requested_at=NOW)
    if job.status in ("pending", "queued"):
        await end_job(session, board, job, "cancelled", None, None)
    else:
        await tell(session, board, job)
    return job


async def retry_job(session: Session, board: JobBoard, job_id: uuid.UUID, actor: Actor) -> Job:
    """Create a new job with the Spec of one that failed or was cancelled. Raises: NotFound, Conflict, QueueFull."""
    job = await repository.lock_job_with_slots(session, job_id, is_shared=False)  # a new one is made
    if job is None:
        raise NotFound("There is no such job.")
    if job.status not in ("failed", "cancelled"):
        raise Conflict(f"Only a failed or cancelled job can be retried; this one is {job.status}.")
    subject = Subject(job.subject_kind, job.subject_id, job.subject_label)
    if await repository.has_unfinished(session, job.type, job.subject_id):
        raise Conflict(f"A newer job already works on {job.subject_label}.")
    checkpoint = await board.on_retry(session, job)
    record_audit(session, actor, "job.retry", Subject("job", job.id, job.subject_label))
    old_spec, new_job_id = SPEC.validate_python(job.config), new_id()
    spec = old_spec.model_copy(update={"output_prefix": old_spec.output_prefix.replace(str(job.id), str(new_job_id))})
    new = NewJob(_job_type(job), subject, spec, new_job_id, job.parent_job_id, checkpoint)
    return (await create_jobs(session, board, [new], actor))[0]


async def lock_attempt_row(session: Session, job_id: uuid.UUID, attempt: int) -> Job:
    """Lock the row of a running attempt: it stays the running one until this transaction ends. Raises: StaleAttempt."""
    job = await repository.lock_job(session, job_id)
    if job is None or job.attempt != attempt or job.status != "processing":
        raise StaleAttempt("This attempt is no longer the running one.")
    return job


async def get_job(session: Session, job_id: uuid.UUID) -> Job:
    """Raises: NotFound."""
    job = await repository.find_job(session, job_id)
    if job is None:
        raise NotFound("There is no such job.")
    return job


async def promote(session: Session, board: JobBoard, job_type: str, at_most: int | None = None) -> None:
    """Give free slots to the jobs that have waited longest; the caller holds the slots' lock."""
    for job in await repository.promote_waiting(session, job_type, at_most):
        await tell(session, board, job)
        await board.queue.enqueue(session, job.id, priority=priority_of(job.type))


async def set_limit(session: Session, board: JobBoard, job_type: JobType, max_concurrent: int, actor: Actor) -> None:
    """Change how many jobs of a type may run at once; those that wait for a slot get the new ones."""
    before = (await repository.lock_slots(session, job_type)).max_concurrent
    await repository.set_limit(session, job_type, max_concurrent)
    record_audit(
        session, actor, "job_limit.set", Subject("job_limit", None, job_type),
        before={"max_concurrent": before}, after={"max_concurrent": max_concurrent},
    )  # fmt: skip
    await promote(session, board, job_type)


async def requeue(
    session: Session, board: JobBoard, job: Job, retry: Retry, code: str | None, detail: str | None
) -> None:
    """Queue a locked job for its next attempt."""
    await repository.write_locked(
        session,
        job,
        status="queued",
        n_crashes=job.n_crashes,
        queued_at=NOW,
        run_after=NOW + dt.timedelta(seconds=retry.delay_s),
        heartbeat_at=None,
        progress=0,
        remaining_s=None,
        current_step="waiting to be tried again" if detail else "waiting",
        error_code=code,
        error_message=detail,
    )
    await tell(session, board, job)
    await board.queue.enqueue(session, job.id, priority=priority_of(job.type), delay_s=retry.delay_s)


async def end_job(
    session: Session, board: JobBoard, job: Job, status: str, code: str | None, detail: str | None
) -> None:
    """End a locked job, and give its slot to the next: that one only, since others may do so at the same time.

    What the attempts of a resumable stage have made together goes with a job that fails or is cancelled.
    """
    spec = SPEC.validate_python(job.config)
    if spec.is_resumable and status != "completed":
        throw_away(session, spec.output_prefix)
    await repository.write_locked(
        session,
        job,
        status=status,
        error_code=code,
        error_message=detail,
        current_step=None,
        remaining_s=None,
        completed_at=NOW,
    )
    await tell(session, board, job)
    await promote(session, board, job.type, at_most=1)


async def _lock_attempt(session: Session, job_id: uuid.UUID, attempt: int, *, is_shared: bool = True) -> Job:
    job = await repository.lock_job_with_slots(session, job_id, is_shared=is_shared)
    if job is None or job.attempt != attempt or job.status != "processing":
        raise StaleAttempt("This attempt is no longer the running one.")
    return job


async def _write(session: Session, job_id: uuid.UUID, attempt: int, **values: object) -> Job:
    job = await repository.write_attempt(session, job_id, attempt, **values)
    if job is None:
        raise StaleAttempt("This attempt is no longer the running one.")
    return job


def _job_type(job: Job) -> JobType:
    return job.type  # type: ignore[return-value]  # the table's check constraint allows these only
