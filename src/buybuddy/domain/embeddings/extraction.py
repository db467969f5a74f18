"""Embedding what a dataset's products have pictures of and the serving encoder has no vector of yet.

A chain of jobs, as for filling in an encoder (vectors/encoders): each makes the next one when its vectors are kept, so
a million pictures are never a million rows of work. Photos that were matched have their vectors as photos of the pool,
and augmented pictures get none: they are made of others.
"""

import uuid

from buybuddy.domain.datasets import service as datasets
from buybuddy.domain.embeddings import repository
from buybuddy.domain.embeddings.repository import Picture, Place
from buybuddy.domain.embeddings.service import JOB_TYPE, get_serving_encoder
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs, create_jobs, find_earlier
from buybuddy.domain.jobs.idempotency import request_key
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.vectors.encoders.service import encoder_name
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.errors import Conflict
from buybuddy.infra.db import Actor, Session, Subject, new_id, record_audit
from buybuddy.infra.storage import object_key
from buybuddy.stages.specs import DatasetPart, EmbedImagesSpec, EncoderName, ImageInput

SUBJECT_KIND = "dataset_vectors"
PER_JOB = 128  # pictures
LOOKED_AT = 500  # products, for the pictures of one job
LOOKS = 20  # of those, before a job without pictures is made that only goes on looking
BEGINNING = Place(uuid.UUID(int=0), uuid.UUID(int=0))


async def begin(
    session: Session, board: JobBoard, dataset_id: uuid.UUID, actor: Actor, idempotency_key: str | None
) -> list[Job]:
    """Begin to embed what a dataset lacks; no job when there is nothing to do.

    Raises: NotFound, Conflict while it is at it already or there is no encoder yet, QueueFull, KeyReused.
    """
    key = request_key(idempotency_key, actor, "dataset.extract", str(dataset_id))
    await jobs_repository.lock_slots(session, JOB_TYPE)  # before any row: see jobs/service.py
    if earlier := await find_earlier(session, key):
        return earlier
    dataset = await datasets.get_dataset(session, dataset_id)
    encoder = await get_serving_encoder(session)
    if await jobs_repository.has_unfinished(session, JOB_TYPE, dataset_id):
        raise Conflict("The vectors of this dataset are being extracted already.")
    subject = Subject(SUBJECT_KIND, dataset_id, dataset.name)
    new_job = await _next_job(session, encoder, encoder_name(encoder), dataset_id, BEGINNING, subject, None)
    if new_job is None:
        return []
    record_audit(session, actor, "dataset.extract", Subject("dataset", dataset_id, dataset.name))
    return await create_jobs(session, board, [new_job], actor, key=key)


async def go_on(session: Session, board: JobBoard, job: Job, encoder: Encoder) -> None:
    """Create the next job of a dataset, after the vectors of this one were kept."""
    spec = EmbedImagesSpec.model_validate(job.config)
    if spec.dataset is None:
        return
    product_id, _, image_id = spec.dataset.after.partition(":")
    place, subject = Place(uuid.UUID(product_id), uuid.UUID(image_id)), _subject_of(job)
    dataset_id = uuid.UUID(spec.dataset.dataset_id)
    new_job = await _next_job(session, encoder, spec.encoder, dataset_id, place, subject, job.id)
    if new_job is not None:
        await create_follow_up_jobs(session, board, [new_job])


async def _next_job(
    session: Session,
    encoder: Encoder,
    name: EncoderName,
    dataset_id: uuid.UUID,
    place: Place,
    subject: Subject,
    parent_job_id: uuid.UUID | None,
) -> NewJob | None:
    """Return a job for the next pictures without a vector; None when there are none left."""
    pictures: list[Picture] = []
    following: Place | None = place
    for _ in range(LOOKS):
        if following is None or pictures:
            break
        pictures, following = await repository.next_missing(
            session, dataset_id, encoder.id, following, LOOKED_AT, PER_JOB
        )
    if not pictures and following is None:
        return None
    after = following or Place(uuid.UUID(int=2**128 - 1), uuid.UUID(int=2**128 - 1))
    job_id = new_id()
    spec = EmbedImagesSpec(
        images=tuple(ImageInput(image_id=str(one.id), key=one.key, matte_key=one.matte_key) for one in pictures),
        output_prefix=object_key("embeddings", job_id) + "/",
        encoder=name,
        dataset=DatasetPart(dataset_id=str(dataset_id), after=f"{after.product_id}:{after.image_id}"),
    )
    return NewJob(JOB_TYPE, subject, spec, job_id, parent_job_id)


def _subject_of(job: Job) -> Subject:
    return Subject(job.subject_kind, job.subject_id, job.subject_label)
