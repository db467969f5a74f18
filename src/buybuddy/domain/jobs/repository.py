"""Every query about jobs."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Float,
    Integer,
    Row,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.sql.dml import ReturningUpdate

from buybuddy.domain.jobs.rules import ACTIVE, DEAD_AFTER_S, STALLED_AFTER_S
from buybuddy.domain.jobs.tables import Job, JobLimit, JobLog
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page
from buybuddy.infra.db.sign_of_life import has_no_sign_of_life

SLOT_LOCK_CLASS = 0x6A6F  # pg_advisory_xact_lock(class, type): jobs of one type take and give back slots one by one
SWEEP_LOCK_ID = 0x62756464_0003
NOW = func.clock_timestamp()
NEWEST_FIRST = Order("-created_at", (Job.created_at, Job.id), is_descending=True)
LOG_ORDER = Order("id", (JobLog.id,))
# The row as it is after a write, and nothing else of the session looked through for it.
AS_WRITTEN: dict[str, Any] = {"populate_existing": True, "synchronize_session": False}
# Slots are taken and given back a hundred times a second, each time under the lock: one call, composed once.
LOCK_SLOTS = text("SELECT max_concurrent, current_count, counted_at FROM lock_slots(:class, :type, :may_share)")
LOCK_JOB_ROW = text("SELECT * FROM lock_job(:class, :id, :is_shared)")
LOCK_JOB = select(Job).from_statement(LOCK_JOB_ROW).execution_options(populate_existing=True)


def _build_claim() -> ReturningUpdate[Job]:
    is_due = Job.run_after.is_(None) | (Job.run_after <= NOW)
    statement = update(Job).where(Job.id == bindparam("job_id", type_=Uuid()), Job.status == "queued", is_due)
    return statement.values(
        status="processing",
        attempt=Job.attempt + 1,
        heartbeat_at=NOW,
        worker_no=bindparam("worker", type_=Integer),
        started_at=func.coalesce(Job.started_at, NOW),
        progress=0,
        current_step="starting",
        remaining_s=None,
        error_code=None,
        error_message=None,
    ).returning(Job)


def _build_promotion() -> ReturningUpdate[Job]:
    job_type = bindparam("job_type", type_=Text)
    running = select(func.count()).where(Job.type == job_type, Job.status.in_(("queued", "processing")))
    maximum = select(JobLimit.max_concurrent).where(JobLimit.type == job_type)
    at_most = bindparam("at_most", type_=Integer)  # LEAST passes over NULL
    n_free = func.greatest(func.least(maximum.scalar_subquery() - running.scalar_subquery(), at_most), 0)
    waiting = select(Job.id).where(Job.type == job_type, Job.status == "pending").order_by(Job.created_at, Job.id)
    # Read once: as a plain subquery it may be read again for each row, and then finds the next n_free every time.
    chosen = waiting.limit(n_free).with_for_update(skip_locked=True).cte("chosen").prefix_with("MATERIALIZED")
    return update(Job).where(Job.id.in_(select(chosen.c.id))).values(status="queued", queued_at=NOW).returning(Job)


CLAIM = _build_claim().execution_options(**AS_WRITTEN)
PROMOTE = _build_promotion().execution_options(**AS_WRITTEN)


@dataclass(frozen=True)
class Slots:
    max_concurrent: int
    current_count: int
    counted_at: dt.datetime

    @property
    def n_free(self) -> int:
        return max(0, self.max_concurrent - self.current_count)


class QueueHealth(NamedTuple):
    """How the unfinished jobs of a type fare; zeros when there are none."""

    type: str
    oldest_waiting_s: float
    longest_silence_s: float
    n_attempts: int
    n_crashes: int


async def lock_slots(session: Session, job_type: str, *, n_wanted: int | None = None) -> Slots:
    """Count what holds a slot of this type; what is free by it stays free until this transaction ends.

    Args:
        n_wanted: for 1, others may take slots at the same time as long as there are more free ones than anybody could
            take. None: nobody else is to take or give back a slot meanwhile.
    """
    values = {"class": SLOT_LOCK_CLASS, "type": job_type, "may_share": n_wanted == 1}
    row = (await session.execute(LOCK_SLOTS, values)).one()
    return Slots(max_concurrent=row[0] or 1, current_count=row[1], counted_at=row[2])


async def find_job(session: Session, job_id: uuid.UUID) -> Job | None:
    return await session.get(Job, job_id, populate_existing=True)


async def find_by_idempotency_key(session: Session, scope: str) -> Sequence[Job]:
    """Return the jobs of the request with this key, see idempotency.py; a second such request waits."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": scope})
    wanted = Job.idempotency_key.like(f"{scope}:%")  # a digest: nothing in it is a wildcard
    return (await session.scalars(select(Job).where(wanted).order_by(Job.idempotency_key))).all()


async def lock_job_with_slots(session: Session, job_id: uuid.UUID, *, is_shared: bool) -> Job | None:
    """Lock the slots of a job's type, then its row, and return it; None when there is no such job.

    Args:
        is_shared: others may give back slots of this type at the same time. Who will lock the slots alone later in
            this transaction must not share them now: two who did would wait for each other.
    """
    values = {"class": SLOT_LOCK_CLASS, "id": job_id, "is_shared": is_shared}
    job: Job | None = (await session.scalars(LOCK_JOB, values)).first()
    return job


async def write_locked(session: Session, job: Job, **values: object) -> Job:
    """Update a job whose row is locked; its object shows the row as it is then."""
    statement = update(Job).where(Job.id == job.id).values(**values).returning(Job)
    return (await session.scalars(statement.execution_options(**AS_WRITTEN))).one()


