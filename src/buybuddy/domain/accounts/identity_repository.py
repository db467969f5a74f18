"""Who a secret belongs to. Every request asks, so it is one statement in one round trip, of columns only."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select, text, update

from buybuddy.domain.accounts.repository import NOW
from buybuddy.domain.accounts.rules import SESSION_IDLE_HOURS, Role
from buybuddy.domain.accounts.tables import ApiKey, LoginSession, User
from buybuddy.infra.db import Session
from buybuddy.infra.db.prepared import sql_of
from buybuddy.infra.db.reader import Reader


@dataclass(frozen=True)
class Account:
    """A user as requests know them."""

    id: uuid.UUID
    username: str
    email: str | None
    role: Role
    upstream: str
    version: int
    disabled_at: dt.datetime | None
    created_at: dt.datetime


@dataclass(frozen=True)
class FoundSession:
    account: Account
    session_id: uuid.UUID
    is_seen_late: bool


@dataclass(frozen=True)
class FoundKey:
    """A key; `scopes` None means every area."""

    account: Account
    key_id: uuid.UUID
    is_seen_late: bool
    role: Role
    scopes: frozenset[str] | None
    is_console: bool


_A_MINUTE_AGO = text("clock_timestamp() - interval '1 minute'")
_ACCOUNT = (
    User.id, User.username, User.email, User.role, User.upstream, User.version, User.disabled_at, User.created_at
)  # fmt: skip
_SESSION = (
    select(*_ACCOUNT, LoginSession.id.label("session_id"), (LoginSession.last_seen_at < _A_MINUTE_AGO).label("is_late"))
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        LoginSession.expires_at > NOW,
        LoginSession.last_seen_at > text(f"clock_timestamp() - interval '{SESSION_IDLE_HOURS} hours'"),
        User.disabled_at.is_(None),
    )
)
_BY_COOKIE = sql_of(_SESSION.where(LoginSession.cookie_hash == bindparam("secret")))
_BY_BEARER = sql_of(_SESSION.where(LoginSession.bearer_hash == bindparam("secret")))
_BY_KEY = sql_of(
    select(
        *_ACCOUNT,
        ApiKey.id.label("key_id"),
        or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < _A_MINUTE_AGO).label("is_late"),
        ApiKey.role.label("key_role"),
        ApiKey.scopes,
        ApiKey.is_console,
    )
    .join(ApiKey, ApiKey.user_id == User.id)
    .where(
        ApiKey.key_hash == bindparam("secret"),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > NOW),
        User.disabled_at.is_(None),
    )
)


async def find_by_cookie(reader: Reader, cookie_hash: bytes) -> FoundSession | None:
    """Find whose session a cookie opens."""
    return await _find_session(reader, _BY_COOKIE, cookie_hash)


async def find_by_bearer(reader: Reader, bearer_hash: bytes) -> FoundSession | None:
    """Find whose session a token opens."""
    return await _find_session(reader, _BY_BEARER, bearer_hash)


async def find_by_api_key(reader: Reader, key_hash: bytes) -> FoundKey | None:
    """Find whose key it is."""
    rows = await reader.rows(_BY_KEY, {"secret": key_hash})
    if not rows:
        return None
    *account, key_id, is_late, role, scopes, is_console = rows[0]
    return FoundKey(Account(*account), key_id, is_late, role, None if scopes is None else frozenset(scopes), is_console)


async def note_session_seen(session: Session, session_id: uuid.UUID) -> None:
    await session.execute(update(LoginSession).where(LoginSession.id == session_id).values(last_seen_at=NOW))


async def note_key_used(session: Session, key_id: uuid.UUID) -> None:
    await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=NOW))


async def _find_session(reader: Reader, statement: str, secret_hash: bytes) -> FoundSession | None:
    rows = await reader.rows(statement, {"secret": secret_hash})
    if not rows:
        return None
    *account, session_id, is_late = rows[0]
    return FoundSession(Account(*account), session_id, is_late)
