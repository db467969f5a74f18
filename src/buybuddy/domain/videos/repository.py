"""Every query about videos."""

import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.videos.tables import Video
from buybuddy.infra.db import Session
from buybuddy.infra.db.database import database_now
from buybuddy.infra.db.pages import Order, Slice, Window, read_page
from buybuddy.infra.db.tallies import read_tally

NEWEST_FIRST = Order("-created_at", (Video.created_at, Video.id), is_descending=True)


async def find_video(session: Session, video_id: uuid.UUID) -> Video | None:
    return await session.get(Video, video_id)


async def lock_video(session: Session, video_id: uuid.UUID) -> Video | None:
    statement = select(Video).where(Video.id == video_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def lock_videos(session: Session, video_ids: Sequence[uuid.UUID]) -> Sequence[Video]:
    """Return the videos there are, in a fixed order so that two requests cannot lock each other out."""
    statement = select(Video).where(Video.id.in_(video_ids)).order_by(Video.id).with_for_update()
    return (await session.scalars(statement.execution_options(populate_existing=True))).all()


async def find_by_sha256(session: Session, sha256: str) -> Video | None:
    return await session.scalar(select(Video).where(Video.sha256 == sha256))


async def add_video(session: Session, **values: object) -> Video | None:
    """Insert a video; None when one with the same bytes is there already."""
    statement = insert(Video).values(**values).on_conflict_do_nothing(index_elements=["sha256"]).returning(Video)
    return await session.scalar(statement)


async def list_videos(session: Session, *, status: str | None, search: str | None, window: Window) -> Slice[Video]:
    """Return one page, newest first."""
    statement = select(Video)
    if status:
        statement = statement.where(Video.status == status)
    if search:
        escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        statement = statement.where(or_(Video.barcode == search, Video.filename.ilike(f"%{escaped}%", escape="\\")))
    return await read_page(session, statement, NEWEST_FIRST, window)


async def list_by_status(session: Session, status: str, limit: int) -> Sequence[Video]:
    statement = select(Video).where(Video.status == status).order_by(Video.created_at.desc(), Video.id.desc())
    return (await session.scalars(statement.limit(limit))).all()


async def count_by_status(session: Session) -> dict[str, int]:
    """Return how many videos are pending, processing, failed, and were completed since midnight UTC."""
    by_status = await read_tally(session, "videos", "status")
    counts = {status: n for status, n in by_status.items() if status != "completed"}
    today = (await database_now(session)).date().isoformat()
    return {
        **counts,
        "completed_today": (await read_tally(session, "videos", "completed_day", since=today)).get(today, 0),
    }


async def lock_by_product(session: Session, product_id: uuid.UUID) -> Sequence[Video]:
    statement = select(Video).where(Video.product_id == product_id).order_by(Video.id).with_for_update()
    return (await session.scalars(statement)).all()
