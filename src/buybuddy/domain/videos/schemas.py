"""What the API says of videos."""

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, Field

from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.videos.tables import Video
from buybuddy.infra.http import Platform

VideoStatus = Literal["pending", "processing", "completed", "failed"]


class VideoOut(BaseModel):
    """A video with its latest job."""

    id: uuid.UUID
    source: str
    filename: str
    barcode: str | None
    status: VideoStatus
    product_id: uuid.UUID | None
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    size_bytes: int
    sha256: str
    error: str | None
    media_url: str
    poster_url: str | None
    job: JobOut | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def from_row(cls, video: Video, job: Job | None, platform: Platform) -> "VideoOut":
        made_here = ("media_url", "poster_url", "job")
        return cls.model_validate(
            {
                **{name: getattr(video, name) for name in cls.model_fields if name not in made_here},
                "media_url": platform.link(video.storage_key),
                "poster_url": platform.link(video.poster_key),
                "job": JobOut.from_row(job) if job else None,
            }
        )


class RejectedFile(BaseModel):
    filename: str
    reason: str


class UploadOut(BaseModel):
    """What was taken, in the order sent, and what was not, with the reason."""

    videos: list[VideoOut]
    rejected: list[RejectedFile]


class VideoStats(BaseModel):
    pending: int = 0
    processing: int = 0
    completed_today: int = 0
    failed: int = 0


class VideoQueueOut(BaseModel):
    stats: VideoStats
    pending: list[VideoOut]
    processing: list[VideoOut]


class ProcessIn(BaseModel):
    video_ids: list[uuid.UUID] = Field(min_length=1, max_length=10_000)
