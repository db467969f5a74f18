"""Every query about photos as people list and sort them out."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import func, literal_column, or_, select, update

from buybuddy.domain.photos.filters import PhotoFilters
from buybuddy.domain.photos.rules import PhotoStatus
from buybuddy.domain.photos.tables import Photo
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Count, Order, Slice, Window, read_page
from buybuddy.infra.db.tallies import read_tally

NEWEST_FIRST = Order("-created_at", (Photo.created_at, Photo.id), is_descending=True)
_LAST_LETTER = "\U0010ffff"
# As ix_real_images_name_start has it; the two comparisons are what a LIKE without wildcards inside comes to.
_NAME_START = func.left(Photo.name, literal_column("100"))

StatusSourceCount = tuple[PhotoStatus, str, int]


async def find_photo(session: Session, photo_id: uuid.UUID) -> Photo | None:
    return await session.get(Photo, photo_id, populate_existing=True)


async def lock_photos(session: Session, photo_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Photo]:
    """Lock photos in the order of their ids, and return them."""
    statement = select(Photo).where(Photo.id.in_(photo_ids)).order_by(Photo.id).with_for_update()
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {photo.id: photo for photo in rows}


async def set_status(session: Session, photo_ids: Collection[uuid.UUID], status: PhotoStatus) -> None:
    """Write the status of locked photos, none of which is or becomes assigned."""
    statement = update(Photo).where(Photo.id.in_(photo_ids)).values(status=status)
    await session.execute(statement.execution_options(synchronize_session=False))


async def list_photos(session: Session, filters: PhotoFilters, window: Window, count: Count | None) -> Slice[Photo]:
    """Return one page, newest first.

    Args:
        count: how many there are, where that is known.
    """
    statement = select(Photo)
    for column in ("status", "source", "import_id", "group_id"):
        if (value := getattr(filters, column)) is not None:
            statement = statement.where(getattr(Photo, column) == value)
    if filters.barcode is not None:
        seen = Photo.barcodes_seen.contains([filters.barcode])
        statement = statement.where(or_(Photo.barcode == filters.barcode, seen))
    if filters.search:
        statement = statement.where(
            _NAME_START.op("~>=~")(filters.search), _NAME_START.op("~<=~")(filters.search + _LAST_LETTER)
        )
    return await read_page(session, statement, NEWEST_FIRST, window, count=count)


async def count_by_status_and_source(session: Session) -> Sequence[StatusSourceCount]:
    counted = await read_tally(session, "real_images", "status_source")
    split = [(*key.split("\t", 1), n) for key, n in counted.items()]
    return [(status, source, n) for status, source, n in split]  # type: ignore[misc]  # as the trigger writes them
