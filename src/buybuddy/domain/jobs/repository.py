"""Every query about jobs."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import CursorResult, Row, and_, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on

from buybuddy.domain.jobs.rules import ACTIVE, DEAD_AFTER_S, STALLED_AFTER_S
from buybuddy.domain.jobs.tables import Job, JobLimit, JobLog
from buybuddy.infra.db import Session
from buybuddy.infra.db.sign_of_life import has_no_sign_of_life

SLOT_LOCK_CLASS = 0x6A6F  # pg_advisory_xact_lock(class, type): jobs of one type take and give back slots one by one
SWEEP_LOCK_ID = 0x62756464_0003
NOW = func.clock_timestamp()


@dataclass(frozen=True)
class Slots:
    max_concurrent: int
    current_count: int

    @property
    def n_free(self) -> int:
        return max(0, self.max_concurrent - self.current_count)


async def lock_slots(session: Session, job_type: str) -> Slots:
    """Count what holds a slot of this type; nobody else can take one before this transaction ends."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(:class, hashtext(:type))"), {"class": SLOT_LOCK_CLASS, "type": job_type}
    )
    maximum = await session.scalar(select(JobLimit.max_concurrent).where(JobLimit.type == job_type))
    running = await session.scalar(
        select(func.count()).where(Job.type == job_type, Job.status.in_(("queued", "processing")))
    )
    return Slots(max_concurrent=maximum or 1, current_count=running or 0)


async def find_job(session: Session, job_id: uuid.UUID) -> Job | None:
    return await session.get(Job, job_id, populate_existing=True)


async def find_by_idempotency_key(session: Session, key: str) -> Sequence[Job]:
    """Return the jobs of one request, keys `key:0`, `key:1` ...; a second such request waits."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
    wanted = Job.idempotency_key.like(f"{_escape_like(key)}:%", escape="\\")
    return (await session.scalars(select(Job).where(wanted).order_by(Job.idempotency_key))).all()


async def lock_job(session: Session, job_id: uuid.UUID) -> Job | None:
    """Return the job, its row locked until the transaction ends."""
    return await session.scalar(
        select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    )


async def claim(session: Session, job_id: uuid.UUID, worker_no: int | None) -> Job | None:
    """Start the next attempt of a queued job; None when there is nothing to start (any more, or yet)."""
    return await session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.status == "queued", (Job.run_after.is_(None)) | (Job.run_after <= NOW))
        .values(
            status="processing",
            attempt=Job.attempt + 1,
            heartbeat_at=NOW,
            worker_no=worker_no,
            started_at=func.coalesce(Job.started_at, NOW),
            progress=0,
            current_step="starting",
            remaining_s=None,
            error_code=None,
            error_message=None,
        )
        .returning(Job)
        .execution_options(populate_existing=True)
    )


async def write_attempt(session: Session, job_id: uuid.UUID, attempt: int, **values: object) -> Job | None:
    """Update a job as its running attempt; None when that attempt no longer is the running one."""
    return await session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.attempt == attempt, Job.status == "processing")
        .values(**values)
        .returning(Job)
        .execution_options(populate_existing=True)
    )


async def beat(session: Session, job_id: uuid.UUID, attempt: int) -> Row[dt.datetime | None] | None:
    """Renew an attempt's lease and return when its cancel was asked for; None when the lease is lost."""
    result = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.attempt == attempt, Job.status == "processing")
        .values(heartbeat_at=NOW)
        .returning(Job.cancel_requested_at)
    )
    return result.first()


async def list_stalled(session: Session) -> Sequence[Job]:
    """Return running attempts whose worker has died or has not been heard of for long, their rows locked."""
    is_silent = Job.heartbeat_at < NOW - dt.timedelta(seconds=STALLED_AFTER_S)
    # After its own restart the server knows no locks; those who live take theirs again.
    last_heard = func.greatest(Job.heartbeat_at, func.pg_postmaster_start_time())
    is_dead = and_(last_heard < NOW - dt.timedelta(seconds=DEAD_AFTER_S), has_no_sign_of_life("jobs.worker_no"))
    statement = select(Job).where(Job.status == "processing", or_(is_silent, is_dead))
    return (await session.scalars(statement.with_for_update(skip_locked=True).limit(100))).all()


