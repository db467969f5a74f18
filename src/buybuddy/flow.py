"""When X has succeeded, do Y: the whole flow between the steps, on one screen.

videos ── video_processing ──▶ products (frames, metadata) ── embedding_extraction ──▶ embeddings ──▶ search
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

from buybuddy.domain.augmentation import planning
from buybuddy.domain.augmentation import service as augmentation
from buybuddy.domain.collaboration import sweeping as collaboration
from buybuddy.domain.collaboration.notifications.service import notify
from buybuddy.domain.embeddings import extraction, gathering
from buybuddy.domain.embeddings import service as indexes
from buybuddy.domain.jobs.batches import BatchStep
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.matching.automation import service as automation
from buybuddy.domain.matching.automation.watching import watch
from buybuddy.domain.matching.confidence import service as confidence
from buybuddy.domain.matching.evaluations import service as evaluations
from buybuddy.domain.matching.readiness import service as readiness
from buybuddy.domain.matching.suggestions import service as suggestions
from buybuddy.domain.photos.imports.service import HaveRead
from buybuddy.domain.photos.readings import service as readings
from buybuddy.domain.products import service as products
from buybuddy.domain.products.bulk import service as bulk
from buybuddy.domain.products.images.adding import FollowImages
from buybuddy.domain.products.imports import apply as import_apply
from buybuddy.domain.products.imports import service as imports
from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors import service as vectors
from buybuddy.domain.vectors.encoders import service as encoders
from buybuddy.domain.videos import service as videos
from buybuddy.errors import StageFailed
from buybuddy.infra.db import Session, Subject
from buybuddy.infra.queue import JobQueue
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.specs import (
    AugmentDatasetResult,
    BatchResult,
    BuildIndexResult,
    EmbedImagesResult,
    EvaluateMatchingResult,
    ReadPhotosResult,
    Result,
    SegmentVideoResult,
)


def build_board(queue: JobQueue) -> JobBoard:
    """Wire the queue to those who follow a job's changes."""
    return JobBoard(queue, on_change=follow_change, on_retry=prepare_retry)


async def follow_change(session: Session, job: Job) -> None:
    """Keep what a job works on in step with it, and tell whoever asked for it how it ended."""
    if job.type == "video_processing":
        await videos.follow_job(session, job)
    elif job.subject_kind == indexes.SUBJECT_KIND:
        await indexes.follow_job(session, job)
    elif job.type == augmentation.JOB_TYPE:
        await augmentation.follow_job(session, job)
    if job.status in ("completed", "failed") and job.created_by is not None:
        what = {"job_type": job.type, "error": job.error_message}
        await notify(session, job.created_by, f"job.{job.status}", Subject("job", job.id, job.subject_label), what)


async def prepare_retry(session: Session, job: Job) -> dict[str, object] | None:
    """Return what a failed or cancelled job goes on from when it is done again. Raises: NotFound, Conflict."""
    return await indexes.prepare_retry(session, job) if job.subject_kind == indexes.SUBJECT_KIND else job.checkpoint


def build_follow_images(board: JobBoard) -> FollowImages:
    """Build the function that has images embedded which people have sent, in the transaction that adds them."""

    async def follow_images(session: Session, images: Sequence[ProductImage], subject: Subject) -> Job | None:
        return await vectors.embed_new_images(session, board, images, subject)

    return follow_images


def build_have_read(board: JobBoard) -> HaveRead:
    """Build the function that has photos read, in the transaction that takes them in."""

    async def have_read(session: Session, photos: Sequence[tuple[uuid.UUID, str]], subject: Subject) -> None:
        await readings.have_read(session, board, photos, subject, await vectors.serving_name(session))

    return have_read


