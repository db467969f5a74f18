"""Every query about suggestions."""

import json
import uuid
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import select, text, update

from buybuddy.domain.matching.suggestions.sql import (
    FORGET_OTHERS,
    HOLD_PHOTOS,
    HOLD_PRODUCTS,
    KEEP_BEST,
    WRITE,
    near_products_of,
)
from buybuddy.domain.matching.tables import MatchingSettings
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.domain.vectors.sql import SETTINGS
from buybuddy.domain.vectors.tables import Encoder, ImageEmbedding, PhotoEmbedding
from buybuddy.infra.db import Session

TRY_FOLLOWING = text("SELECT pg_try_advisory_xact_lock(hashtextextended('matching encoder', 0))")


class Pair(NamedTuple):
    """A photo and a product that look alike."""

    photo_id: uuid.UUID
    product_id: uuid.UUID
    similarity: float


async def near_products(session: Session, encoder: Encoder, photo_ids: Sequence[uuid.UUID]) -> list[Pair]:
    """Return the products nearest to each open photo."""
    await session.execute(SETTINGS)
    rows = await session.execute(near_products_of(encoder.id, encoder.dim), {"photo_ids": list(photo_ids)})
    return [Pair(row.photo_id, row.product_id, float(row.similarity)) for row in rows]


async def write_pairs(
    session: Session,
    encoder_id: uuid.UUID,
    pairs: Collection[Pair],
    photo_ids: Sequence[uuid.UUID],
    product_ids: Sequence[uuid.UUID],
) -> int:
    """Write pairs, but those of which one is gone, and forget what other encoders say of these photos and products.

    Of each photo the best KEPT_PER_PHOTO are kept.
    """
    held_products = set(await session.scalars(HOLD_PRODUCTS, {"product_ids": [pair.product_id for pair in pairs]}))
    held_photos = set(await session.scalars(HOLD_PHOTOS, {"photo_ids": [pair.photo_id for pair in pairs]}))
    rows = [
        {"photo_id": str(pair.photo_id), "product_id": str(pair.product_id), "similarity": pair.similarity}
        for pair in sorted(pairs)
        if pair.product_id in held_products and pair.photo_id in held_photos
    ]
    others = {"encoder": encoder_id, "photo_ids": list(photo_ids), "product_ids": list(product_ids)}
    await session.execute(FORGET_OTHERS, others)
    await session.execute(WRITE, {"encoder": encoder_id, "rows": json.dumps(rows)})
    await session.execute(KEEP_BEST, {"encoder": encoder_id, "photo_ids": list(held_photos)})
    return len(rows)


async def next_photos(session: Session, encoder_id: uuid.UUID, after: uuid.UUID, limit: int) -> list[uuid.UUID]:
    """Return open photos that have a vector, in the order of their ids."""
    statement = select(PhotoEmbedding.photo_id).where(PhotoEmbedding.encoder_id == encoder_id, PhotoEmbedding.is_open)
    return list(
        await session.scalars(
            statement.where(PhotoEmbedding.photo_id > after).order_by(PhotoEmbedding.photo_id).limit(limit)
        )
    )


async def next_products(session: Session, after: uuid.UUID, limit: int) -> list[uuid.UUID]:
    """Return products that need matching, in the order of their ids."""
    statement = select(Product.id).where(Product.status == "needs_matching", Product.id > after)
    return list(await session.scalars(statement.order_by(Product.id).limit(limit)))


async def products_of_images(session: Session, image_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    statement = select(ProductImage.product_id).where(ProductImage.id.in_(image_ids)).distinct()
    return sorted(await session.scalars(statement))


async def has_open_photos(session: Session, encoder_id: uuid.UUID) -> bool:
    statement = select(PhotoEmbedding.photo_id).where(PhotoEmbedding.encoder_id == encoder_id, PhotoEmbedding.is_open)
    return await session.scalar(statement.limit(1)) is not None


async def has_images(session: Session, encoder_id: uuid.UUID) -> bool:
    statement = select(ImageEmbedding.image_id).where(ImageEmbedding.encoder_id == encoder_id)
    return await session.scalar(statement.limit(1)) is not None


async def try_following(session: Session) -> bool:
    """Return whether this process is the one that looks which encoder serves, until its commit."""
    return bool(await session.scalar(TRY_FOLLOWING))


async def suggested_encoder(session: Session) -> uuid.UUID | None:
    return await session.scalar(select(MatchingSettings.suggested_encoder_id))


async def note_suggested_encoder(session: Session, encoder_id: uuid.UUID) -> None:
    await session.execute(update(MatchingSettings).values(suggested_encoder_id=encoder_id))
