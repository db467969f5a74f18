"""Every query about backgrounds."""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.augmentation.tables import Background
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

NEWEST_FIRST = Order("newest", (Background.created_at, Background.id), is_descending=True)


async def list_backgrounds(session: Session, window: Window) -> Slice[Background]:
    """Return one page, newest first. Raises: BadCursor."""
    return await read_page(session, select(Background), NEWEST_FIRST, window)


async def by_sha256(session: Session, hashes: Sequence[str]) -> dict[str, Background]:
    found = await session.scalars(select(Background).where(Background.sha256.in_(hashes)))
    return {background.sha256: background for background in found}


async def add_background(session: Session, values: dict[str, object]) -> Background | None:
    """Add a background; None when its bytes are there already."""
    statement = insert(Background).values(**values).on_conflict_do_nothing(index_elements=["sha256"])
    return await session.scalar(statement.returning(Background))


async def remove_background(session: Session, background_id: uuid.UUID) -> Background | None:
    """Remove a background and return it as it was; None when there is none."""
    statement = delete(Background).where(Background.id == background_id).returning(Background)
    return await session.scalar(statement)
