"""Users and the hashes of their secrets; no secret itself is ever stored, but the sealed token of Buybuddy's API."""

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.infra.db import Base, CreatedAt, EditedRow, new_id


class User(Base, EditedRow):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('viewer','operator','engineer','admin')", name="role"),
        CheckConstraint("upstream IN ('local','buybuddy')", name="upstream"),
        Index("uq_users_username_lower", text("lower(username)"), unique=True),
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
        Index("ix_users_role", "role", postgresql_where=text("disabled_at IS NULL")),
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
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    upstream_token: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class ApiKey(Base, CreatedAt):
    """A program's key; `scopes` None means every area, `is_console` the one of this machine's command line."""

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint("role IN ('viewer','operator','engineer','admin')", name="role"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    role: Mapped[str]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    is_console: Mapped[bool] = mapped_column(server_default=text("false"))
    expires_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]


class LoginFailure(Base):
    """How often sign-in failed lately for one account or one address; `subject` is a hash of either."""

    __tablename__ = "login_failures"

    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    n_failures: Mapped[int]
    blocked_until: Mapped[dt.datetime]
    last_failed_at: Mapped[dt.datetime] = mapped_column(index=True)
