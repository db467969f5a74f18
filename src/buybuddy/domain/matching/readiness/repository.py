"""Every query about products that follow a changed number of real images."""

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select, text

from buybuddy.domain.matching.tables import ReadyChange
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Session

_HOLD = text("""
    SELECT id FROM products WHERE id = ANY (CAST(:product_ids AS uuid[])) AND status IN ('needs_matching', 'ready')
        AND real_count >= least(:before, :after) AND real_count < greatest(:before, :after)
    ORDER BY id FOR NO KEY UPDATE
""")
_FOLLOW = text("""
    UPDATE products SET status = status_by_real_images(status, real_count, real_count, :before, :after)
    WHERE id = ANY (CAST(:product_ids AS uuid[]))
        AND status <> status_by_real_images(status, real_count, real_count, :before, :after)
    RETURNING id
""")


async def try_locking_oldest(session: Session) -> ReadyChange | None:
    """Return the change that is to be followed first; None when there is none, or another process is at it."""
    oldest = select(func.min(ReadyChange.id)).scalar_subquery()
    return await session.scalar(select(ReadyChange).where(ReadyChange.id == oldest).with_for_update(skip_locked=True))


async def next_products(session: Session, after: uuid.UUID, limit: int) -> list[uuid.UUID]:
    """Return products in the order of their ids."""
    return list(await session.scalars(select(Product.id).where(Product.id > after).order_by(Product.id).limit(limit)))


async def follow(session: Session, product_ids: Sequence[uuid.UUID], before: int, after: int) -> list[uuid.UUID]:
    """Have products follow a change, and return those that have another status by it."""
    values = {"before": before, "after": after}
    held = list(await session.scalars(_HOLD, {"product_ids": list(product_ids), **values}))
    return list(await session.scalars(_FOLLOW, {"product_ids": held, **values})) if held else []
