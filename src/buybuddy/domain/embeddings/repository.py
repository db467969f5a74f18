"""Every query about published indexes."""

import uuid
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Uuid, cast, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from buybuddy.domain.datasets.tables import Dataset, DatasetVersion
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

FloatArray = npt.NDArray[np.float32]

NEWEST_FIRST = Order("-created_at", (EmbeddingIndex.created_at, EmbeddingIndex.id), is_descending=True)
ONE_SWAP_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('embedding_indexes', 0))")
VECTOR_HEAD_BYTES = 4  # of what vector_send answers: how many numbers there are, and nothing

# A photo that was approved for a product has its vector as a photo of the pool.
_VECTORS_OF = text("""
    SELECT i.id, vector_send(coalesce(e.embedding, p.embedding)) AS vector
    FROM unnest(CAST(:images AS uuid[])) AS asked (id)
        JOIN product_images i ON i.id = asked.id
        LEFT JOIN image_embeddings e ON e.image_id = i.id AND e.encoder_id = :encoder
        LEFT JOIN photo_embeddings p ON p.photo_id = i.photo_id AND p.encoder_id = :encoder
    WHERE e.image_id IS NOT NULL OR p.photo_id IS NOT NULL
""")
# In the order of the products' ids, of which the next few are looked at: what a dataset has is never sorted whole.
_NEXT_MISSING = text("""
    WITH looked_at AS MATERIALIZED (
        SELECT product_id FROM dataset_products
        WHERE dataset_id = :dataset AND product_id >= :product ORDER BY product_id LIMIT :look_at)
    SELECT i.product_id, i.id, i.storage_key, i.matte_key
    FROM looked_at l JOIN product_images i ON i.product_id = l.product_id
    WHERE i.source <> 'matching' AND i.image_type <> 'augmented' AND (i.product_id, i.id) > (:product, :image)
        AND NOT EXISTS (SELECT FROM image_embeddings e WHERE e.encoder_id = :encoder AND e.image_id = i.id)
    ORDER BY i.product_id, i.id LIMIT :n
""")
_LAST_LOOKED_AT = text("""
    SELECT product_id FROM dataset_products
    WHERE dataset_id = :dataset AND product_id >= :product ORDER BY product_id OFFSET :look_at - 1 LIMIT 1
""")


class FrozenVersion(NamedTuple):
    """A frozen version with the name of its dataset."""

    version: DatasetVersion
    dataset_name: str


class Picture(NamedTuple):
    """A stored image of a dataset that an encoder has no vector of."""

    product_id: uuid.UUID
    id: uuid.UUID
    key: str
    matte_key: str | None


class Place(NamedTuple):
    """Where a look through a dataset goes on: after an image of a product."""

    product_id: uuid.UUID
    image_id: uuid.UUID


async def find_version(
    session: Session, dataset_id: uuid.UUID | None, version_id: uuid.UUID | None
) -> FrozenVersion | None:
    """Return a frozen version by its id, or the newest of a dataset."""
    statement = select(DatasetVersion, Dataset.name).join(Dataset, Dataset.id == DatasetVersion.dataset_id)
    if version_id is not None:
        statement = statement.where(DatasetVersion.id == version_id)
    if dataset_id is not None:
        statement = statement.where(DatasetVersion.dataset_id == dataset_id)
    row = (await session.execute(statement.order_by(DatasetVersion.number.desc()).limit(1))).first()
    return FrozenVersion(row[0], row[1]) if row is not None else None


async def add_index(session: Session, values: dict[str, object]) -> EmbeddingIndex | None:
    """Add an index; None when another one has its name."""
    statement = upsert(EmbeddingIndex).values(**values).on_conflict_do_nothing(index_elements=["name_key"])
    return await session.scalar(statement.returning(EmbeddingIndex))


async def find_index(session: Session, index_id: uuid.UUID) -> EmbeddingIndex | None:
    return await session.get(EmbeddingIndex, index_id)


