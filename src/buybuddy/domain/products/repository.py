"""Every query about products, their barcodes and images."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Float, Uuid, cast, delete, exists, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.products.tables import Product, ProductBarcode, ProductImage
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

IMAGE_TYPES = ("synthetic", "real", "augmented")
IMAGES_ORDER = Order("created_at", (ProductImage.created_at, ProductImage.id))


async def find_product(session: Session, product_id: uuid.UUID) -> Product | None:
    return await session.get(Product, product_id)


async def lock_product(session: Session, product_id: uuid.UUID) -> Product | None:
    statement = select(Product).where(Product.id == product_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def find_by_barcode(session: Session, barcode: str) -> uuid.UUID | None:
    return await session.scalar(select(ProductBarcode.product_id).where(ProductBarcode.barcode == barcode))


async def barcodes_of(session: Session, product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[ProductBarcode]]:
    """Return each product's barcodes, the primary one first."""
    statement = select(ProductBarcode).where(ProductBarcode.product_id.in_(product_ids))
    statement = statement.order_by(ProductBarcode.is_primary.desc(), ProductBarcode.created_at, ProductBarcode.barcode)
    found: dict[uuid.UUID, list[ProductBarcode]] = {product_id: [] for product_id in product_ids}
    for barcode in await session.scalars(statement):
        found[barcode.product_id].append(barcode)
    return found


async def add_barcode(session: Session, product_id: uuid.UUID, barcode: str) -> bool:
    """Give a product a barcode, primary when it is its first; False when the barcode belongs to another product."""
    is_first = ~exists().where(ProductBarcode.product_id == product_id)
    values = select(literal(barcode), literal(product_id, Uuid), is_first)
    statement = insert(ProductBarcode).from_select(["barcode", "product_id", "is_primary"], values)
    await session.execute(statement.on_conflict_do_nothing(index_elements=["barcode"]))
    return await find_by_barcode(session, barcode) == product_id


async def images_by_id(session: Session, image_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ProductImage]:
    rows = await session.scalars(select(ProductImage).where(ProductImage.id.in_(image_ids)))
    return {image.id: image for image in rows}


async def images_by_sha256(session: Session, product_id: uuid.UUID, hashes: Sequence[str]) -> dict[str, ProductImage]:
    """Return a product's images of these bytes; of several of the same bytes the oldest."""
    statement = select(ProductImage).where(ProductImage.product_id == product_id, ProductImage.sha256.in_(hashes))
    newest_first = statement.order_by(ProductImage.created_at.desc(), ProductImage.id.desc())
    return {image.sha256: image for image in await session.scalars(newest_first)}


async def insert_product(session: Session, **values: object) -> bool:
    """Add a product; False when its id is taken."""
    statement = insert(Product).values(values).on_conflict_do_nothing(index_elements=["id"]).returning(Product.id)
    return await session.scalar(statement) is not None


async def list_images(
    session: Session, product_id: uuid.UUID, video_id: uuid.UUID | None, limit: int
) -> list[ProductImage]:
    """Return a product's first images of each type, or those of one video only, frames in the order of their video."""
    images: list[ProductImage] = []
    for image_type in IMAGE_TYPES:
        statement = select(ProductImage).where(*_images_of(product_id, video_id), ProductImage.image_type == image_type)
        statement = statement.order_by(ProductImage.created_at, ProductImage.frame_index, ProductImage.id)
        images += await session.scalars(statement.limit(limit))
    return images


async def count_images(session: Session, product_id: uuid.UUID, video_id: uuid.UUID | None) -> dict[str, int]:
    """Count a product's images by type, or those of one video."""
    statement = select(ProductImage.image_type, func.count()).where(*_images_of(product_id, video_id))
    rows = await session.execute(statement.group_by(ProductImage.image_type))
    return {row[0]: row[1] for row in rows}


def _images_of(product_id: uuid.UUID, video_id: uuid.UUID | None) -> list[ColumnElement[bool]]:
    of_video = [ProductImage.video_id == video_id] if video_id is not None else []
    return [ProductImage.product_id == product_id, *of_video]


async def page_images(
    session: Session, product_id: uuid.UUID, image_type: str | None, window: Window
) -> Slice[ProductImage]:
    """Return a page of a product's images. Raises: BadCursor."""
    statement = select(ProductImage).where(ProductImage.product_id == product_id)
    if image_type is not None:
        statement = statement.where(ProductImage.image_type == image_type)
    return await read_page(session, statement, IMAGES_ORDER, window)


async def find_best_image(session: Session, product_id: uuid.UUID) -> uuid.UUID | None:
    """Return the image of the highest quality; of those that nobody judged, the oldest."""
    score = cast(ProductImage.quality["score"].astext, Float)
    statement = select(ProductImage.id).where(ProductImage.product_id == product_id)
    ordered = statement.order_by(score.desc().nulls_last(), ProductImage.created_at, ProductImage.id)
    return await session.scalar(ordered.limit(1))


async def remove_video_frames(session: Session, video_id: uuid.UUID) -> set[str]:
    """Remove the rows of a video's frames and return the keys of their objects."""
    statement = delete(ProductImage).where(ProductImage.video_id == video_id, ProductImage.source == "video_frame")
    removed = (await session.scalars(statement.returning(ProductImage))).all()
    return {key for image in removed for key in (image.storage_key, image.matte_key, image.thumbnail_key) if key}


async def products_by_id(session: Session, product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Product]:
    rows = await session.scalars(select(Product).where(Product.id.in_(product_ids)))
    return {product.id: product for product in rows}
