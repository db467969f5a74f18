"""Every query about uploads on their way in."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Update, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.videos.tables import VideoUpload
from buybuddy.infra.db import Session

FORGOTTEN_AT_ONCE = 500


async def lock_user(session: Session, user_id: uuid.UUID) -> None:
    """Have the uploads of a user begun one after the other, so that they can be counted."""
    name = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
    await session.execute(name, {"name": f"video_uploads:{user_id}"})


async def forget_expired(session: Session) -> None:
    """Remove rows whose time is over; their parts were thrown away when they were begun."""
    expired = select(VideoUpload.id).where(VideoUpload.expires_at <= func.clock_timestamp())
    chosen = expired.limit(FORGOTTEN_AT_ONCE).with_for_update(skip_locked=True)
    await session.execute(delete(VideoUpload).where(VideoUpload.id.in_(chosen)))


async def count_unfinished(session: Session, user_id: uuid.UUID) -> int:
    unfinished = select(func.count()).where(
        VideoUpload.user_id == user_id,
        VideoUpload.offset_bytes < VideoUpload.size_bytes,
        VideoUpload.expires_at > func.clock_timestamp(),
    )
    return (await session.execute(unfinished)).scalar_one()


async def add_upload(session: Session, *, lives_s: float, **values: object) -> VideoUpload:
    """Insert an upload that expires in so many seconds."""
    statement = insert(VideoUpload).values(**values, expires_at=_in(lives_s)).returning(VideoUpload)
    return (await session.scalars(statement)).one()


async def find_upload(session: Session, upload_id: uuid.UUID, owner: uuid.UUID | None) -> VideoUpload | None:
    """Return an upload that has not expired; with an owner, only when it is theirs."""
    statement = select(VideoUpload).where(VideoUpload.id == upload_id, VideoUpload.expires_at > func.clock_timestamp())
    if owner is not None:
        statement = statement.where(VideoUpload.user_id == owner)
    return await session.scalar(statement.execution_options(populate_existing=True))


async def lock_upload(session: Session, upload_id: uuid.UUID, owner: uuid.UUID | None) -> VideoUpload | None:
    """Return what find_upload does, locked."""
    locked = select(VideoUpload.id).where(VideoUpload.id == upload_id).with_for_update()
    await session.execute(locked)
    return await find_upload(session, upload_id, owner)


async def take_writer(session: Session, upload_id: uuid.UUID, writer: uuid.UUID, lease_s: float) -> bool:
    """Become the only one who may add to an upload; False when somebody else is."""
    is_free = VideoUpload.writer.is_(None) | (VideoUpload.writer_until <= func.clock_timestamp())
    statement = update(VideoUpload).where(VideoUpload.id == upload_id, is_free)
    return await _change(session, statement, writer=writer, writer_until=_in(lease_s)) is not None


async def renew_writer(session: Session, upload_id: uuid.UUID, writer: uuid.UUID, lease_s: float) -> bool:
    """Stay the writer; False when that is over."""
    return await _change(session, _of_writer(upload_id, writer), writer_until=_in(lease_s)) is not None


async def release_writer(session: Session, upload_id: uuid.UUID, writer: uuid.UUID) -> None:
    await _change(session, _of_writer(upload_id, writer), writer=None, writer_until=None)


async def advance(
    session: Session, upload_id: uuid.UUID, writer: uuid.UUID, *, offset: int, parts: Sequence[str], lives_s: float
) -> VideoUpload | None:
    """Count what was stored; None when the writer is no longer the one, or the upload is gone."""
    statement = _of_writer(upload_id, writer)
    return await _change(session, statement, offset_bytes=offset, parts=list(parts), expires_at=_in(lives_s))


async def finish(
    session: Session,
    upload_id: uuid.UUID,
    writer: uuid.UUID,
    *,
    video_id: uuid.UUID | None = None,
    rejected_reason: str | None = None,
) -> VideoUpload | None:
    """Say what became of an upload whose last byte is in; None as for advance."""
    statement = _of_writer(upload_id, writer)
    end: dict[str, Any] = {"offset_bytes": VideoUpload.size_bytes, "parts": [], "writer": None, "writer_until": None}
    return await _change(session, statement, **end, video_id=video_id, rejected_reason=rejected_reason)


def _of_writer(upload_id: uuid.UUID, writer: uuid.UUID) -> Update:
    return update(VideoUpload).where(VideoUpload.id == upload_id, VideoUpload.writer == writer)


async def _change(session: Session, statement: Update, **values: Any) -> VideoUpload | None:
    returning = statement.values(**values).returning(VideoUpload)
    options = {"populate_existing": True, "synchronize_session": False}
    return await session.scalar(returning, execution_options=options)


def _in(seconds: float) -> Any:
    return func.clock_timestamp() + dt.timedelta(seconds=seconds)
