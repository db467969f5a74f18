"""Every query about users, sessions, keys and failed sign-ins."""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.accounts.rules import FAILURES_FORGOTTEN_AFTER_S, SESSION_IDLE_HOURS
from buybuddy.domain.accounts.tables import ApiKey, LoginFailure, LoginSession, User
from buybuddy.infra.db import Session

NOW = func.clock_timestamp()


async def find_user_by_name(session: Session, username: str) -> User | None:
    """Find an enabled user by username, whatever its case, or by email."""
    name = username.strip().lower()
    statement = select(User).where(or_(func.lower(User.username) == name, func.lower(User.email) == name))
    return await session.scalar(statement.where(User.disabled_at.is_(None)).limit(1))


async def count_users(session: Session) -> int:
    return await session.scalar(select(func.count()).select_from(User)) or 0


async def find_by_cookie(session: Session, cookie_hash: bytes) -> tuple[User, LoginSession] | None:
    """Find who a cookie belongs to and note that they were seen."""
    return await _find_session(session, LoginSession.cookie_hash == cookie_hash)


async def find_by_bearer(session: Session, bearer_hash: bytes) -> tuple[User, LoginSession] | None:
    return await _find_session(session, LoginSession.bearer_hash == bearer_hash)


async def _find_session(session: Session, condition: ColumnElement[bool]) -> tuple[User, LoginSession] | None:
    statement = select(User, LoginSession).join(LoginSession, LoginSession.user_id == User.id)
    in_use = LoginSession.last_seen_at > NOW - dt.timedelta(hours=SESSION_IDLE_HOURS)
    statement = statement.where(condition, LoginSession.expires_at > NOW, in_use, User.disabled_at.is_(None))
    row = (await session.execute(statement)).first()
    if row is None:
        return None
    stale = LoginSession.last_seen_at < NOW - dt.timedelta(minutes=1)
    await session.execute(update(LoginSession).where(LoginSession.id == row[1].id, stale).values(last_seen_at=NOW))
    return row[0], row[1]


async def find_by_api_key(session: Session, key_hash: bytes) -> tuple[User, ApiKey] | None:
    statement = select(User, ApiKey).join(ApiKey, ApiKey.user_id == User.id)
    unexpired = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > NOW)
    row = (
        await session.execute(statement.where(ApiKey.key_hash == key_hash, unexpired, User.disabled_at.is_(None)))
    ).first()
    if row is None:
        return None
    stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < NOW - dt.timedelta(minutes=1))
    await session.execute(update(ApiKey).where(ApiKey.id == row[1].id, stale).values(last_used_at=NOW))
    return row[0], row[1]


async def add_session(session: Session, user_id: uuid.UUID, cookie: bytes, bearer: bytes, hours: float) -> None:
    await session.execute(
        insert(LoginSession).values(
            user_id=user_id, cookie_hash=cookie, bearer_hash=bearer, expires_at=NOW + dt.timedelta(hours=hours)
        )
    )
    await session.execute(delete(LoginSession).where(LoginSession.expires_at < NOW))


async def remove_session(session: Session, session_id: uuid.UUID) -> None:
    await session.execute(delete(LoginSession).where(LoginSession.id == session_id))


async def remove_sessions_of(session: Session, user_id: uuid.UUID) -> None:
    await session.execute(delete(LoginSession).where(LoginSession.user_id == user_id))


async def list_api_keys(session: Session, user_id: uuid.UUID) -> Sequence[ApiKey]:
    return (await session.scalars(select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.created_at))).all()


async def remove_api_key(session: Session, user_id: uuid.UUID, key_id: uuid.UUID) -> bool:
    statement = delete(ApiKey).where(ApiKey.user_id == user_id, ApiKey.id == key_id).returning(ApiKey.id)
    return (await session.execute(statement)).first() is not None


async def remove_api_keys_named(session: Session, user_id: uuid.UUID, name: str) -> None:
    await session.execute(delete(ApiKey).where(ApiKey.user_id == user_id, ApiKey.name == name))


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
