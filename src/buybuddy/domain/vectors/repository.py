"""Every query about encoders and vectors."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors.tables import Encoder, ImageEmbedding
from buybuddy.infra.db import Session
from buybuddy.stages.specs import EncoderIdentity


class ProductMatch(NamedTuple):
    """A product with the image of it that is nearest to the query."""

    product_id: uuid.UUID
    image_id: uuid.UUID
    similarity: float


async def find_encoder(session: Session, identity: EncoderIdentity) -> Encoder | None:
    return await session.scalar(
        select(Encoder).where(
            Encoder.name == identity.name,
            Encoder.weights_sha256 == identity.weights_sha256,
            Encoder.preprocessing == identity.preprocessing,
        )
    )


async def get_or_add_encoder(session: Session, identity: EncoderIdentity) -> Encoder:
    statement = upsert(Encoder).values(**identity.model_dump())
    await session.execute(statement.on_conflict_do_nothing(index_elements=["name", "weights_sha256", "preprocessing"]))
    encoder = await find_encoder(session, identity)
    if encoder is None:
        raise RuntimeError("the encoder was just added")
    return encoder


async def existing_images(session: Session, image_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of the images are still there."""
    return set(await session.scalars(select(ProductImage.id).where(ProductImage.id.in_(image_ids))))


async def add_embeddings(
    session: Session, encoder_id: uuid.UUID, embeddings: Sequence[tuple[uuid.UUID, list[float]]]
) -> None:
    statement = upsert(ImageEmbedding).on_conflict_do_nothing(index_elements=["encoder_id", "image_id"])
    rows = [{"encoder_id": encoder_id, "image_id": image_id, "embedding": vector} for image_id, vector in embeddings]
    await session.execute(statement, rows)


async def count_embeddings(session: Session, encoder_id: uuid.UUID) -> int:
    statement = select(func.count()).select_from(ImageEmbedding).where(ImageEmbedding.encoder_id == encoder_id)
    return await session.scalar(statement) or 0


async def rank_products(
    session: Session, encoder_id: uuid.UUID, vectors: Sequence[Sequence[float]], k: int
) -> list[ProductMatch]:
    """Return the k nearest products: a product is as near as its best image, an image as its best query vector.

    Args:
        vectors: unit rows of the encoder's dim; similarity is their inner product, in [-1, 1].
    """
    statement = text(
        "WITH query AS (SELECT unnest(CAST(:vectors AS text[]))::vector AS v),"
        " scored AS (SELECT i.product_id, i.id AS image_id, max(-(e.embedding <#> q.v)) AS similarity"
        "   FROM image_embeddings e JOIN product_images i ON i.id = e.image_id CROSS JOIN query q"
        "   WHERE e.encoder_id = :encoder GROUP BY i.product_id, i.id),"
        " best AS (SELECT DISTINCT ON (product_id) product_id, image_id, similarity"
        "   FROM scored ORDER BY product_id, similarity DESC, image_id)"
        " SELECT product_id, image_id, similarity FROM best ORDER BY similarity DESC, product_id LIMIT :k"
    )
    texts = ["[" + ",".join(f"{value:.7g}" for value in vector) + "]" for vector in vectors]
    rows = await session.execute(statement, {"vectors": texts, "encoder": encoder_id, "k": k})
    return [ProductMatch(row.product_id, row.image_id, row.similarity) for row in rows]
