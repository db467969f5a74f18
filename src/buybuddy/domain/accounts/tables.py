"""Users and the hashes of their secrets; no secret itself is ever stored."""

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.infra.db import Base, CreatedAt, EditedRow, new_id


class User(Base, EditedRow):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('viewer','operator','engineer','admin')", name="role"),
        CheckConstraint("upstream IN ('local','buybuddy')", name="upstream"),
        Index("uq_users_username_lower", func.lower("username"), unique=True),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    username: Mapped[str]
    email: Mapped[str | None]
    password_hash: Mapped[str | None]
    role: Mapped[str]
    upstream: Mapped[str] = mapped_column(server_default="local")
    disabled_at: Mapped[dt.datetime | None]


class LoginSession(Base, CreatedAt):
    """One sign-in: the browser's cookie and the bearer token that was answered with it."""

    __tablename__ = "sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    cookie_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    bearer_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
    last_seen_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class ApiKey(Base, CreatedAt):
    __tablename__ = "api_keys"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    role: Mapped[str]
    expires_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]


class LoginFailure(Base):
    """How often sign-in failed lately for one account or one address; `subject` is a hash of either."""

    __tablename__ = "login_failures"

    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    n_failures: Mapped[int]
    blocked_until: Mapped[dt.datetime]
    last_failed_at: Mapped[dt.datetime] = mapped_column(index=True)
