"""HTTP of jobs."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Admin, Operator, Viewer
from buybuddy.domain.jobs import repository, service
from buybuddy.domain.jobs.dependencies import BoardDep
from buybuddy.domain.jobs.rules import JobStatus, JobType
from buybuddy.domain.jobs.schemas import JobLimitIn, JobLogOut, JobOut, QueueStatusOut
from buybuddy.infra.http import LimitQuery, Page, PageQuery, SessionDep, page_of

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("", operation_id="listJobs")
async def list_jobs(
    _: Viewer,
    session: SessionDep,
    type: Annotated[JobType | None, Query()] = None,
    status: Annotated[JobStatus | None, Query()] = None,
    parent_job_id: Annotated[uuid.UUID | None, Query()] = None,
    page: PageQuery = 1,
    limit: LimitQuery = 50,
) -> Page[JobOut]:
    """List jobs, newest first."""
    jobs, total = await repository.list_jobs(
        session, job_type=type, status=status, parent_id=parent_job_id, page=page, limit=limit
    )
    return page_of([JobOut.from_row(job) for job in jobs], total=total, page=page, limit=limit)


@router.get("/queue-status", operation_id="getQueueStatus")
async def get_queue_status(_: Viewer, session: SessionDep) -> list[QueueStatusOut]:
    """Say for each type how many slots there are, how many are taken and how many jobs wait."""
    rows = await repository.queue_status(session)
    return [
        QueueStatusOut(job_type=row[0], max_concurrent=row[1], current_count=row[2], waiting_count=row[3])
        for row in rows
    ]


@router.put("/limits/{job_type}", operation_id="setJobLimit", status_code=204)
async def set_job_limit(job_type: JobType, body: JobLimitIn, _: Admin, session: SessionDep) -> None:
    """Change how many jobs of a type may run at once."""
    await repository.set_limit(session, job_type, body.max_concurrent)


@router.get("/{job_id}", operation_id="getJob")
async def get_job(job_id: uuid.UUID, _: Viewer, session: SessionDep) -> JobOut:
    """Return one job."""
    return JobOut.from_row(await service.get_job(session, job_id))


@router.get("/{job_id}/logs", operation_id="listJobLogs")
async def list_job_logs(
    job_id: uuid.UUID, _: Viewer, session: SessionDep, page: PageQuery = 1, limit: LimitQuery = 100
) -> Page[JobLogOut]:
    """List a job's log lines, oldest first."""
    await service.get_job(session, job_id)
    rows, total = await repository.list_logs(session, job_id, page, limit)
    return page_of([JobLogOut.from_row(row) for row in rows], total=total, page=page, limit=limit)


@router.post("/{job_id}/cancel", operation_id="cancelJob")
async def cancel_job(job_id: uuid.UUID, principal: Operator, session: SessionDep, board: BoardDep) -> JobOut:
    """Cancel a job; one that runs stops within seconds."""
    return JobOut.from_row(await service.request_cancel(session, board, job_id, principal.actor))


@router.post("/{job_id}/retry", operation_id="retryJob", status_code=201)
async def retry_job(job_id: uuid.UUID, principal: Operator, session: SessionDep, board: BoardDep) -> JobOut:
    """Start a failed or cancelled job again, as a new job."""
    return JobOut.from_row(await service.retry_job(session, board, job_id, principal.actor))
