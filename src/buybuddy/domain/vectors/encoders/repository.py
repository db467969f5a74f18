"""Every query about filling in vectors and letting an encoder serve."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Select, literal, select, update

from buybuddy.domain.jobs.rules import ACTIVE
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors.repository import ONE_ENCODER_AT_A_TIME
from buybuddy.domain.vectors.tables import Encoder, ImageEmbedding, PhotoEmbedding
from buybuddy.infra.db import Session
from buybuddy.infra.db.tallies import read_tally


class Picture(NamedTuple):
    """A stored picture that an encoder has no vector of."""

    id: uuid.UUID
    key: str
    matte_key: str | None


class Missing(NamedTuple):
    """Pictures without a vector, and up to which id they were looked for; None when there is no picture behind."""

    pictures: list[Picture]
    looked_up_to: uuid.UUID | None


async def list_encoders(session: Session) -> Sequence[Encoder]:
    """Return every encoder that has made a vector; they are few."""
    return (await session.scalars(select(Encoder).order_by(Encoder.is_serving.desc(), Encoder.created_at))).all()


async def lock_encoder(session: Session, encoder_id: uuid.UUID) -> Encoder | None:
    """Return an encoder; none is added and none begins to serve until this transaction ends."""
    await session.execute(ONE_ENCODER_AT_A_TIME)
    return await session.get(Encoder, encoder_id, populate_existing=True)


async def serve(session: Session, encoder_id: uuid.UUID) -> None:
    """Have one encoder serve instead of another, at once for all who begin to read after the commit."""
    quiet = {"synchronize_session": False}
    stop = update(Encoder).where(Encoder.is_serving, Encoder.id != encoder_id).values(is_serving=False)
    await session.execute(stop.execution_options(**quiet))
    start = update(Encoder).where(Encoder.id == encoder_id).values(is_serving=True)
    await session.execute(start.execution_options(**quiet))


async def count_vectors(session: Session) -> dict[uuid.UUID, tuple[int, int]]:
    """Return how many vectors of images and of photos each encoder has made; from tallies, no table is read."""
    images = await read_tally(session, "image_embeddings", "encoder")
    photos = await read_tally(session, "photo_embeddings", "encoder")
    return {uuid.UUID(key): (images.get(key, 0), photos.get(key, 0)) for key in images.keys() | photos.keys()}


async def is_being_filled(session: Session, subject_id: uuid.UUID) -> bool:
    wanted = select(Job.id).where(Job.subject_id == subject_id, Job.status.in_(ACTIVE))
    return await session.scalar(wanted.limit(1)) is not None


async def next_images(
    session: Session, encoder_id: uuid.UUID, after: uuid.UUID, until: uuid.UUID, look_at: int, at_most: int
) -> Missing:
    """Look at the next images, and return those that have no vector; photos of the pool have one as photos."""
    part = select(ProductImage.id).where(ProductImage.id > after, ProductImage.id <= until).order_by(ProductImage.id)
    has_vector = select(literal(1)).where(
        ImageEmbedding.encoder_id == encoder_id, ImageEmbedding.image_id == ProductImage.id
    )
    wanted = (
        select(ProductImage.id, ProductImage.storage_key, ProductImage.matte_key)
        .where(ProductImage.image_type != "augmented", ProductImage.source != "matching", ~has_vector.exists())
    )  # fmt: skip
    last = await _last_of(session, part.limit(look_at))
    if last is None:
        return Missing([], None)
    wanted = wanted.where(ProductImage.id > after, ProductImage.id <= last).order_by(ProductImage.id).limit(at_most)
    rows = [Picture(row[0], row[1], row[2]) for row in await session.execute(wanted)]
    return Missing(rows, rows[-1].id if len(rows) == at_most else last)


async def next_photos(
    session: Session, encoder_id: uuid.UUID, after: uuid.UUID, until: uuid.UUID, look_at: int, at_most: int
) -> Missing:
    """Look at the next photos of the pool, and return those that were read and have no vector.

    One that is still to be read is no candidate yet, and gets the serving encoder's vector when it is.
    """
    part = select(Photo.id).where(Photo.id > after, Photo.id <= until).order_by(Photo.id)
    has_vector = select(literal(1)).where(PhotoEmbedding.encoder_id == encoder_id, PhotoEmbedding.photo_id == Photo.id)
    last = await _last_of(session, part.limit(look_at))
    if last is None:
        return Missing([], None)
    wanted = select(Photo.id, Photo.storage_key).where(Photo.read_at.is_not(None), ~has_vector.exists())
    wanted = wanted.where(Photo.id > after, Photo.id <= last).order_by(Photo.id).limit(at_most)
    rows = [Picture(row[0], row[1], None) for row in await session.execute(wanted)]
    return Missing(rows, rows[-1].id if len(rows) == at_most else last)


async def _last_of(session: Session, part: Select[uuid.UUID]) -> uuid.UUID | None:
    ids = part.subquery().c.id
    last: uuid.UUID | None = await session.scalar(select(ids).order_by(ids.desc()).limit(1))
    return last
