"""HTTP of one's own notifications."""

import datetime as dt
import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.collaboration.notifications import repository, service
from buybuddy.domain.collaboration.tables import Notification
from buybuddy.errors import NotFound
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/notifications", tags=["notifications"])


class NotificationSubject(BaseModel):
    kind: str
    id: uuid.UUID | None
    label: str


class NotificationOut(BaseModel):
    """Something that one is told of; its words are the page's, by `kind` and `params`."""

    id: uuid.UUID
    kind: str
    params: dict[str, str | int | float | None]
    subject: NotificationSubject
    created_at: dt.datetime
    read_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Notification) -> "NotificationOut":
        subject = NotificationSubject(kind=row.subject_kind, id=row.subject_id, label=row.subject_label)
        shown = {name: getattr(row, name) for name in ("id", "kind", "params", "created_at", "read_at")}
        return cls(**shown, subject=subject)


class UnreadCount(BaseModel):
    unread: int


class MarkedRead(BaseModel):
    n_marked: int


@router.get("", operation_id="listNotifications", responses=refusals(BadCursor))
async def list_notifications(
    principal: Viewer,
    session: SessionDep,
    window: WindowQuery,
    is_unread_only: Annotated[bool, Query(alias="unread", description="Only what has not been read.")] = False,
) -> Page[NotificationOut]:
    """List one's own notifications, newest first."""
    found = await repository.list_notifications(session, principal.user.id, window, is_unread_only=is_unread_only)
    return page_of([NotificationOut.from_row(row) for row in found.rows], found, window)


@router.get("/unread-count", operation_id="countUnreadNotifications")
async def count_unread_notifications(principal: Viewer, session: SessionDep) -> UnreadCount:
    """Say how many notifications one has not read."""
    return UnreadCount(unread=await repository.count_unread(session, principal.user.id))


@router.post("/read", operation_id="readAllNotifications")
async def read_all_notifications(principal: Viewer, session: SessionDep) -> MarkedRead:
    """Mark all of one's notifications as read."""
    return MarkedRead(n_marked=await service.mark_all_read(session, principal.user.id))


@router.post("/{notification_id}/read", operation_id="readNotification", responses=refusals(NotFound))
async def read_notification(notification_id: uuid.UUID, principal: Viewer, session: SessionDep) -> NotificationOut:
    """Mark one notification as read."""
    return NotificationOut.from_row(await service.mark_read(session, principal.user.id, notification_id))


@router.delete(
    "/{notification_id}", operation_id="deleteNotification", status_code=204, responses=refusals(NotFound)
)  # fmt: skip
async def delete_notification(notification_id: uuid.UUID, principal: Viewer, session: SessionDep) -> None:
    """Remove one notification."""
    await service.remove(session, principal.user.id, notification_id)
