"""Taking videos in and having them processed."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_jobs, find_earlier
from buybuddy.domain.jobs.idempotency import request_key
from buybuddy.domain.jobs.rules import ACTIVE
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.videos import repository
from buybuddy.domain.videos.rules import HEAD_BYTES, barcode_in_filename, container_suffix
from buybuddy.domain.videos.tables import Video
from buybuddy.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge, Unavailable, UnreadableMedia
from buybuddy.infra.db import Actor, Database, Session, Subject, emit, keep, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.stages.specs import SegmentVideoSpec

HASH_CHUNK_BYTES = 1024 * 1024
LONGEST_FILENAME = 200
UPLOAD_PATIENCE_S = 6 * 3600.0


@dataclass(frozen=True)
class Skipped:
    video_id: uuid.UUID
    reason: str


def inspect_upload(file: BinaryIO, filename: str, max_bytes: int) -> tuple[str, int, str]:
    """Return the suffix, size and SHA-256 of an uploaded file. Raises: UnreadableMedia, PayloadTooLarge. Blocking."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size == 0:
        raise UnreadableMedia("The file is empty.")
    if size > max_bytes:
        raise PayloadTooLarge(f"The file has {size / 1e6:.0f} MB; at most {max_bytes / 1e6:.0f} MB are taken.")
    suffix = checked_suffix(file.read(HEAD_BYTES), filename)
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(HASH_CHUNK_BYTES):
        digest.update(chunk)
    file.seek(0)
    return suffix, size, digest.hexdigest()


def checked_suffix(head: bytes, filename: str) -> str:
    """Return the suffix to store a file with, judged by its first bytes. Raises: UnreadableMedia."""
    suffix = container_suffix(head, filename)
    if suffix is None:
        raise UnreadableMedia("This is no video that can be read: MP4, MOV, MKV, WebM and AVI files are.")
    return suffix


def plain_filename(filename: str) -> str:
    """Return the name without its folders and what cannot be shown, and not too long."""
    shown = "".join(letter for letter in filename if letter.isprintable())
    return PurePath(shown.replace("\\", "/")).name[:LONGEST_FILENAME] or "video"


@dataclass(frozen=True)
class StoredVideo:
    """A video's file in its place in storage, before there is a row for it."""

    id: uuid.UUID
    key: str
    size_bytes: int
    sha256: str


async def add_video(
    db: Database,
    storage: ObjectStorage,
    file: BinaryIO,
    *,
    filename: str,
    barcode: str | None,
    inspected: tuple[str, int, str],
    actor: Actor,
) -> Video:
    """Store a video and add its row; the same bytes again are the video that is there. Raises: Unavailable."""
    suffix, size_bytes, sha256 = inspected
    async with db.transaction() as session:
        if (known := await repository.find_by_sha256(session, sha256)) is not None:
            return known
    video_id, key = await reserve_key(db, suffix)
    await storage.put_stream(key, file)
    stored = StoredVideo(video_id, key, size_bytes, sha256)
    async with db.transaction() as session:
        return await record_video(session, stored, filename=filename, barcode=barcode, actor=actor)


async def reserve_key(db: Database, suffix: str) -> tuple[uuid.UUID, str]:
    """Return the id and key of a video to be; what is stored there is removed unless record_video keeps it."""
    video_id = new_id()
    async with db.transaction() as session:
        throw_away(session, f"videos/{video_id}/", after_s=UPLOAD_PATIENCE_S)
    return video_id, object_key("videos", video_id, "source", suffix=suffix)


async def record_video(
    session: Session, stored: StoredVideo, *, filename: str, barcode: str | None, actor: Actor
) -> Video:
    """Add the row of a stored video; the same bytes again are the video that is there.

    Raises: Unavailable when storing took so long that the file is gone, Conflict.
    """
    name = plain_filename(filename)
    video = await repository.add_video(
        session,
        id=stored.id,
        source="upload",
        filename=name,
        storage_key=stored.key,
        barcode=barcode or barcode_in_filename(name),
        status="pending",
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
    )
    if video is None:  # the bytes are known already, or somebody sent them at the same moment and was first
        throw_away(session, f"videos/{stored.id}/")
        first = await repository.find_by_sha256(session, stored.sha256)
        if first is None:
            raise Conflict("The same video was just removed; send it again.")
        return first
    if not await keep(session, f"videos/{stored.id}/"):
        raise Unavailable("The upload took too long; send it again.")
    record_audit(session, actor, "video.upload", Subject("video", video.id, video.filename))
    emit(session, "video", {"id": str(video.id), "change": "created"})
    return video


