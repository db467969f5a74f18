"""Queries of exports: one snapshot of the catalogue, read through server-side cursors."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select, text

from buybuddy.domain.products.lists import repository as search_repository
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.infra.db import Database, Session
from buybuddy.infra.db.pages import AnySelect

ROWS_AT_ONCE = 500
CSV_COLUMNS = (
    Product.id, Product.barcodes, Product.brand_name, Product.product_name, Product.category, Product.status,
    Product.frame_count, Product.created_at,
)  # fmt: skip
PRODUCT_COLUMNS = (
    *CSV_COLUMNS, Product.sub_brand, Product.variant_flavor, Product.container_type, Product.net_quantity,
    Product.manufacturer_country, Product.marketing_description, Product.nutrition_facts, Product.claims,
    Product.grounding_prompt, Product.visibility_score, Product.issues_detected, Product.barcodes_seen,
    Product.real_count, Product.augmented_count, Product.primary_image_id, Product.updated_at,
)  # fmt: skip
IMAGE_COLUMNS = (
    ProductImage.id, ProductImage.storage_key, ProductImage.matte_key, ProductImage.image_type, ProductImage.source,
    ProductImage.frame_index, ProductImage.video_time_s, ProductImage.width_px, ProductImage.height_px,
    ProductImage.size_bytes, ProductImage.sha256,
)  # fmt: skip

Chosen = Sequence[uuid.UUID] | ProductFilters


@dataclass(frozen=True)
class ExportSize:
    n_products: int
    n_images: int


@asynccontextmanager
async def open_snapshot(db: Database) -> AsyncIterator[Session]:
    """Open a transaction that only reads, and sees the catalogue as it is at its first query."""
    async with db.transaction() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield session


async def find_unknown(session: Session, product_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Return those that are no product."""
    known = set(await session.scalars(select(Product.id).where(Product.id.in_(product_ids))))
    return [product_id for product_id in dict.fromkeys(product_ids) if product_id not in known]


async def measure(session: Session, chosen: Chosen) -> ExportSize:
    """Count the chosen products and their images."""
    n_images = func.coalesce(func.sum(Product.frame_count + Product.real_count + Product.augmented_count), 0)
    ids = await _chosen_ids(session, chosen)
    row = (await session.execute(select(func.count(), n_images).where(Product.id.in_(ids)))).one()
    return ExportSize(row[0], int(row[1]))


async def stream_products(
    session: Session, chosen: Chosen, columns: tuple[Any, ...]
) -> AsyncGenerator[Sequence[Row[Any]], None]:
    """Yield the chosen products in parts, oldest first."""
    statement: AnySelect = select(*columns).where(Product.id.in_(await _chosen_ids(session, chosen)))
    async with aclosing(_stream(session, statement.order_by(Product.created_at, Product.id))) as parts:
        async for part in parts:
            yield part


async def stream_images(session: Session, product_id: uuid.UUID) -> AsyncGenerator[Sequence[Row[Any]], None]:
    """Yield a product's images in parts, by type, frames in their order."""
    statement: AnySelect = select(*IMAGE_COLUMNS).where(ProductImage.product_id == product_id)
    ordered = statement.order_by(ProductImage.image_type, ProductImage.frame_index, ProductImage.id)
    async with aclosing(_stream(session, ordered)) as parts:
        async for part in parts:
            yield part


async def _stream(session: Session, statement: AnySelect) -> AsyncGenerator[Sequence[Row[Any]], None]:
    result = await session.stream(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    try:
        async for part in result.partitions(ROWS_AT_ONCE):
            yield part
    finally:
        await result.close()


async def _chosen_ids(session: Session, chosen: Chosen) -> Select[uuid.UUID]:
    if isinstance(chosen, ProductFilters):
        return await search_repository.selection(session, chosen)
    return select(Product.id).where(Product.id.in_(chosen))
