"""Accepting jobs. The locks are taken in the order that service.py describes."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from buybuddy.domain.jobs import repository
from buybuddy.domain.jobs.board import JobBoard, tell
from buybuddy.domain.jobs.idempotency import RequestKey
from buybuddy.domain.jobs.repository import Slots
from buybuddy.domain.jobs.rules import JobType, priority_of
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import QueueFull
from buybuddy.infra.db import Actor, Session, Subject, new_id
from buybuddy.stages.specs import Spec


@dataclass(frozen=True)
class NewJob:
    """A job to be created.

    Args:
        checkpoint: how far an earlier job has come with the same work, where that is kept (batches.py).
    """

    type: JobType
    subject: Subject
    spec: Spec
    id: uuid.UUID
    parent_job_id: uuid.UUID | None = None
    checkpoint: dict[str, object] | None = None


async def create_jobs(
    session: Session, board: JobBoard, new_jobs: Sequence[NewJob], actor: Actor, *, key: RequestKey | None = None
) -> list[Job]:
    """Accept jobs of one type: as many as there are free slots are queued, the rest of the batch waits.

    Raises: QueueFull when no slot is free at all (docs/decisions/0003-job-limits.md), KeyReused.
    """
    if not new_jobs:
        return []
    slots = await repository.lock_slots(session, new_jobs[0].type, n_wanted=len(new_jobs))
    if earlier := await find_earlier(session, key):
        return earlier
    if slots.n_free == 0:
        raise QueueFull(
            f"All {slots.max_concurrent} slots for {new_jobs[0].type} are taken; try again when one is free.",
            error="QUEUE_FULL",
            job_type=new_jobs[0].type,
            max_concurrent=slots.max_concurrent,
            current_count=slots.current_count,
        )
    return await _insert(session, board, new_jobs, actor, slots, key)


async def find_earlier(session: Session, key: RequestKey | None) -> list[Job]:
    """Return the jobs that the same request made when it was sent before. Raises: KeyReused."""
    if key is None:
        return []
    earlier = await repository.find_by_idempotency_key(session, key.scope)
    for job in earlier:
        key.check_same(job.idempotency_key)
    return list(earlier)


async def create_follow_up_jobs(session: Session, board: JobBoard, new_jobs: Sequence[NewJob]) -> list[Job]:
    """Accept jobs that a finished one calls for: they are never refused, they wait for a slot."""
    if not new_jobs:
        return []
    slots = await repository.lock_slots(session, new_jobs[0].type, n_wanted=len(new_jobs))
    return await _insert(session, board, new_jobs, Actor.platform(), slots, None)


async def _insert(
    session: Session, board: JobBoard, new_jobs: Sequence[NewJob], actor: Actor, slots: Slots, key: RequestKey | None
) -> list[Job]:
    rows = []
    for index, new in enumerate(new_jobs):
        is_queued = index < slots.n_free
        job = Job(
            id=new.id,
            type=new.type,
            status="queued" if is_queued else "pending",
            queued_at=slots.counted_at if is_queued else None,
            config=new.spec.model_dump(mode="json"),
            parent_job_id=new.parent_job_id,
            checkpoint=new.checkpoint,
            subject_kind=new.subject.kind,
            subject_id=new.subject.id,
            subject_label=new.subject.label,
            idempotency_key=f"{key.stored}:{index:06d}" if key else None,
            trace_id=new_id().hex,
            created_by=actor.id,
            created_by_name=actor.name,
        )
        session.add(job)
        rows.append(job)
    await session.flush()
    for job in rows:
        if job.status == "queued":
            await board.queue.enqueue(session, job.id, priority=priority_of(job.type))
        await tell(session, board, job)
    return rows