async def list_unwoken(session: Session, awaited: set[uuid.UUID]) -> Sequence[Job]:
    """Return queued jobs that are due but have no queue entry, their rows locked."""
    due = func.coalesce(Job.run_after, Job.queued_at) < NOW - dt.timedelta(seconds=5)
    statement = select(Job).where(Job.status == "queued", due)
    if awaited:
        statement = statement.where(Job.id.not_in(awaited))
    return (await session.scalars(statement.with_for_update(skip_locked=True).limit(100))).all()


async def next_waiting(session: Session, job_type: str, limit: int) -> Sequence[Job]:
    """Return the oldest jobs that wait for a slot, their rows locked."""
    statement = (
        select(Job)
        .where(Job.type == job_type, Job.status == "pending")
        .order_by(Job.created_at, Job.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def list_waiting_types(session: Session) -> Sequence[str]:
    return (await session.scalars(select(Job.type).where(Job.status == "pending").distinct())).all()


async def try_sweep_lock(session: Session) -> bool:
    """Return whether this transaction is the one that sweeps now."""
    return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": SWEEP_LOCK_ID}))


async def list_jobs(
    session: Session, *, job_type: str | None, status: str | None, parent_id: uuid.UUID | None, page: int, limit: int
) -> tuple[Sequence[Job], int]:
    """Return one page, newest first, and how many there are in all."""
    conditions = [
        condition
        for condition in (
            Job.type == job_type if job_type else None,
            Job.status == status if status else None,
            Job.parent_job_id == parent_id if parent_id else None,
        )
        if condition is not None
    ]
    total = await session.scalar(select(func.count()).select_from(Job).where(*conditions))
    statement = select(Job).where(*conditions).order_by(Job.created_at.desc(), Job.id.desc())
    return (await session.scalars(statement.offset((page - 1) * limit).limit(limit))).all(), total or 0


async def list_running(session: Session, limit: int) -> Sequence[Job]:
    statement = select(Job).where(Job.status.in_(("processing", "queued"))).order_by(Job.created_at).limit(limit)
    return (await session.scalars(statement)).all()


async def latest_by_subject(session: Session, subject_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Job]:
    """Return the newest job of each subject that has one."""
    statement = (
        select(Job)
        .where(Job.subject_id.in_(subject_ids))
        .ext(distinct_on(Job.subject_id))
        .order_by(Job.subject_id, Job.created_at.desc())
    )
    return {job.subject_id: job for job in await session.scalars(statement) if job.subject_id is not None}


async def has_unfinished(session: Session, job_type: str, subject_id: uuid.UUID | None) -> bool:
    """Return whether a job of this type still works, or is to work, on the subject."""
    unfinished = Job.status.in_(ACTIVE)
    wanted = select(Job.id).where(Job.type == job_type, Job.subject_id == subject_id, unfinished).limit(1)
    return await session.scalar(wanted) is not None


async def queue_status(session: Session) -> Sequence[Row[str, int, int, int]]:
    """Return per type: its limit, how many hold a slot and how many wait for one."""
    active = func.count(Job.id).filter(Job.status.in_(("queued", "processing")))
    waiting = func.count(Job.id).filter(Job.status == "pending")
    unfinished = (Job.type == JobLimit.type) & Job.status.in_(("pending", "queued", "processing"))
    statement = (
        select(JobLimit.type, JobLimit.max_concurrent, active, waiting)
        .outerjoin(Job, unfinished)
        .group_by(JobLimit.type, JobLimit.max_concurrent)
        .order_by(JobLimit.type)
    )
    return (await session.execute(statement)).all()


async def set_limit(session: Session, job_type: str, max_concurrent: int) -> bool:
    """Return whether there is such a type."""
    result = await session.execute(
        update(JobLimit).where(JobLimit.type == job_type).values(max_concurrent=max_concurrent)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


async def add_logs(session: Session, rows: list[dict[str, object]]) -> None:
    await session.execute(insert(JobLog), rows)


async def list_logs(session: Session, job_id: uuid.UUID, page: int, limit: int) -> tuple[Sequence[JobLog], int]:
    total = await session.scalar(select(func.count()).where(JobLog.job_id == job_id))
    statement = select(JobLog).where(JobLog.job_id == job_id).order_by(JobLog.id).offset((page - 1) * limit)
    return (await session.scalars(statement.limit(limit))).all(), total or 0


async def database_now(session: Session) -> dt.datetime:
    now: dt.datetime = (await session.execute(select(NOW))).scalar_one()
    return now


def _escape_like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