def build_apply_result(board: JobBoard, storage: ObjectStorage) -> Callable[[Session, Job, Result], Awaitable[None]]:
    """Build the function that writes what a completed job's Result means, inside the completing transaction."""

    async def apply_result(session: Session, job: Job, result: Result) -> None:
        if isinstance(result, SegmentVideoResult):
            entry = await products.apply_segmentation(session, job, result)
            subject = Subject("product", entry.product.id, products.product_label(entry.product))
            await vectors.embed_new_images(session, board, entry.new_images, subject, job.id)
        elif isinstance(result, EmbedImagesResult):
            kept = await vectors.apply_embeddings(session, storage, job, result)
            await suggestions.suggest_for_images(session, board, kept.encoder, kept.image_ids, job.id)
            await suggestions.suggest_for_photos(session, board, kept.encoder, kept.photo_ids, job.id)
            await encoders.go_on(session, board, job, kept.encoder)
            await extraction.go_on(session, board, job, kept.encoder)
        elif isinstance(result, ReadPhotosResult):
            photo_ids = await readings.apply_reading(session, storage, result)
            encoder = await vectors.keep_photo_vectors(session, storage, result.encoder, result.vectors_key, photo_ids)
            await suggestions.suggest_for_photos(session, board, encoder, photo_ids, job.id)
        elif isinstance(result, EvaluateMatchingResult):
            await evaluations.keep_result(session, job, result)
        elif isinstance(result, BuildIndexResult):
            await indexes.keep_result(session, job, result)
        elif isinstance(result, AugmentDatasetResult):
            await augmentation.keep_result(session, board, job, result)
        elif isinstance(result, BatchResult) and job.config["stage"] == "plan_augmentation":
            await augmentation.start_shards(session, board, uuid.UUID(str(job.config["run_id"])))
        elif isinstance(result, BatchResult) and job.config["stage"] == "gather_index":
            await indexes.build(session, board, storage, job)
        elif isinstance(result, BatchResult) and job.config["stage"] == "gather_vectors":
            await evaluations.rank(session, board, storage, job)
        elif isinstance(result, BatchResult) and job.config["stage"] == "suggest_matches":
            await automation.wish(session)
        elif isinstance(result, BatchResult):
            return  # each batch has written its own part
        else:
            raise StageFailed(f"No step takes a {type(result).__name__}.")

    return apply_result


# Work that is done in the worker, batch by batch, by the name of its Spec.
BATCH_STEPS: Mapping[str, BatchStep] = {
    "bulk_delete": bulk.do_batch,
    "bulk_edit": bulk.do_batch,
    "import_products": import_apply.apply_batch,
    "suggest_matches": suggestions.do_batch,
    "approve_matches": automation.do_batch,
}


def build_batch_steps(storage: ObjectStorage) -> Mapping[str, BatchStep]:
    """Return all of that work; some of it leaves objects behind."""
    gather_index = gathering.build_gathering(storage)
    return {
        **BATCH_STEPS,
        "gather_vectors": evaluations.build_gathering(storage),
        "gather_index": gather_index,
        "plan_augmentation": planning.build_planning(storage),
    }


async def follow_augmentation(session: Session, board: JobBoard) -> None:
    """Start parts of runs that wait although others have failed; called by the sweep."""
    await augmentation.go_on(session, board)


async def follow_matching(session: Session, board: JobBoard) -> None:
    """Learn from what people have decided, and find pairs anew when another encoder serves; called by the sweep."""
    await suggestions.follow_serving(session, board)
    if await confidence.learn(session):
        await automation.wish(session)
    await watch(session)


async def follow_ready_after(session: Session) -> bool:
    """Have products follow a changed number of real images; called by the sweep until none are left."""
    return await readiness.follow_changes(session)


async def begin_approving(session: Session, board: JobBoard) -> None:
    """Begin automatic approval where it may find something by now; called by the sweep when the queue is counted."""
    await automation.begin(session, board)


async def forget_old_work(session: Session) -> None:
    """Forget what was kept, or held, for a while only; called by the worker's sweep."""
    await collaboration.sweep(session)
    await bulk.forget_old_operations(session)
    await imports.forget_old_imports(session)
    await evaluations.forget_old_evaluations(session)
