"""HTTP of videos."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Query, UploadFile

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.dependencies import BoardDep, IdempotencyKey
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.domain.jobs.schemas import JobOut, JobsCreated, SkippedItem
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.videos import repository, service
from buybuddy.domain.videos.schemas import (
    ProcessIn,
    RejectedFile,
    UploadOut,
    VideoOut,
    VideoQueueOut,
    VideoStats,
    VideoStatus,
)
from buybuddy.domain.videos.tables import Video
from buybuddy.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge, QueueFull
from buybuddy.infra.db import Session
from buybuddy.infra.http import Page, Platform, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/videos", tags=["videos"])

QUEUE_SHOWN = 100


@router.post("/upload", operation_id="uploadVideos", status_code=201, responses=refusals(InvalidInput))
async def upload_videos(
    files: list[UploadFile],
    principal: Operator,
    platform: PlatformDep,
    barcode: Annotated[str | None, Form(description="What the videos show, when it is known.")] = None,
) -> UploadOut:
    """Take videos in. The same bytes twice are one video; a file that is no video is listed with the reason."""
    expected = service.checked_barcode(barcode)
    videos, rejected = [], []
    for file in files:
        name = file.filename or "video"
        try:
            inspected = await asyncio.to_thread(
                service.inspect_upload, file.file, name, platform.settings.upload_max_bytes
            )
        except (InvalidInput, PayloadTooLarge) as error:
            rejected.append(RejectedFile(filename=name, reason=error.detail))
            continue
        video = await service.add_video(
            platform.db,
            platform.storage,
            file.file,
            filename=name,
            barcode=expected,
            inspected=inspected,
            actor=principal.actor,
        )
        videos.append(video)
    async with platform.db.transaction() as session:
        return UploadOut(videos=await _with_jobs(session, videos, platform), rejected=rejected)


@router.get("", operation_id="listVideos")
async def list_videos(
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    window: WindowQuery,
    status: Annotated[VideoStatus | None, Query()] = None,
    search: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[VideoOut]:
    """List videos, newest first; `search` matches the file name or the whole barcode."""
    found = await repository.list_videos(session, status=status, search=search, window=window)
    return page_of(await _with_jobs(session, found.rows, platform), found, window)


@router.get("/queue", operation_id="getVideoQueue")
async def get_video_queue(_: Viewer, session: SessionDep, platform: PlatformDep) -> VideoQueueOut:
    """Say how many videos are where, and list those that wait and those that run."""
    pending = await repository.list_by_status(session, "pending", QUEUE_SHOWN)
    processing = await repository.list_by_status(session, "processing", QUEUE_SHOWN)
    return VideoQueueOut(
        stats=VideoStats(**await repository.count_by_status(session)),
        pending=await _with_jobs(session, pending, platform),
        processing=await _with_jobs(session, processing, platform),
    )


@router.post("/process", operation_id="processVideos", status_code=202, responses=refusals(QueueFull, KeyReused))
async def process_videos(
    body: ProcessIn,
    principal: Operator,
    session: SessionDep,
    board: BoardDep,
    idempotency_key: IdempotencyKey = None,
) -> JobsCreated:
    """Process videos: one job each; those beyond the free slots wait. 429 when there is no free slot at all."""
    jobs, skipped = await service.process_videos(
        session, board, body.video_ids, principal.actor, idempotency_key=idempotency_key
    )
    return _jobs_created(jobs, skipped)


@router.get("/{video_id}", operation_id="getVideo", responses=refusals(NotFound))
async def get_video(video_id: uuid.UUID, _: Viewer, session: SessionDep, platform: PlatformDep) -> VideoOut:
    """Return one video."""
    video = await service.get_video(session, video_id)
    return (await _with_jobs(session, [video], platform))[0]


@router.post("/{video_id}/retry", operation_id="retryVideo", status_code=202, responses=refusals(NotFound, QueueFull))
async def retry_video(video_id: uuid.UUID, principal: Operator, session: SessionDep, board: BoardDep) -> JobsCreated:
    """Process one video again; its old frames stay until the new run has succeeded."""
    await service.get_video(session, video_id)
    return _jobs_created(*await service.process_videos(session, board, [video_id], principal.actor))


@router.delete("/{video_id}", operation_id="deleteVideo", status_code=204, responses=refusals(NotFound, Conflict))
async def delete_video(video_id: uuid.UUID, principal: Operator, session: SessionDep) -> None:
    """Remove a video; a product that came from it keeps its frames."""
    await service.remove_video(session, video_id, principal.actor)


def _jobs_created(jobs: Sequence[Job], skipped: Sequence[service.Skipped]) -> JobsCreated:
    return JobsCreated(
        jobs=[JobOut.from_row(job) for job in jobs],
        skipped=[SkippedItem(video_id=item.video_id, reason=item.reason) for item in skipped],
    )


async def _with_jobs(session: Session, videos: Sequence[Video], platform: Platform) -> list[VideoOut]:
    latest = await jobs_repository.latest_by_subject(session, [video.id for video in videos])
    return [VideoOut.from_row(video, latest.get(video.id), platform) for video in videos]
