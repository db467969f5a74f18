"""What the API says of jobs."""

import datetime as dt
import uuid

from pydantic import BaseModel, Field

from buybuddy.domain.jobs.rules import JobStatus, JobType
from buybuddy.domain.jobs.tables import Job, JobLog


class JobSubject(BaseModel):
    """What the job works on."""

    kind: str
    id: uuid.UUID | None
    label: str


class JobOut(BaseModel):
    """One job as a page shows it; `config` and `result` stay inside."""

    id: uuid.UUID
    type: JobType
    status: JobStatus
    progress: float
    current_step: str | None
    remaining_s: float | None
    metrics: dict[str, object]
    error_code: str | None
    error_message: str | None
    executor: str
    attempt: int
    max_attempts: int
    parent_job_id: uuid.UUID | None
    subject: JobSubject
    created_by: str | None
    cancel_requested_at: dt.datetime | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    completed_at: dt.datetime | None

    @classmethod
    def from_row(cls, job: Job) -> "JobOut":
        return cls.model_validate(
            {
                **{name: getattr(job, name) for name in cls.model_fields if name not in ("subject", "created_by")},
                "subject": JobSubject(kind=job.subject_kind, id=job.subject_id, label=job.subject_label),
                "created_by": job.created_by_name,
            }
        )


class JobLogOut(BaseModel):
    id: int
    at: dt.datetime
    attempt: int
    level: str
    event: str
    fields: dict[str, object]

    @classmethod
    def from_row(cls, row: JobLog) -> "JobLogOut":
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class QueueStatusOut(BaseModel):
    """Slots of one type: `current_count` hold one, `waiting_count` wait for one."""

    job_type: JobType
    max_concurrent: int
    current_count: int
    waiting_count: int


class SkippedItem(BaseModel):
    """An item of a batch that was left out, and why."""

    video_id: uuid.UUID
    reason: str


class JobsCreated(BaseModel):
    jobs: list[JobOut]
    skipped: list[SkippedItem]


class JobLimitIn(BaseModel):
    max_concurrent: int = Field(ge=1, le=1000)