async def existing(session: Session, index_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the indexes that were not deleted."""
    return set(await session.scalars(select(EmbeddingIndex.id).where(EmbeddingIndex.id.in_(index_ids))))


async def find_by_name(session: Session, name: str) -> uuid.UUID | None:
    return await session.scalar(select(EmbeddingIndex.id).where(EmbeddingIndex.name_key == func.fold_text(name)))


async def lock_index(session: Session, index_id: uuid.UUID) -> EmbeddingIndex | None:
    statement = select(EmbeddingIndex).where(EmbeddingIndex.id == index_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def begin_swap(session: Session) -> EmbeddingIndex | None:
    """Return the index that serves; no other begins to until this transaction ends."""
    await session.execute(ONE_SWAP_AT_A_TIME)
    statement = select(EmbeddingIndex).where(EmbeddingIndex.is_serving).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def find_serving(session: Session) -> EmbeddingIndex | None:
    return await session.scalar(select(EmbeddingIndex).where(EmbeddingIndex.is_serving))


async def serve(session: Session, index_id: uuid.UUID | None) -> None:
    """Have one index serve instead of another, or none; within a swap (begin_swap)."""
    quiet = {"synchronize_session": False}
    stop = update(EmbeddingIndex).where(EmbeddingIndex.is_serving).values(is_serving=False)
    await session.execute(stop.execution_options(**quiet))
    if index_id is not None:
        start = update(EmbeddingIndex).where(EmbeddingIndex.id == index_id)
        start = start.values(is_serving=True, activated_at=func.clock_timestamp())
        await session.execute(start.execution_options(**quiet))


async def take_out_of_history(session: Session, index: EmbeddingIndex) -> None:
    """Have rollbacks pass an index over: from those after it to the one before it; within a swap (begin_swap).

    None is made to go back to itself, also where rows were written when rollbacks could still run in circles.
    """
    before = func.nullif(cast(index.previous_id, Uuid), EmbeddingIndex.id)
    statement = update(EmbeddingIndex).where(EmbeddingIndex.previous_id == index.id).values(previous_id=before)
    await session.execute(statement.execution_options(synchronize_session=False))


async def list_indexes(session: Session, window: Window) -> Slice[EmbeddingIndex]:
    """Return one page, newest first. Raises: BadCursor."""
    return await read_page(session, select(EmbeddingIndex), NEWEST_FIRST, window)


async def encoders_of(session: Session, indexes: Sequence[EmbeddingIndex]) -> dict[uuid.UUID, Encoder]:
    statement = select(Encoder).where(Encoder.id.in_({index.encoder_id for index in indexes}))
    return {encoder.id: encoder for encoder in await session.scalars(statement)}


async def get_encoder(session: Session, index: EmbeddingIndex) -> Encoder:
    return await session.get_one(Encoder, index.encoder_id)


async def get_version(session: Session, index: EmbeddingIndex) -> DatasetVersion | None:
    return await session.get(DatasetVersion, index.dataset_version_id) if index.dataset_version_id else None


async def remove_index(session: Session, index_id: uuid.UUID) -> None:
    await session.execute(delete(EmbeddingIndex).where(EmbeddingIndex.id == index_id))


async def vectors_of(
    session: Session, encoder_id: uuid.UUID, image_ids: Sequence[uuid.UUID]
) -> tuple[list[uuid.UUID], FloatArray]:
    """Return the images that are still there and have a vector, and those: (n, dim) float32 unit rows."""
    rows = (await session.execute(_VECTORS_OF, {"encoder": encoder_id, "images": list(image_ids)})).all()
    if not rows:
        return [], np.empty((0, 0), dtype=np.float32)
    sent = np.frombuffer(b"".join(row.vector for row in rows), dtype=np.uint8).reshape(len(rows), -1)
    vectors = np.ascontiguousarray(sent[:, VECTOR_HEAD_BYTES:]).view(">f4").astype(np.float32)
    return [row.id for row in rows], vectors


async def products_of(session: Session, image_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return which product each of the images that are still there is of now."""
    statement = select(ProductImage.id, ProductImage.product_id).where(ProductImage.id.in_(image_ids))
    return {row[0]: row[1] for row in await session.execute(statement)}


async def next_missing(
    session: Session, dataset_id: uuid.UUID, encoder_id: uuid.UUID, place: Place, look_at: int, at_most: int
) -> tuple[list[Picture], Place | None]:
    """Look at the next products of a dataset, and return images of theirs that an encoder has no vector of.

    Returns: also where the next look begins; None at the end.
    """
    values: dict[str, object] = {"dataset": dataset_id, "product": place.product_id, "look_at": look_at}
    asked = {**values, "encoder": encoder_id, "image": place.image_id, "n": at_most}
    pictures = [Picture(*row) for row in await session.execute(_NEXT_MISSING, asked)]
    if len(pictures) == at_most:
        return pictures, Place(pictures[-1].product_id, pictures[-1].id)
    last: uuid.UUID | None = await session.scalar(_LAST_LOOKED_AT, values)
    return pictures, Place(last, uuid.UUID(int=2**128 - 1)) if last is not None else None


async def has_dataset(session: Session, dataset_id: uuid.UUID) -> bool:
    return await session.get(Dataset, dataset_id) is not None
