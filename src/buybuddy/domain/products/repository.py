"""Every query about products, their barcodes and images."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, UnaryExpression, Uuid, delete, exists, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.products.tables import Product, ProductBarcode, ProductImage
from buybuddy.infra.db import Session

NOW = func.clock_timestamp()
SORTS: dict[str, tuple[UnaryExpression[Any] | ColumnElement[Any], ...]] = {
    "created_at": (Product.created_at.asc(), Product.id.asc()),
    "-created_at": (Product.created_at.desc(), Product.id.desc()),
    "-updated_at": (Product.updated_at.desc(), Product.id.desc()),
    "product_name": (Product.product_name.asc().nulls_last(), Product.id.asc()),
    "brand_name": (Product.brand_name.asc().nulls_last(), Product.id.asc()),
    "-frame_count": (Product.frame_count.desc(), Product.id.desc()),
}


async def find_product(session: Session, product_id: uuid.UUID) -> Product | None:
    return await session.get(Product, product_id)


async def lock_product(session: Session, product_id: uuid.UUID) -> Product | None:
    statement = select(Product).where(Product.id == product_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def find_by_barcode(session: Session, barcode: str) -> uuid.UUID | None:
    return await session.scalar(select(ProductBarcode.product_id).where(ProductBarcode.barcode == barcode))


async def list_products(
    session: Session, *, search: str | None, status: str | None, category: str | None, sort: str, page: int, limit: int
) -> tuple[Sequence[Product], int]:
    """Return one page and how many match in all; `search` is a barcode's beginning or a part of name or brand."""
    conditions: list[ColumnElement[bool]] = []
    if search:
        conditions.append(_matches(search))
    if status:
        conditions.append(Product.status == status)
    if category:
        conditions.append(Product.category == category)
    total = await session.scalar(select(func.count()).select_from(Product).where(*conditions))
    statement = select(Product).where(*conditions).order_by(*SORTS[sort])
    return (await session.scalars(statement.offset((page - 1) * limit).limit(limit))).all(), total or 0


def _matches(search: str) -> ColumnElement[bool]:
    escaped = search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    by_name = or_(
        Product.product_name.ilike(f"%{escaped}%", escape="\\"),
        Product.brand_name.ilike(f"%{escaped}%", escape="\\"),
    )
    by_barcode = exists().where(
        ProductBarcode.product_id == Product.id, ProductBarcode.barcode.like(f"{escaped}%", escape="\\")
    )
    return or_(by_name, by_barcode)


async def list_categories(session: Session) -> Sequence[Row[str | None, int]]:
    statement = select(Product.category, func.count()).where(Product.category.is_not(None))
    return (await session.execute(statement.group_by(Product.category).order_by(Product.category))).all()


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


async def list_images(
    session: Session, product_id: uuid.UUID, video_id: uuid.UUID | None, limit: int
) -> Sequence[ProductImage]:
    """Return a product's images, or those of one video only, frames in the order of their video."""
    statement = select(ProductImage).where(ProductImage.product_id == product_id)
    if video_id is not None:
        statement = statement.where(ProductImage.video_id == video_id)
    statement = statement.order_by(ProductImage.image_type, ProductImage.created_at, ProductImage.frame_index)
    return (await session.scalars(statement.limit(limit))).all()


async def remove_video_frames(session: Session, video_id: uuid.UUID) -> set[str]:
    """Remove the rows of a video's frames and return the keys of their objects."""
    statement = delete(ProductImage).where(ProductImage.video_id == video_id, ProductImage.source == "video_frame")
    removed = (await session.scalars(statement.returning(ProductImage))).all()
    return {key for image in removed for key in (image.storage_key, image.matte_key, image.thumbnail_key) if key}


async def count_frames(session: Session, product_id: uuid.UUID) -> int:
    statement = select(func.count()).where(
        ProductImage.product_id == product_id, ProductImage.image_type == "synthetic"
    )
    return await session.scalar(statement) or 0


async def object_keys_of(session: Session, product_id: uuid.UUID) -> set[str]:
    columns = select(ProductImage.storage_key, ProductImage.matte_key, ProductImage.thumbnail_key)
    rows = await session.execute(columns.where(ProductImage.product_id == product_id))
    return {key for row in rows for key in row if key}


async def count_products(session: Session) -> tuple[int, int]:
    """Return how many products there are, and how many came in the last seven days."""
    recent = func.count().filter(Product.created_at > NOW - text("interval '7 days'"))
    row = (await session.execute(select(func.count(), recent).select_from(Product))).one()
    return row[0], row[1]


async def products_by_id(session: Session, product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Product]:
    rows = await session.scalars(select(Product).where(Product.id.in_(product_ids)))
    return {product.id: product for product in rows}
