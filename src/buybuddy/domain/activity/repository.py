"""Every query about activity."""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import delete, func, select

from buybuddy.infra.db import Session
from buybuddy.infra.db.outbox import AuditRow, EventRow

EVENTS_KEPT_FOR = dt.timedelta(hours=24)


async def list_recent(session: Session, limit: int) -> Sequence[AuditRow]:
    return (await session.scalars(select(AuditRow).order_by(AuditRow.at.desc()).limit(limit))).all()


async def find_entry(session: Session, entry_id: uuid.UUID) -> AuditRow | None:
    return await session.get(AuditRow, entry_id)


async def forget_old_events(session: Session) -> None:
    """Drop events that no page will ask for again; the newest stays, so that ids go on from it."""
    newest = select(func.max(EventRow.id)).scalar_subquery()
    old = EventRow.created_at < func.clock_timestamp() - EVENTS_KEPT_FOR
    await session.execute(delete(EventRow).where(old, EventRow.id < newest))
