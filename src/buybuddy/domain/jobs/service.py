"""What can be done to jobs. A job's row, its slot and its queue entry change in one transaction.

Everybody takes locks in one order, so that nobody waits in a circle: the slots of a type (types in the order of
JOB_TYPES), then the job's row, then what it works on, and last the events' lock at the commit.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from buybuddy.domain.jobs import repository
from buybuddy.domain.jobs.repository import NOW
from buybuddy.domain.jobs.rules import TERMINAL, JobType, Retry, priority_of, remaining_s, retry_after_failure
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import BuybuddyError, Conflict, NotFound, QueueFull, StaleAttempt
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit
from buybuddy.infra.queue import JobQueue
from buybuddy.stages.registry import SPEC
from buybuddy.stages.specs import Result, Spec


@dataclass(frozen=True)
class JobBoard:
    """What every change of a job needs: the queue, and who else must follow the change in the same transaction.

    Args:
        on_change: called with the job after each change; flow.py keeps the job's subject in step with it.
    """

    queue: JobQueue
    on_change: Callable[[Session, Job], Awaitable[None]]


@dataclass(frozen=True)
class NewJob:
    """A job to be created."""

    type: JobType
    subject: Subject
    spec: Spec
    id: uuid.UUID
    parent_job_id: uuid.UUID | None = None


async def create_jobs(
    session: Session, board: JobBoard, new_jobs: Sequence[NewJob], actor: Actor, *, idempotency_key: str | None = None
) -> list[Job]:
    """Accept jobs of one type: as many as there are free slots are queued, the rest of the batch waits.

    Raises: QueueFull when no slot is free at all (docs/decisions/0003-job-limits.md).
    """
    if not new_jobs:
        return []
    slots = await repository.lock_slots(session, new_jobs[0].type)
    if idempotency_key and (earlier := await repository.find_by_idempotency_key(session, idempotency_key)):
        return list(earlier)
    if slots.n_free == 0:
        raise QueueFull(
            f"All {slots.max_concurrent} slots for {new_jobs[0].type} are taken; try again when one is free.",
            error="QUEUE_FULL",
            job_type=new_jobs[0].type,
            max_concurrent=slots.max_concurrent,
            current_count=slots.current_count,
        )
    return await _insert(session, board, new_jobs, actor, slots.n_free, idempotency_key)


async def create_follow_up_jobs(session: Session, board: JobBoard, new_jobs: Sequence[NewJob]) -> list[Job]:
    """Accept jobs that a finished one calls for: they are never refused, they wait for a slot."""
    if not new_jobs:
        return []
    slots = await repository.lock_slots(session, new_jobs[0].type)
    return await _insert(session, board, new_jobs, Actor.platform(), slots.n_free, None)


async def _insert(
    session: Session, board: JobBoard, new_jobs: Sequence[NewJob], actor: Actor, n_free: int, key: str | None
) -> list[Job]:
    rows = []
    now = await repository.database_now(session)
    for index, new in enumerate(new_jobs):
        is_queued = index < n_free
        job = Job(
            id=new.id,
            type=new.type,
            status="queued" if is_queued else "pending",
            queued_at=now if is_queued else None,
            config=new.spec.model_dump(mode="json"),
            parent_job_id=new.parent_job_id,
            subject_kind=new.subject.kind,
            subject_id=new.subject.id,
            subject_label=new.subject.label,
            idempotency_key=f"{key}:{index:06d}" if key else None,
            trace_id=new_id().hex,
            created_by=actor.id,
            created_by_name=actor.name,
        )
        session.add(job)
        rows.append(job)
    await session.flush()
    for job in rows:
        await session.refresh(job)
        if job.status == "queued":
            await board.queue.enqueue(session, job.id, priority=priority_of(job.type))
        await _tell(session, board, job)
    return rows


async def claim(session: Session, board: JobBoard, job_id: uuid.UUID, worker_no: int | None = None) -> Job | None:
    """Start the next attempt, or None when there is nothing to do: somebody else has it, or it has ended."""
    job = await repository.claim(session, job_id, worker_no)
    if job is not None:
        await _tell(session, board, job)
    return job


async def report_progress(
    session: Session, board: JobBoard, job_id: uuid.UUID, attempt: int, fraction: float, step: str
) -> None:
    """Show how far an attempt is. Raises: StaleAttempt."""
    job = await repository.find_job(session, job_id)
    if job is None or job.started_at is None:
        raise StaleAttempt("This attempt is no longer the running one.")
    now = await repository.database_now(session)
    left = remaining_s(fraction=fraction, started_at=job.started_at, now=now)
    await _tell(session, board,
        await _write(
            session, job_id, attempt, progress=round(100 * fraction, 1), current_step=step, remaining_s=left,
            heartbeat_at=NOW,
        ),
    )  # fmt: skip


async def beat(session: Session, job_id: uuid.UUID, attempt: int) -> bool:
    """Renew the lease and return whether a cancel has been asked for. Raises: StaleAttempt."""
    row = await repository.beat(session, job_id, attempt)
    if row is None:
        raise StaleAttempt("This attempt is no longer the running one.")
    return row[0] is not None


async def complete(
    session: Session, board: JobBoard, job_id: uuid.UUID, attempt: int, result: Result, seconds: float
) -> Job:
    """Mark the attempt's job as completed; what it leaves behind is written in the same transaction.

    Raises: StaleAttempt, and then nothing of the transaction may be kept.
    """
    await _lock_attempt(session, job_id, attempt)
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
    await _tell(session, board, job)
    await promote(session, board, job.type)
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
    job = await _lock(session, job_id)
    if job is None:
        raise NotFound("There is no such job.")
    if job.status in TERMINAL:
        raise Conflict(f"The job is already {job.status}.")
    record_audit(session, actor, "job.cancel", Subject("job", job.id, job.subject_label))
    if job.cancel_requested_at is None:
        job.cancel_requested_at = await repository.database_now(session)
    if job.status in ("pending", "queued"):
        await end_job(session, board, job, "cancelled", None, None)
    else:
        await _refresh_and_tell(session, board, job)
    return job


async def retry_job(session: Session, board: JobBoard, job_id: uuid.UUID, actor: Actor) -> Job:
    """Create a new job with the Spec of one that failed or was cancelled. Raises: NotFound, Conflict, QueueFull."""
    job = await _lock(session, job_id)
    if job is None:
        raise NotFound("There is no such job.")
    if job.status not in ("failed", "cancelled"):
        raise Conflict(f"Only a failed or cancelled job can be retried; this one is {job.status}.")
    subject = Subject(job.subject_kind, job.subject_id, job.subject_label)
    if await repository.has_unfinished(session, job.type, job.subject_id):
        raise Conflict(f"A newer job already works on {job.subject_label}.")
    record_audit(session, actor, "job.retry", Subject("job", job.id, job.subject_label))
    old_spec, new_job_id = SPEC.validate_python(job.config), new_id()
    spec = old_spec.model_copy(update={"output_prefix": old_spec.output_prefix.replace(str(job.id), str(new_job_id))})
    new = NewJob(type=_job_type(job), subject=subject, spec=spec, id=new_job_id, parent_job_id=job.parent_job_id)
    return (await create_jobs(session, board, [new], actor))[0]


async def get_job(session: Session, job_id: uuid.UUID) -> Job:
    """Raises: NotFound."""
    job = await repository.find_job(session, job_id)
    if job is None:
        raise NotFound("There is no such job.")
    return job


async def promote(session: Session, board: JobBoard, job_type: str) -> None:
    """Give free slots to the jobs that have waited longest."""
    slots = await repository.lock_slots(session, job_type)
    if slots.n_free == 0:
        return
    for job in await repository.next_waiting(session, job_type, slots.n_free):
        job.status = "queued"
        job.queued_at = await repository.database_now(session)
        await _refresh_and_tell(session, board, job)
        await board.queue.enqueue(session, job.id, priority=priority_of(job.type))


async def requeue(
    session: Session, board: JobBoard, job: Job, retry: Retry, code: str | None, detail: str | None
) -> None:
    """Queue a locked job for its next attempt."""
    now = await repository.database_now(session)
    job.status, job.queued_at, job.heartbeat_at = "queued", now, None
    job.run_after = now + dt.timedelta(seconds=retry.delay_s)
    job.progress, job.remaining_s = 0, None
    job.current_step = "waiting to be tried again" if detail else "waiting"
    job.error_code, job.error_message = code, detail
    await _refresh_and_tell(session, board, job)
    await board.queue.enqueue(session, job.id, priority=priority_of(job.type), delay_s=retry.delay_s)


async def end_job(
    session: Session, board: JobBoard, job: Job, status: str, code: str | None, detail: str | None
) -> None:
    """End a locked job, and give its slot to the next."""
    job.status, job.error_code, job.error_message = status, code, detail
    job.current_step, job.remaining_s = None, None
    job.completed_at = await repository.database_now(session)
    await _refresh_and_tell(session, board, job)
    await promote(session, board, job.type)


async def _lock(session: Session, job_id: uuid.UUID) -> Job | None:
    """Lock the slots of the job's type, then its row."""
    job = await repository.find_job(session, job_id)
    if job is None:
        return None
    await repository.lock_slots(session, job.type)
    return await repository.lock_job(session, job_id)


async def _lock_attempt(session: Session, job_id: uuid.UUID, attempt: int) -> Job:
    job = await _lock(session, job_id)
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


async def _refresh_and_tell(session: Session, board: JobBoard, job: Job) -> None:
    await session.flush()
    await session.refresh(job)
    await _tell(session, board, job)


async def _tell(session: Session, board: JobBoard, job: Job) -> None:
    await board.on_change(session, job)
    emit(session, "job", JobOut.from_row(job).model_dump(mode="json"))
