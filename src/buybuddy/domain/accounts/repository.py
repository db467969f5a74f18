"""Every query about sign-in: sessions, keys and failures. Who a secret belongs to: identity_repository."""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.accounts.rules import FAILURES_FORGOTTEN_AFTER_S, SESSION_IDLE_HOURS, Role
from buybuddy.domain.accounts.tables import ApiKey, LoginFailure, LoginSession, User
from buybuddy.infra.db import Session, new_id
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

NEWEST_SESSION = Order("newest", (LoginSession.created_at, LoginSession.id), is_descending=True)
NOW = func.clock_timestamp()


async def find_user_by_name(session: Session, username: str) -> User | None:
    """Find a user, disabled or not, by username, whatever its case, or else by email."""
    name = func.lower(username.strip())  # by the database, as its index does: Python folds the Turkish İ otherwise
    is_username = func.lower(User.username) == name
    statement = select(User).where(or_(is_username, func.lower(User.email) == name))
    return await session.scalar(statement.order_by(is_username.desc()).limit(1))


async def find_console_admin(session: Session, preferred: str) -> User | None:
    """Find the enabled admin that this machine's command line acts for: the preferred one, else the oldest."""
    admins = select(User).where(User.role == "admin", User.disabled_at.is_(None))
    return await session.scalar(
        admins.order_by((func.lower(User.username) == func.lower(preferred)).desc(), User.created_at, User.id).limit(1)
    )


async def lock_unchanged(session: Session, user: User) -> bool:
    """Keep a user's password and state as they were read until this transaction ends; False when they have changed."""
    as_read = select(User.id).where(
        User.id == user.id, User.disabled_at.is_(None), User.password_hash.is_not_distinct_from(user.password_hash)
    )
    return await session.scalar(as_read.with_for_update(read=True)) is not None


async def count_users(session: Session) -> int:
    return await session.scalar(select(func.count()).select_from(User)) or 0


async def add_upstream_user(session: Session, username: str, email: str | None, role: Role) -> bool:
    """Add somebody whom Buybuddy knows; False when they, or another by that name, are there already."""
    statement = insert(User).values(id=new_id(), username=username, email=email, role=role, upstream="buybuddy")
    return (await session.execute(statement.on_conflict_do_nothing().returning(User.id))).first() is not None


async def add_session(session: Session, login: LoginSession, hours: float) -> None:
    """Open a session, and forget those that have ended."""
    login.expires_at = NOW + dt.timedelta(hours=hours)
    session.add(login)
    is_idle = LoginSession.last_seen_at < NOW - dt.timedelta(hours=SESSION_IDLE_HOURS)
    await session.execute(delete(LoginSession).where(or_(LoginSession.expires_at < NOW, is_idle)))


async def list_sessions(session: Session, user_id: uuid.UUID, window: Window) -> Slice[LoginSession]:
    """List a user's sessions that have not ended, newest first."""
    is_used = LoginSession.last_seen_at > NOW - dt.timedelta(hours=SESSION_IDLE_HOURS)
    live = select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.expires_at > NOW, is_used)
    return await read_page(session, live, NEWEST_SESSION, window)


async def remove_session(session: Session, user_id: uuid.UUID, session_id: uuid.UUID) -> bool:
    statement = delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.id == session_id)
    return (await session.execute(statement.returning(LoginSession.id))).first() is not None


async def remove_session_of_cookie(session: Session, cookie_hash: bytes) -> None:
    await session.execute(delete(LoginSession).where(LoginSession.cookie_hash == cookie_hash))


async def remove_sessions_of(session: Session, user_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """Remove a user's sessions, all or all but one, and return how many there were."""
    statement = delete(LoginSession).where(LoginSession.user_id == user_id)
    if but is not None:
        statement = statement.where(LoginSession.id != but)
    return len((await session.execute(statement.returning(LoginSession.id))).all())


async def find_sealed_token(session: Session, session_id: uuid.UUID) -> bytes | None:
    return await session.scalar(select(LoginSession.upstream_token).where(LoginSession.id == session_id))


async def list_api_keys(session: Session, user_id: uuid.UUID) -> Sequence[ApiKey]:
    """List a user's keys; there are MOST_KEYS at most."""
    return (await session.scalars(select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.created_at))).all()


async def count_api_keys(session: Session, user_id: uuid.UUID) -> int:
    """Count a user's keys, nobody else adding one meanwhile."""
    await session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    return await session.scalar(select(func.count()).where(ApiKey.user_id == user_id)) or 0


async def remove_api_key(session: Session, user_id: uuid.UUID, key_id: uuid.UUID) -> str | None:
    """Remove a key and return its name; None when there is no such key."""
    statement = delete(ApiKey).where(ApiKey.user_id == user_id, ApiKey.id == key_id)
    return (await session.execute(statement.returning(ApiKey.name))).scalar_one_or_none()


async def remove_api_keys_of(session: Session, user_id: uuid.UUID) -> int:
    """Remove a user's keys and return how many there were."""
    statement = delete(ApiKey).where(ApiKey.user_id == user_id)
    return len((await session.execute(statement.returning(ApiKey.id))).all())


async def remove_console_keys(session: Session) -> None:
    await session.execute(delete(ApiKey).where(ApiKey.is_console))


async def blocked_for_s(session: Session, subjects: Sequence[bytes]) -> float:
    """Return how long sign-in is still refused for any of the subjects; 0 when it is not."""
    left = func.extract("epoch", func.max(LoginFailure.blocked_until) - NOW)
    return max(0.0, float(await session.scalar(select(left).where(LoginFailure.subject.in_(subjects))) or 0.0))


async def add_failure(session: Session, subject: bytes) -> int:
    """Count one more failure and return how many there are in a row."""
    forgotten = LoginFailure.last_failed_at < NOW - dt.timedelta(seconds=FAILURES_FORGOTTEN_AFTER_S)
    await session.execute(delete(LoginFailure).where(forgotten))
    statement = insert(LoginFailure).values(subject=subject, n_failures=1, blocked_until=NOW, last_failed_at=NOW)
    statement = statement.on_conflict_do_update(
        index_elements=[LoginFailure.subject],
        set_={"n_failures": LoginFailure.n_failures + 1, "last_failed_at": NOW},
    )
    return (await session.execute(statement.returning(LoginFailure.n_failures))).scalar_one()


async def block(session: Session, subject: bytes, seconds: float) -> None:
    until = NOW + dt.timedelta(seconds=seconds)
    await session.execute(update(LoginFailure).where(LoginFailure.subject == subject).values(blocked_until=until))


async def forget_failures(session: Session, subject: bytes) -> None:
    await session.execute(delete(LoginFailure).where(LoginFailure.subject == subject))


async def forgive_failure(session: Session, subject: bytes) -> None:
    """Take one failure back, and its block with it."""
    fewer = {"n_failures": func.greatest(LoginFailure.n_failures - 1, 0), "blocked_until": NOW}
    await session.execute(update(LoginFailure).where(LoginFailure.subject == subject).values(fewer))
