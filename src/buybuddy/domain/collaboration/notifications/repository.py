"""Every query about notifications."""

import datetime as dt
import uuid

from sqlalchemy import Select, delete, func, select, update

from buybuddy.domain.collaboration.rules import MOST_NOTIFICATIONS, NOTIFICATIONS_KEPT_DAYS
from buybuddy.domain.collaboration.tables import Notification
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

NEWEST = Order("newest", (Notification.created_at, Notification.id), is_descending=True)
NOW = func.clock_timestamp()


async def list_notifications(
    session: Session, user_id: uuid.UUID, window: Window, *, is_unread_only: bool
) -> Slice[Notification]:
    """List a user's notifications, newest first."""
    statement = select(Notification).where(Notification.user_id == user_id)
    if is_unread_only:
        statement = statement.where(Notification.read_at.is_(None))
    return await read_page(session, statement, NEWEST, window)


async def count_unread(session: Session, user_id: uuid.UUID) -> int:
    """Count what a user has not read; there are MOST_NOTIFICATIONS at most."""
    unread = select(func.count()).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    return await session.scalar(unread) or 0


async def find_notification(session: Session, user_id: uuid.UUID, notification_id: uuid.UUID) -> Notification | None:
    statement = select(Notification).where(Notification.user_id == user_id, Notification.id == notification_id)
    return await session.scalar(statement)


async def mark_read(session: Session, user_id: uuid.UUID, notification_id: uuid.UUID | None = None) -> int:
    """Mark one, or all, of a user's notifications as read and return how many were not yet."""
    unread = update(Notification).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    if notification_id is not None:
        unread = unread.where(Notification.id == notification_id)
    return len((await session.execute(unread.values(read_at=NOW).returning(Notification.id))).all())


async def remove(session: Session, user_id: uuid.UUID, notification_id: uuid.UUID) -> bool:
    statement = delete(Notification).where(Notification.user_id == user_id, Notification.id == notification_id)
    return (await session.execute(statement.returning(Notification.id))).first() is not None


async def remove_surplus(session: Session, user_id: uuid.UUID) -> None:
    """Let the oldest of too many go."""
    surplus = _newest_ids(user_id).offset(MOST_NOTIFICATIONS).limit(MOST_NOTIFICATIONS)
    await session.execute(delete(Notification).where(Notification.id.in_(surplus)))


async def remove_old(session: Session) -> None:
    """Forget what nobody will look at any more."""
    await session.execute(
        delete(Notification).where(Notification.created_at < NOW - dt.timedelta(days=NOTIFICATIONS_KEPT_DAYS))
    )


def _newest_ids(user_id: uuid.UUID) -> Select[uuid.UUID]:
    newest = select(Notification.id).where(Notification.user_id == user_id)
    return newest.order_by(Notification.created_at.desc(), Notification.id.desc())
