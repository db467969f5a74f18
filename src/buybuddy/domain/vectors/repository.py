"""Every query about encoders and vectors."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import exists, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.domain.vectors.sql import SETTINGS, near_products
from buybuddy.domain.vectors.tables import Encoder, ImageEmbedding, PhotoEmbedding
from buybuddy.infra.db import Session
from buybuddy.infra.db.tallies import read_tally
from buybuddy.stages.specs import EncoderIdentity

IMAGES_PER_PRODUCT = 8  # that a graph is asked for, for each wanted product; its best image speaks for it
MOST_IMAGES = 2_048


class ProductMatch(NamedTuple):
    """A product with the image of it that is nearest to the query."""

    product_id: uuid.UUID
    image_id: uuid.UUID
    similarity: float


ONE_ENCODER_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('encoders', 0))")
STATEMENT_TIME = text("SELECT current_setting('statement_timeout')")
SET_STATEMENT_TIME = text("SELECT set_config('statement_timeout', :value, true)")
EVERY_PRODUCT = text("""
    WITH query AS (SELECT unnest(CAST(:vectors AS text[]))::vector AS v),
    scored AS (
        SELECT i.product_id, i.id AS image_id, max(-(e.embedding <#> q.v)) AS similarity
        FROM image_embeddings e JOIN product_images i ON i.id = e.image_id CROSS JOIN query q
        WHERE e.encoder_id = :encoder GROUP BY i.product_id, i.id
    ), best AS (
        SELECT DISTINCT ON (product_id) product_id, image_id, similarity
        FROM scored ORDER BY product_id, similarity DESC, image_id
    )
    SELECT product_id, image_id, similarity FROM best ORDER BY similarity DESC, product_id LIMIT :k
""")


async def find_serving(session: Session) -> Encoder | None:
    """Return the encoder whose vectors answers are made from; None before the first picture was embedded."""
    return await session.scalar(select(Encoder).where(Encoder.is_serving))


async def find_encoder(session: Session, identity: EncoderIdentity) -> Encoder | None:
    return await session.scalar(
        select(Encoder).where(
            Encoder.name == identity.name,
            Encoder.weights_sha256 == identity.weights_sha256,
            Encoder.preprocessing == identity.preprocessing,
        )
    )


async def get_or_add_encoder(session: Session, identity: EncoderIdentity) -> Encoder:
    """Return an encoder's row; a new one gets graphs of its own by a trigger, and the first of all serves.

    The graphs begin empty, but making them waits for who is writing vectors and reads through all vectors there are:
    as long as that takes, which may be more than a statement's usual time.
    """
    encoder = await find_encoder(session, identity)
    if encoder is not None:
        return encoder
    await session.execute(ONE_ENCODER_AT_A_TIME)
    statement = upsert(Encoder).values(**identity.model_dump(), is_serving=~exists().where(Encoder.is_serving))
    usual = await session.scalar(STATEMENT_TIME)
    await session.execute(SET_STATEMENT_TIME, {"value": "0"})
    await session.execute(statement.on_conflict_do_nothing(index_elements=["name", "weights_sha256", "preprocessing"]))
    await session.execute(SET_STATEMENT_TIME, {"value": usual})
    encoder = await find_encoder(session, identity)
    if encoder is None:
        raise RuntimeError("the encoder was just added")
    return encoder


async def hold_images(session: Session, image_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of the images are still there; none of them is removed before the commit.

    Their products are held first, as by whoever removes images: a removal under way is waited for, never in a circle.
    """
    owners = select(ProductImage.product_id).where(ProductImage.id.in_(image_ids))
    products = select(Product.id).where(Product.id.in_(owners)).order_by(Product.id)
    await session.execute(products.with_for_update(read=True, key_share=True))
    images = select(ProductImage.id).where(ProductImage.id.in_(image_ids)).order_by(ProductImage.id)
    return set(await session.scalars(images.with_for_update(read=True, key_share=True)))


async def add_embeddings(
    session: Session, encoder_id: uuid.UUID, embeddings: Sequence[tuple[uuid.UUID, list[float]]]
) -> None:
    """Keep vectors of held images."""
    statement = upsert(ImageEmbedding).on_conflict_do_nothing(index_elements=["encoder_id", "image_id"])
    rows = [{"encoder_id": encoder_id, "image_id": image_id, "embedding": vector} for image_id, vector in embeddings]
    await session.execute(statement, rows)


async def hold_photos(session: Session, photo_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of the photos are still there; none of them changes before the commit."""
    statement = select(Photo.id).where(Photo.id.in_(photo_ids)).order_by(Photo.id)
    return set(await session.scalars(statement.with_for_update(read=True)))


async def add_photo_embeddings(
    session: Session, encoder_id: uuid.UUID, embeddings: Sequence[tuple[uuid.UUID, list[float]]]
) -> None:
    """Keep vectors of held photos; a trigger fills in what they are filtered by."""
    statement = upsert(PhotoEmbedding).on_conflict_do_nothing(index_elements=["encoder_id", "photo_id"])
    rows = [
        {"encoder_id": encoder_id, "photo_id": photo_id, "embedding": vector, "is_open": True, "source": ""}
        for photo_id, vector in embeddings
    ]
    await session.execute(statement, rows)


async def count_embeddings(session: Session, encoder_id: uuid.UUID) -> int:
    """Return how many images an encoder has made a vector of; from a tally, no vector is read."""
    return (await read_tally(session, "image_embeddings", "encoder")).get(str(encoder_id), 0)


async def compare_products(
    session: Session, encoder_id: uuid.UUID, vectors: Sequence[Sequence[float]], k: int
) -> list[ProductMatch]:
    """Return the k nearest products, every image of an encoder compared.

    A product is as near as its best image, an image as its best query vector.

    Args:
        vectors: unit rows of the encoder's dim; similarity is their inner product, in [-1, 1].
    """
    rows = await session.execute(EVERY_PRODUCT, {"vectors": _as_texts(vectors), "encoder": encoder_id, "k": k})
    return [ProductMatch(row.product_id, row.image_id, row.similarity) for row in rows]


async def find_near_products(
    session: Session, encoder: Encoder, vectors: Sequence[Sequence[float]], k: int, n_vectors: int
) -> list[ProductMatch]:
    """Return the k nearest products as compare_products does, but of those images only that the encoder's graph finds.

    When these are of too few products, more images are looked at.

    Args:
        n_vectors: how many there are.
    """
    await session.execute(SETTINGS)
    n_images = k * IMAGES_PER_PRODUCT
    while True:
        values = {"vectors": _as_texts(vectors), "without": [], "n_images": n_images, "n": k}
        rows = (await session.execute(near_products(encoder.id, encoder.dim), values)).all()
        if len(rows) == k or n_images >= min(MOST_IMAGES, n_vectors):
            return [ProductMatch(row.product_id, row.image_id, row.similarity) for row in rows]
        n_images *= 4


def _as_texts(vectors: Sequence[Sequence[float]]) -> list[str]:
    """Write vectors as pgvector reads them."""
    return ["[" + ",".join(f"{value:.7g}" for value in vector) + "]" for vector in vectors]
