"""Every query about videos."""

import uuid
from collections.abc import Sequence

from sqlalchemy import func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.videos.tables import Video
from buybuddy.infra.db import Session

NOW = func.clock_timestamp()


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


async def list_videos(
    session: Session, *, status: str | None, search: str | None, page: int, limit: int
) -> tuple[Sequence[Video], int]:
    """Return one page, newest first, and how many there are in all."""
    conditions = []
    if status:
        conditions.append(Video.status == status)
    if search:
        escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        conditions.append(or_(Video.barcode == search, Video.filename.ilike(f"%{escaped}%", escape="\\")))
    total = await session.scalar(select(func.count()).select_from(Video).where(*conditions))
    statement = select(Video).where(*conditions).order_by(Video.created_at.desc(), Video.id.desc())
    return (await session.scalars(statement.offset((page - 1) * limit).limit(limit))).all(), total or 0


async def list_by_status(session: Session, status: str, limit: int) -> Sequence[Video]:
    statement = select(Video).where(Video.status == status).order_by(Video.created_at.desc(), Video.id.desc())
    return (await session.scalars(statement.limit(limit))).all()


async def count_by_status(session: Session) -> dict[str, int]:
    """Return how many videos are pending, processing, failed, and were completed since midnight UTC."""
    statement = select(Video.status, func.count()).where(Video.status != "completed").group_by(Video.status)
    counts = dict((await session.execute(statement)).tuples().all())
    today = Video.completed_at >= func.date_trunc("day", NOW)
    counts["completed_today"] = (
        await session.scalar(select(func.count()).where(Video.status == "completed", today)) or 0
    )
    return counts


async def count_completed(session: Session) -> tuple[int, int]:
    """Return how many videos have been processed, in all and in the last seven days."""
    recent = func.count().filter(Video.completed_at > NOW - text("interval '7 days'"))
    row = (await session.execute(select(func.count(), recent).where(Video.status == "completed"))).one()
    return row[0], row[1]


async def lock_by_product(session: Session, product_id: uuid.UUID) -> Sequence[Video]:
    statement = select(Video).where(Video.product_id == product_id).order_by(Video.id).with_for_update()
    return (await session.scalars(statement)).all()
