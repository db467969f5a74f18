"""What a transaction tells the world: events for open pages and audit rows, written in the same commit.

Events collect on the session and are written at its end, under one short advisory lock: ids are then visible in the
order in which they grow, and a reader that has seen id n can never miss an id below it.
"""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.infra.db.base import Base, CreatedAt, new_id

EVENT_CHANNEL = "buybuddy_events"
AUDIENCE = "audience_user_id"  # in a payload: the one user whose streams are told
EVENT_LOCK_ID = 0x62756464_0001

Topic = Literal[
    "job", "video", "product", "photo", "matching", "dataset", "index", "lock", "presence", "notification", "account",
    "augmentation", "activity",
]  # fmt: skip
EMIT = text("SELECT emit_events(:lock, :channel, CAST(:events AS jsonb))")


ADD_AUDITS = text("""
    INSERT INTO audit_events
        (id, actor_id, actor_name, action, subject_kind, subject_id, subject_label, before, after)
    SELECT c.id, CAST(:actor_id AS uuid), :actor_name, :action, :kind, c.subject_id, c.subject_label, c.before, c.after
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS c (id uuid, subject_id uuid, subject_label text, before jsonb, after jsonb)
""")


class EventRow(Base, CreatedAt):
    __tablename__ = "events"
    __table_args__ = (Index("ix_events_created_at", "created_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    topic: Mapped[str]
    payload: Mapped[dict[str, object]] = mapped_column(JSONB)


class AuditRow(Base):
    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_at", "at", "id"),
        Index("ix_audit_events_subject", "subject_kind", "subject_id", "at", "id"),
        Index("ix_audit_events_actor", "actor_name", "at", "id"),
        Index("ix_audit_events_action", "action", "at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[dt.datetime] = mapped_column(server_default=text("clock_timestamp()"))
    actor_id: Mapped[uuid.UUID | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID | None]
    subject_label: Mapped[str]
    before: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, object] | None] = mapped_column(JSONB)


@dataclass(frozen=True)
class Actor:
    """Who did it: a user, or the platform itself."""

    id: uuid.UUID | None
    name: str

    @classmethod
    def platform(cls) -> "Actor":
        return cls(None, "platform")


@dataclass(frozen=True)
class Subject:
    """Which row it was done to, with a name that a person recognises."""

    kind: str
    id: uuid.UUID | None
    label: str


@dataclass(frozen=True)
class AuditEntry:
    """One of many rows to which the same was done."""

    subject_id: uuid.UUID
    subject_label: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


def emit(session: AsyncSession, topic: Topic, payload: dict[str, object]) -> None:
    """Tell open pages of a change once this transaction has committed."""
    session.info.setdefault("events", []).append((topic, payload))


def record_audit(
    session: AsyncSession,
    actor: Actor,
    action: str,
    subject: Subject,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    """Write who did what to which row, in this transaction."""
    row = AuditRow(
        id=new_id(),
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        subject_kind=subject.kind,
        subject_id=subject.id,
        subject_label=subject.label,
        before=before,
        after=after,
    )
    session.add(row)
    emit(session, "activity", {"id": str(row.id), "change": "created"})


async def record_audits(
    session: AsyncSession, actor: Actor, action: str, subject_kind: str, entries: Sequence[AuditEntry]
) -> None:
    """Write an audit row for each of many rows in one statement, and tell of them once."""
    if not entries:
        return
    rows = [{"id": str(new_id()), **vars(entry), "subject_id": str(entry.subject_id)} for entry in entries]
    values = {"actor_id": actor.id, "actor_name": actor.name, "action": action, "kind": subject_kind}
    await session.execute(ADD_AUDITS, {**values, "rows": json.dumps(rows)})
    emit(session, "activity", {"id": rows[-1]["id"], "change": "created"})


async def flush_events(session: AsyncSession) -> None:
    """Write the collected events; called once, right before the commit."""
    events = session.info.pop("events", [])
    if not events:
        return
    await session.flush()
    await session.execute(EMIT, {"lock": EVENT_LOCK_ID, "channel": EVENT_CHANNEL, "events": json.dumps(events)})
