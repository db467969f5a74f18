"""Notifications: what one user is told, and nobody else."""

import uuid
from collections.abc import Mapping

from buybuddy.domain.collaboration.notifications import repository
from buybuddy.domain.collaboration.tables import Notification
from buybuddy.errors import NotFound
from buybuddy.infra.db import Session, Subject, emit, new_id


async def notify(
    session: Session, user_id: uuid.UUID, kind: str, subject: Subject, params: Mapping[str, str | int | float | None]
) -> None:
    """Tell a user something, in this transaction.

    Args:
        kind: what happened, as in job.completed, job.failed, lock.broken; pages have a sentence for each.
        subject: what it happened to; pages lead there.
        params: what the sentence needs besides.
    """
    row = Notification(
        id=new_id(),
        user_id=user_id,
        kind=kind,
        params=dict(params),
        subject_kind=subject.kind,
        subject_id=subject.id,
        subject_label=subject.label,
    )
    session.add(row)
    await session.flush()
    await repository.remove_surplus(session, user_id)
    _tell(session, user_id, row.id, "created", kind)


async def mark_read(session: Session, user_id: uuid.UUID, notification_id: uuid.UUID) -> Notification:
    """Mark a notification as read, once. Raises: NotFound when the user has no such notification."""
    n_marked = await repository.mark_read(session, user_id, notification_id)
    row = await repository.find_notification(session, user_id, notification_id)
    if row is None:
        raise NotFound("There is no such notification.")
    if n_marked:
        _tell(session, user_id, row.id, "read", row.kind)
    return row


async def mark_all_read(session: Session, user_id: uuid.UUID) -> int:
    """Mark all of a user's notifications as read and return how many were not yet."""
    n_marked = await repository.mark_read(session, user_id)
    if n_marked:
        _tell(session, user_id, None, "read", None)
    return n_marked


async def remove(session: Session, user_id: uuid.UUID, notification_id: uuid.UUID) -> None:
    """Raises: NotFound when the user has no such notification."""
    if not await repository.remove(session, user_id, notification_id):
        raise NotFound("There is no such notification.")
    _tell(session, user_id, notification_id, "deleted", None)


def _tell(
    session: Session, user_id: uuid.UUID, notification_id: uuid.UUID | None, change: str, kind: str | None
) -> None:
    known = None if notification_id is None else str(notification_id)
    emit(session, "notification", {"audience_user_id": str(user_id), "id": known, "change": change, "kind": kind})
