"""Queries that change which barcodes a product has, and which is its primary one."""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.products.tables import Product, ProductBarcode
from buybuddy.infra.db import Session


async def add_barcodes(session: Session, product_id: uuid.UUID, barcodes: Sequence[str]) -> bool:
    """Give a product that has none its barcodes, the first one primary; False when one belongs to another product.

    They are written in their own order, so that two who add the same ones wait for each other in one direction.
    """
    rows = [
        {"barcode": barcode, "product_id": product_id, "is_primary": barcode == barcodes[0]}
        for barcode in sorted(barcodes)
    ]
    statement = insert(ProductBarcode).values(rows).on_conflict_do_nothing(index_elements=["barcode"])
    added = (await session.scalars(statement.returning(ProductBarcode.barcode))).all()
    return len(added) == len(rows)


async def find_owners(session: Session, barcodes: Sequence[str], but: uuid.UUID) -> dict[str, Product]:
    """Return the product of each barcode that some product but this one has."""
    statement = select(ProductBarcode.barcode, Product).join(Product, Product.id == ProductBarcode.product_id)
    rows = await session.execute(statement.where(ProductBarcode.barcode.in_(barcodes), Product.id != but))
    return {row[0]: row[1] for row in rows}


async def find_barcode(session: Session, product_id: uuid.UUID, barcode: str) -> ProductBarcode | None:
    statement = select(ProductBarcode).where(ProductBarcode.product_id == product_id, ProductBarcode.barcode == barcode)
    return await session.scalar(statement.execution_options(populate_existing=True))


async def remove_barcode(session: Session, barcode: str) -> None:
    await session.execute(delete(ProductBarcode).where(ProductBarcode.barcode == barcode))


async def find_oldest(session: Session, product_id: uuid.UUID) -> str | None:
    statement = select(ProductBarcode.barcode).where(ProductBarcode.product_id == product_id)
    return await session.scalar(statement.order_by(ProductBarcode.created_at, ProductBarcode.barcode).limit(1))


async def make_primary(session: Session, product_id: uuid.UUID, barcode: str) -> None:
    """Make one barcode the primary one; the one before steps down first, for two are never allowed at once."""
    of_product = update(ProductBarcode).where(ProductBarcode.product_id == product_id)
    await session.execute(of_product.where(ProductBarcode.is_primary).values(is_primary=False))
    await session.execute(of_product.where(ProductBarcode.barcode == barcode).values(is_primary=True))
