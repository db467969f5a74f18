"""Locks, presence and notifications."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.domain.accounts.tables import ApiKey, LoginSession, User
from buybuddy.infra.db import Base, new_id


class ResourceLock(Base):
    """Who may edit a resource for now; without its session and its key it is nobody's (migration 0005)."""

    __tablename__ = "resource_locks"
    __table_args__ = (CheckConstraint("resource_type IN ('product','dataset','matching')", name="resource_type"),)

    resource_type: Mapped[str] = mapped_column(primary_key=True)
    resource_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    session_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(LoginSession.id, ondelete="SET NULL"), index=True)
    key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(ApiKey.id, ondelete="SET NULL"), index=True)
    tab_id: Mapped[str]
    token: Mapped[int] = mapped_column(BigInteger)
    acquired_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)


class UserPresence(Base):
    """Where one tab of a user is; unlogged, as the next heartbeat writes it again."""

    __tablename__ = "user_presence"
    __table_args__ = (
        CheckConstraint("(resource_type IS NULL) = (resource_id IS NULL)", name="whole_resource"),
        Index("ix_user_presence_resource", "resource_id", "resource_type"),
        {"prefixes": ["UNLOGGED"]},
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    tab_id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(LoginSession.id, ondelete="SET NULL"), index=True)
    key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(ApiKey.id, ondelete="SET NULL"), index=True)
    page: Mapped[str] = mapped_column(index=True)
    resource_type: Mapped[str | None]
    resource_id: Mapped[uuid.UUID | None]
    arrived_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime] = mapped_column(index=True)


class Notification(Base):
    """Something that one user is told of, in words that the pages have: a kind and what to put into its sentence."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_newest", "user_id", "created_at", "id"),
        Index(
            "ix_notifications_unread", "user_id", "created_at", "id", postgresql_where=text("read_at IS NULL")
        ),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    kind: Mapped[str]
    params: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID | None]
    subject_label: Mapped[str]
    read_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)
