"""When X has succeeded, do Y: the whole flow between the steps, on one screen.

videos ── video_processing ──▶ products (frames, metadata) ── embedding_extraction ──▶ embeddings ──▶ search
"""

from collections.abc import Awaitable, Callable

from buybuddy.domain.embeddings import service as embeddings
from buybuddy.domain.jobs.service import JobBoard
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products import service as products
from buybuddy.domain.videos import service as videos
from buybuddy.errors import StageFailed
from buybuddy.infra.db import Session, Subject
from buybuddy.infra.queue import JobQueue
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.specs import EmbedImagesResult, Result, SegmentVideoResult


def build_board(queue: JobQueue) -> JobBoard:
    """Wire the queue to those who follow a job's changes."""
    return JobBoard(queue, on_change=follow_change)


async def follow_change(session: Session, job: Job) -> None:
    """Keep what a job works on in step with it."""
    if job.type == "video_processing":
        await videos.follow_job(session, job)


def build_apply_result(board: JobBoard, storage: ObjectStorage) -> Callable[[Session, Job, Result], Awaitable[None]]:
    """Build the function that writes what a completed job's Result means, inside the completing transaction."""

    async def apply_result(session: Session, job: Job, result: Result) -> None:
        if isinstance(result, SegmentVideoResult):
            entry = await products.apply_segmentation(session, job, result)
            subject = Subject("product", entry.product.id, products.product_label(entry.product))
            await embeddings.embed_new_images(session, board, entry.new_images, subject, job.id)
        elif isinstance(result, EmbedImagesResult):
            await embeddings.apply_embeddings(session, storage, job, result)
        else:
            raise StageFailed(f"No step takes a {type(result).__name__}.")

    return apply_result