async def lock_job(session: Session, job_id: uuid.UUID) -> Job | None:
    """Return the job, its row locked until the transaction ends."""
    return await session.scalar(
        select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    )


async def claim(session: Session, job_id: uuid.UUID, worker_no: int | None) -> Job | None:
    """Start the next attempt of a queued job; None when there is nothing to start (any more, or yet)."""
    job: Job | None = (await session.scalars(CLAIM, {"job_id": job_id, "worker": worker_no})).first()
    return job


async def write_attempt(session: Session, job_id: uuid.UUID, attempt: int, **values: object) -> Job | None:
    """Update a job as its running attempt; None when that attempt no longer is the running one."""
    return await session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.attempt == attempt, Job.status == "processing")
        .values(**values)
        .returning(Job)
        .execution_options(**AS_WRITTEN)
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


async def promote_waiting(session: Session, job_type: str, at_most: int | None = None) -> Sequence[Job]:
    """Queue the jobs that have waited longest for the slots that are free; the caller holds the slots' lock."""
    promoted = (await session.scalars(PROMOTE, {"job_type": job_type, "at_most": at_most})).all()
    return sorted(promoted, key=lambda job: (job.created_at, job.id))


async def list_waiting_types(session: Session) -> Sequence[str]:
    return (await session.scalars(select(Job.type).where(Job.status == "pending").distinct())).all()


async def try_sweep_lock(session: Session) -> bool:
    """Return whether this transaction is the one that sweeps now."""
    return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": SWEEP_LOCK_ID}))


async def list_jobs(
    session: Session, *, job_type: str | None, status: str | None, parent_id: uuid.UUID | None, window: Window
) -> Slice[Job]:
    """Return one page, newest first."""
    statement = select(Job)
    if job_type:
        statement = statement.where(Job.type == job_type)
    if status:
        statement = statement.where(Job.status == status)
    if parent_id:
        statement = statement.where(Job.parent_job_id == parent_id)
    return await read_page(session, statement, NEWEST_FIRST, window)


async def list_running(session: Session, limit: int) -> Sequence[Job]:
    statement = select(Job).where(Job.status.in_(("processing", "queued"))).order_by(Job.created_at).limit(limit)
    return (await session.scalars(statement)).all()


async def latest_by_subject(
    session: Session, subject_ids: Sequence[uuid.UUID], job_type: str | None = None
) -> dict[uuid.UUID, Job]:
    """Return the newest job, or the newest of a type, of each subject that has one."""
    of_type = [Job.type == job_type] if job_type is not None else []
    statement = (
        select(Job)
        .where(Job.subject_id.in_(subject_ids), *of_type)
        .ext(distinct_on(Job.subject_id))
        .order_by(Job.subject_id, Job.created_at.desc())
    )
    return {job.subject_id: job for job in await session.scalars(statement) if job.subject_id is not None}


async def has_unfinished(session: Session, job_type: str, subject_id: uuid.UUID | None) -> bool:
    """Return whether a job of this type still works, or is to work, on the subject."""
    unfinished = Job.status.in_(ACTIVE)
    wanted = select(Job.id).where(Job.type == job_type, Job.subject_id == subject_id, unfinished).limit(1)
    return await session.scalar(wanted) is not None


async def waiting_types(session: Session, except_id: uuid.UUID) -> Sequence[str]:
    """Return the types of which other jobs have a slot, are due, and wait for a worker only."""
    is_due = Job.run_after.is_(None) | (Job.run_after <= NOW)
    statement = select(Job.type).where(Job.status == "queued", is_due, Job.id != except_id)
    return (await session.scalars(statement.distinct())).all()


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


async def queue_health(session: Session) -> Sequence[QueueHealth]:
    """Return per type how long its first job in line waits, and how its unfinished jobs have fared."""
    waits = Job.status.in_(("pending", "queued"))
    unfinished = (Job.type == JobLimit.type) & Job.status.in_(ACTIVE)
    statement = (
        select(
            JobLimit.type,
            _seconds_since(func.min(func.coalesce(Job.queued_at, Job.created_at)).filter(waits)),
            _seconds_since(func.min(Job.heartbeat_at).filter(Job.status == "processing")),
            func.coalesce(func.sum(Job.attempt), 0),
            func.coalesce(func.sum(Job.n_crashes), 0),
        )
        .outerjoin(Job, unfinished)
        .group_by(JobLimit.type)
        .order_by(JobLimit.type)
    )
    return [QueueHealth(*row) for row in await session.execute(statement)]


def _seconds_since(moment: ColumnElement[Any]) -> ColumnElement[float]:
    seconds = func.extract("epoch", func.clock_timestamp() - moment)
    return func.greatest(func.coalesce(cast(seconds, Float), 0.0), 0.0)


async def set_limit(session: Session, job_type: str, max_concurrent: int) -> bool:
    """Return whether there is such a type."""
    result = await session.execute(
        update(JobLimit).where(JobLimit.type == job_type).values(max_concurrent=max_concurrent)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


async def add_logs(session: Session, rows: list[dict[str, object]]) -> None:
    await session.execute(insert(JobLog), rows)


async def list_logs(session: Session, job_id: uuid.UUID, window: Window) -> Slice[JobLog]:
    """Return one page of a job's log, oldest first."""
    return await read_page(session, select(JobLog).where(JobLog.job_id == job_id), LOG_ORDER, window)
