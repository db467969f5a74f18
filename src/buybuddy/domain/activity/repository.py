"""Every query about activity."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, delete, func, select

from buybuddy.infra.db import Session
from buybuddy.infra.db.outbox import AuditRow, EventRow
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

EVENTS_KEPT_FOR = dt.timedelta(hours=24)
# Who signs in, and which keys there are, is for those who read the audit trail.
ACCOUNT_KINDS = ("user", "session", "api_key")
NEWEST_ENTRY = Order("newest", (AuditRow.at, AuditRow.id), is_descending=True)


@dataclass(frozen=True)
class AuditFilters:
    """Which entries of the audit trail are meant; None leaves a filter out."""

    subject_kind: str | None = None
    subject_id: uuid.UUID | None = None
    actor: str | None = None
    action: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


async def list_audit(session: Session, wanted: AuditFilters, window: Window) -> Slice[AuditRow]:
    """List entries, newest first; a row's history, an actor's and an action's are read from an index each."""
    return await read_page(session, audit_statement(wanted), NEWEST_ENTRY, window)


def audit_statement(wanted: AuditFilters) -> Select[AuditRow]:
    """Build the selection of the entries that are meant."""
    statement = select(AuditRow)
    for column, value in (
        (AuditRow.subject_kind, wanted.subject_kind),
        (AuditRow.subject_id, wanted.subject_id),
        (AuditRow.actor_name, wanted.actor),
        (AuditRow.action, wanted.action),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.since is not None:
        statement = statement.where(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(AuditRow.at < wanted.until)
    return statement


async def list_recent(session: Session, limit: int) -> Sequence[AuditRow]:
    """List the newest entries about what people work on together: what happened to accounts is not for everybody."""
    shown = select(AuditRow).where(AuditRow.subject_kind.not_in(ACCOUNT_KINDS))
    return (await session.scalars(shown.order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit))).all()


async def find_last_change(session: Session, kind: str, subject_id: uuid.UUID) -> AuditRow | None:
    """Return the newest entry about a row."""
    wanted = select(AuditRow).where(AuditRow.subject_kind == kind, AuditRow.subject_id == subject_id)
    return await session.scalar(wanted.order_by(AuditRow.at.desc()).limit(1))


async def forget_old_events(session: Session) -> None:
    """Drop events that no page will ask for again; the newest stays, so that ids go on from it."""
    newest = select(func.max(EventRow.id)).scalar_subquery()
    old = EventRow.created_at < func.clock_timestamp() - EVENTS_KEPT_FOR
    await session.execute(delete(EventRow).where(old, EventRow.id < newest))