async def process_videos(
    session: Session,
    board: JobBoard,
    video_ids: Sequence[uuid.UUID],
    actor: Actor,
    *,
    idempotency_key: str | None = None,
) -> tuple[list[Job], list[Skipped]]:
    """Create a job for each video that is not being processed. Raises: QueueFull, KeyReused."""
    await jobs_repository.lock_slots(session, "video_processing")  # before the videos' rows: see jobs/service.py
    key = request_key(idempotency_key, actor, "videos.process", [str(video_id) for video_id in video_ids])
    if earlier := await find_earlier(session, key):
        return earlier, []
    videos = {video.id: video for video in await repository.lock_videos(session, video_ids)}
    latest = await jobs_repository.latest_by_subject(session, list(videos))
    new_jobs, skipped = [], []
    for video_id in dict.fromkeys(video_ids):
        video, job = videos.get(video_id), latest.get(video_id)
        if video is None:
            skipped.append(Skipped(video_id, "There is no such video."))
        elif job is not None and job.status in ACTIVE:
            skipped.append(Skipped(video_id, "It is being processed already."))
        else:
            new_jobs.append(_processing_job(video))
    jobs = await create_jobs(session, board, new_jobs, actor, key=key)
    for job in jobs:
        record_audit(session, actor, "video.process", Subject("video", job.subject_id, job.subject_label))
    return jobs, skipped


def _processing_job(video: Video) -> NewJob:
    job_id = new_id()
    spec = SegmentVideoSpec(
        video_key=video.storage_key,
        output_prefix=object_key("frames", video.id, job_id) + "/",
        expected_barcode=video.barcode,
    )
    return NewJob(type="video_processing", subject=Subject("video", video.id, video.filename), spec=spec, id=job_id)


async def follow_job(session: Session, job: Job) -> None:
    """Keep a video's status in step with its job; what a completed one found is applied by the products step."""
    if job.subject_id is None:
        return
    video = await repository.lock_video(session, job.subject_id)
    if video is None:
        return
    before = (video.status, video.error)
    if job.status == "failed":
        video.status, video.error = "failed", job.error_message
    elif job.status in ("queued", "processing"):
        video.status, video.error = "processing", None
    elif job.status in ("pending", "cancelled"):
        video.status, video.error = ("completed" if video.product_id else "pending"), None
    if (video.status, video.error) != before:
        emit(session, "video", {"id": str(video.id), "change": "updated"})


async def get_video(session: Session, video_id: uuid.UUID) -> Video:
    """Raises: NotFound."""
    video = await repository.find_video(session, video_id)
    if video is None:
        raise NotFound("There is no such video.")
    return video


async def is_in_work(session: Session, video_id: uuid.UUID) -> bool:
    """Tell whether a job has the video, or is going to."""
    return await jobs_repository.has_unfinished(session, "video_processing", video_id)


async def remove_video(session: Session, video_id: uuid.UUID, actor: Actor) -> None:
    """Remove a video and its source file; a product that came from it keeps its frames. Raises: NotFound, Conflict."""
    video = await repository.lock_video(session, video_id)
    if video is None:
        raise NotFound("There is no such video.")
    if await is_in_work(session, video_id):
        raise Conflict("The video is being processed or waits for it; cancel its job first.")
    throw_away(session, f"videos/{video.id}/")
    record_audit(session, actor, "video.delete", Subject("video", video.id, video.filename))
    emit(session, "video", {"id": str(video.id), "change": "deleted"})
    await session.delete(video)


def checked_barcode(barcode: str | None) -> str | None:
    """Return a barcode as it was given, spaces apart; None for an empty one. Raises: InvalidInput."""
    cleaned = (barcode or "").replace(" ", "")
    if not cleaned:
        return None
    if not (cleaned.isascii() and cleaned.isalnum()) or len(cleaned) > 32:
        raise InvalidInput(f"{barcode!r} is no barcode: digits and letters only, at most 32.")
    return cleaned
