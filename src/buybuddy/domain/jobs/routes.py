"""HTTP of jobs."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Admin, Operator, Viewer
from buybuddy.domain.jobs import repository, service
from buybuddy.domain.jobs.dependencies import BoardDep
from buybuddy.domain.jobs.rules import JobStatus, JobType
from buybuddy.domain.jobs.schemas import JobLimitIn, JobLogOut, JobOut, QueueStatusOut
from buybuddy.errors import Conflict, NotFound, QueueFull
from buybuddy.infra.http import Page, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("", operation_id="listJobs")
async def list_jobs(
    _: Viewer,
    session: SessionDep,
    window: WindowQuery,
    type: Annotated[JobType | None, Query()] = None,
    status: Annotated[JobStatus | None, Query()] = None,
    parent_job_id: Annotated[uuid.UUID | None, Query()] = None,
) -> Page[JobOut]:
    """List jobs, newest first."""
    found = await repository.list_jobs(session, job_type=type, status=status, parent_id=parent_job_id, window=window)
    return page_of([JobOut.from_row(job) for job in found.rows], found, window)


@router.get("/queue-status", operation_id="getQueueStatus")
async def get_queue_status(_: Viewer, session: SessionDep) -> list[QueueStatusOut]:
    """Say for each type how many slots there are, how many are taken and how many jobs wait."""
    rows = await repository.queue_status(session)
    return [
        QueueStatusOut(job_type=row[0], max_concurrent=row[1], current_count=row[2], waiting_count=row[3])
        for row in rows
    ]


@router.put("/limits/{job_type}", operation_id="setJobLimit", status_code=204)
async def set_job_limit(
    job_type: JobType, body: JobLimitIn, principal: Admin, session: SessionDep, board: BoardDep
) -> None:
    """Change how many jobs of a type may run at once; those that wait get the new slots at once."""
    await service.set_limit(session, board, job_type, body.max_concurrent, principal.actor)


@router.get("/{job_id}", operation_id="getJob", responses=refusals(NotFound))
async def get_job(job_id: uuid.UUID, _: Viewer, session: SessionDep) -> JobOut:
    """Return one job."""
    return JobOut.from_row(await service.get_job(session, job_id))


@router.get("/{job_id}/logs", operation_id="listJobLogs", responses=refusals(NotFound))
async def list_job_logs(job_id: uuid.UUID, _: Viewer, session: SessionDep, window: WindowQuery) -> Page[JobLogOut]:
    """List a job's log lines, oldest first."""
    await service.get_job(session, job_id)
    found = await repository.list_logs(session, job_id, window)
    return page_of([JobLogOut.from_row(row) for row in found.rows], found, window)


@router.post("/{job_id}/cancel", operation_id="cancelJob", responses=refusals(NotFound, Conflict))
async def cancel_job(job_id: uuid.UUID, principal: Operator, session: SessionDep, board: BoardDep) -> JobOut:
    """Cancel a job; one that runs stops within seconds."""
    return JobOut.from_row(await service.request_cancel(session, board, job_id, principal.actor))


@router.post(
    "/{job_id}/retry",
    operation_id="retryJob",
    status_code=201,
    responses=refusals(NotFound, Conflict, QueueFull),
)
async def retry_job(job_id: uuid.UUID, principal: Operator, session: SessionDep, board: BoardDep) -> JobOut:
    """Start a failed or cancelled job again, as a new job."""
    return JobOut.from_row(await service.retry_job(session, board, job_id, principal.actor))
