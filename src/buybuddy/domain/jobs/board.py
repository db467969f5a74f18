"""Who must follow every change of a job."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.jobs.tables import Job
from buybuddy.infra.db import Session, emit
from buybuddy.infra.queue import JobQueue


@dataclass(frozen=True)
class JobBoard:
    """What every change of a job needs: the queue, and who else must follow the change in the same transaction.

    Args:
        on_change: called with the job after each change; flow.py keeps the job's subject in step with it.
        on_retry: called with a job that is to be done again, before the new one is made; returns the checkpoint that
            the new one begins with, or raises Conflict.
    """

    queue: JobQueue
    on_change: Callable[[Session, Job], Awaitable[None]]
    on_retry: Callable[[Session, Job], Awaitable[dict[str, object] | None]]


async def tell(session: Session, board: JobBoard, job: Job) -> None:
    """Let those who follow the job know of its change, open pages among them."""
    await board.on_change(session, job)
    emit(session, "job", JobOut.from_row(job).model_dump(mode="json"))
