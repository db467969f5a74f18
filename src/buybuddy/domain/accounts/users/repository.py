"""Every query of those who manage users."""

import uuid

from sqlalchemy import func, or_, select

from buybuddy.domain.accounts.rules import Role
from buybuddy.domain.accounts.tables import User
from buybuddy.infra.db import Session
from buybuddy.infra.db.outbox import AuditRow
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

EDITS = ("user.create", "user.edit", "user.reset_password", "user.change_password")
BY_NAME = Order("username", (User.username, User.id))


async def list_users(
    session: Session, search: str | None, role: Role | None, is_disabled: bool | None, window: Window
) -> Slice[User]:
    """List users by name; `search` is a part of the name or the email."""
    statement = select(User)
    if search:
        part = search.strip()
        statement = statement.where(
            or_(User.username.icontains(part, autoescape=True), User.email.icontains(part, autoescape=True))
        )
    if role is not None:
        statement = statement.where(User.role == role)
    if is_disabled is not None:
        statement = statement.where(User.disabled_at.is_not(None) if is_disabled else User.disabled_at.is_(None))
    return await read_page(session, statement, BY_NAME, window)


async def find_user(session: Session, user_id: uuid.UUID) -> User | None:
    return await session.get(User, user_id)


async def lock_user(session: Session, user_id: uuid.UUID) -> User | None:
    """Return a user whom nobody else changes until this transaction ends."""
    statement = select(User).where(User.id == user_id).with_for_update(key_share=True)
    return await session.scalar(statement.execution_options(populate_existing=True))


async def lock_enabled_admins(session: Session) -> set[uuid.UUID]:
    """Return who is an enabled admin; none of them stops being one until this transaction ends.

    Always taken before another user's row, in the order of ids, so that two who demote each other do not deadlock.
    """
    admins = select(User.id).where(User.role == "admin", User.disabled_at.is_(None)).order_by(User.id)
    return set((await session.scalars(admins.with_for_update(key_share=True))).all())


async def find_last_editor(session: Session, user_id: uuid.UUID) -> str | None:
    """Return who last changed a user, as the audit trail knows it."""
    edits = select(AuditRow.actor_name).where(AuditRow.subject_kind == "user", AuditRow.subject_id == user_id)
    edits = edits.where(AuditRow.action.in_(EDITS)).order_by(AuditRow.at.desc(), AuditRow.id.desc())
    return await session.scalar(edits.limit(1))


async def is_name_taken(session: Session, name: str, *, but: uuid.UUID | None = None) -> bool:
    """Tell whether somebody signs in by this name, as username or as email."""
    wanted = func.lower(name)
    statement = select(User.id).where(or_(func.lower(User.username) == wanted, func.lower(User.email) == wanted))
    if but is not None:
        statement = statement.where(User.id != but)
    return await session.scalar(statement.limit(1)) is not None
