"""Every query about frozen versions, and the reading of what is frozen."""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import aliased

from buybuddy.domain.datasets.tables import Dataset, DatasetProduct, DatasetVersion
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

ROWS_AT_ONCE = 5_000
NEWEST_FIRST = Order("-number", (DatasetVersion.number, DatasetVersion.id), is_descending=True)

Parent = aliased(ProductImage)
IMAGE_COLUMNS = (
    ProductImage.id.label("image_id"), ProductImage.product_id, ProductImage.storage_key, ProductImage.sha256,
    ProductImage.size_bytes, ProductImage.width_px, ProductImage.height_px, ProductImage.image_type,
    Parent.image_type.label("parent_type"), ProductImage.source, ProductImage.parent_image_id, ProductImage.video_id,
    ProductImage.frame_index, ProductImage.augmentation_step, Product.barcodes, Product.brand_name,
    Product.product_name, Product.variant_flavor, Product.category,
)  # fmt: skip


async def see_one_moment(session: Session) -> None:
    """Have every query of this transaction see the same moment; to be called before its first query."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def count_images(session: Session, dataset_id: uuid.UUID) -> int:
    """Return how many images the dataset's products have, by the counts that the products carry."""
    total = func.sum(Product.frame_count + Product.real_count + Product.augmented_count)
    statement = select(func.coalesce(total, 0)).join(DatasetProduct, DatasetProduct.product_id == Product.id)
    return int(await session.scalar(statement.where(DatasetProduct.dataset_id == dataset_id)) or 0)


async def pictured_products(session: Session, dataset_id: uuid.UUID) -> AsyncIterator[Sequence[uuid.UUID]]:
    """Yield the ids of the dataset's products that have an image, many at once."""
    has_image = Product.frame_count + Product.real_count + Product.augmented_count > 0
    statement = select(Product.id).join(DatasetProduct, DatasetProduct.product_id == Product.id)
    statement = statement.where(DatasetProduct.dataset_id == dataset_id, has_image)
    found = await session.stream_scalars(statement.execution_options(yield_per=ROWS_AT_ONCE))
    async for ids in found.partitions():
        yield ids


async def images(session: Session, dataset_id: uuid.UUID) -> AsyncIterator[Sequence[Row[*tuple[Any, ...]]]]:
    """Yield rows of IMAGE_COLUMNS, sorted by product, type, frame and id, many at once; the whole is never held."""
    statement = select(*IMAGE_COLUMNS).select_from(DatasetProduct)
    statement = statement.join(Product, Product.id == DatasetProduct.product_id)
    statement = statement.join(ProductImage, ProductImage.product_id == Product.id)
    statement = statement.outerjoin(Parent, Parent.id == ProductImage.parent_image_id)
    statement = statement.where(DatasetProduct.dataset_id == dataset_id).order_by(
        DatasetProduct.product_id, ProductImage.image_type, ProductImage.frame_index, ProductImage.id
    )
    found = await session.stream(statement.execution_options(yield_per=ROWS_AT_ONCE))
    async for rows in found.partitions():
        yield rows


async def take_number(session: Session, dataset_id: uuid.UUID) -> int | None:
    """Return the next version's number, given out once, even when that version is deleted; None without a dataset."""
    dataset = await session.scalar(
        select(Dataset)
        .where(Dataset.id == dataset_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if dataset is None:
        return None
    dataset.last_version_number += 1
    await session.flush()
    return dataset.last_version_number


async def list_versions(session: Session, dataset_id: uuid.UUID, window: Window) -> Slice[DatasetVersion]:
    """Return one page, newest first. Raises: BadCursor."""
    statement = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
    return await read_page(session, statement, NEWEST_FIRST, window)


async def find_version(session: Session, dataset_id: uuid.UUID, number: int) -> DatasetVersion | None:
    statement = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id, DatasetVersion.number == number)
    return await session.scalar(statement)
