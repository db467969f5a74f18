"""Having images embedded, and keeping the vectors."""

import asyncio
import io
import uuid
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors import repository
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.errors import StageFailed
from buybuddy.infra.db import Session, Subject, new_id, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.stages.specs import EmbedImagesResult, EmbedImagesSpec, EncoderIdentity, ImageInput


async def embed_new_images(
    session: Session,
    board: JobBoard,
    images: Sequence[ProductImage],
    subject: Subject,
    parent_job_id: uuid.UUID | None = None,
) -> Job | None:
    """Create a job that embeds images which were just added; None without any."""
    if not images:
        return None
    job_id = new_id()
    spec = EmbedImagesSpec(
        images=tuple(
            ImageInput(image_id=str(image.id), key=image.storage_key, matte_key=image.matte_key) for image in images
        ),
        output_prefix=object_key("embeddings", job_id) + "/",
    )
    new = NewJob(type="embedding_extraction", subject=subject, spec=spec, id=job_id, parent_job_id=parent_job_id)
    return (await create_follow_up_jobs(session, board, [new]))[0]


async def apply_embeddings(session: Session, storage: ObjectStorage, job: Job, result: EmbedImagesResult) -> None:
    """Keep the vectors of a completed job; images that are gone by now are left out.

    Raises: StageFailed when the vectors do not fit their list.
    """
    image_ids = [uuid.UUID(image_id) for image_id in result.image_ids]
    vectors = await _read_vectors(storage, result.vectors_key, (len(image_ids), result.encoder.dim))
    encoder = await repository.get_or_add_encoder(session, result.encoder)
    present = await repository.existing_images(session, image_ids)
    rows = [
        (image_id, vector.tolist()) for image_id, vector in zip(image_ids, vectors, strict=True) if image_id in present
    ]
    if rows:
        await repository.add_embeddings(session, encoder.id, rows)
    throw_away(session, f"embeddings/{job.id}/")  # the database has the vectors now


async def keep_photo_vectors(
    session: Session,
    storage: ObjectStorage,
    identity: EncoderIdentity,
    vectors_key: str,
    photo_ids: Sequence[uuid.UUID],
) -> Encoder:
    """Keep the vectors of photos that were read; photos that are gone by now are left out.

    Raises: StageFailed when the vectors do not fit their list.
    """
    vectors = await _read_vectors(storage, vectors_key, (len(photo_ids), identity.dim))
    encoder = await repository.get_or_add_encoder(session, identity)
    present = await repository.hold_photos(session, photo_ids)
    rows = [
        (photo_id, vector.tolist()) for photo_id, vector in zip(photo_ids, vectors, strict=True) if photo_id in present
    ]
    if rows:
        await repository.add_photo_embeddings(session, encoder.id, rows)
    return encoder


async def _read_vectors(storage: ObjectStorage, key: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Raises: StageFailed when they are not of this shape, or not finite."""
    vectors = np.load(io.BytesIO(await asyncio.to_thread(storage.get, key)), allow_pickle=False)
    if vectors.shape != shape or not np.isfinite(vectors).all():
        raise StageFailed(f"The stage left {vectors.shape} vectors for {shape[0]} pictures.")
    return np.asarray(vectors, dtype=np.float32)
