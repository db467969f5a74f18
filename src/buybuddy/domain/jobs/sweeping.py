"""Finding what crashes have left behind; run by every worker every few seconds, by one at a time."""

from buybuddy.domain.jobs import repository
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.rules import JOB_TYPES, Retry, priority_of
from buybuddy.domain.jobs.service import end_job, promote, requeue
from buybuddy.domain.jobs.tables import Job
from buybuddy.infra.db import Session


async def sweep(session: Session, board: JobBoard) -> list[Job]:
    """Find what a crash left behind and set it going again; returns the jobs that ended or lost their attempt."""
    if not await repository.try_sweep_lock(session):
        return []
    for job_type in JOB_TYPES:
        await repository.lock_slots(session, job_type)
    await board.queue.remove_abandoned(session)
    touched = []
    for job in await repository.list_stalled(session):
        touched.append(job)
        if job.cancel_requested_at is not None:
            await end_job(session, board, job, "cancelled", None, None)
        elif job.n_crashes + 1 >= job.max_attempts:
            detail = f"The worker stopped answering {job.n_crashes + 1} times; the job was given up."
            await end_job(session, board, job, "failed", "WORKER_LOST", detail)
        else:
            job.n_crashes += 1
            await requeue(session, board, job, Retry(0.0), "WORKER_LOST", "The worker stopped answering.")
    for job in await repository.list_unwoken(session, await board.queue.list_awaited(session)):
        await board.queue.enqueue(session, job.id, priority=priority_of(job.type))
    for job_type in await repository.list_waiting_types(session):
        await promote(session, board, job_type)
    return touched
