"""Having images embedded, keeping the vectors, and finding products by them."""

import asyncio
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors import repository
from buybuddy.domain.vectors.encoders.service import encoder_name
from buybuddy.domain.vectors.repository import ProductMatch
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.errors import StageFailed
from buybuddy.infra.db import Session, Subject, new_id, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.stages.specs import EmbedImagesResult, EmbedImagesSpec, EncoderIdentity, EncoderName, ImageInput

MOST_COMPARED = 20_000  # vectors; of more, those are compared that the encoder's graph finds


@dataclass(frozen=True)
class Kept:
    """Whose vectors were kept, by which encoder."""

    encoder: Encoder
    image_ids: list[uuid.UUID]
    photo_ids: list[uuid.UUID]


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
        encoder=await serving_name(session),
    )
    new = NewJob(type="embedding_extraction", subject=subject, spec=spec, id=job_id, parent_job_id=parent_job_id)
    return (await create_follow_up_jobs(session, board, [new]))[0]


async def serving_name(session: Session) -> EncoderName:
    """Return the name by which a Spec asks for the encoder that serves; `auto` before there is one."""
    return encoder_name(await repository.find_serving(session))


async def apply_embeddings(session: Session, storage: ObjectStorage, job: Job, result: EmbedImagesResult) -> Kept:
    """Keep the vectors of a completed job, of images or photos; what is gone by now is left out.

    Raises: StageFailed when the vectors do not fit their list.
    """
    ids = [uuid.UUID(image_id) for image_id in result.image_ids]
    vectors = await _read_vectors(storage, result.vectors_key, (len(ids), result.encoder.dim))
    encoder = await repository.get_or_add_encoder(session, result.encoder)
    images = await repository.hold_images(session, ids)
    is_whole = len(images) == len(ids)
    photos = set() if is_whole else await repository.hold_photos(session, [one for one in ids if one not in images])
    rows = [(one, vector.tolist()) for one, vector in zip(ids, vectors, strict=True)]
    if images:
        await repository.add_embeddings(session, encoder.id, [row for row in rows if row[0] in images])
    if photos:
        await repository.add_photo_embeddings(session, encoder.id, [row for row in rows if row[0] in photos])
    throw_away(session, f"embeddings/{job.id}/")  # the database has the vectors now
    return Kept(encoder, sorted(images), sorted(photos))


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


async def rank_products(
    session: Session, encoder: Encoder, vectors: Sequence[Sequence[float]], k: int
) -> tuple[list[ProductMatch], int]:
    """Return the k products nearest to a query among the living vectors, and how many of these there are.

    Up to MOST_COMPARED vectors every one is compared; of more, those that the graph finds for each query vector.

    Args:
        vectors: unit rows of the encoder's dim.
    """
    n_vectors = await repository.count_embeddings(session, encoder.id)
    if n_vectors > MOST_COMPARED:
        return await repository.find_near_products(session, encoder, vectors, k, n_vectors), n_vectors
    return await repository.compare_products(session, encoder.id, vectors, k), n_vectors


async def _read_vectors(storage: ObjectStorage, key: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Raises: StageFailed when they are not of this shape, or not finite."""
    vectors = np.load(io.BytesIO(await asyncio.to_thread(storage.get, key)), allow_pickle=False)
    if vectors.shape != shape or not np.isfinite(vectors).all():
        raise StageFailed(f"The stage left {vectors.shape} vectors for {shape[0]} pictures.")
    return np.asarray(vectors, dtype=np.float32)
