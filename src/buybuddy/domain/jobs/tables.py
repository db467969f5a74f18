"""Jobs, their limits and their logs. How many run is counted from the rows, never kept in a column."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.domain.accounts.tables import User
from buybuddy.infra.db import Base, EditedRow, new_id


class Job(Base, EditedRow):
    """One piece of work. `attempt` is its fencing number: a write by an older attempt finds no row."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "type IN ('video_processing','augmentation','training','embedding_extraction','matching',"
            "'catalogue_change')",
            name="type",
        ),
        CheckConstraint("status IN ('pending','queued','processing','completed','failed','cancelled')", name="status"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        Index("ix_jobs_active_type", "type", postgresql_where=text("status IN ('queued','processing')")),
        Index("ix_jobs_waiting", "type", "created_at", postgresql_where=text("status = 'pending'")),
        Index("ix_jobs_created_at", "created_at", "id"),
        Index("ix_jobs_type_created", "type", "created_at", "id"),
        Index("ix_jobs_status_created", "status", "created_at", "id"),
        Index("ix_jobs_subject", "subject_id", text("created_at DESC")),
        Index("ix_jobs_parent", "parent_job_id", postgresql_where=text("parent_job_id IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    type: Mapped[str]
    status: Mapped[str]
    config: Mapped[dict[str, object]] = mapped_column(JSONB)
    progress: Mapped[float] = mapped_column(server_default="0")
    current_step: Mapped[str | None]
    remaining_s: Mapped[float | None]
    metrics: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
    result: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    checkpoint: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    executor: Mapped[str] = mapped_column(server_default="local")
    external_job_id: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(server_default="0")
    max_attempts: Mapped[int] = mapped_column(server_default="3")
    n_crashes: Mapped[int] = mapped_column(server_default="0")
    heartbeat_at: Mapped[dt.datetime | None]
    worker_no: Mapped[int | None]
    queued_at: Mapped[dt.datetime | None]
    run_after: Mapped[dt.datetime | None]
    cancel_requested_at: Mapped[dt.datetime | None]
    parent_job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID | None]
    subject_label: Mapped[str]
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    trace_id: Mapped[str]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    created_by_name: Mapped[str | None]
    started_at: Mapped[dt.datetime | None]
    completed_at: Mapped[dt.datetime | None]


class JobLimit(Base):
    __tablename__ = "job_limits"

    type: Mapped[str] = mapped_column(primary_key=True)
    max_concurrent: Mapped[int]


class JobLog(Base):
    __tablename__ = "job_logs"
    __table_args__ = (Index("ix_job_logs_job", "job_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    at: Mapped[dt.datetime] = mapped_column(server_default=text("clock_timestamp()"))
    level: Mapped[str]
    event: Mapped[str]
    fields: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
